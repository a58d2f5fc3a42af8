"""Which axis of an array is time, depth, height, width and channel, and how one frame is taken out of it."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.errors import InputError, SettingsError

__all__ = ["ArrayLike", "Layout", "PickedFrames", "check_axes", "layout_of"]

MOST_FRAMES = 10**8
"""More frames than these are a damaged header and no movie."""

Image = NDArray[np.generic]


class ArrayLike(Protocol):
    """Anything that is indexed like an array: numpy, zarr, dask, h5py."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        ...

    def __getitem__(self, key: Any, /) -> Any: ...


@dataclass(frozen=True)
class Layout:
    """Meaning and length of the axes of a stored array.

    Parameters
    ----------
    names
        One letter per axis among t, z, y, x, c; an axis of time, depth or channels may be absent.
    sizes
        Length of each axis.
    channel
        Channel to read, 0 when there is one only.
    """

    names: str
    sizes: tuple[int, ...]
    channel: int = 0

    @property
    def length(self) -> int:
        """Number of frames."""
        return self.sizes[self.names.index("t")] if "t" in self.names else 1

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Shape of one frame, (z, y, x), or (y, x) when there is a single plane."""
        size = dict(zip(self.names, self.sizes, strict=True))
        return (size["y"], size["x"]) if size.get("z", 1) == 1 else (size["z"], size["y"], size["x"])

    def picks(self, index: int) -> dict[str, int]:
        """Positions along time and channel at which frame ``index`` lies."""
        return {name: place for name, place in (("t", index), ("c", self.channel)) if name in self.names}

    def arrange(self, block: Image) -> Image:
        """Put a frame, whose axes are those of ``names`` without t and c, into the order (z, y, x)."""
        kept = [name for name in self.names if name in "zyx"]
        order = [kept.index(name) for name in "zyx" if name in kept]
        return block.transpose(order).reshape(self.frame_shape)


@dataclass(frozen=True, eq=False)
class PickedFrames:
    """Frames of one array, each taken out of it when it is asked for; numbered 0, 1, 2, ...

    Parameters
    ----------
    array
        Anything that is indexed like an array.
    layout
        Its axes.
    """

    array: ArrayLike
    layout: Layout

    @property
    def numbers(self) -> tuple[int, ...]:
        """Frame number of each item."""
        return tuple(range(self.layout.length))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one frame, (y, x) or (z, y, x)."""
        return self.layout.frame_shape

    def __len__(self) -> int:
        return self.layout.length

    def __getitem__(self, index: int, /) -> Image:
        return self.layout.arrange(np.asarray(self.array[self.key(index)]))

    def key(self, index: int) -> tuple[int | slice, ...]:
        """What of the array is one frame."""
        picks = self.layout.picks(range(len(self))[index])
        return tuple(picks.get(name, slice(None)) for name in self.layout.names)


def check_axes(axes: str) -> str:
    """Axis letters in lower case.

    Raises
    ------
    SettingsError
        If they are not distinct letters among t, z, y, x, c with both y and x.
    """
    names = axes.strip().lower().replace(",", "")
    if not {"y", "x"} <= set(names) <= set("tzyxc") or len(set(names)) != len(names):
        raise SettingsError(
            f"the axes {axes!r} are not understood; give one letter per axis among t z y x c, as in tzyx"
        )
    return names


def layout_of(names: str, sizes: tuple[int, ...], channel: int | None, where: str, *, labels: bool = False) -> Layout:
    """Layout of an array, once its channel is known.

    Parameters
    ----------
    names, sizes
        Letter and length of each axis.
    channel
        Channel asked for, or None.
    where
        The array's name in error messages.
    labels
        Whether the array should be masks.

    Raises
    ------
    InputError
        If there are several channels and none was chosen, or the chosen one does not exist, or a frame cannot fit into
        the memory.
    """
    if math.prod(sizes[names.index(axis)] for axis in "yx") == 0:
        raise InputError(f"{where} has shape {sizes}, which holds no pixels; export it again")
    _check_room(names, sizes, where)
    channels = sizes[names.index("c")] if "c" in names else 1
    if channels > 1 and channel is None:
        remedy = (
            "masks need one integer label per pixel, so export the label image instead of a coloured picture of it"
            if labels
            else f"choose one with --channel 0 to {channels - 1} or convert it to one channel"
        )
        raise InputError(f"{where} has {channels} channels{' (RGB)' if channels in (3, 4) else ''}; {remedy}")
    if channel is not None and not 0 <= channel < channels:
        raise InputError(f"{where} has {channels} channel(s), so there is no channel {channel}; count from 0")
    return Layout(names, sizes, channel or 0)


def _check_room(names: str, sizes: tuple[int, ...], where: str) -> None:
    """Refuse, before anything is allocated, what only a damaged header can claim or this machine cannot hold."""
    length = dict(zip(names, sizes, strict=True))
    pixels = math.prod(length.get(axis, 1) for axis in "zyx")
    if 2 * pixels > _memory() or length.get("t", 1) > MOST_FRAMES:
        raise InputError(
            f"{where} claims the shape {sizes} ({names}), too much for the memory of this machine; crop or bin it, or "
            "export it again if it is smaller"
        )


def _memory() -> int:
    """Bytes of memory of this machine, or many where it does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 2**36
