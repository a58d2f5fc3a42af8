"""Where each cell is expected in the following frames, and which masks it meets there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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
    """What later frames need of an earlier one.

    ``flow`` is the displacement of each cell after one, two, ... frames, as far as it was asked for: each of them
    begins where the one before ends.
    """

    cells: FrameCells
    rows: NDArray[np.int32]
    picture: Picture
    probes: Floats
    probe_cell: Integers
    flow: list[Floats] = field(default_factory=list)


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
    # Each coordinate lies in one piece of memory, because what follows goes axis by axis.
    return np.array(np.unravel_index(pixel, pixels.shape), dtype=np.float64).T, cell


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
    cells, known = len(before.cells), before.flow
    taken = np.bincount(before.probe_cell, minlength=cells)
    number = np.maximum(taken, 1)
    for motion in motions[len(known) :]:
        total = known[-1] if known else np.zeros((cells, before.probes.shape[1]))
        moved = np.array([p + np.repeat(t, taken) for p, t in zip(before.probes.T, total.T, strict=True)])
        steps = [np.bincount(before.probe_cell, step, minlength=cells) / number for step in motion.at(moved.T).T]
        known.append(total + np.stack(steps, axis=1))
    return known[len(motions) - 1]


def _landings(before: FrameState, after: FrameState, displacement: Floats) -> tuple[Integers, Floats]:
    """Pairs that share pixels as source * cells + target, and the share of the source's pixels."""
    count = len(after.cells)
    if not len(before.cells) or not count:
        return np.zeros(0, np.int64), np.zeros(0)
    probes = np.bincount(before.probe_cell, minlength=len(before.cells))
    pixel, inside = np.zeros(len(before.probes), np.int64), np.ones(len(before.probes), np.bool_)
    for axis, side in enumerate(after.rows.shape):
        landed = np.rint(before.probes[:, axis] + np.repeat(displacement[:, axis], probes))
        inside &= (landed >= 0) & (landed < side)
        pixel = pixel * side + landed.astype(np.int64)
    target = np.where(inside, after.rows.reshape(-1).take(pixel, mode="clip"), -1)
    hit = np.flatnonzero(target >= 0)
    pair = before.probe_cell[hit] * count + target[hit]
    # Pixels come row by row, so most pairs stand in runs and only the runs need to be sorted.
    begin = np.flatnonzero(np.diff(pair, prepend=-1))
    key, place = np.unique(pair[begin], return_inverse=True)
    shared = np.bincount(place, np.diff(begin, append=len(pair)), minlength=len(key))
    return key, shared / probes[key // count]
