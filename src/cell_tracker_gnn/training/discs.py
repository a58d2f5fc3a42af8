"""Masks reduced to small discs about their centres, as a table of points is seen by the tracker."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Frames, Scale
from cell_tracker_gnn.features.regions import MaskPixels, measure_frame

__all__ = ["DiscMasks"]

JITTER = 0.06
"""Standard deviation of the places along each axis, in diameters of the cells: a click is never quite the centre."""

SMALLEST_RADIUS = 1.5
"""Pixels."""


@dataclass(frozen=True, eq=False)
class DiscMasks:
    """Masks in which each cell is a disc or ball of the same size with the same label, the same whenever read.

    Parameters
    ----------
    frames
        The masks of the cells.
    scale
        Size of a pixel.
    share
        Diameter of the discs as a share of the usual diameter of the cells.
    seed
        Seed of the jitter.
    """

    frames: Frames
    scale: Scale
    share: float
    seed: int

    @property
    def numbers(self) -> tuple[int, ...]:
        """Frame numbers of the masks."""
        return self.frames.numbers

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one frame."""
        return self.frames.shape

    def __len__(self) -> int:
        return len(self.frames)

    @cached_property
    def _diameter(self) -> float:
        """Usual diameter of the cells, in units of the scale, from a few frames spread over the movie."""
        found = [self._measured(index)[2] for index in np.linspace(0, len(self) - 1, min(len(self), 5), dtype=int)]
        return float(np.median(np.concatenate([*found, np.ones(1)])))

    def _measured(self, index: int) -> tuple[NDArray[np.generic], NDArray[np.float64], NDArray[np.float64]]:
        cells = measure_frame(MaskPixels.of(np.asarray(self.frames[index])), None, self.scale)
        rank = cells.centroid.shape[1]
        unit = np.pi / 4 if rank == 2 else np.pi / 6
        return cells.label, cells.centroid, (cells.size * np.prod(self.scale.step) / unit) ** (1 / rank)

    def __getitem__(self, index: int, /) -> NDArray[np.generic]:
        label, centre, _ = self._measured(index)
        rng = np.random.default_rng((self.seed, self.numbers[index]))
        step = np.asarray(self.scale.step)
        centre = centre + rng.normal(0.0, JITTER * self._diameter, centre.shape) / step
        radius = max(0.5 * self.share * self._diameter, SMALLEST_RADIUS * float(step[-1]))
        reach = np.ceil(radius / step).astype(int)
        ball = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), axis=-1)
        offset = ball[np.sum((ball * step) ** 2, axis=-1) <= radius**2]
        mask = np.zeros(self.shape, np.int32)
        middle = np.clip(np.rint(centre).astype(int), 0, np.asarray(self.shape) - 1)
        for number, place in zip(label, middle, strict=True):
            pixel = place + offset
            pixel = pixel[((pixel >= 0) & (pixel < self.shape)).all(axis=1)]
            free = pixel[mask[tuple(pixel.T)] == 0]
            mask[tuple(free.T)] = number
        return mask
