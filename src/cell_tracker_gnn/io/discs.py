"""Points drawn as small discs (spheres in 3D), so that a movie of points can be treated like one of masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Floats, Integers

__all__ = ["DiscFrames", "draw_discs"]


@dataclass(frozen=True, eq=False)
class DiscFrames:
    """Label images of discs, drawn when they are asked for.

    Parameters
    ----------
    numbers
        Frame number of each item.
    shape
        Shape of one frame, (y, x) or (z, y, x).
    frame, centre, label
        Index of the frame, centre in pixels and label of each disc, ordered by frame, shape (n,), (n, rank) and (n,).
    radius
        Radius in pixels along each axis.
    """

    numbers: tuple[int, ...]
    shape: tuple[int, ...]
    frame: Integers
    centre: Floats
    label: Integers
    radius: Sequence[float]

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int, /) -> NDArray[np.generic]:
        place = range(len(self))[index]
        rows = slice(*np.searchsorted(self.frame, [place, place + 1]))
        return draw_discs(self.centre[rows], self.label[rows], self.radius, self.shape)


def draw_discs(
    centre: Floats, label: Integers, radius: Sequence[float], shape: tuple[int, ...]
) -> NDArray[np.signedinteger]:
    """Draw discs on an empty canvas.

    A pixel belongs to the nearest of the discs that reach it, the first one among equals, and every disc gets at least
    one pixel, even if it coincides with another one. There must be no more discs than pixels.

    Parameters
    ----------
    centre
        Centres in pixels, within the canvas, shape (n, rank).
    label
        Label of each disc, positive, shape (n,).
    radius
        Radius in pixels along each axis.
    shape
        Shape of the canvas.

    Returns
    -------
    NDArray[np.signedinteger]
        Label image of 32 bits, or 64 where labels need them, 0 = background.
    """
    canvas: NDArray[np.signedinteger] = np.zeros(
        int(np.prod(shape)), np.int64 if label.max(initial=0) >= 2**31 else np.int32
    )
    if not len(centre):
        return canvas.reshape(shape)
    pixel, disc = _reached(centre, np.asarray(radius, np.float64), shape)
    taken, first = np.unique(pixel, return_index=True)
    holder = disc[first]
    hidden = np.flatnonzero(np.bincount(holder, minlength=len(centre)) == 0)
    if len(hidden):
        owner = dict(zip(taken.tolist(), holder.tolist(), strict=True))
        _give_pixels(hidden, owner, centre, shape)
        taken, holder = np.array(list(owner)), np.array(list(owner.values()))
    canvas[taken] = label[holder]
    return canvas.reshape(shape)


def _home(centre: Floats, shape: tuple[int, ...]) -> Integers:
    """Pixel that each centre lies in, shape (n, rank)."""
    return np.clip(np.rint(centre), 0, np.array(shape) - 1).astype(np.int64)


def _reached(centre: Floats, radius: Floats, shape: tuple[int, ...]) -> tuple[Integers, Integers]:
    """Flat index of each pixel that a disc reaches and the row of the disc, the nearest disc first."""
    home = _home(centre, shape)
    window = np.ceil(radius).astype(np.int64)
    offset = np.stack(np.meshgrid(*(np.arange(-w, w + 1) for w in window), indexing="ij"), axis=-1)
    offset = offset.reshape(-1, len(shape))
    place = home[:, None] + offset
    distance = (((place - centre[:, None]) / radius) ** 2).sum(axis=2)
    reached = (distance <= 1.0) | ~offset.any(axis=1)
    reached &= np.all((place >= 0) & (place < np.array(shape)), axis=2)
    disc, column = np.nonzero(reached)
    order = np.lexsort((disc, distance[disc, column]))
    flat = np.ravel_multi_index(tuple(place[disc, column].T), shape)
    return np.asarray(flat[order]), disc[order]


def _give_pixels(hidden: Integers, owner: dict[int, int], centre: Floats, shape: tuple[int, ...]) -> None:
    """Give each hidden disc the nearest pixel that is free or whose owner has others; changes ``owner``."""
    count = np.bincount(list(owner.values()), minlength=len(centre))
    for disc, home in zip(hidden.tolist(), _home(centre[hidden], shape), strict=True):
        for reach in range(1, max(shape) + 1):
            sides = [np.arange(max(0, c - reach), min(n, c + reach + 1)) for c, n in zip(home, shape, strict=True)]
            place = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, len(shape))
            near = place[np.argsort(((place - centre[disc]) ** 2).sum(axis=1), kind="stable")]
            flat = np.ravel_multi_index(tuple(near.T), shape).tolist()
            free = next((p for p in flat if p not in owner or count[owner[p]] > 1), None)
            if free is not None:
                if free in owner:
                    count[owner[free]] -= 1
                owner[free] = disc
                count[disc] = 1
                break
