"""Which frames of a movie are used, and whether masks and images are of the same ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Frames
from cell_tracker_gnn.errors import FrameMismatchError, MissingInputError, SettingsError

__all__ = ["SelectedFrames", "check_not_empty", "check_pairing", "select", "select_places"]

_MOST_LISTED = 10


@dataclass(frozen=True, eq=False)
class SelectedFrames:
    """Some frames of a movie, perhaps under other numbers.

    Parameters
    ----------
    frames
        All frames.
    places
        Index in ``frames`` of each chosen frame.
    numbers
        Frame number of each chosen frame.
    """

    frames: Frames
    places: tuple[int, ...]
    numbers: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one frame, (y, x) or (z, y, x)."""
        return self.frames.shape

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int, /) -> NDArray[np.generic]:
        return self.frames[self.places[index]]


def check_not_empty(length: int, where: str) -> None:
    """Refuse a movie without frames."""
    if length == 0:
        raise MissingInputError(f"{where} holds no frames; give at least one")


def select(opened: Frames, frames: str | None, where: str) -> Frames:
    """Choose the frames whose numbers lie in the range ``"A:B"``.

    Raises
    ------
    SettingsError
        If the range is not understood.
    MissingInputError
        If no frame lies in it.
    """
    check_not_empty(len(opened), where)
    if frames is None:
        return opened
    places = select_places(opened.numbers, frames, where)
    return SelectedFrames(opened, places, tuple(opened.numbers[place] for place in places))


def select_places(numbers: Sequence[int], frames: str, where: str) -> tuple[int, ...]:
    """Indices of the frame numbers that lie in the range ``"A:B"``; raises as :func:`select`."""
    match = re.fullmatch(r"\s*(\d*)\s*:\s*(\d*)\s*", frames)
    if match is None:
        raise SettingsError(
            f"the frames {frames!r} are not understood; give A:B, the first number and one past the last"
        )
    first, stop = (int(text) if text else None for text in match.groups())
    places = tuple(
        place
        for place, number in enumerate(numbers)
        if (first is None or number >= first) and (stop is None or number < stop)
    )
    if not places:
        raise MissingInputError(
            f"no frame of {where} lies in {frames}; its frame numbers run from {numbers[0]} to {numbers[-1]}"
        )
    return places


def check_pairing(masks: Sequence[int], images: Sequence[int], mask_name: str, image_name: str) -> None:
    """Refuse masks and images of different frame numbers, naming those that are missing."""
    if tuple(masks) == tuple(images):
        return
    without_masks = sorted(set(images) - set(masks))
    without_images = sorted(set(masks) - set(images))
    parts = [
        f"{what} {name} lack frame {_listed(missing)}"
        for what, name, missing in (("the masks", mask_name, without_masks), ("the images", image_name, without_images))
        if missing
    ]
    if len(masks) == len(images):
        remedy = "number both alike by renaming the files of one of them"
    else:
        remedy = "add the missing files or choose the frames that both have with --frames A:B"
    raise FrameMismatchError(f"{' and '.join(parts)}; {remedy}")


def _listed(numbers: list[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:_MOST_LISTED])
    more = len(numbers) - _MOST_LISTED
    return f"{shown} and {more} more" if more > 0 else shown
