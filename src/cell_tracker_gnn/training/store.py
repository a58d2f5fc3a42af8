"""Measured features and embeddings of training sequences on disk, and whether they still are what is asked for.

For a sequence such as ``Fluo-N2DL-HeLa/01`` the folder holds

``Fluo-N2DL-HeLa-01.cells.parquet``
    One row per cell of every variant (the sequence as it is, sub-sampled, with damaged masks), see
    :func:`cell_columns`.
``Fluo-N2DL-HeLa-01.pairs.parquet``
    One row per pair of cells whose masks meet: ``variant``, ``source`` and ``target`` (rows among the cells of the
    variant), ``shared_drift`` and ``shared_flow`` (shares of the source's mask that land on the target).
``Fluo-N2DL-HeLa-01.KEY.npy``
    Embeddings, one row per row of the cells' table, of the encoder of that key; several may lie side by side.
``Fluo-N2DL-HeLa-01.json``
    What the tables were made of: hash of masks and images, settings, hash of the code. It is written last.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Cells, Movie
from cell_tracker_gnn.embedding.encoder import Encoder
from cell_tracker_gnn.errors import InputError, OutputError
from cell_tracker_gnn.features.movement import Movement
from cell_tracker_gnn.io import read_table, write_json, write_table
from cell_tracker_gnn.io.output import new_file
from cell_tracker_gnn.training.variants import Features, TrainingSequence, Variant, variant_movie

__all__ = ["FeatureStore", "Fingerprint", "cell_columns", "encoder_key", "fingerprint"]

FORMAT = 1
"""Version of the layout of the store."""

KEY_LENGTH = 12

_MASKS = (
    "simulation/damage.py",
    "simulation/faults.py",
    "training/variants.py",
    "training/discs.py",
    "training/segmenter.py",
)
"""Where the masks of the variants are made."""

_CHANGES = {
    "frames": "were measured in other masks or images",
    "scale": "were measured at another scale",
    "max_gap": "were measured with another max_gap",
    "variants": "were measured with other settings of faults, subsample or seed",
    "code": "were measured by another version of this package",
    "format": "were written by another version of this package",
}

Fingerprint = dict[str, object]
"""What features are made of, as plain values."""


def fingerprint(sequence: TrainingSequence, variants: Sequence[Variant], max_gap: int) -> Fingerprint:
    """All that the features of a sequence depend on.

    Every frame is read for it: what a file holds counts, not its name or date.
    """
    movie = sequence.movie
    digest = hashlib.blake2b(repr((movie.numbers, movie.shape)).encode(), digest_size=16)
    for frames in (movie.masks, movie.images if movie.images is not None else ()):
        for index in range(len(frames)):
            frame = np.ascontiguousarray(frames[index])
            digest.update(str(frame.dtype).encode() + frame.tobytes())
    return {
        "format": FORMAT,
        "code": _code_digest("data", "features", *_MASKS),
        "frames": digest.hexdigest(),
        "scale": list(movie.scale.step),
        "max_gap": max_gap,
        # How often a variant is drawn does not change its features.
        "variants": [repr(replace(variant, weight=1.0)) for variant in variants],
    }


def encoder_key(encoder: Encoder, made_of: Fingerprint) -> str:
    """Name of the embeddings that an encoder gives for features with this fingerprint."""
    digest = hashlib.blake2b(json.dumps([made_of, encoder.config.as_dict()], sort_keys=True).encode())
    digest.update(_code_digest("embedding/encoder.py", "embedding/layers.py").encode())
    for name, value in sorted(encoder.state_dict().items()):
        digest.update(name.encode() + value.cpu().numpy().tobytes())
    return digest.hexdigest()[:KEY_LENGTH]


def _code_digest(*parts: str) -> str:
    """Hash of source files of this package, so that features of another version are noticed."""
    package = files("cell_tracker_gnn")
    found: list[Traversable] = []
    for part in parts:
        place = package.joinpath(part)
        inside = place.iterdir() if place.is_dir() else [place]
        found += sorted((f for f in inside if f.name.endswith(".py")), key=lambda file: file.name)
    return hashlib.blake2b(b"".join(file.read_bytes() for file in found), digest_size=16).hexdigest()


@dataclass(frozen=True)
class FeatureStore:
    """A folder of features.

    Parameters
    ----------
    folder
        The folder; it is made when something is saved.
    """

    folder: Path

    def complaint(self, name: str, made_of: Fingerprint) -> str:
        """Why the stored features of a sequence cannot be used, or nothing if they can."""
        record = self._path(name, "json")
        if not record.is_file():
            return "are missing"
        try:
            stored = json.loads(record.read_text(encoding="utf-8"))["made_of"]
        except (ValueError, KeyError, TypeError, OSError):
            return "have no readable description"
        changed = [key for key in made_of if stored.get(key) != made_of[key]]
        if changed:
            return " and ".join(_CHANGES[key] for key in changed)
        tables = (self._path(name, "cells.parquet"), self._path(name, "pairs.parquet"))
        return "" if all(table.is_file() for table in tables) else "are not complete"

    def load(self, sequence: TrainingSequence, variants: Sequence[Variant]) -> list[Features]:
        """Features of all variants of a sequence, without embeddings.

        Raises
        ------
        InputError
            If the tables cannot be read.
        """
        tables = [read_table(self._path(sequence.name, f"{kind}.parquet")) for kind in ("cells", "pairs")]
        found = []
        for index, variant in enumerate(variants):
            rows, pairs = (
                {name: column[table["variant"] == index] for name, column in table.items()} for table in tables
            )
            found.append(_features(rows, pairs, variant_movie(sequence, variant)))
        return found

    def save(self, name: str, made_of: Fingerprint, features: Sequence[Features]) -> None:
        """Write the features of all variants of a sequence.

        Raises
        ------
        OutputError
            If the folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # Without its description a table that is half written is not used.
            self._path(name, "json").unlink(missing_ok=True)
            for kind, columns in (("cells", cell_columns), ("pairs", _pair_columns)):
                parts = [columns(index, *one) for index, one in enumerate(features)]
                joined = {column: np.concatenate([part[column] for part in parts]) for column in parts[0]}
                write_table(joined, self._path(name, f"{kind}.parquet"))
        except OSError as error:
            raise OutputError(f"{self.folder} cannot be written ({error}); choose another --features") from error
        write_json({"sequence": name, "made_of": made_of}, self._path(name, "json"))

    def load_embeddings(self, name: str, key: str, counts: Sequence[int]) -> list[NDArray[np.float32]] | None:
        """Embeddings of the cells of each variant, or None if there are none of this encoder.

        Parameters
        ----------
        name
            Name of the sequence.
        key
            See :func:`encoder_key`.
        counts
            Number of cells of each variant.
        """
        path = self._path(name, f"{key}.npy")
        if not path.is_file():
            return None
        try:
            rows = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read ({error}); delete it and run --stage features") from error
        if rows.ndim != 2 or len(rows) != sum(counts):
            raise InputError(f"{path} does not fit the table of cells beside it; delete it and run --stage features")
        return np.split(rows, np.cumsum(counts)[:-1])

    def save_embeddings(self, name: str, key: str, rows: Sequence[NDArray[np.float32]]) -> None:
        """Write the embeddings of the cells of all variants."""
        try:
            with new_file(self._path(name, f"{key}.npy")) as temporary, temporary.open("wb") as stream:
                np.save(stream, np.concatenate(rows))
        except OSError as error:
            raise OutputError(f"{self.folder} cannot be written ({error}); choose another --features") from error

    def _path(self, name: str, ending: str) -> Path:
        return self.folder / f"{name.replace('/', '-')}.{ending}"


def cell_columns(variant: int, cells: Cells, movement: Movement) -> dict[str, NDArray[Any]]:
    """Columns of ``*.cells.parquet`` for one variant.

    ``variant`` counts the variants from 0, the sequence as it is; ``frame`` counts the frames of the variant from 0;
    ``label`` is that of the mask. ``centroid_*`` and ``begin_*``, ``end_*`` (bounding box) are in pixels along z, y, x;
    ``size`` is in pixels; ``axis_1, ...`` (lengths, largest first) are in the unit of the scale and ``direction_*`` is
    the unit vector of the first. ``intensity_*`` are raw, ``appearance_*`` relative to the levels of the frame.
    ``drift_G_*`` and ``flow_G_*`` are the expected displacements G frames ahead in pixels.
    """
    columns: dict[str, NDArray[Any]] = {
        "variant": np.full(len(cells), variant),
        "frame": cells.frame,
        "label": cells.label,
        "size": cells.size,
    }
    for key, values in _wide_columns(cells, movement).items():
        columns |= dict(zip(_column_names(key, cells.rank), values.T, strict=True))
    return columns


def _column_names(key: str, rank: int) -> list[str]:
    """Names of the columns that together are one quantity."""
    suffixes = {
        "axis": ("1", "2", "3")[:rank],
        "intensity": ("min", "mean", "max", "deviation"),
        "appearance": ("mean", "deviation", "max"),
    }
    return [f"{key}_{suffix}" for suffix in suffixes.get(key, tuple("zyx"[-rank:]))]


def _wide_columns(cells: Cells, movement: Movement) -> dict[str, NDArray[Any]]:
    moves = {
        f"{name}_{ahead + 1}": values[ahead]
        for name, values in (("drift", movement.drift), ("flow", movement.flow))
        for ahead in range(len(values))
    }
    return {
        "centroid": cells.centroid,
        "begin": cells.box[:, : cells.rank],
        "end": cells.box[:, cells.rank :],
        "axis": cells.axes,
        "direction": cells.direction,
        "intensity": cells.intensity,
        "appearance": cells.appearance,
        **moves,
    }


def _pair_columns(variant: int, cells: Cells, movement: Movement) -> dict[str, NDArray[Any]]:
    return {
        "variant": np.full(len(movement.source), variant),
        "source": movement.source,
        "target": movement.target,
        "shared_drift": movement.shared[:, 0],
        "shared_flow": movement.shared[:, 1],
    }


def _features(rows: dict[str, NDArray[Any]], pairs: dict[str, NDArray[Any]], movie: Movie) -> Features:
    """Cells and movement of one variant from its rows in the tables."""

    def wide(key: str) -> NDArray[Any]:
        return np.stack([rows[name] for name in _column_names(key, movie.rank)], axis=1)

    def ahead(key: str) -> NDArray[Any]:
        gaps = sum(name.startswith(f"{key}_") and name.endswith("_x") for name in rows)
        return np.stack([wide(f"{key}_{gap + 1}") for gap in range(gaps)])

    cells = Cells(
        frame=rows["frame"],
        label=rows["label"],
        centroid=wide("centroid"),
        box=np.concatenate([wide("begin"), wide("end")], axis=1),
        size=rows["size"],
        axes=wide("axis"),
        direction=wide("direction"),
        intensity=wide("intensity"),
        appearance=wide("appearance"),
        embedding=np.zeros((len(rows["frame"]), 0), np.float32),
        numbers=movie.numbers,
        shape=movie.shape,
        scale=movie.scale,
    )
    shared = np.stack([pairs["shared_drift"], pairs["shared_flow"]], axis=1)
    return cells, Movement(ahead("drift"), ahead("flow"), pairs["source"], pairs["target"], shared)
