"""The command ``cell-tracker-gnn``: one thin function per verb; heavy imports inside the functions."""

from cell_tracker_gnn.cli import pictures, results, supplies, track, train
from cell_tracker_gnn.cli.verbs import main

__all__ = ["main", "pictures", "results", "supplies", "track", "train"]
