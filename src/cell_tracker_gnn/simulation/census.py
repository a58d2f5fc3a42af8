"""Where cells may be, and how their number in the picture is held: entries, a margin outside, nothing from nowhere.

The field of view lies inside a larger domain with the same density of cells, so that cells enter and leave at its
border. Positions and lengths are in pixels of x, axes (z, y, x) or (y, x).
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from cell_tracker_gnn.data import Floats

__all__ = ["Field", "Target", "place"]

Zone = Callable[[Floats], NDArray[np.bool_]]


class Field:
    """The field of view and the domain around it.

    Parameters
    ----------
    extent
        Size of the field of view.
    reach
        How far outside the field the centre of a cell can be with the cell still in the picture.
    margin
        How far the domain goes beyond the field.
    """

    def __init__(self, extent: tuple[float, ...], reach: float, margin: float) -> None:
        self.extent = np.asarray(extent)
        self.reach = reach
        self.margin = margin

    def outside(self, position: Floats) -> Floats:
        """Distance of each position (n, rank) from the field, 0 within, shape (n,)."""
        return np.asarray(np.linalg.norm(np.maximum(np.maximum(-position, position - self.extent), 0.0), axis=1))

    def shows(self, position: Floats) -> NDArray[np.bool_]:
        """Whether a cell at each position (n, rank) is in the picture, shape (n,)."""
        return np.asarray(self.outside(position) < self.reach)

    def holds(self, position: Floats) -> NDArray[np.bool_]:
        """Whether each position (n, rank) is in the domain, shape (n,)."""
        return np.asarray(np.all((position > -self.margin) & (position < self.extent + self.margin), axis=1))

    def edge(self, position: Floats) -> NDArray[np.bool_]:
        """Whether each position (n, rank) is in the picture and at its very border, shape (n,)."""
        deep = np.all((position > 0.5 * self.reach) & (position < self.extent - 0.5 * self.reach), axis=1)
        return np.asarray(self.shows(position) & ~deep)

    def unwatched(self, position: Floats, shift: Floats) -> NDArray[np.bool_]:
        """Whether each position (n, rank) is out of the picture or was so before the stage moved by ``shift``."""
        return np.asarray(~(self.shows(position) & self.shows(position - shift)))

    @property
    def shown_volume(self) -> float:
        """Area or volume of the places where a cell is in the picture."""
        return float(np.prod(self.extent + 2 * self.reach))

    def unwatched_volume(self, shift: Floats) -> float:
        """Area or volume of the unwatched part of the domain."""
        both = np.prod(np.maximum(self.extent + 2 * self.reach - np.abs(shift), 0.0))
        return float(np.prod(self.extent + 2 * self.margin) - both)

    def sample(self, count: int, rng: np.random.Generator) -> Floats:
        """Random positions in the domain, shape (count, rank)."""
        return np.asarray(rng.uniform(-self.margin, self.extent + self.margin, (count, len(self.extent))))


class Target:
    """The number of cells wanted in the picture: rising through the movie, never a third off the mean.

    Parameters
    ----------
    cells
        Mean number.
    frames
        Number of frames.
    rise
        Rise from the first to the last frame as a fraction of the mean.
    """

    def __init__(self, cells: int, frames: int, rise: float) -> None:
        slack = 1 / 3 if cells < 20 else 0.27
        self.low = max(1, ceil(cells * (1 - slack) - 1e-9))
        self.high = floor(cells * (1 + slack) + 1e-9)
        self._cells, self._frames, self._rise = cells, frames, rise

    def at(self, frame: int) -> float:
        """Return the number wanted in this frame."""
        return self._cells * (1 + self._rise * (frame / max(self._frames - 1, 1) - 0.5))


def place(count: int, zone: Zone, field: Field, others: Floats, *, spacing: float, rng: np.random.Generator) -> Floats:
    """Random places for new cells in a zone of the domain, clear of the others as far as possible.

    Parameters
    ----------
    count
        Number of places wanted.
    zone
        Tells which positions (n, rank) may be taken.
    others
        Positions of the cells that are there already, shape (m, rank).
    spacing
        Distance wanted from any other cell; it shrinks while no place is found.

    Returns
    -------
    Positions, shape (k, rank), with k at most ``count`` and smaller only if the zone is next to nothing.
    """
    taken, new = others, np.zeros((0, len(field.extent)))
    for _ in range(60):
        if len(new) >= count:
            break
        candidates = field.sample(20 * count + 200, rng)
        candidates = candidates[zone(candidates)][: 4 * count]
        if len(taken) and len(candidates):
            candidates = candidates[cKDTree(taken).query(candidates)[0] >= spacing]
        if len(candidates):
            pairs = cKDTree(candidates).query_pairs(spacing, output_type="ndarray")
            free = np.ones(len(candidates), bool)
            free[pairs.max(axis=1)] = False
            candidates = candidates[free][: count - len(new)]
        new, taken = np.concatenate([new, candidates]), np.concatenate([taken, candidates])
        spacing *= 0.9
    return new
