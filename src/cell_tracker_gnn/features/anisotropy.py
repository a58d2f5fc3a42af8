"""The length of a z step where nobody says it: such that cells are as long in z as in y and x."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from cell_tracker_gnn.data import Movie
from cell_tracker_gnn.features.regions import MaskPixels, measure_frame

__all__ = ["with_assumed_scale"]

SAMPLED_FRAMES = 3

_log = logging.getLogger(__name__)


def with_assumed_scale(movie: Movie) -> Movie:
    """The movie with a z step in pixels of x, if it is 3D and its scale is not known; else the movie as it is.

    Distances between cells mean nothing while a z step counts as much as an x step that is ten times shorter. Cells
    are, over all orientations, as long along z as along y and x, so the median ratio of the extents of their bounding
    boxes tells the ratio of the steps. Cells cut off by the border are left out. Points have no extent to tell it from.
    """
    if movie.rank == 2 or movie.points is not None or movie.scale.is_known:
        return movie
    ratios: list[float] = []
    chosen = np.unique(np.linspace(0, len(movie) - 1, SAMPLED_FRAMES).astype(int))
    for index in chosen:
        cells = measure_frame(MaskPixels.of(movie.masks[int(index)]), None, movie.scale)
        inside = np.all((cells.box[:, :3] > 0) & (cells.box[:, 3:] < movie.shape), axis=1)
        extent = (cells.box[:, 3:] - cells.box[:, :3])[inside]
        ratios += (extent[:, 1:].mean(axis=1) / extent[:, 0]).tolist()
    step = round(max(1.0, float(np.median(ratios))), 2) if ratios else 1.0
    _log.warning(
        "no voxel size is known: z steps are taken as %g times as long as y and x steps, so that cells are as long in "
        "z as in y and x; give --scale Z,Y,X if you know better",
        step,
    )
    return replace(movie, scale=replace(movie.scale, step=(step, 1.0, 1.0)))
