"""Outlines of cells as short polygons, seen along z."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Integers

__all__ = ["Outlines", "outline_frame"]

_TOLERANCE = 0.6
"""Largest distance, in pixels, between a pixel of the border and the polygon."""

_LARGEST = 2**15 - 1


@dataclass(frozen=True, eq=False)
class Outlines:
    """One polygon per cell, of its largest piece.

    Parameters
    ----------
    start
        Where each cell begins in ``step`` and where the last one ends, shape (n + 1,).
    origin
        First corner of each cell, (x, y), the centre of a pixel, shape (n, 2).
    step
        From each corner to the next one, the first of a cell being (0, 0), shape (p, 2).
    """

    start: Integers
    origin: NDArray[np.int32]
    step: NDArray[np.int16]

    @classmethod
    def join(cls, frames: Sequence[list[NDArray[np.int32]]]) -> Outlines:
        """Collect the polygons of all frames, each of shape (corners, 2)."""
        polygons = [polygon for frame in frames for polygon in frame]
        start = np.cumsum([0, *map(len, polygons)])
        corners = np.concatenate([np.zeros((0, 2), np.int32), *polygons])
        step = np.diff(corners, axis=0, prepend=corners[:1])
        step[start[:-1]] = 0
        return cls(start, corners[start[:-1]], np.clip(step, -_LARGEST, _LARGEST).astype(np.int16))


def outline_frame(mask: NDArray[np.generic], label: Integers, box: Integers) -> list[NDArray[np.int32]]:
    """Outline the cells of one frame.

    Parameters
    ----------
    mask
        Label image, (y, x) or (z, y, x).
    label, box
        Label and bounding box of each cell, shapes (n,) and (n, 2 * rank).

    Returns
    -------
    list of ndarray
        Corners (x, y) of the polygon of each cell, shape (corners, 2).
    """
    rank = mask.ndim
    polygons = []
    for name, corner in zip(label.tolist(), box.tolist(), strict=True):
        crop = mask[tuple(slice(a, b) for a, b in zip(corner[:rank], corner[rank:], strict=True))] == name
        if rank == 3:
            crop = crop.any(axis=0)
        pieces = cv2.findContours(crop.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
        largest = max(pieces, key=_extent)
        polygon = cv2.approxPolyDP(largest, _TOLERANCE, True)[:, 0]
        polygons.append((polygon + np.array([corner[rank - 1], corner[rank - 2]])).astype(np.int32))
    return polygons


def _extent(piece: NDArray[np.int32]) -> tuple[float, int]:
    return float(cv2.contourArea(piece)), len(piece)
