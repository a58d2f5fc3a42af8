"""Whether the neighbours of a cell have candidate links that move alike."""

from __future__ import annotations

import numpy as np

from cell_tracker_gnn.data import Cells, Floats, Integers
from cell_tracker_gnn.graph.candidates import Candidates, Spacing
from cell_tracker_gnn.graph.geometry import LINKS_AT_ONCE, Columns, LinkGeometry, nearest_candidates, steps_ahead

__all__ = ["support_features"]


def support_features(cells: Cells, spacing: Spacing, candidates: Candidates, g: LinkGeometry) -> Columns:
    """Whether neighbours have candidates that move alike: a consensus of displacements, from 0 to 1.

    For each of the nearest neighbours the most similar displacement among its candidates over the same number of frames
    counts exp(-d^2 / 2 s^2), with d the difference of the displacements and s a quarter of the length of the link.
    """
    support = {name: np.zeros(len(candidates)) for name in ("support_flow", "support_drift")}
    moves = {"support_flow": g.after_flow, "support_drift": g.after_drift}
    number = np.zeros(len(candidates))
    for ahead in steps_ahead(candidates):
        chosen = np.flatnonzero(candidates.ahead == ahead)
        table = nearest_candidates(candidates, g, chosen, len(cells)).T
        table = table[: int((table >= 0).any(axis=1).sum())]
        # The last column stands for no neighbour at all.
        known = np.append(table[0] >= 0, False)
        rivals = {name: _columns_of(move, table) for name, move in moves.items()}
        for begin in range(0, len(chosen), LINKS_AT_ONCE):
            part = chosen[begin : begin + LINKS_AT_ONCE]
            neighbours = np.ascontiguousarray(spacing.neighbours[candidates.source[part]].T)
            number[part] = known[neighbours].sum(axis=0)
            for name, move in moves.items():
                support[name][part] = _likeness(move[part].T, rivals[name], neighbours, 0.25 * g.length[part])
    return {name: value / np.maximum(number, 1.0) for name, value in support.items()}


def _columns_of(move: Floats, table: Integers) -> Floats:
    """Moves of the candidates in a table (width, n), endless where there is none, shape (width, rank, n + 1)."""
    columns = np.full((len(table), move.shape[1], table.shape[1] + 1), np.inf)
    columns[:, :, :-1] = np.where(table[:, None] >= 0, move.T[:, table].swapaxes(0, 1), np.inf)
    return columns


def _likeness(move: Floats, rivals: Floats, neighbours: Integers, width: Floats) -> Floats:
    """Sum over the neighbours (k, m) of the likeness of their most similar rival to the moves (rank, m), shape (m,)."""
    total = np.zeros(len(width))
    for neighbour in neighbours:
        nearest = np.full(len(width), np.inf)
        for rival in rivals:
            apart = sum((rival[axis].take(neighbour) - own) ** 2 for axis, own in enumerate(move))
            np.minimum(nearest, apart, out=nearest)
        total += np.exp(-0.5 * nearest / width**2)
    return total
