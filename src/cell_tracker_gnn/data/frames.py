"""Frames that are read one by one, from wherever they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.errors import FrameMismatchError

__all__ = ["ArrayFrames", "Frames", "WrappedFrames"]


@runtime_checkable
class Frames(Protocol):
    """A lazy sequence of frames that all have the same shape; item ``i`` is read when it is asked for."""

    @property
    def numbers(self) -> tuple[int, ...]:
        """Frame number of each item, as in the input's file names, strictly increasing."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one frame, (y, x) or (z, y, x)."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> NDArray[np.generic]: ...


@dataclass(frozen=True, eq=False)
class ArrayFrames:
    """Frames of anything array-like with a leading time axis: numpy, zarr, dask, a list of arrays.

    Parameters
    ----------
    array
        Item ``i`` is frame ``i``, (y, x) or (z, y, x).
    numbers
        Frame number of each item; 0, 1, 2, ... when left out.

    Examples
    --------
    >>> import numpy as np
    >>> from cell_tracker_gnn.data import ArrayFrames
    >>> frames = ArrayFrames(np.zeros((2, 64, 48)), numbers=(10, 20))
    >>> len(frames), frames.shape, frames.numbers
    (2, (64, 48), (10, 20))
    """

    array: Sequence[NDArray[np.generic]] | NDArray[np.generic]
    numbers: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.numbers:
            object.__setattr__(self, "numbers", tuple(range(len(self.array))))
        if len(self.numbers) != len(self.array):
            raise FrameMismatchError(
                f"{len(self.numbers)} frame numbers were given for {len(self.array)} frames; give one per frame"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one frame."""
        return tuple(np.shape(self.array[0])) if len(self.array) else ()

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: int, /) -> NDArray[np.generic]:
        return np.asarray(self.array[index])


@dataclass(frozen=True, eq=False)
class WrappedFrames:
    """Frames made one by one of others, with their numbers, shape and length; subclasses say what an item is.

    Parameters
    ----------
    frames
        The others.

    Examples
    --------
    >>> import numpy as np
    >>> from cell_tracker_gnn.data import ArrayFrames, WrappedFrames
    >>> class Inverted(WrappedFrames):
    ...     def __getitem__(self, index):
    ...         return 255 - self.frames[index]
    >>> int(Inverted(ArrayFrames(np.zeros((2, 4, 4), np.uint8)))[0].max())
    255
    """

    frames: Frames

    @property
    def numbers(self) -> tuple[int, ...]:
        """Frame number of each item."""
        return self.frames.numbers

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one frame, (y, x) or (z, y, x)."""
        return self.frames.shape

    def __len__(self) -> int:
        return len(self.frames)
