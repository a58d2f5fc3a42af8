"""Cell tracking with deep metric learning, a graph neural network and a globally optimal lineage.

Names are loaded when they are first used, so that ``import cell_tracker_gnn`` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cell_tracker_gnn.data import Cells, Lineage, Links, Movie, Scale, Tracks
    from cell_tracker_gnn.errors import CellTrackerError
    from cell_tracker_gnn.evaluation import evaluate
    from cell_tracker_gnn.io import open_movie
    from cell_tracker_gnn.pipeline import Tracker
    from cell_tracker_gnn.segmentation import segment_movie
    from cell_tracker_gnn.settings import TrackSettings

_PLACES = {
    "CellTrackerError": "errors",
    "Cells": "data",
    "Lineage": "data",
    "Links": "data",
    "Movie": "data",
    "Scale": "data",
    "TrackSettings": "settings",
    "Tracker": "pipeline",
    "Tracks": "data",
    "evaluate": "evaluation",
    "open_movie": "io",
    "segment_movie": "segmentation",
}

__all__ = [
    "CellTrackerError",
    "Cells",
    "Lineage",
    "Links",
    "Movie",
    "Scale",
    "TrackSettings",
    "Tracker",
    "Tracks",
    "evaluate",
    "open_movie",
    "segment_movie",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"cell_tracker_gnn.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
