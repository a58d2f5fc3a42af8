"""Cells and their image to small pictures of one size, all cells of a frame at once, in 2D and 3D."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add, mul
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Floats, Integers
from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.features.regions import Levels, frame_levels
from cell_tracker_gnn.settings import CROPS

__all__ = ["BRIGHTEST", "PATCH", "crop_shape", "cut_crops"]

BRIGHTEST = 1.5
"""Crops are clipped here; 1 is the bright level of the frame."""

MARGIN = 1.2
"""A crop shows this many times the bounding box of its cell."""

MAGNIFICATION = 2.0
"""Small cells are magnified up to this factor."""

PATCH = 64
"""Length of a patch in pixels, where the size of the cells is not known."""

_SAMPLES = 2
"""Most sub-samples per axis of a crop pixel; three find a cell again no more often and cost twice as much."""

_CHUNK = 500_000
"""About this many samples are gathered at once, to bound the memory."""


def crop_shape(rank: int, size: int) -> tuple[int, ...]:
    """Shape of one crop: (size, size), or (size / 2, size, size) in 3D where there are fewer planes."""
    return (size,) * 2 if rank == 2 else (size // 2, size, size)


def cut_crops(
    image: NDArray[np.generic],
    mask: NDArray[np.generic],
    labels: Integers,
    boxes: Integers,
    *,
    size: int = 32,
    mode: str = "masked",
    step: Sequence[float] | None = None,
    levels: Levels | None = None,
) -> NDArray[np.float32]:
    """Cut one crop per cell out of a frame.

    A crop is centred on the bounding box; its pixels are as long along z as along y and x. There are three modes:

    - ``"masked"`` shows the box with a margin of 20 %, magnified at most twice, and 0 outside the cell;
    - ``"padded"`` (the paper's) shows the box at its own size, padded with 0 to the size of the crop, and 0 outside the
      cell; a cell that is larger than the crop is shrunk, on its own;
    - ``"patch"`` shows a window of 64 pixels with the surroundings, for cells of which only a marker or a point is
      known.

    The scale of a crop depends on its own cell only. A crop pixel is interpolated where it is smaller than a pixel and
    else averages 2 x 2 (in 3D 2 x 2 x 2) sub-samples. Intensities are 0 at the dark and 1 at the bright level,
    clipped to [0, 1.5]; NaN counts as dark.

    Parameters
    ----------
    image
        Intensities, (y, x) or (z, y, x).
    mask
        Label image of the same shape.
    labels
        Label of each cell, shape (n,).
    boxes
        First corner and one past the last corner of each cell in pixels, shape (n, 2 * rank).
    size
        Length of the crop in x and y, an even number.
    mode
        ``"masked"``, ``"padded"`` or ``"patch"``.
    step
        Length of a pixel along each axis; equal when left out.
    levels
        Dark and bright level; the 1st and 99.8th percentile of the frame when left out.

    Returns
    -------
    NDArray[np.float32]
        Shape (n, 1, size, size) or (n, 1, size / 2, size, size).

    Raises
    ------
    InputError
        If the shapes or the mode do not fit.
    """
    rank = mask.ndim
    _check(image, mask, boxes, mode=mode, size=size)
    shape = crop_shape(rank, size)
    crops = np.zeros((len(labels), 1, *shape), np.float32)
    unit = np.ones(rank) if step is None else np.asarray(step, np.float64) / min(step)
    low, high = boxes[:, :rank], boxes[:, rank:]
    margin, magnification = (MARGIN, MAGNIFICATION) if mode == "masked" else (1.0, 1.0)
    if mode == "patch":
        scale = np.full(len(labels), PATCH / size)
    else:
        scale = (margin * (high - low) * unit / np.array(shape)).max(axis=1, initial=1.0 / magnification)
    stride = scale[:, None] / unit
    origin = (low + high - 1) / 2 - stride * (np.array(shape) - 1) / 2
    samples = np.clip(np.ceil(stride - 1e-9), 1, _SAMPLES).astype(np.int64)
    sampler = _Sampler(image, None if mode == "patch" else mask, levels or frame_levels(image))
    for count in np.unique(samples, axis=0):
        group = np.flatnonzero((samples == count).all(axis=1))
        length = max(1, int(_CHUNK / (np.prod(shape) * np.prod(np.where(count == 1, 2, count)))))
        for begin in range(0, len(group), length):
            rows = group[begin : begin + length]
            crops[rows, 0] = sampler.sample(labels[rows], origin[rows], stride[rows], shape, count)
    return crops


def _check(image: NDArray[np.generic], mask: NDArray[np.generic], boxes: Integers, *, mode: str, size: int) -> None:
    if mask.ndim not in (2, 3) or image.shape != mask.shape:
        raise InputError(f"image {image.shape} and mask {mask.shape} differ in shape or rank; give frames that match")
    if boxes.ndim != 2 or boxes.shape[1] != 2 * mask.ndim:
        raise InputError(f"boxes of shape {boxes.shape} do not fit {mask.ndim} axes; give two corners per cell")
    if mode not in CROPS:
        raise InputError(f"the crop mode {mode!r} does not exist; use {', '.join(CROPS)}")
    if size < 2 or size % 2:
        raise InputError(f"the crop size {size} is not an even positive number; use 32")


class _Sampler:
    """Gathers crop pixels from one frame; without a mask the frame goes on beyond its border as its last pixels."""

    def __init__(self, image: NDArray[np.generic], mask: NDArray[np.generic] | None, levels: Levels) -> None:
        self.shape = image.shape
        self.levels = levels
        self.image = np.ascontiguousarray(image).reshape(-1)
        if self.image.dtype.kind == "f":
            self.image = np.nan_to_num(self.image, nan=self.levels.dark)
        self.mask = None if mask is None else np.ascontiguousarray(mask).reshape(-1)

    def sample(
        self, labels: Integers, origin: Floats, stride: Floats, shape: tuple[int, ...], count: Integers
    ) -> NDArray[np.float32]:
        """Sample crops of cells that all take the same ``count`` of sub-samples per axis, shape (k, *shape)."""
        rank, mine = len(shape), labels.reshape(-1, *(1,) * len(shape))
        axes = [
            self._axis(axis, origin[:, axis], stride[:, axis], shape[axis], int(count[axis])) for axis in range(rank)
        ]
        shown = np.zeros((len(labels), *shape), np.float32)
        for corner in np.ndindex(*(offset.shape[-1] for offset, _ in axes)):
            index = reduce(add, (offset[..., one] for (offset, _), one in zip(axes, corner, strict=True)))
            weight: NDArray[Any] = reduce(mul, (share[..., one] for (_, share), one in zip(axes, corner, strict=True)))
            if self.mask is not None:
                weight *= self.mask.take(index) == mine
            value = self.image.take(index).astype(np.float32)
            value -= np.float32(self.levels.dark)
            value *= weight
            shown += value
        shown /= self.levels.span
        return np.clip(shown, 0.0, BRIGHTEST, out=shown)

    def _axis(
        self, axis: int, origin: Floats, stride: Floats, length: int, count: int
    ) -> tuple[Integers, NDArray[np.float32]]:
        """Offsets into the flat frame and weights of what makes up each crop pixel along one axis.

        Both have shape (k, 1, ..., length, ..., 1, corners), so that those of all axes can be joined.
        """
        place, share = _positions(origin, stride, length, count)
        last = self.shape[axis] - 1
        if self.mask is not None:
            share = share * ((place >= 0) & (place <= last))
        offset = np.clip(place, 0, last) * int(np.prod(self.shape[axis + 1 :]))
        rank = len(self.shape)
        view = (len(origin), *(length if other == axis else 1 for other in range(rank)), place.shape[-1])
        return offset.reshape(view), share.reshape(view).astype(np.float32)


def _positions(origin: Floats, stride: Floats, length: int, count: int) -> tuple[Integers, NDArray[np.float32]]:
    """Pixels and weights that make up each crop pixel along one axis, both (k, length, corners)."""
    centre = origin[:, None] + stride[:, None] * np.arange(length)
    if count == 1:
        below = np.floor(centre)
        share = centre - below
        index = np.stack([below, below + 1], axis=2)
        return index.astype(np.int64), np.stack([1.0 - share, share], axis=2).astype(np.float32)
    offset = (np.arange(count) + 0.5) / count - 0.5
    index = np.rint(centre[:, :, None] + stride[:, None, None] * offset)
    return index.astype(np.int64), np.full(index.shape, 1.0 / count, np.float32)
