"""Masks from images alone, for movies that have none."""

from cell_tracker_gnn.segmentation.movie import SegmentedMovie, segment_movie

__all__ = ["SegmentedMovie", "segment_movie"]
