"""How cells move: persistent random walk, smooth flow, repulsion, slow turning, and the drift of the stage.

Positions and lengths are in pixels of x, axes in the order (z, y, x) or (y, x).
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy.spatial import cKDTree

from cell_tracker_gnn.data import Floats

__all__ = ["Flow", "Stage", "random_directions", "repel", "turn"]


def random_directions(rng: np.random.Generator, count: int, rank: int) -> Floats:
    """Draw unit vectors in every direction alike, shape (count, rank)."""
    vectors = rng.standard_normal((count, rank))
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))


def turn(frames: Floats, angle: float, rng: np.random.Generator) -> Floats:
    """Turn orientation matrices (n, rank, rank) by random small angles of this standard deviation, in radians."""
    rank = frames.shape[-1]
    skew = np.zeros(frames.shape)
    for a, b in combinations(range(rank), 2):
        skew[:, a, b] = rng.normal(0.0, angle, len(frames))
        skew[:, b, a] = -skew[:, a, b]
    q, r = np.linalg.qr(frames @ (np.eye(rank) + skew))
    return np.asarray(q * np.sign(np.einsum("nii->ni", r))[:, None, :])


def repel(position: Floats, radius: Floats, rounds: int) -> Floats:
    """Positions (n, rank) after pushing apart cells nearer than the sum of their radii (n,), in ``rounds`` rounds."""
    position = position.copy()
    if len(position) < 2:
        return position
    for _ in range(rounds):
        pairs = cKDTree(position).query_pairs(2 * radius.max(), output_type="ndarray")
        first, second = pairs[:, 0], pairs[:, 1]
        apart = position[second] - position[first]
        distance = np.maximum(np.linalg.norm(apart, axis=1), 1e-6)
        overlap = np.maximum(radius[first] + radius[second] - distance, 0.0)
        push = 0.25 * (overlap / distance)[:, None] * apart
        for axis in range(position.shape[1]):
            position[:, axis] += np.bincount(second, push[:, axis], len(position))
            position[:, axis] -= np.bincount(first, push[:, axis], len(position))
    return position


class Flow:
    """A smooth field of velocities without sources, changing slowly in time.

    A stream that is the same everywhere and turns slowly, plus plane waves, each at right angles to its wave vector
    so that no place fills up.

    Parameters
    ----------
    extent
        Size of the field; the waves are about as long as its longest side.
    stream
        Speed of the common stream, per frame.
    swirl
        Root mean square speed of the waves together, per frame.
    """

    WAVES = 8

    def __init__(self, extent: tuple[float, ...], stream: float, swirl: float, rng: np.random.Generator) -> None:
        rank = len(extent)
        directions = random_directions(rng, self.WAVES, rank)
        length = max(extent) * rng.uniform(0.6, 1.4, self.WAVES)
        across = rng.standard_normal((self.WAVES, rank))
        across -= np.sum(across * directions, axis=1, keepdims=True) * directions
        across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
        self._waves = 2 * np.pi * directions / length[:, None]
        self._across = across * swirl * np.sqrt(2.0 / self.WAVES)
        self._phase = rng.uniform(0, 2 * np.pi, self.WAVES)
        self._pace = rng.normal(0.0, 0.08, self.WAVES)
        self._stream = stream
        self._angle = rng.uniform(0, 2 * np.pi)
        self._rng = rng

    def step(self) -> None:
        """Move on by one frame."""
        self._phase += self._pace
        self._angle += self._rng.normal(0.0, 0.05)

    def at(self, position: Floats) -> Floats:
        """Velocity at each position (n, rank), per frame, of the same shape."""
        velocity = np.cos(position @ self._waves.T + self._phase) @ self._across
        velocity[:, -2] += self._stream * np.sin(self._angle)
        velocity[:, -1] += self._stream * np.cos(self._angle)
        return np.asarray(velocity)


class Stage:
    """The microscope stage, which drifts and now and then jumps within (y, x).

    Parameters
    ----------
    drift
        Speed, in pixels per frame.
    jump
        Length of a jump, in pixels.
    leash
        Distance from the start beyond which it turns back.
    """

    JUMPS_PER_FRAME = 0.1

    def __init__(self, rank: int, drift: float, jump: float, rng: np.random.Generator, leash: float = np.inf) -> None:
        self._drift, self._jump, self._leash, self._rng = drift, jump, leash, rng
        self._angle = rng.uniform(0, 2 * np.pi)
        self._way = np.zeros(rank)

    def step(self) -> Floats:
        """Shift of everything in the picture since the frame before, shape (rank,)."""
        self._angle += self._rng.normal(0.0, 0.1)
        leaps, aim = self._rng.random() < self.JUMPS_PER_FRAME, self._rng.uniform(0, 2 * np.pi)
        if np.linalg.norm(self._way) > self._leash:
            self._angle = aim = np.arctan2(-self._way[-2], -self._way[-1])
        shift = np.zeros(len(self._way))
        shift[-2:] = self._drift * np.array([np.sin(self._angle), np.cos(self._angle)])
        if leaps:
            shift[-2:] += self._jump * np.array([np.sin(aim), np.cos(aim)])
        self._way += shift
        return shift
