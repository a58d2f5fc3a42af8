"""Movement from one frame to the next that neighbours agree on.

Every cell may have become any of the near cells of the next frame. Relaxation labelling (Barnard and Thompson 1980, for
particles Baek and Lee 1996) makes those displacements more probable which the neighbours can have made as well. What a
cell may have become itself does not count for its expected displacement, only what its neighbours have: otherwise every
cell that leaves would be expected exactly where another one is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from cell_tracker_gnn.data import Floats, Integers

__all__ = ["Consensus", "find_consensus"]

REACH, CANDIDATES = 3.0, 12
"""A cell may go so many diameters beyond the drift, to so many cells at most."""

NEIGHBORS = 8
"""So many neighbours vote for the displacement of a cell."""

TOLERANCE, SHEAR = 0.25, 0.1
"""Neighbours agree when their displacements differ by about so many diameters, and more per diameter between them."""

ROUNDS = 8
"""The probabilities hardly change after so many rounds."""

NOWHERE = 0.02
"""Support of the possibility that a cell has become none of the candidates."""

SURE = 0.3
"""Displacements of a smaller probability are ignored."""

MOSTLY_SURE = 0.5
"""In packed tissue every displacement looks possible; nothing is said unless so many of the cells are sure."""

AVERAGED, NEAR = 6, 0.6
"""The displacement of a place is the mean over so many cells, with weights that fall by half where the square of the
distance in diameters is so large."""

BLOCK, KEPT = 2_000, 20_000
"""Cells at once, and the most cells whose comparisons are kept from round to round; both bound the memory."""


@dataclass(frozen=True, eq=False)
class Consensus:
    """Displacements of cells that their neighbours agree on.

    Parameters
    ----------
    place, displacement
        Of each cell, in diameters, shape (n, rank); more than ``NEIGHBORS`` cells.
    extent
        Pixels of a diameter along each axis, shape (rank,).
    """

    place: Floats
    displacement: Floats
    extent: Floats

    def at(self, points: Floats) -> Floats:
        """Displacement of points of the earlier frame by the mean of the nearest cells, shape (n, rank), in pixels."""
        distance, near = cKDTree(self.place).query(points / self.extent, k=AVERAGED)
        return _mean(self.displacement, near, 1 / (NEAR + distance**2)) * self.extent


def find_consensus(before: Floats, after: Floats, extent: Floats, drift: Floats) -> Consensus | None:
    """Find the displacements that neighbours agree on, None where too few cells are sure.

    Parameters
    ----------
    before, after
        Centres of the cells of the two frames in pixels, shapes (n, rank) and (m, rank).
    extent
        Pixels of a typical cell along each axis, shape (rank,).
    drift
        Displacement of the whole field, about which cells are looked for, shape (rank,).
    """
    if len(before) <= NEIGHBORS or not len(after):
        return None
    place, goal = before / extent, after / extent
    near, candidate = _nearest(cKDTree(goal), place + drift / extent)
    displacement = (goal[candidate] - place[:, None]).astype(np.float32)
    probability = _relax(place, displacement, near, candidate, len(goal))
    best = probability.argmax(axis=1)
    rows = np.arange(len(place))
    certainty = probability[rows, best].astype(np.float64)
    if np.mean(certainty > SURE) < MOSTLY_SURE:
        return None
    own = displacement[rows, best].astype(np.float64)
    return Consensus(place, _of_neighbors(place, own, certainty), extent)


def _of_neighbors(place: Floats, displacement: Floats, certainty: Floats) -> Floats:
    """Mean displacement of the nearest sure cells, the cell itself left out, shape (n, rank)."""
    sure = np.flatnonzero(certainty > SURE)
    distance, near = cKDTree(place[sure]).query(place, k=min(NEIGHBORS + 1, len(sure)))
    near = sure[near]
    left_out = near == np.arange(len(place))[:, None]
    # A cell that is not sure is not among them; then the farthest one is left out.
    left_out[~left_out.any(axis=1), -1] = True
    return _mean(displacement, near, np.where(left_out, 0.0, certainty[near] / (1 + distance**2)))


def _mean(values: Floats, rows: Integers, weight: Floats) -> Floats:
    """Weighted mean of rows of values, shape (n, rank)."""
    weight = weight / weight.sum(axis=1, keepdims=True)
    return np.stack([np.einsum("nk,nk->n", weight, column[rows]) for column in values.T], axis=1)


def _nearest(goals: cKDTree, place: Floats) -> tuple[NDArray[np.bool_], Integers]:
    """Candidates of each cell, shape (n, k), and whether they are within reach."""
    ranks = list(range(1, min(CANDIDATES, goals.n) + 1))
    distance, candidate = goals.query(place, k=ranks, distance_upper_bound=REACH)
    near = np.isfinite(distance)
    used = max(1, int(near.sum(axis=1).max()))
    return near[:, :used], np.where(near, candidate, 0)[:, :used]


def _relax(
    place: Floats, displacement: NDArray[np.float32], near: NDArray[np.bool_], candidate: Integers, goals: int
) -> NDArray[np.float32]:
    """Probability of each candidate after all rounds, shape (n, k)."""
    distance, neighbor = cKDTree(place).query(place, k=NEIGHBORS + 1)
    distance, neighbor = distance[:, 1:].astype(np.float32), neighbor[:, 1:]
    weight = 1 / (1 + distance)
    weight /= weight.sum(axis=1, keepdims=True)

    def agreements() -> Iterator[tuple[slice, NDArray[np.float32]]]:
        for begin in range(0, len(place), BLOCK):
            block = slice(begin, begin + BLOCK)
            agreement = _agreement(displacement, block, neighbor[block], distance[block])
            yield block, agreement * weight[block, None, :, None]

    kept = list(agreements()) if len(place) <= KEPT else None
    probability = near / (near.sum(axis=1, keepdims=True) + np.float32(1.0))
    for _ in range(ROUNDS):
        support = np.zeros_like(probability)
        for block, agreement in kept if kept is not None else agreements():
            support[block] = np.einsum("nkml,nml->nk", agreement, probability[neighbor[block]])
        support *= near
        probability = support / (support.sum(axis=1, keepdims=True) + NOWHERE)
        # Two cells cannot become the same one: what is asked for more than once is shared.
        asked = np.bincount(candidate[near], probability[near], minlength=goals)
        probability = np.asarray(probability / np.maximum(asked[candidate], 1.0), dtype=np.float32)
    return np.asarray(probability)


def _agreement(
    displacement: NDArray[np.float32], block: slice, neighbor: Integers, distance: NDArray[np.float32]
) -> NDArray[np.float32]:
    """How well each candidate of a cell goes with each of each neighbour, shape (cells, k, neighbours, k)."""
    own = displacement[block]
    apart = np.zeros((len(own), own.shape[1], neighbor.shape[1], own.shape[1]), np.float32)
    for axis in range(own.shape[2]):
        apart += (own[:, :, None, None, axis] - displacement[neighbor, :, axis][:, None]) ** 2
    apart *= (-0.5 / (TOLERANCE + SHEAR * distance) ** 2)[:, None, :, None]
    return np.asarray(np.exp(np.maximum(apart, -30.0)), dtype=np.float32)
