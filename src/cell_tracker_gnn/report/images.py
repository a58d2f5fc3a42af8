"""The images of a result: those that were named, or those that were tracked if they are still there."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from os import PathLike
from typing import Any

from cell_tracker_gnn.data import Frames
from cell_tracker_gnn.errors import FrameMismatchError, InputError
from cell_tracker_gnn.io import open_frames
from cell_tracker_gnn.io.pairing import SelectedFrames

__all__ = ["find_images"]

_log = logging.getLogger(__name__)


def find_images(
    run: Mapping[str, Any],
    numbers: tuple[int, ...],
    shape: tuple[int, ...] | None,
    images: str | PathLike[str] | None = None,
) -> Frames | None:
    """Open the images of the frames of a result.

    Parameters
    ----------
    run
        Content of its ``run.json``, empty where there is none.
    numbers
        Frame numbers of the result.
    shape
        Shape of a frame, (y, x) or (z, y, x); None for points.
    images
        The images; left out, those that ``run`` names are taken, and None is returned if they are gone.

    Raises
    ------
    InputError
        If images that were named cannot be used.
    """
    known = images if images is not None else run.get("images")
    if known is None:
        return None
    try:
        opened = open_frames(known, axes=run.get("axes"), channel=run.get("channel"))
        return _pair(opened, numbers, shape, str(known))
    except InputError as error:
        if images is not None:
            raise
        _log.warning("no images are shown: %s", error)
        return None


def _pair(images: Frames, numbers: tuple[int, ...], shape: tuple[int, ...] | None, where: str) -> Frames:
    place = {number: i for i, number in enumerate(images.numbers)}
    if not set(numbers) <= place.keys() and len(images) == len(numbers):
        # Stacks have no numbers of their own.
        place = {number: i for i, number in enumerate(numbers)}
    missing = [number for number in numbers if number not in place]
    if missing:
        raise FrameMismatchError(f"{where} has no frame {missing[0]} of the result; give the images that were tracked")
    if shape is not None and tuple(images.shape) != tuple(shape):
        raise FrameMismatchError(
            f"the images {where} are of shape {images.shape} and the result of {shape}; "
            "give the images that were tracked"
        )
    return SelectedFrames(images, tuple(place[number] for number in numbers), numbers)
