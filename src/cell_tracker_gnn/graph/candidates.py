"""Candidate links: which later cells may be the same cell or a daughter.

Each cell looks for the nearest cells around the places where drift and flow expect it, and is looked for by them,
within a radius that follows its own size and the spacing of its neighbours. Masks that meet are always candidates.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.spatial import cKDTree

from cell_tracker_gnn.data import Cells, Floats, Integers
from cell_tracker_gnn.features.movement import Movement

__all__ = ["Candidates", "Spacing", "find_candidates", "measure_spacing"]

NEAREST: tuple[int, ...] = (5, 3, 2)
"""Cells looked for 1, 2, 3 and more frames ahead, from each side and around each expected place."""

CLOSEST = 1e-3
"""Neighbours are at least so many diameters away, even if they coincide."""

MEETING_SHARE = 0.1
"""Masks of which more than this share meets are candidates whatever their distance."""


@dataclass(frozen=True, eq=False)
class Spacing:
    """Neighbourhood of each cell in its own frame.

    Parameters
    ----------
    nearest
        Distance to the nearest cell, shape (n,); the diagonal of the field where there is none.
    third
        Distance to the third nearest, shape (n,).
    neighbours
        Rows of the nearest cells, -1 where there are fewer, shape (n, 6).
    """

    nearest: Floats
    third: Floats
    neighbours: Integers


@dataclass(frozen=True, eq=False)
class Candidates:
    """Candidate links, ordered by target and then by source.

    Parameters
    ----------
    source, target
        Rows in :class:`~cell_tracker_gnn.data.Cells`, shape (m,).
    ahead
        Frames from source to target, 1 for the next one, shape (m,).
    shared
        Share of the source's mask that lands on the target after drift and after flow, shape (m, 2).
    """

    source: Integers
    target: Integers
    ahead: Integers
    shared: Floats

    def __len__(self) -> int:
        return len(self.source)


def measure_spacing(cells: Cells) -> Spacing:
    """Distances to the neighbours in the same frame, in units of the scale."""
    count, neighbours = len(cells), 6
    field = float(np.linalg.norm(np.asarray(cells.shape) * cells.scale.step)) if cells.shape else 1.0
    distance = np.full((count, neighbours), field)
    row = np.full((count, neighbours), -1, np.int64)
    position = cells.position
    for first, last in _frame_rows(cells):
        taken = min(neighbours, last - first - 1)
        if taken < 1:
            continue
        found, index = cKDTree(position[first:last]).query(position[first:last], k=taken + 1)
        distance[first:last, :taken], row[first:last, :taken] = _without_self(found, index, taken)
        row[first:last, :taken] += first
    # Points may coincide, and distances are compared with the spacing.
    distance = np.maximum(distance, CLOSEST * cells.diameter[:, None])
    return Spacing(distance[:, 0], distance[:, 2], row)


def _without_self(distance: Floats, index: Integers, taken: int) -> tuple[Floats, Integers]:
    """Drop each point from its own neighbours; with coinciding points it need not come first."""
    own = index == np.arange(len(index))[:, None]
    own[~own.any(axis=1), -1] = True
    return distance[~own].reshape(len(index), taken), index[~own].reshape(len(index), taken)


def _frame_rows(cells: Cells) -> list[tuple[int, int]]:
    """First and one past the last row of every frame."""
    bound = np.searchsorted(cells.frame, np.arange(len(cells.numbers) + 1))
    return [(int(a), int(b)) for a, b in pairwise(bound)]


def find_candidates(
    cells: Cells, movement: Movement, spacing: Spacing, *, max_gap: int, max_move: float | None = None
) -> Candidates:
    """Candidate links of a movie.

    Parameters
    ----------
    cells
        The detections.
    movement
        Expected displacements and meeting masks.
    spacing
        Distances to the neighbours.
    max_gap
        Number of frames a cell may be missed.
    max_move
        Largest distance to the expected place per frame step in units of the scale; None adapts it to each cell.
    """
    rows = _frame_rows(cells)
    step = np.asarray(cells.scale.step)
    reach = 3.0 * cells.diameter + 2.0 * spacing.third
    met = movement.shared.max(axis=1) > MEETING_SHARE if len(movement.shared) else np.zeros(0, bool)
    pairs = [np.stack([movement.source[met], movement.target[met]], axis=1)]
    for ahead in range(1, max_gap + 2):
        radius = np.full(len(cells), max_move * ahead) if max_move is not None else reach * np.sqrt(ahead)
        nearest = NEAREST[min(ahead, len(NEAREST)) - 1]
        for before, after in zip(rows[:-ahead], rows[ahead:], strict=True):
            pairs += [
                _nearest_pairs(moved, cells.centroid * step, before, after, radius=radius, nearest=nearest)
                for moved in _expected_places(cells, movement, ahead, slice(*before))
            ]
    pair = np.concatenate(pairs)
    # Numpy finds unique numbers by hashing, which takes ten times as long.
    key = np.sort(pair[:, 1] * max(len(cells), 1) + pair[:, 0])
    key = key[np.diff(key, prepend=-1) > 0]
    target, source = np.divmod(key, max(len(cells), 1))
    shared = _look_up_shared(key, movement, len(cells))
    candidates = Candidates(source, target, cells.frame[target] - cells.frame[source], shared)
    return _within(candidates, cells, movement, max_gap, max_move)


def _expected_places(cells: Cells, movement: Movement, ahead: int, rows: slice) -> list[Floats]:
    """Where the cells of a frame are expected after flow and, if it says something else, after drift; scaled.

    What is said about one frame must not depend on others far away, so that windows of a movie can be looked at apart.
    """
    step, centroid = np.asarray(cells.scale.step), cells.centroid[rows]
    drift, flow = movement.drift[ahead - 1, rows], movement.flow[ahead - 1, rows]
    places = [(centroid + flow) * step]
    if np.abs(flow - drift).max(initial=0.0) > 0.5:
        places.append((centroid + drift) * step)
    return places


def _nearest_pairs(
    moved: Floats, position: Floats, before: tuple[int, int], after: tuple[int, int], *, radius: Floats, nearest: int
) -> Integers:
    """Pairs (source, target) that are among each other's nearest within the radius of the source."""
    if before[0] == before[1] or after[0] == after[1]:
        return np.zeros((0, 2), np.int64)
    sources, targets = moved, position[slice(*after)]
    reach = radius[slice(*before)]
    forward, index = cKDTree(targets).query(sources, k=list(range(1, min(nearest, len(targets)) + 1)))
    s, k = np.nonzero(forward <= reach[:, None])
    pairs = [np.stack([s + before[0], index[s, k] + after[0]], axis=1)]
    backward, index = cKDTree(sources).query(targets, k=list(range(1, min(nearest, len(sources)) + 1)))
    t, k = np.nonzero(backward <= reach[np.minimum(index, len(sources) - 1)])
    pairs.append(np.stack([index[t, k] + before[0], t + after[0]], axis=1))
    return np.concatenate(pairs)


def _look_up_shared(key: Integers, movement: Movement, count: int) -> Floats:
    """Shared mask of each candidate, 0 where the masks do not meet."""
    shared = np.zeros((len(key), 2))
    if not len(key) or not len(movement.source):
        return shared
    known = movement.target * count + movement.source
    order = np.argsort(known)
    place = np.minimum(np.searchsorted(known[order], key), len(known) - 1)
    hit = known[order][place] == key
    shared[hit] = movement.shared[order[place[hit]]]
    return shared


def _within(
    candidates: Candidates, cells: Cells, movement: Movement, max_gap: int, max_move: float | None
) -> Candidates:
    """Candidates that skip at most ``max_gap`` frames and move at most ``max_move`` a step."""
    kept = candidates.ahead <= max_gap + 1
    if max_move is not None:
        flow = movement.flow[np.minimum(candidates.ahead, max_gap + 1) - 1, candidates.source]
        offset = cells.centroid[candidates.target] - cells.centroid[candidates.source] - flow
        kept &= np.linalg.norm(offset * cells.scale.step, axis=1) <= max_move * candidates.ahead
    return Candidates(candidates.source[kept], candidates.target[kept], candidates.ahead[kept], candidates.shared[kept])
