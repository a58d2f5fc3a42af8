"""The frames of a movie, one after the other, to cells and their expected movement."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Cells, Movie
from cell_tracker_gnn.features.cutting import CropCutter
from cell_tracker_gnn.features.motion import Motion, draw_picture, estimate_motion, reduction_factor
from cell_tracker_gnn.features.movement import FrameState, Meeting, Movement, join_meetings, meet, probe_cells
from cell_tracker_gnn.features.regions import FrameCells, MaskPixels, frame_levels, join_frames, measure_frame

__all__ = ["Embed", "embed_cells", "extract_features"]

EMBEDDED_AT_ONCE = 256
"""Crops of several frames are embedded together, because a frame of few cells costs nearly as much as one of many."""


@dataclass(frozen=True)
class Embed:
    """How cells are embedded.

    Parameters
    ----------
    cutter
        Cuts the crops of a frame.
    embed
        Crops, of several frames, to embeddings of shape (n, d).
    """

    cutter: CropCutter
    embed: Callable[[NDArray[np.float32]], NDArray[np.float32]]


class _Queue:
    """Collects crops frame by frame and embeds many at once."""

    def __init__(self, embed: Embed) -> None:
        self._embed = embed
        self._crops: list[NDArray[np.float32]] = []
        self._rows: list[NDArray[np.float32]] = []

    def add(self, crops: NDArray[np.float32]) -> None:
        """Take the crops of the next frame."""
        self._crops.append(crops)
        if sum(map(len, self._crops)) >= EMBEDDED_AT_ONCE:
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

    Frames are read once, in order; only the last ``max_gap + 1`` of them are held.

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
    gaps = max_gap + 1
    frames: list[FrameCells] = []
    queue = _Queue(embed) if embed is not None and movie.images is not None else None
    states: deque[FrameState] = deque(maxlen=gaps + 1)
    motions: deque[Motion] = deque(maxlen=gaps)
    meetings: dict[tuple[int, int], Meeting] = {}
    factor = 0
    for index in range(len(movie)):
        mask = movie.masks[index]
        image = movie.images[index] if movie.images is not None else None
        pixels = MaskPixels.of(mask, min_size=min_size)
        levels = frame_levels(image) if image is not None else None
        frame = measure_frame(pixels, image, movie.scale, levels)
        if movie.points is not None:
            # The disc is only drawn for the features; where the point lies is known exactly.
            frame = replace(frame, centroid=movie.points.centre[movie.points.rows(index)])
        factor = factor or (reduction_factor(frame, movie.shape) if len(frame) else 0)
        rows = pixels.rows()
        state = FrameState(frame, rows, draw_picture(frame, rows, factor or 1), *probe_cells(pixels))
        if states:
            motions.append(estimate_motion(states[-1].picture, state.picture))
        states.append(state)
        for ahead in range(1, len(states)):
            meetings[index - ahead, ahead] = meet(states[-1 - ahead], state, list(motions)[-ahead:])
        if embed is not None and queue is not None and image is not None:
            queue.add(embed.cutter.cut(image, mask, frame.label, frame.box, levels))
        frames.append(frame)
        if progress is not None:
            progress(index)
    counts = [len(f) for f in frames]
    embedding = queue.rows() if queue is not None else None
    cells = join_frames(frames, embedding, numbers=movie.numbers, shape=movie.shape, scale=movie.scale)
    return cells, join_meetings(meetings, counts, gaps=gaps, rank=movie.rank)
