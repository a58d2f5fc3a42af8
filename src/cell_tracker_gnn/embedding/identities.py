"""Crops with the identity of their cells: which train, which validate, and which are drawn together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from cell_tracker_gnn.data import Floats, Integers
from cell_tracker_gnn.errors import InputError

__all__ = ["LabelledCrops", "draw_batches", "split_identities"]


@dataclass(frozen=True, eq=False)
class LabelledCrops:
    """The crops of one movie and whose they are.

    Parameters
    ----------
    crops
        Shape (n, 1, size, size) or (n, 1, size / 2, size, size).
    identity
        Number of the cell (its track), shape (n,); negative where it is not known: such crops only distract.
    frame
        Frame of each crop, shape (n,).
    position
        Centre of each cell, shape (n, rank).

    Raises
    ------
    InputError
        If the lengths differ.
    """

    crops: NDArray[np.floating[Any]]
    identity: Integers
    frame: Integers
    position: Floats

    def __post_init__(self) -> None:
        lengths = [len(self.crops), len(self.identity), len(self.frame), len(self.position)]
        if len(set(lengths)) > 1:
            raise InputError(f"crops, identities, frames and positions have lengths {lengths}; give one row per cell")

    def __len__(self) -> int:
        return len(self.crops)

    def last(self, most: int) -> Self:
        """The crops of the last frames, as many frames as hold at most ``most`` crops, but two at least."""
        frames, counts = np.unique(self.frame, return_counts=True)
        kept = max(2, int((np.cumsum(counts[::-1]) <= most).sum()))
        rows = self.frame >= (frames[-kept:][0] if len(frames) else 0)
        return type(self)(self.crops[rows], self.identity[rows], self.frame[rows], self.position[rows])

    def seen_again(self) -> Integers:
        """Return the identities that occur in two frames or more."""
        known = self.identity >= 0
        pairs = np.unique(np.stack([self.identity[known], self.frame[known]]), axis=1)
        identity, frames = np.unique(pairs[0], return_counts=True)
        return np.asarray(identity[frames > 1])


def split_identities(
    movies: Sequence[LabelledCrops], share: float, rng: np.random.Generator
) -> tuple[list[Integers], list[Integers]]:
    """Split the identities of each movie, so that training and validation never share a cell.

    Parameters
    ----------
    movies
        The movies.
    share
        Share of the identities for validation.
    rng
        Source of randomness.

    Returns
    -------
    training, validation
        Identities of each movie; a movie of fewer than five identities only trains.

    Raises
    ------
    InputError
        If fewer than two identities are left for training or none for validation.
    """
    training, validation = [], []
    for movie in movies:
        identities = rng.permutation(movie.seen_again())
        held_out = max(1, round(share * len(identities))) if len(identities) >= 5 else 0
        validation.append(np.sort(identities[:held_out]))
        training.append(np.sort(identities[held_out:]))
    if sum(map(len, training)) < 2 or not sum(map(len, validation)):
        raise InputError(
            "fewer than five cells are seen in two frames or more, too few to learn their appearance; "
            "give longer movies or train without an embedding"
        )
    return training, validation


def draw_batches(
    movies: Sequence[LabelledCrops],
    identities: Sequence[Integers],
    *,
    count: int,
    together: int,
    views: int,
    window: int,
    rng: np.random.Generator,
) -> Iterator[tuple[int, Integers]]:
    """Draw neighbours: cells around a random cell, each seen in frames around a random frame.

    Negative examples that matter are neighbours at the same time, so a batch holds the cells next to each other.

    Parameters
    ----------
    movies, identities
        The movies and the identities to draw from in each.
    count
        Number of batches.
    together
        Cells per batch at most.
    views
        Crops per cell.
    window
        Frames before and after the drawn one.
    rng
        Source of randomness.

    Yields
    ------
    tuple[int, Integers]
        Movie and rows of its crops, ``views`` in a row for each cell.
    """
    pools = [np.flatnonzero(np.isin(movie.identity, chosen)) for movie, chosen in zip(movies, identities, strict=True)]
    usable = [index for index, chosen in enumerate(identities) if len(chosen) > 1]
    size = np.array([len(pools[index]) for index in usable], dtype=np.float64)
    for _ in range(count):
        index = usable[int(rng.choice(len(usable), p=size / size.sum()))]
        movie, pool = movies[index], pools[index]
        centre = int(rng.choice(pool))
        near = pool[np.abs(movie.frame[pool] - movie.frame[centre]) <= window]
        yield index, _views(movie, near, centre, together=together, views=views, rng=rng)


def _views(
    movie: LabelledCrops, near: Integers, centre: int, *, together: int, views: int, rng: np.random.Generator
) -> Integers:
    """Pick the cells nearest to the centre and some crops of each."""
    reach = min(len(near), 4 * together * views)
    _, order = cKDTree(movie.position[near]).query(movie.position[centre], k=reach)
    cells = movie.identity[near[np.atleast_1d(order)]]
    first = np.sort(np.unique(cells, return_index=True)[1])
    rows = []
    for cell in cells[first][:together]:
        mine = near[movie.identity[near] == cell]
        rows.append(rng.choice(mine, views, replace=len(mine) < views))
    return np.concatenate(rows)
