"""The frames of a movie, one after the other, to cells and their expected movement."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Cells, Movie
from cell_tracker_gnn.features.motion import Motion, draw_picture, estimate_motion, reduction_factor
from cell_tracker_gnn.features.movement import FrameState, Meeting, Movement, join_meetings, meet, probe_cells
from cell_tracker_gnn.features.regions import FrameCells, MaskPixels, join_frames, measure_frame

__all__ = ["Embed", "extract_features"]

Embed = Callable[[NDArray[np.generic], NDArray[np.generic], FrameCells], NDArray[np.float32]]
"""Image, masks and cells of a frame to embeddings of shape (n, d)."""


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
    embeddings: list[NDArray[np.float32]] = []
    states: deque[FrameState] = deque(maxlen=gaps + 1)
    motions: deque[Motion] = deque(maxlen=gaps)
    meetings: dict[tuple[int, int], Meeting] = {}
    factor = 0
    for index in range(len(movie)):
        mask = movie.masks[index]
        image = movie.images[index] if movie.images is not None else None
        pixels = MaskPixels.of(mask, min_size=min_size)
        frame = measure_frame(pixels, image, movie.scale)
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
        if embed is not None and image is not None:
            embeddings.append(embed(image, mask, frame))
        frames.append(frame)
        if progress is not None:
            progress(index)
    counts = [len(f) for f in frames]
    cells = join_frames(frames, embeddings, numbers=movie.numbers, shape=movie.shape, scale=movie.scale)
    return cells, join_meetings(meetings, counts, gaps=gaps, rank=movie.rank)
