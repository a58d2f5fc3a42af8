"""Figures of a lineage with matplotlib: the tree, the tracks over an image, and how far the probabilities hold."""

from cell_tracker_gnn.plots.lineage import plot_lineage
from cell_tracker_gnn.plots.reliability import plot_reliability
from cell_tracker_gnn.plots.tracks import plot_tracks
from cell_tracker_gnn.plots.write import KINDS, write_plot

__all__ = ["KINDS", "plot_lineage", "plot_reliability", "plot_tracks", "write_plot"]
