"""Frames that are checked when they are read, so that a wrong input is named instead of tracked."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import WrappedFrames
from cell_tracker_gnn.errors import FrameMismatchError, InputError

__all__ = ["CheckedImages", "CheckedMasks"]

Image = NDArray[np.generic]

_LABEL_FIRST = "label the cells first, for example with skimage.measure.label"
_SMALLEST_JUDGED = 1024
"""Frames of fewer pixels are too small to tell an image from masks."""

_BRIGHTEST = 1e15
"""Intensities beyond this one are those of a damaged file."""


@dataclass(frozen=True, eq=False)
class CheckedMasks(WrappedFrames):
    """Masks that are known to be integer label images of one shape once they are read.

    Parameters
    ----------
    frames
        The masks.
    source
        Their name in error messages.
    """

    source: str
    _judged: list[bool] = field(default_factory=list, repr=False)

    def __getitem__(self, index: int, /) -> Image:
        place = range(len(self))[index]
        masks = self.frames[place]
        where = f"frame {self.numbers[place]} of the masks {self.source}"
        _check_shape(masks, self.shape, where, "the frames before it")
        _check_labels(masks, where)
        if not self._judged and masks.any():
            _check_not_an_image(masks, where)
            self._judged.append(True)
        return masks


@dataclass(frozen=True, eq=False)
class CheckedImages(WrappedFrames):
    """Images that are known to have the shape of the masks once they are read.

    Parameters
    ----------
    frames
        The images.
    source
        Their name in error messages.
    expected
        Shape of the masks.
    """

    source: str
    expected: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one frame, (y, x) or (z, y, x)."""
        return self.expected

    def __getitem__(self, index: int, /) -> Image:
        place = range(len(self))[index]
        image = self.frames[place]
        where = f"frame {self.numbers[place]} of the images {self.source}"
        _check_shape(image, self.expected, where, "its masks")
        if image.dtype.kind not in "buif":
            raise InputError(f"{where} holds {image.dtype} values; give images of integers or floating-point numbers")
        if image.dtype.kind == "f" and image.dtype.itemsize > 2:
            _check_brightness(image, where)
        return image


def _check_shape(frame: Image, expected: tuple[int, ...], where: str, others: str) -> None:
    if frame.shape != expected:
        raise FrameMismatchError(
            f"{where} has shape {frame.shape}, but {others} have {expected}; give masks and images of one shape"
        )


def _check_brightness(image: Image, where: str) -> None:
    """Refuse numbers whose squares are no numbers any more; NaN and infinity are places without a value."""
    size = np.abs(image)
    largest = size.max(initial=0.0, where=np.isfinite(size))
    if largest > _BRIGHTEST:
        raise InputError(f"{where} holds values of {largest:.0e}; give intensities below {_BRIGHTEST:.0e}")


def _check_labels(masks: Image, where: str) -> None:
    """Refuse values that cannot be labels."""
    if masks.dtype == np.bool_:
        raise InputError(f"{where} holds true and false only, so all cells would be one; {_LABEL_FIRST}")
    if masks.dtype.kind == "f":
        raise InputError(f"{where} holds floating-point numbers; give integer labels, 0 for the background")
    if masks.dtype.kind not in "ui":
        raise InputError(f"{where} holds {masks.dtype} values; give integer labels, 0 for the background")
    if masks.dtype.kind == "i" and masks.min(initial=0) < 0:
        raise InputError(f"{where} holds the negative label {masks.min()}; give labels from 1 on, 0 for the background")
    if masks.dtype == np.uint64 and masks.max(initial=0) >= 2**63:
        raise InputError(f"{where} holds the label {masks.max()}, beyond 2^63; number the cells from 1 on")


def _check_not_an_image(masks: Image, where: str) -> None:
    """Refuse intensities and unlabelled foreground, told by the number of connected pieces of equal value.

    In masks nearly every label is one piece; in an image most grey values lie scattered over many.
    """
    if masks.size < _SMALLEST_JUDGED:
        return
    from skimage.measure import label

    pieces, count = label(masks.astype(np.int64, copy=False), background=0, connectivity=1, return_num=True)
    value = np.zeros(count + 1, np.int64)
    value[pieces.ravel()] = masks.ravel()
    labels, pieces_of_label = np.unique(value[1:], return_counts=True)
    scattered = count >= 100 and np.mean(pieces_of_label >= 4) > 0.5
    if len(labels) == 1 and count >= 20:
        raise InputError(
            f"{where} holds the single label {labels[0]} in {count} separate pieces, so all cells would be one; "
            f"{_LABEL_FIRST}"
        )
    if scattered or len(labels) > 0.2 * masks.size:
        raise InputError(
            f"{where} looks like an image, not like masks ({len(labels)} values in {count} separate pieces); "
            "give the folder of the segmentation, or the images by --images with --segment threshold"
        )
