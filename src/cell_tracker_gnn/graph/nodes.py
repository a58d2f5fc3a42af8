"""Features of cells: relative to their frame and neighbours, free of frame size and position."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Cells, Floats
from cell_tracker_gnn.graph.candidates import Spacing

__all__ = ["CELL_FEATURES", "IMAGE_CELL_FEATURES", "border_distance", "cell_features", "measured_features"]

IMAGE_CELL_FEATURES: tuple[str, ...] = ("mean", "deviation", "maximum", "mean_in_frame", "has_image")
"""Cell features that are 0 without images."""

CELL_FEATURES: tuple[str, ...] = (
    "size_in_frame",
    "nearest_by_size",
    "third_by_size",
    "stretch",
    "filled",
    "border",
    "at_border",
    "first_frame",
    "last_frame",
    "volume_rank",
    "origin",
    "destination",
    *IMAGE_CELL_FEATURES,
)
"""Names of the cell features, in the order of their columns.

The number of cells in a frame is none of them: with it a network that had seen only sparse movies fell apart on dense
ones (docs/tried.md).
"""


def cell_features(
    cells: Cells, spacing: Spacing, border: Floats, origin: Floats, destination: Floats
) -> NDArray[np.float32]:
    """All features of the cells, in the order of :data:`CELL_FEATURES`, shape (n, f).

    Parameters
    ----------
    cells, spacing
        What the frames gave.
    border
        See :func:`border_distance`.
    origin, destination
        See :func:`~cell_tracker_gnn.graph.field.origin_and_destination`.
    """
    diameter, frames = cells.diameter, len(cells.numbers)
    typical = _frame_median(cells, np.log(diameter))
    axes = np.log(np.maximum(cells.axes, 1e-3 * diameter[:, None]))
    seen = np.nan_to_num(cells.appearance)
    imaged = np.isfinite(cells.appearance[:, 0]).astype(float)
    columns = {
        "size_in_frame": np.log(diameter) - typical,
        "nearest_by_size": np.log(np.maximum(spacing.nearest / diameter, 1e-3)),
        "third_by_size": np.log(np.maximum(spacing.third / diameter, 1e-3)),
        "stretch": axes[:, 0] - axes[:, -1],
        "filled": np.log(diameter) - axes.mean(axis=1),
        "border": np.minimum(border, 3.0),
        "at_border": (border <= 0.0).astype(float),
        "first_frame": (cells.frame == 0).astype(float),
        "last_frame": (cells.frame == frames - 1).astype(float),
        "volume_rank": _frame_rank(cells, diameter),
        "origin": np.maximum(origin, -2.0),
        "destination": np.maximum(destination, -2.0),
        "mean": seen[:, 0],
        "deviation": seen[:, 1],
        "maximum": seen[:, 2],
        "mean_in_frame": (seen[:, 0] - _frame_median(cells, seen[:, 0])) * imaged,
        "has_image": imaged,
    }
    return np.stack([columns[name] for name in CELL_FEATURES], axis=1).astype(np.float32)


def measured_features(cells: Cells, *, first_frame: int = 0) -> NDArray[np.float32]:
    """The measurements of the paper as they are, then the embedding, shape (n, f + d).

    Frame, centroid, bounding box, area or volume, major and minor axis length, minimum, mean and maximum intensity.

    Parameters
    ----------
    cells
        The detections.
    first_frame
        Index of their first frame in the whole movie.
    """
    return np.concatenate(
        [
            cells.frame[:, None] + first_frame,
            cells.centroid,
            cells.box,
            cells.volume[:, None],
            cells.axes[:, [0, -1]],
            np.nan_to_num(cells.intensity[:, :3]),
            cells.embedding,
        ],
        axis=1,
    ).astype(np.float32)


def border_distance(cells: Cells) -> Floats:
    """Distance from the bounding box to the border of the field within the plane, in diameters, shape (n,)."""
    rank = cells.rank
    planar = slice(rank - 2, rank)
    low = cells.box[:, :rank][:, planar]
    high = np.asarray(cells.shape)[planar] - cells.box[:, rank:][:, planar]
    return np.asarray((np.minimum(low, high) * np.asarray(cells.scale.step)[planar]).min(axis=1) / cells.diameter)


def _frame_median(cells: Cells, value: Floats) -> Floats:
    """Median of a value over the cells of the same frame, shape (n,)."""
    order = np.lexsort((value, cells.frame))
    bound = np.searchsorted(cells.frame, np.arange(len(cells.numbers) + 1))
    middle = np.minimum((bound[:-1] + bound[1:]) // 2, max(len(cells) - 1, 0))
    return np.asarray(value[order][middle][cells.frame]) if len(cells) else np.zeros(0)


def _frame_rank(cells: Cells, value: Floats) -> Floats:
    """Rank of a value among the cells of the same frame, from 0 to 1, shape (n,); equal values have equal ranks.

    Else the order of the labels would tell which is which.
    """
    order = np.lexsort((value, cells.frame))
    bound = np.searchsorted(cells.frame, np.arange(len(cells.numbers) + 1))
    changes = (np.diff(value[order], prepend=np.nan) != 0) | (np.diff(cells.frame[order], prepend=-1) != 0)
    first = np.flatnonzero(changes)
    middle = 0.5 * (first + np.append(first[1:], len(cells)) - 1.0)
    rank = np.empty(len(cells))
    rank[order] = middle[np.cumsum(changes) - 1] - bound[cells.frame[order]]
    return np.asarray(rank / np.maximum(np.diff(bound)[cells.frame] - 1, 1))
