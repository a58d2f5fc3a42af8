"""Masks and image of one frame to one row per cell, in a single pass over the foreground pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Cells, Floats, Integers, Scale

__all__ = ["FrameCells", "Levels", "MaskPixels", "frame_levels", "join_frames", "measure_frame"]

LEVELS = (1.0, 99.8)
"""Percentiles of a frame that count as its dark and its bright level."""

MOSTLY_KNOWN = 0.9
"""A cell of which the image shows a smaller share than this has an unknown appearance."""

SAMPLED_PIXELS = 200_000
"""Percentiles of a frame are taken from about this many pixels on a regular lattice."""


@dataclass(frozen=True)
class Levels:
    """Dark and bright level of an image."""

    dark: float
    bright: float

    @property
    def span(self) -> float:
        """Difference of the levels, never zero."""
        return self.bright - self.dark if self.bright > self.dark else 1.0


@dataclass(frozen=True, eq=False)
class MaskPixels:
    """Foreground pixels of one label image, grouped by cell.

    Parameters
    ----------
    label
        The labels in increasing order, shape (n,).
    pixel
        Flat index of every foreground pixel, ordered by cell, shape (p,).
    start
        Where each cell begins in ``pixel``, shape (n + 1,).
    shape
        Shape of the frame.
    """

    label: Integers
    pixel: Integers
    start: Integers
    shape: tuple[int, ...]

    @property
    def size(self) -> Integers:
        """Number of pixels of each cell, shape (n,)."""
        return np.diff(self.start)

    @property
    def cell(self) -> Integers:
        """Row of the cell of each pixel, shape (p,)."""
        return np.repeat(np.arange(len(self.label)), self.size)

    def rows(self) -> NDArray[np.int32]:
        """Image of the rows: -1 in the background, else the row of the cell, in the shape of the frame."""
        image = np.full(int(np.prod(self.shape)), -1, np.int32)
        image[self.pixel] = self.cell
        return image.reshape(self.shape)

    @classmethod
    def of(cls, mask: NDArray[np.generic], *, min_size: int = 0) -> MaskPixels:
        """Group the foreground pixels of a label image by label, without cells of fewer than ``min_size`` pixels."""
        flat = np.ascontiguousarray(mask).reshape(-1)
        # Numpy finds the true ones among flags five times faster than the nonzero ones among numbers.
        pixel = np.flatnonzero(flat != 0)
        value = flat[pixel]
        if value.dtype.itemsize > 2 and len(value) and int(value.max()) <= 65535:
            # A stable sort of 16-bit integers is a radix sort, ten times faster than that of wider ones.
            value = value.astype(np.uint16)
        order = np.argsort(value, kind="stable")
        value = value[order]
        first = np.flatnonzero(np.r_[True, value[1:] != value[:-1]]) if len(value) else np.zeros(0, np.int64)
        label, size, pixel = value[first].astype(np.int64), np.diff(np.r_[first, len(pixel)]), pixel[order]
        if min_size > 1:
            kept = size >= min_size
            label, size, pixel = label[kept], size[kept], pixel[np.repeat(kept, size)]
        return cls(label, pixel, np.r_[0, np.cumsum(size)].astype(np.int64), tuple(mask.shape))


@dataclass(frozen=True, eq=False)
class FrameCells:
    """The cells of one frame, ordered by label; columns as in :class:`~cell_tracker_gnn.data.Cells`."""

    label: Integers
    size: Integers
    centroid: Floats
    box: Integers
    axes: Floats
    direction: Floats
    intensity: Floats
    appearance: Floats

    def __len__(self) -> int:
        return len(self.label)


def frame_levels(image: NDArray[np.generic]) -> Levels:
    """The 1st and the 99.8th percentile of one frame, NaN ignored."""
    stride = max(1, image.size // SAMPLED_PIXELS)
    sample = np.ascontiguousarray(image).reshape(-1)[::stride]
    if sample.dtype in (np.uint8, np.uint16):
        return Levels(*_counted_percentiles(sample, LEVELS))
    sample = sample.astype(np.float64)
    sample = sample[np.isfinite(sample)]
    if not len(sample):
        return Levels(0.0, 0.0)
    dark, bright = np.percentile(sample, LEVELS)
    return Levels(float(dark), float(bright))


def _counted_percentiles(sample: NDArray[np.generic], percents: Sequence[float]) -> list[float]:
    """The same as numpy's percentiles; counting small integers is several times faster than sorting them."""
    below = np.cumsum(np.bincount(sample))
    found = []
    for percent in percents:
        place = percent / 100.0 * (len(sample) - 1)
        first, second = np.searchsorted(below, (np.floor(place), np.ceil(place)), side="right")
        found.append(float(first + (place % 1.0) * (second - first)))
    return found


def measure_frame(
    pixels: MaskPixels, image: NDArray[np.generic] | None, scale: Scale, levels: Levels | None = None
) -> FrameCells:
    """Measure every cell of one frame.

    Parameters
    ----------
    pixels
        Foreground pixels of the frame, grouped by cell.
    image
        Intensities, (y, x) or (z, y, x), or None.
    scale
        Physical size of a pixel.
    levels
        Dark and bright level of the image, if they are known already.

    Returns
    -------
    FrameCells
        Rows ordered by label. Axis lengths are those of the ellipse (4 sqrt(eigenvalue)) or ellipsoid
        (sqrt(20 eigenvalue)) with the same second moments.
    """
    count, rank = len(pixels.label), len(pixels.shape)
    coordinate = np.unravel_index(pixels.pixel, pixels.shape)
    cell, size, start = pixels.cell, pixels.size, pixels.start[:-1]
    centroid = np.zeros((count, rank))
    box = np.zeros((count, 2 * rank), np.int64)
    if count:
        for axis, column in enumerate(coordinate):
            centroid[:, axis] = np.add.reduceat(column, start) / size
            box[:, axis] = np.minimum.reduceat(column, start)
            box[:, rank + axis] = np.maximum.reduceat(column, start) + 1
    offset = [(column - centroid[cell, axis]) * scale.step[axis] for axis, column in enumerate(coordinate)]
    axes, direction = _principal_axes(offset, start, size)
    intensity, appearance = _intensities(image, pixels, levels)
    return FrameCells(pixels.label, size, centroid, box, axes, direction, intensity, appearance)


def _principal_axes(offset: Sequence[Floats], start: Integers, size: Integers) -> tuple[Floats, Floats]:
    """Axis lengths, largest first, and unit vector of the largest, from the offsets to the centroid along each axis."""
    count, rank = len(size), len(offset)
    if not count:
        return np.zeros((0, rank)), np.zeros((0, rank))
    covariance = np.zeros((count, rank, rank))
    for a in range(rank):
        for b in range(a, rank):
            covariance[:, a, b] = covariance[:, b, a] = np.add.reduceat(offset[a] * offset[b], start) / size
    value, vector = np.linalg.eigh(covariance)
    value = np.clip(value[:, ::-1], 0.0, None)
    return (4.0 * np.sqrt(value) if rank == 2 else np.sqrt(20.0 * value)), vector[:, :, -1]


def _intensities(image: NDArray[np.generic] | None, pixels: MaskPixels, levels: Levels | None) -> tuple[Floats, Floats]:
    """Raw (minimum, mean, maximum, deviation) and the same on the frame's own scale (mean, deviation, maximum).

    NaN without an image; the latter also where the image is blank or lacks values. In the former NaN counts as dark.
    """
    count = len(pixels.label)
    if image is None or not count:
        return np.full((count, 4), np.nan), np.full((count, 3), np.nan)
    levels = levels or frame_levels(image)
    value = np.ascontiguousarray(image).reshape(-1)[pixels.pixel].astype(np.float64)
    start, size = pixels.start[:-1], pixels.size
    known = np.isfinite(value)
    value = np.where(known, value, levels.dark)
    mean = np.add.reduceat(value, start) / size
    deviation = np.sqrt(np.add.reduceat((value - mean[pixels.cell]) ** 2, start) / size)
    low, high = np.minimum.reduceat(value, start), np.maximum.reduceat(value, start)
    relative = np.stack([mean - levels.dark, deviation, high - levels.dark], axis=1) / levels.span
    if levels.bright <= levels.dark and low.min() == high.max():
        relative[:] = np.nan  # a blank frame: the camera saw nothing, the cells have not faded
    if not known.all():
        relative[np.add.reduceat(known, start, dtype=np.int64) < MOSTLY_KNOWN * size] = np.nan
    return np.stack([low, mean, high, deviation], axis=1), relative


def join_frames(
    frames: Sequence[FrameCells],
    embedding: NDArray[np.float32] | None = None,
    *,
    numbers: tuple[int, ...],
    shape: tuple[int, ...],
    scale: Scale,
) -> Cells:
    """One :class:`~cell_tracker_gnn.data.Cells` from the frames of a movie, in their order."""
    columns = {f.name: np.concatenate([getattr(frame, f.name) for frame in frames]) for f in fields(FrameCells)}
    count = len(columns["label"])
    return Cells(
        frame=np.repeat(np.arange(len(frames)), [len(f) for f in frames]).astype(np.int64),
        embedding=embedding if embedding is not None else np.zeros((count, 0), np.float32),
        numbers=numbers,
        shape=shape,
        scale=scale,
        **columns,
    )
