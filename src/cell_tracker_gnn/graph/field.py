"""Where cells come from and go to with respect to the field of view."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from cell_tracker_gnn.data import Cells, Floats
from cell_tracker_gnn.features.movement import Movement
from cell_tracker_gnn.graph.candidates import Spacing

__all__ = ["INSIDE", "origin_and_destination", "share_come_in"]

NEIGHBOURS = 5
"""Cells of the frame before whose movement tells where a cell comes from."""

INSIDE = 3.0
"""Distance from the border beyond which it does not matter, in diameters, and that of cells with an unknown way."""

ENTRANCE = 2.0
"""Distance from the border up to which a cell may have come in by a movement of its own, in diameters."""

MAY_COME_IN = 0.75
"""How far a cell at the border counts as one that came in: not wholly, for in a small field all are near the border."""


def origin_and_destination(cells: Cells, movement: Movement, spacing: Spacing) -> tuple[Floats, Floats]:
    """How far inside of the field each cell was one frame before, and will be one frame after.

    The movement of a place is the median over the cells around it, so that it exists where a cell has just come in.

    Parameters
    ----------
    cells, movement, spacing
        What the frames gave.

    Returns
    -------
    origin, destination
        Distance from the nearest border of the plane in diameters of the cell, negative outside, at most
        :data:`INSIDE`, shape (n,).
    """
    place, step = cells.centroid, np.asarray(cells.scale.step)
    if not len(cells) or not len(movement.flow):
        return np.full(len(cells), INSIDE), np.full(len(cells), INSIDE)
    flow = _smoothed(movement.flow[0], spacing)
    bound = np.searchsorted(cells.frame, np.arange(len(cells.numbers) + 1))
    backward = np.full(place.shape, np.nan)
    for frame in range(1, len(cells.numbers)):
        earlier, later = slice(bound[frame - 1], bound[frame]), slice(bound[frame], bound[frame + 1])
        if earlier.start == earlier.stop or later.start == later.stop:
            continue
        nearest = range(1, min(NEIGHBOURS, earlier.stop - earlier.start) + 1)
        _, row = cKDTree((place[earlier] + flow[earlier]) * step).query(place[later] * step, k=list(nearest))
        backward[later] = place[later] - np.median(flow[earlier][row], axis=1)
    last = cells.frame == len(cells.numbers) - 1
    forward = np.where(last[:, None], np.nan, place + flow)
    return _inside(cells, backward), _inside(cells, forward)


def share_come_in(border: Floats, origin: Floats) -> Floats:
    """How far each cell is to be taken for one that came into the field, from 0 to 1, shape (n,).

    1 where the movement around a cell leads from outside. The others may have come in by themselves:
    :data:`MAY_COME_IN` within one diameter of the border, falling to 0 at :data:`ENTRANCE`.

    Parameters
    ----------
    border
        Distance of each cell from the border in diameters, shape (n,).
    origin
        See :func:`origin_and_destination`.
    """
    return np.where(origin < 0.0, 1.0, MAY_COME_IN * np.clip(ENTRANCE - border, 0.0, 1.0))


def _smoothed(flow: Floats, spacing: Spacing) -> Floats:
    """Median of the flow over each cell and its neighbours, shape (n, rank)."""
    around = np.concatenate([np.arange(len(flow))[:, None], spacing.neighbours], axis=1)
    known = np.where((around >= 0)[:, :, None], flow[around], np.nan)
    return np.asarray(np.nanmedian(known, axis=1))


def _inside(cells: Cells, place: Floats) -> Floats:
    """Distance of places from the border of the plane in diameters; unknown places lie deep inside, shape (n,)."""
    size, step = np.asarray(cells.shape[-2:]), np.asarray(cells.scale.step)[-2:]
    planar = place[:, -2:]
    distance = (np.minimum(planar, size - 1 - planar) * step).min(axis=1) / cells.diameter
    return np.where(np.isfinite(distance), np.minimum(distance, INSIDE), INSIDE)
