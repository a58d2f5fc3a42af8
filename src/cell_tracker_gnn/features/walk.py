"""One movie read frame by frame, with the last frames at hand."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Movie
from cell_tracker_gnn.features.motion import Motion, draw_picture, estimate_motion, reduction_factor
from cell_tracker_gnn.features.movement import FrameState, probe_cells
from cell_tracker_gnn.features.regions import Levels, MaskPixels, frame_levels, measure_frame

__all__ = ["FrameWalk", "WalkedFrame", "first_factor"]


@dataclass(frozen=True, eq=False)
class WalkedFrame:
    """A frame that has been read and measured.

    Parameters
    ----------
    mask, image
        Its pixels; no image where the movie has none.
    levels
        Dark and bright level of the image.
    state
        What later frames need of it.
    """

    mask: NDArray[np.generic]
    image: NDArray[np.generic] | None
    levels: Levels | None
    state: FrameState


class FrameWalk:
    """Measures the frames of a movie when they are asked for, each once as long as it is not forgotten.

    Parameters
    ----------
    movie
        Masks with or without images.
    min_size
        Cells of fewer pixels are left out.
    factor
        How much frames are reduced to find the motion; None takes that of the first frame with cells that is read.
    """

    def __init__(self, movie: Movie, *, min_size: int = 0, factor: int | None = None) -> None:
        self.movie = movie
        self.min_size = min_size
        self.factor = factor
        self._frames: dict[int, WalkedFrame] = {}
        self._motions: dict[int, Motion] = {}

    def frame(self, index: int) -> WalkedFrame:
        """The frame of this index."""
        if index not in self._frames:
            self._frames[index] = self._read(index)
        return self._frames[index]

    def motion(self, index: int) -> Motion:
        """The motion from the frame of this index to the next one."""
        if index not in self._motions:
            before, after = self.frame(index).state.picture, self.frame(index + 1).state.picture
            self._motions[index] = estimate_motion(before, after)
        return self._motions[index]

    def forget_before(self, index: int) -> None:
        """Let go of all frames before this index."""
        self._frames = {i: frame for i, frame in self._frames.items() if i >= index}
        self._motions = {i: motion for i, motion in self._motions.items() if i >= index}

    def _read(self, index: int) -> WalkedFrame:
        movie, mask = self.movie, self.movie.masks[index]
        image = movie.images[index] if movie.images is not None else None
        pixels = MaskPixels.of(mask, min_size=self.min_size)
        levels = frame_levels(image) if image is not None else None
        cells = measure_frame(pixels, image, movie.scale, levels)
        if movie.points is not None:
            # The disc is only drawn for the features; where the point lies is known exactly.
            cells = replace(cells, centroid=movie.points.centre[movie.points.rows(index)])
        if self.factor is None and len(cells):
            self.factor = reduction_factor(cells, movie.shape)
        rows = pixels.rows()
        state = FrameState(cells, rows, draw_picture(cells, rows, self.factor or 1), *probe_cells(pixels))
        return WalkedFrame(mask, image, levels, state)


def first_factor(movie: Movie, *, min_size: int = 0) -> int:
    """How much the frames of a movie are reduced to find the motion, told by its first frame with cells."""
    for index in range(len(movie)):
        cells = measure_frame(MaskPixels.of(movie.masks[index], min_size=min_size), None, movie.scale)
        if len(cells):
            return reduction_factor(cells, movie.shape)
    return 1
