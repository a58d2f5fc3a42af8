"""How far the candidate links lead from where a cell is expected, and which of its candidates are nearest."""

from __future__ import annotations

import numpy as np

from cell_tracker_gnn.data import Cells, Floats, Integers
from cell_tracker_gnn.features.movement import Movement
from cell_tracker_gnn.graph.candidates import Candidates
from cell_tracker_gnn.graph.groups import rank_in_group, table_of_groups

__all__ = ["ALONE", "LINKS_AT_ONCE", "Columns", "LinkGeometry", "length_of", "nearest_candidates", "steps_ahead"]

NEAREST = 8
"""So many candidates of a cell are looked at where each is compared with the others, nearest first."""

LINKS_AT_ONCE = 8192
"""Links that are worked on together where much is computed of each, so that it stays in the cache."""

ALONE = -3.0
"""Score of the rival that a lone candidate does not have."""

Columns = dict[str, Floats]


class LinkGeometry:
    """Displacements of the candidates after compensation, in units of the scale, and the length to measure them by."""

    def __init__(self, cells: Cells, movement: Movement, candidates: Candidates) -> None:
        step = np.asarray(cells.scale.step)
        source, target, index = candidates.source, candidates.target, candidates.ahead - 1
        moved = cells.centroid[target] - cells.centroid[source]
        self.after_drift = (moved - movement.drift[index, source]) * step
        self.after_flow = (moved - movement.flow[index, source]) * step
        self.flow = (movement.flow[index, source] - movement.drift[index, source]) * step
        self.length = np.sqrt(cells.diameter[source] * cells.diameter[target])
        self.distance = length_of(self.after_flow)
        self.nearer = -np.log1p(self.distance / self.length)
        self.source, self.target, self.ahead = source, target, candidates.ahead
        self.source_group = source * 16 + candidates.ahead
        self.target_group = target * 16 + candidates.ahead
        self.rank_at_source = rank_in_group(self.source_group, self.nearer)


def steps_ahead(candidates: Candidates) -> Integers:
    """The numbers of frames that the links go ahead, in order."""
    return np.flatnonzero(np.bincount(candidates.ahead))


def length_of(vectors: Floats) -> Floats:
    """Length of vectors along the last axis; numpy's norm is slow for so short ones."""
    return np.sqrt(sum(vectors[..., axis] ** 2 for axis in range(vectors.shape[-1])))


def nearest_candidates(candidates: Candidates, g: LinkGeometry, chosen: Integers, count: int) -> Integers:
    """The nearest of the chosen candidates of each cell as its source, -1 where there are fewer, (count, NEAREST)."""
    rank = g.rank_at_source[chosen]
    return table_of_groups(candidates.source[chosen], rank, chosen, groups=count, width=NEAREST)
