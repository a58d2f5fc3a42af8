"""Where each cell is expected in the following frames, and which masks it meets there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Floats, Integers
from cell_tracker_gnn.features.motion import Motion, Picture
from cell_tracker_gnn.features.regions import FrameCells, MaskPixels

__all__ = ["FrameState", "Meeting", "Movement", "meet", "probe_cells"]

PROBES = 128
"""At most this many pixels of a cell stand for its mask, which bounds the cost of large cells."""


@dataclass(frozen=True, eq=False)
class FrameState:
    """What later frames need of an earlier one."""

    cells: FrameCells
    rows: NDArray[np.int32]
    picture: Picture
    probes: Floats
    probe_cell: Integers


@dataclass(frozen=True, eq=False)
class Meeting:
    """Cells of one frame moved to a later frame.

    Parameters
    ----------
    drift, flow
        Expected displacement in pixels by the drift of the field alone and with the displacement field, (n, rank).
    source, target
        Rows within their frames of each pair of masks that meet, shape (k,).
    shared
        Share of the source's mask that lands on the target after drift and after flow, shape (k, 2).
    """

    drift: Floats
    flow: Floats
    source: Integers
    target: Integers
    shared: Floats


@dataclass(frozen=True, eq=False)
class Movement:
    """All meetings of a movie.

    Parameters
    ----------
    drift, flow
        Expected displacement of each cell 1, 2, ... frames later, in pixels, shape (gaps, n, rank).
    source, target
        Rows in :class:`~cell_tracker_gnn.data.Cells` of each pair of masks that meet, shape (k,).
    shared
        Share of the source's mask that lands on the target after drift and after flow, shape (k, 2).
    """

    drift: Floats
    flow: Floats
    source: Integers
    target: Integers
    shared: Floats


def probe_cells(pixels: MaskPixels) -> tuple[Floats, Integers]:
    """Evenly chosen pixels of each cell: coordinates (p, rank) and the cell of each (p,)."""
    size = pixels.size
    taken = np.minimum(size, PROBES)
    cell = np.repeat(np.arange(len(size)), taken)
    within = np.arange(len(cell)) - np.repeat(np.cumsum(taken) - taken, taken)
    pixel = pixels.pixel[pixels.start[cell] + (within * size[cell]) // np.maximum(taken[cell], 1)]
    return np.stack(np.unravel_index(pixel, pixels.shape), axis=1).astype(np.float64), cell


def meet(before: FrameState, after: FrameState, motions: Sequence[Motion]) -> Meeting:
    """Move the cells of ``before`` along ``motions``, one per frame step, into the frame of ``after``."""
    moved = sum((m.drift for m in motions), np.zeros(before.probes.shape[1]))
    drift = np.broadcast_to(moved, before.cells.centroid.shape)
    flow = _cell_flow(before, motions)
    pairs = [_landings(before, after, displacement) for displacement in (drift, flow)]
    count = len(after.cells)
    key = np.concatenate([p[0] for p in pairs])
    unique, position = np.unique(key, return_inverse=True)
    shared = np.zeros((len(unique), 2))
    split = len(pairs[0][0])
    shared[position[:split], 0] = pairs[0][1]
    shared[position[split:], 1] = pairs[1][1]
    return Meeting(np.asarray(drift), flow, unique // max(count, 1), unique % max(count, 1), shared)


def _cell_flow(before: FrameState, motions: Sequence[Motion]) -> Floats:
    """Mean displacement over the pixels of each cell, followed step by step."""
    cells = len(before.cells)
    total = np.zeros((cells, before.probes.shape[1]))
    number = np.maximum(np.bincount(before.probe_cell, minlength=cells), 1)
    for motion in motions:
        step = motion.at(before.probes + total[before.probe_cell])
        for axis in range(total.shape[1]):
            total[:, axis] += np.bincount(before.probe_cell, step[:, axis], minlength=cells) / number
    return total


def _landings(before: FrameState, after: FrameState, displacement: Floats) -> tuple[Integers, Floats]:
    """Pairs that share pixels as source * cells + target, and the share of the source's pixels."""
    count = len(after.cells)
    if not len(before.cells) or not count:
        return np.zeros(0, np.int64), np.zeros(0)
    landed = np.rint(before.probes + displacement[before.probe_cell]).astype(np.int64)
    inside = np.all((landed >= 0) & (landed < np.array(after.rows.shape)), axis=1)
    target = np.full(len(landed), -1, np.int64)
    target[inside] = after.rows[tuple(landed[inside].T)]
    hit = target >= 0
    key, shared = np.unique(before.probe_cell[hit] * count + target[hit], return_counts=True)
    taken = np.minimum(before.cells.size, PROBES)
    return key, shared / taken[key // count]
