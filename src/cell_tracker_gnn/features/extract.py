"""The frames of a movie, range by range, to cells and their expected movement."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Cells, Movie
from cell_tracker_gnn.features.cutting import CropCutter
from cell_tracker_gnn.features.movement import Meeting, Movement, meet
from cell_tracker_gnn.features.parts import FeaturePart, collect_part, join_parts
from cell_tracker_gnn.features.regions import FrameCells
from cell_tracker_gnn.features.walk import FrameWalk

__all__ = ["Embed", "embed_cells", "extract_features", "extract_parts"]


@dataclass(frozen=True)
class Embed:
    """How cells are embedded.

    Parameters
    ----------
    cutter
        Cuts the crops of a frame.
    embed
        Crops, of several frames, to embeddings of shape (n, d).
    at_once
        Crops of several frames are embedded together, because a frame of few cells costs nearly as much as one of many;
        about so many.
    """

    cutter: CropCutter
    embed: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    at_once: int = 256


class _Queue:
    """Collects crops frame by frame and embeds many at once."""

    def __init__(self, embed: Embed) -> None:
        self._embed = embed
        self._crops: list[NDArray[np.float32]] = []
        self._rows: list[NDArray[np.float32]] = []

    def add(self, crops: NDArray[np.float32]) -> None:
        """Take the crops of the next frame."""
        self._crops.append(crops)
        if sum(map(len, self._crops)) >= self._embed.at_once:
            self._flush()

    def rows(self) -> NDArray[np.float32]:
        """Embeddings of all cells so far, in their order, shape (n, d)."""
        self._flush()
        return np.concatenate(self._rows)

    def _flush(self) -> None:
        if self._crops:
            self._rows.append(self._embed.embed(np.concatenate(self._crops)))
            self._crops = []


def embed_cells(movie: Movie, cells: Cells, embed: Embed) -> NDArray[np.float32]:
    """Embed cells that have been measured already, shape (n, d).

    Parameters
    ----------
    movie
        Masks and images in which the cells were measured.
    cells
        The cells.
    embed
        Computes embeddings.
    """
    queue = _Queue(embed)
    bound = np.searchsorted(cells.frame, np.arange(len(movie) + 1))
    images = movie.images if movie.images is not None else ()
    for index in range(len(images)):
        rows = slice(bound[index], bound[index + 1])
        queue.add(embed.cutter.cut(images[index], movie.masks[index], cells.label[rows], cells.box[rows]))
    return queue.rows()


def extract_features(
    movie: Movie,
    *,
    max_gap: int,
    min_size: int = 0,
    embed: Embed | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[Cells, Movement]:
    """Measure the cells of every frame and move them into the frames that follow.

    Frames are read once, in order; only the last ``max_gap + 2`` of them are held.

    Parameters
    ----------
    movie
        Masks with or without images.
    max_gap
        Number of frames a cell may be missed.
    min_size
        Cells of fewer pixels are left out.
    embed
        Computes embeddings; left out without images.
    progress
        Called with the index of each finished frame.
    """
    walk = FrameWalk(movie, min_size=min_size)
    parts = list(extract_parts(walk, [(0, len(movie))], max_gap=max_gap, embed=embed, progress=progress))
    return join_parts(parts, numbers=movie.numbers, shape=movie.shape, scale=movie.scale)


def extract_parts(
    walk: FrameWalk,
    ranges: Iterable[tuple[int, int]],
    *,
    max_gap: int,
    embed: Embed | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[FeaturePart]:
    """The features of ranges of frames, one after the other.

    For each range the ``max_gap + 1`` frames after it are looked at, too. What a range gives does not depend on the
    others; ranges that follow each other only spare reading those frames twice.

    Parameters
    ----------
    walk
        The movie.
    ranges
        First frame and one past the last frame of each range, in the order of time.
    max_gap, embed
        See :func:`extract_features`.
    progress
        Called with the index of each finished frame.
    """
    movie, gaps = walk.movie, max_gap + 1
    for begin, end in ranges:
        queue = _Queue(embed) if embed is not None and movie.images is not None else None
        frames: list[FrameCells] = []
        meetings: dict[tuple[int, int], Meeting] = {}
        for index in range(begin, min(end + gaps, len(movie))):
            frame = walk.frame(index)
            for before in range(max(begin, index - gaps), min(index, end)):
                steps = [walk.motion(step) for step in range(before, index)]
                meetings[before - begin, index - before] = meet(walk.frame(before).state, frame.state, steps)
            if index < end:
                cells = frame.state.cells
                if embed is not None and queue is not None and frame.image is not None:
                    queue.add(embed.cutter.cut(frame.image, frame.mask, cells.label, cells.box, frame.levels))
                frames.append(cells)
                if progress is not None:
                    progress(index)
            walk.forget_before(min(index + 1 - gaps, end))
        embedding = queue.rows() if queue is not None else None
        numbers = tuple(movie.numbers[begin:end])
        yield collect_part(
            frames, embedding, meetings, gaps=gaps, numbers=numbers, shape=movie.shape, scale=movie.scale
        )
