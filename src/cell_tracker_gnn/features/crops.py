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
from cell_tracker_gnn.features.grids import Axis, Grids
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

_AT_ONCE = 500_000
"""About this many pixels are read at once, to bound the memory."""


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

    The scale of a crop depends on its own cell only. A crop pixel is interpolated along the axes where it is at most
    1.5 pixels long and averages two sub-samples along the others. Intensities are 0 at the dark and 1 at the bright
    level, clipped to [0, 1.5]; NaN counts as dark.

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
    _check(image, mask, boxes, mode=mode, size=size)
    shape = crop_shape(mask.ndim, size)
    crops = np.zeros((len(labels), 1, *shape), np.float32)
    masked = mode != "patch"
    grids = Grids.centred(boxes, _strides(boxes, shape, mode, step), shape)
    sampler = _Sampler(image, mask if masked else None, levels or frame_levels(image))
    for rows in grids.together(_AT_ONCE):
        crops[rows, 0] = sampler.sample(labels[rows], grids.axes(rows, mask.shape, masked=masked))
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


def _strides(boxes: Integers, shape: tuple[int, ...], mode: str, step: Sequence[float] | None) -> Floats:
    """Length of a crop pixel in pixels of the frame, shape (n, rank)."""
    rank = len(shape)
    unit = np.ones(rank) if step is None else np.asarray(step, np.float64) / min(step)
    if mode == "patch":
        return np.full((len(boxes), 1), PATCH / shape[-1]) / unit
    margin, magnification = (MARGIN, MAGNIFICATION) if mode == "masked" else (1.0, 1.0)
    extent = margin * (boxes[:, rank:] - boxes[:, :rank]) * unit
    scale: Floats = (extent / np.array(shape)).max(axis=1, initial=1.0 / magnification)
    return scale[:, None] / unit


class _Sampler:
    """Reads crops from one frame; without a mask the frame goes on beyond its border as its last pixels."""

    def __init__(self, image: NDArray[np.generic], mask: NDArray[np.generic] | None, levels: Levels) -> None:
        self.shape = image.shape
        self.levels = levels
        self.image = np.ascontiguousarray(image).reshape(-1)
        if self.image.dtype.kind == "f":
            self.image = np.nan_to_num(self.image, nan=self.levels.dark)
        self.mask = None if mask is None else np.ascontiguousarray(mask).reshape(-1)

    def sample(self, labels: Integers, axes: Sequence[Axis]) -> NDArray[np.float32]:
        """Crops of cells, (k, *shape), that read along each axis what it says.

        Every pixel of the frame that a crop needs is read once; then one axis after the other comes to its length.
        """
        mine = labels.reshape(-1, *(1,) * len(axes))
        index = reduce(add, (self._along(one.offset, axis) for axis, one in enumerate(axes)))
        shown = self.image.take(index, mode="clip").astype(np.float32)
        shown -= np.float32(self.levels.dark)
        if self.mask is not None:
            shown *= self.mask.take(index, mode="clip") == mine
            shown *= reduce(mul, (self._along(one.inside, axis) for axis, one in enumerate(axes)))
        for axis in reversed(range(len(axes))):
            shown = axes[axis].resample(shown, axis)
        shown /= self.levels.span
        return np.clip(shown, 0.0, BRIGHTEST, out=shown)

    def _along(self, values: NDArray[Any], axis: int) -> NDArray[Any]:
        """Values of an axis, (k, reads), in a shape that those of all axes can be joined in."""
        return values.reshape(len(values), *(-1 if other == axis else 1 for other in range(len(self.shape))))
