"""What the stored pieces of a run were made of, so that they are not mixed with those of another one."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

from cell_tracker_gnn.data import Movie
from cell_tracker_gnn.errors import OutputError
from cell_tracker_gnn.io import write_json
from cell_tracker_gnn.settings import TrackSettings
from cell_tracker_gnn.stages.sources import Opening
from cell_tracker_gnn.stages.store import FolderStore

__all__ = ["begin_folder", "run_record"]

FORMAT = 2
"""Version of the layout of the pieces."""

_NAME = "made_of.json"

_CHANGES = {
    "inputs": "other or changed inputs",
    "frames": "other frames or another scale",
    "model": "another model",
    "device": "another device",
    "settings": "other settings",
    "version": "another version of this program",
}


def run_record(
    opening: Opening, movie: Movie, *, model: str, settings: TrackSettings, device: str
) -> dict[str, object]:
    """All that the pieces depend on, as plain values.

    Parameters
    ----------
    opening, movie
        The movie, which must lie on disk; the names, sizes and times of its files are noted, not what they hold.
    model
        Hash of the model file.
    settings, device
        Of the run.
    """
    frames = (tuple(movie.numbers), tuple(movie.shape), movie.scale, opening.axes, opening.channel)
    return {
        "version": [version("cell-tracker-gnn"), FORMAT],
        "inputs": {name: [str(path), _digest(path)] for name, path in opening.inputs.items()},
        "frames": hashlib.blake2b(repr(frames).encode(), digest_size=16).hexdigest(),
        "model": model,
        "settings": {**settings.as_dict(), "device": None},
        "device": device,
    }


def _digest(path: Path) -> str:
    """Hash of names, sizes and times of a file or of all files in a folder; hidden ones do not count."""
    found = []
    for folder, _, names in os.walk(path):
        found += [Path(folder, name) for name in names if not name.startswith(".")]
    digest = hashlib.blake2b(digest_size=16)
    for file in sorted(found) or [path]:
        known = file.stat()
        digest.update(repr((str(file), known.st_size, known.st_mtime_ns)).encode())
    return digest.hexdigest()


def begin_folder(folder: Path, made_of: Mapping[str, Any]) -> FolderStore:
    """A store in a folder that is new or was begun for the same run.

    Raises
    ------
    OutputError
        If the folder holds pieces of another run, or cannot be written.
    """
    record = folder / _NAME
    folder.mkdir(parents=True, exist_ok=True)
    if not record.is_file():
        # Several jobs may begin the same run at the same time.
        own = folder / f".{uuid4().hex}.json"
        write_json(made_of, own)
        own.replace(record)
        return FolderStore(folder)
    try:
        stored = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise OutputError(f"{record} cannot be read ({error}); delete {folder} and run again") from error
    if not isinstance(stored, dict):
        raise OutputError(f"{record} is no record of a run; delete {folder} and run again")
    plain = json.loads(json.dumps(made_of))
    changed = [phrase for key, phrase in _CHANGES.items() if stored.get(key) != plain[key]]
    if changed:
        raise OutputError(
            f"{folder.parent} was begun with {' and '.join(changed)}, so it cannot be continued; delete it to begin "
            "anew, or choose another --output"
        )
    return FolderStore(folder)
