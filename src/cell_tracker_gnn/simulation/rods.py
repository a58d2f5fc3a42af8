"""Rods that grow, divide across the middle and push each other.

Lengths are in pixels, axes (y, x). A rod is a line between the centres of its two round caps, with a width around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.spatial import cKDTree

from cell_tracker_gnn.data import Floats
from cell_tracker_gnn.simulation.rows import Rows

__all__ = ["Rods"]

DISCS = 5
ROUNDS = 25


@dataclass(eq=False)
class Rods(Rows):
    """Rods, one row each.

    Parameters
    ----------
    identity, parent
        Number of the rod and of its mother (or 0), shape (n,).
    position
        Centre, shape (n, 2).
    angle
        Direction, from the y axis to the x axis, in radians, shape (n,).
    length
        From tip to tip, shape (n,).
    limit
        Length at which it divides, shape (n,).
    vigour
        Growth relative to the others, shape (n,).
    darkness
        Contrast, about 1, shape (n,).
    pattern
        Phases of two waves along the rod, shape (n, 2).
    push
        Displacement by the neighbours in the frame before, per frame, shape (n, 2).
    """

    position: Floats
    angle: Floats
    length: Floats
    limit: Floats
    vigour: Floats
    darkness: Floats
    pattern: Floats
    push: Floats

    @property
    def axis(self) -> Floats:
        """Unit vector along each rod, shape (n, 2)."""
        return np.stack([np.cos(self.angle), np.sin(self.angle)], axis=1)

    def divided(self, rng: np.random.Generator, width: float) -> tuple[Self, Self]:
        """Cut each rod in two daughters that lie end to end where the mother lay; their numbers are still hers."""
        share = 0.5 + np.clip(rng.normal(0.0, 0.025, len(self)), -0.06, 0.06)
        daughters = []
        for part, way in ((share, 1.0), (1 - share, -1.0)):
            daughter = self.take(np.ones(len(self), bool))
            daughter.length = np.maximum(self.length * part, 1.1 * width)
            middle = way * 0.5 * (1 - part) * self.length
            daughter.position = self.position + middle[:, None] * self.axis
            daughter.angle = self.angle + rng.normal(0.0, 0.06, len(self))
            daughter.darkness = self.darkness * np.exp(rng.normal(0.0, 0.05, len(self)))
            daughter.pattern = rng.uniform(0, 2 * np.pi, (len(self), 2))
            daughter.vigour = np.exp(np.clip(rng.normal(0.0, 0.1, len(self)), -0.2, 0.2))
            daughters.append(daughter)
        return daughters[0], daughters[1]

    def relax(self, width: float) -> None:
        """Push rods apart that overlap, each taken as a few discs of this width in a row."""
        before = self.position.copy()
        # a colony spreads steadily, so the last displacement is a good start and keeps pressure from building up
        self.position = self.position + 0.8 * self.push
        along = np.linspace(-0.5, 0.5, DISCS)
        for _ in range(ROUNDS):
            reach = (self.length - width)[:, None] * along
            discs = self.position[:, None] + reach[..., None] * self.axis[:, None]
            force = disc_forces(discs.reshape(-1, 2), width).reshape(discs.shape)
            shift = np.clip(1.5 * force.mean(axis=1), -0.3 * width, 0.3 * width)
            torque = np.sum(
                reach * (self.axis[:, None, 0] * force[..., 1] - self.axis[:, None, 1] * force[..., 0]), axis=1
            )
            inertia = np.sum(reach**2, axis=1) + 0.5 * width**2
            self.position = self.position + shift
            self.angle = self.angle + np.clip(torque / inertia, -0.15, 0.15)
        self.push = np.clip(self.position - before, -width, width)


def disc_forces(discs: Floats, width: float) -> Floats:
    """Half the overlap of each disc (n, 2) with discs of other rods, pointing away from them, shape (n, 2)."""
    pairs = cKDTree(discs).query_pairs(width, output_type="ndarray")
    pairs = pairs[pairs[:, 0] // DISCS != pairs[:, 1] // DISCS]
    first, second = pairs[:, 0], pairs[:, 1]
    apart = discs[second] - discs[first]
    distance = np.maximum(np.linalg.norm(apart, axis=1), 1e-6)
    push = (0.5 * (width - distance) / distance)[:, None] * apart
    columns = [
        np.bincount(second, push[:, axis], len(discs)) - np.bincount(first, push[:, axis], len(discs))
        for axis in (0, 1)
    ]
    return np.stack(columns, axis=1)
