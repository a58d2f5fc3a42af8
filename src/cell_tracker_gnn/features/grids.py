"""Where the pixels of crops lie in their frame, and how they come out of what is read there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Floats, Integers

__all__ = ["Axis", "Grids"]

_INTERPOLATED = 1.5
"""Crop pixels up to this many pixels long are interpolated; of longer ones, two sub-samples per axis are averaged."""


@dataclass(frozen=True)
class Grids:
    """The pixels of k crops of one shape, in pixels of their frame.

    Parameters
    ----------
    boxes
        First corner and one past the last corner of each cell, shape (k, 2 * rank).
    origin
        Middle of the first crop pixel, shape (k, rank).
    stride
        Length of a crop pixel, shape (k, rank).
    shape
        Shape of a crop.
    """

    boxes: Integers
    origin: Floats
    stride: Floats
    shape: tuple[int, ...]

    @classmethod
    def centred(cls, boxes: Integers, stride: Floats, shape: tuple[int, ...]) -> Self:
        """Crops in the middle of their boxes."""
        rank = len(shape)
        middle = (boxes[:, :rank] + boxes[:, rank:] - 1) / 2
        return cls(boxes, middle - stride * (np.array(shape) - 1) / 2, stride, shape)

    def together(self, most: int) -> Iterator[Integers]:
        """Rows of crops that are read in the same way, at most about so many pixels at once."""
        averaged = self.stride > _INTERPOLATED
        for way in np.unique(averaged, axis=0):
            rows = np.flatnonzero((averaged == way).all(axis=1))
            # All are read at the length of the longest, so crops of about one scale go together.
            rows = rows[np.argsort(self.stride[rows].max(axis=1), kind="stable")]
            count = max(1, most // int(np.prod(self.shape) * 2 ** way.sum()))
            yield from (rows[begin : begin + count] for begin in range(0, len(rows), count))

    def axes(self, rows: Integers, frame: tuple[int, ...], *, masked: bool) -> list[Axis]:
        """How rows that go together are read, axis by axis; masked crops show nothing outside of their boxes."""
        rank = len(self.shape)
        axes = []
        for axis, length in enumerate(self.shape):
            stride = self.stride[rows, axis]
            centre = self.origin[rows, axis, None] + stride[:, None] * np.arange(length)
            if stride.max(initial=0.0) > _INTERPOLATED:
                axes.append(Axis.averaged(centre, stride, frame[axis:]))
            else:
                seen = self.boxes[rows][:, [axis, rank + axis]] if masked else None
                axes.append(Axis.interpolated(centre, seen, frame[axis:]))
        return axes


@dataclass(frozen=True)
class Axis:
    """What crops read along one axis, and how it becomes their pixels.

    Parameters
    ----------
    offset
        Places in the flat frame, those beyond the border at its last pixels, shape (k, reads).
    inside
        Which of them lie within the frame, shape (k, reads).
    share
        How much of each makes up each crop pixel, shape (k, length, reads); None where it is the mean of the
        neighbouring two.
    """

    offset: Integers
    inside: NDArray[np.bool_]
    share: NDArray[np.float32] | None

    @classmethod
    def averaged(cls, centre: Floats, stride: Floats, frame: tuple[int, ...]) -> Self:
        """Crop pixels, (k, length), as the mean of the pixels at a quarter and three quarters of their length."""
        quarter = stride[:, None, None] * np.array([-0.25, 0.25])
        return cls._at(np.rint(centre[:, :, None] + quarter).reshape(len(centre), -1), None, frame)

    @classmethod
    def interpolated(cls, centre: Floats, seen: Integers | None, frame: tuple[int, ...]) -> Self:
        """Crop pixels, (k, length), between their two neighbours; only from ``seen[:, 0]`` to before ``seen[:, 1]``."""
        first, last = np.floor(centre[:, 0]), np.floor(centre[:, -1]) + 1
        if seen is not None:
            first, last = seen[:, 0], seen[:, 1] - 1
        place = first[:, None] + np.arange(int((last - first).max(initial=0)) + 1.0)
        # The closer a pixel lies to the middle of the crop pixel, the more it counts.
        share = np.maximum(0.0, 1.0 - np.abs(centre[:, :, None] - place[:, None, :]))
        return cls._at(place, share.astype(np.float32), frame)

    @classmethod
    def _at(cls, place: Floats, share: NDArray[np.float32] | None, frame: tuple[int, ...]) -> Self:
        """The reading of pixels along the first of the axes of a frame."""
        within = np.clip(place, 0, frame[0] - 1)
        return cls(within.astype(np.int64) * int(np.prod(frame[1:])), within == place, share)

    def resample(self, values: NDArray[np.float32], number: int) -> NDArray[np.float32]:
        """Bring the axis of this number in what was read, (k, ..., reads, ...), to the length of the crops."""
        before, reads, after = values.shape[: 1 + number], values.shape[1 + number], values.shape[2 + number :]
        if self.share is None:
            rows = values.reshape(int(np.prod(before)), reads // 2, 2, -1)
            mean: NDArray[np.float32] = (rows[:, :, 0] + rows[:, :, 1]) * np.float32(0.5)
            return mean.reshape(*before, -1, *after)
        if not after:
            flat = values.reshape(len(values), -1, reads) @ self.share.swapaxes(1, 2)
        else:
            flat = self.share[:, None] @ values.reshape(len(values), -1, reads, int(np.prod(after)))
        resampled: NDArray[np.float32] = flat.reshape(*before, -1, *after)
        return resampled
