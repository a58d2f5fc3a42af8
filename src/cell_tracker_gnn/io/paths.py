"""Inputs on disk: does the path exist, and if not, which one was meant."""

from __future__ import annotations

import difflib
import os
from os import PathLike
from pathlib import Path
from typing import TypeAlias

from cell_tracker_gnn.errors import MissingInputError

__all__ = ["PathText", "existing", "expanded", "has_tiffs", "tiff_files"]

PathText: TypeAlias = str | PathLike[str]
"""A path in either of the two ways to give one."""

_TIFF_SUFFIXES = (".tif", ".tiff")
_MOST_SUGGESTIONS = 5


def expanded(path: PathText) -> Path:
    """``path`` with ``~`` replaced by the home folder, if there is such a user."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - that of Path raises where there is none


def existing(path: PathText) -> Path:
    """``path`` as a Path, once it is known to exist.

    Raises
    ------
    MissingInputError
        If there is no such file or folder; the message suggests the nearest name that exists.
    """
    wanted = expanded(path)
    if wanted.exists():
        return wanted
    if wanted.is_symlink():
        raise MissingInputError(f"{wanted} is a link that leads nowhere; correct it or give what it should lead to")
    raise MissingInputError(f"{wanted} does not exist; {_nearest(wanted) or 'check the path'}")


def tiff_files(folder: Path) -> list[Path]:
    """List the TIFF files directly inside ``folder``; hidden files and everything else are ignored.

    Raises
    ------
    MissingInputError
        If there is none; the message suggests the subfolders that hold some.
    """
    files = _tiffs(folder)
    if files:
        return files
    inside = [sub for sub in _subfolders(folder) if _tiffs(sub)]
    deeper = [sub for middle in _subfolders(folder) for sub in _subfolders(middle) if _tiffs(sub)]
    candidates = [str(found) for found in (inside + deeper)[:_MOST_SUGGESTIONS]]
    remedy = (
        f"did you mean {' or '.join(candidates)}?" if candidates else "give the folder with one TIFF file per frame"
    )
    raise MissingInputError(f"{folder} holds no TIFF files (.tif, .tiff); {remedy}")


def has_tiffs(path: Path) -> bool:
    """Whether ``path`` is a folder with TIFF files directly inside."""
    return path.is_dir() and bool(_tiffs(path))


def _tiffs(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in _entries(folder)
        if path.suffix.lower() in _TIFF_SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def _subfolders(folder: Path) -> list[Path]:
    return [path for path in _entries(folder) if path.is_dir() and not path.name.startswith(".")]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise MissingInputError(f"{folder} cannot be listed ({error.strerror}); check its permissions") from error


def _nearest(wanted: Path) -> str:
    """Suggestion for the first component of ``wanted`` that does not exist."""
    missing = wanted
    while not missing.parent.exists() and missing.parent != missing:
        missing = missing.parent
    if not missing.parent.is_dir():
        return ""
    names = [path.name for path in _entries(missing.parent)]
    close = difflib.get_close_matches(missing.name, names, n=1)
    return f"did you mean {missing.parent / close[0]}?" if close else ""
