"""The state of many cells as one array per property, and how their looks follow from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Floats, Integers
from cell_tracker_gnn.simulation.rows import Rows

__all__ = ["DYING", "MITOSIS", "NEWBORN_FLATNESS", "Population"]

MITOSIS = 3.0
"""Frames before its division during which a mother is round and bright."""

NEWBORN = 5.0
"""Frames after its birth during which a daughter is flat and bright."""

DYING = 4
"""Frames that a cell takes to die."""

NEWBORN_FLATNESS = np.log(1.5)
"""Usual flatness of a daughter at birth."""


@dataclass(eq=False)
class Population(Rows):
    """Cells, one row each; lengths in pixels of x, axes (z, y, x) or (y, x).

    Parameters
    ----------
    identity, parent
        Number of the cell and of its mother (or 0), shape (n,).
    position, velocity
        Centre and own velocity per frame, shape (n, rank).
    speed
        Root mean square of one component of the velocity, shape (n,).
    frame
        Orientation; column ``i`` is the direction of body axis ``i``, the first one the shortest, (n, rank, rank).
    stretch
        Logarithm of the body axes relative to the mean radius, summing to 0 for each cell, shape (n, rank).
    unrest
        What is added to ``stretch`` in the present frame, shape (n, rank).
    born, grown
        Area or volume at birth and just before division, shape (n,).
    age, cycle
        Frames since birth and frames from birth to division, shape (n,).
    committed
        Whether the cell is about to divide, shape (n,).
    compaction
        Share of its area or volume that a mother loses as it rounds up, shape (n,).
    plate
        Logarithm of the body axes of a mother that divides, like ``stretch``; 0 for round ones, shape (n, rank).
    flatness
        How flat a newborn is along the axis of the division: logarithm of the ratio of its lengths, shape (n,).
    dying
        Frames left to live, 0 for a healthy cell, shape (n,).
    seen
        Whether the cell was in the picture in the frame before, shape (n,).
    brightness
        Own brightness, about 1, shape (n,).
    outline, texture
        Waves over the direction and over the body: wave vector, then phase, shape (n, waves, rank + 1).
    spots
        Centres of dark spots in body coordinates, shape (n, spots, rank).
    """

    position: Floats
    velocity: Floats
    speed: Floats
    frame: Floats
    stretch: Floats
    unrest: Floats
    born: Floats
    grown: Floats
    age: Floats
    cycle: Floats
    committed: NDArray[np.bool_]
    compaction: Floats
    plate: Floats
    flatness: Floats
    dying: Integers
    seen: NDArray[np.bool_]
    brightness: Floats
    outline: Floats
    texture: Floats
    spots: Floats

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return int(self.position.shape[1])

    @property
    def mitosis(self) -> Floats:
        """How far a mother has rounded up, from 0 to 1, shape (n,)."""
        return np.where(self.committed, np.clip(1 - (self.cycle - self.age - 1) / MITOSIS, 0.0, 1.0), 0.0)

    @property
    def newborn(self) -> Floats:
        """How fresh a daughter is, from 1 at birth to 0, shape (n,)."""
        return np.where(self.parent > 0, np.clip(1 - self.age / NEWBORN, 0.0, 1.0), 0.0)

    @property
    def vigour(self) -> Floats:
        """1 for a healthy cell, falling to 0 as it dies, shape (n,)."""
        return np.where(self.dying > 0, self.dying / (DYING + 1), 1.0)

    @property
    def volume(self) -> Floats:
        """Area or volume in the present frame, shape (n,)."""
        grown = self.born + (self.grown - self.born) * np.clip(self.age / self.cycle, 0.0, 1.0)
        return np.asarray(grown * np.maximum(1 - self.compaction * self.mitosis, 0.3) * self.vigour)

    @property
    def radius(self) -> Floats:
        """Radius of the circle or sphere of the same area or volume, shape (n,)."""
        unit = np.pi if self.rank == 2 else 4 / 3 * np.pi
        return np.asarray((self.volume / unit) ** (1 / self.rank))

    @property
    def axes(self) -> Floats:
        """Half lengths of the body axes, shape (n, rank)."""
        flat = np.full((len(self), self.rank), 1 / self.rank)
        flat[:, 0] -= 1
        newborn, mitosis = self.newborn[:, None], self.mitosis[:, None]
        own = self.stretch * (1 - mitosis) + self.plate * mitosis
        shape = own * (1 - newborn) + self.flatness[:, None] * flat * newborn
        return np.asarray(self.radius[:, None] * np.exp(shape + self.unrest))

    @property
    def light(self) -> Floats:
        """Brightness in the present frame, shape (n,)."""
        condensed = 1 + 0.8 * self.mitosis + 0.7 * self.newborn + 0.6 * (self.vigour < 1)
        return np.asarray(self.brightness * condensed)
