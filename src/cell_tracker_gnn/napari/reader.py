"""Results of this package, of the Cell Tracking Challenge, GEFF and TrackMate as layers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cell_tracker_gnn.data import Lineage
from cell_tracker_gnn.errors import CellTrackerError
from cell_tracker_gnn.io import read_lineage, read_table
from cell_tracker_gnn.napari.layers import LayerData, layers_of
from cell_tracker_gnn.napari.proofreading import Proofreading, list_doubts
from cell_tracker_gnn.report.images import find_images
from cell_tracker_gnn.report.pictures import movie_levels

__all__ = ["get_reader", "read"]

_SIGNS = ("res_track.txt", "man_track.txt", "TRA/man_track.txt", "cells.csv", "cells.parquet")


def get_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """What reads a path, or None if it is no lineage."""
    if not isinstance(path, str):
        return None
    place = Path(path)
    if place.is_dir() and (place.suffix == ".geff" or any((place / sign).is_file() for sign in _SIGNS)):
        return read
    if place.suffix == ".xml" and place.is_file() and b"<TrackMate" in place.open("rb").read(4096):
        return read
    return None


def read(path: str) -> list[LayerData]:
    """Layers of a lineage: its images, where ``run.json`` names them and they are still there, labels and tracks.

    Raises
    ------
    InputError
        If the lineage cannot be read.
    """
    place = Path(path)
    lineage = read_lineage(place)
    doubts = place / "uncertain.csv"
    columns = read_table(doubts) if doubts.is_file() else None
    proofreading = Proofreading(lineage, list_doubts(lineage, columns))
    return [*_images(lineage), *layers_of(proofreading, place.name)]


def _images(lineage: Lineage) -> list[LayerData]:
    try:
        found = find_images(lineage.run, tuple(lineage.cells.numbers), lineage.cells.shape or None)
    except CellTrackerError:
        return []
    if found is None:
        return []
    images = np.stack([found[index] for index in range(len(found))])
    levels = movie_levels(found)
    options: dict[str, Any] = {
        "name": "images",
        "colormap": "gray",
        "contrast_limits": (levels.dark, levels.dark + levels.span),
        "scale": (1.0, *lineage.cells.scale.step),
    }
    return [(images, options, "image")]
