"""Masks reduced to discs about their centres, as a movie of points is seen by the tracker."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Floats, Integers, Scale, WrappedFrames
from cell_tracker_gnn.features.regions import FrameCells, MaskPixels, measure_frame
from cell_tracker_gnn.io.discs import draw_discs
from cell_tracker_gnn.io.grid import usual_spacing

__all__ = ["DiscMasks"]

JITTER = 0.05
"""Standard deviation of the places along each axis by the spacing: a click is never quite the centre."""

SMALLEST_RADIUS = 1.5
"""Pixels along the last axis."""

SAMPLED = 8
"""Frames that tell the usual spacing."""


@dataclass(frozen=True, eq=False)
class DiscMasks(WrappedFrames):
    """Masks in which each cell is a disc or ball of the same size with the same label, the same whenever read.

    Parameters
    ----------
    frames
        The masks of the cells.
    scale
        Size of a pixel.
    share
        Diameter of the discs by the usual distance between neighbours.
    seed
        Seed of the jitter.
    """

    scale: Scale
    share: float
    seed: int

    @cached_property
    def _spacing(self) -> float:
        """Usual distance between neighbours, in units of the scale, from a few frames spread over the movie."""
        sampled = np.linspace(0, len(self) - 1, min(len(self), SAMPLED), dtype=int)
        centres = [self._measured(index).centroid for index in sampled]
        frame: Integers = np.repeat(np.arange(len(centres)), [len(c) for c in centres])
        place: Floats = np.concatenate(centres) * self.scale.step
        return usual_spacing(frame, place) if len(place) else 1.0

    def _measured(self, index: int) -> FrameCells:
        return measure_frame(MaskPixels.of(np.asarray(self.frames[index])), None, self.scale)

    def __getitem__(self, index: int, /) -> NDArray[np.generic]:
        cells, step = self._measured(index), np.asarray(self.scale.step)
        rng = np.random.default_rng((self.seed, self.numbers[index]))
        centre = cells.centroid + rng.normal(0.0, JITTER * self._spacing, cells.centroid.shape) / step
        radius = max(0.5 * self.share * self._spacing, SMALLEST_RADIUS * step[-1]) / step
        inside = np.clip(centre, 0, np.asarray(self.shape) - 1)
        return draw_discs(inside, cells.label.astype(np.int64), radius.tolist(), self.shape)
