"""Annotated points as a training sequence: the discs are both the masks and the markers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

from cell_tracker_gnn.io import open_points, read_point_lineage, read_points
from cell_tracker_gnn.io.discs import DiscFrames
from cell_tracker_gnn.training.variants import TrainingSequence

__all__ = ["open_point_sequence"]


def open_point_sequence(
    data: str | PathLike[str],
    *,
    images: str | PathLike[str] | None = None,
    scale: Sequence[float] | None = None,
) -> TrainingSequence:
    """Open a table with the columns ``t, [z], y, x, id, parent`` to learn from.

    Parameters
    ----------
    data
        A ``.csv`` or ``.parquet`` file, see :func:`~cell_tracker_gnn.io.read_points`.
    images
        Images of the same frames, whose pixels the coordinates are, or None.
    scale
        Length of a unit of the coordinates along (z, y, x) or (y, x).

    Raises
    ------
    InputError
        If the table, its lineage or the images cannot be used.
    """
    table = read_points(data)
    lineage = read_point_lineage(table)
    movie = open_points(table, images, scale=scale)
    discs, points = movie.masks, movie.points
    if not isinstance(discs, DiscFrames) or points is None:
        raise TypeError("a movie of points has discs as masks")
    return TrainingSequence(Path(data).stem, movie, replace(discs, label=points.label), lineage)
