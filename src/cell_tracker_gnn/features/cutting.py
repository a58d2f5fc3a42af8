"""How the crops of one movie are cut: the mode, the size, and what must be known of the whole movie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Frames, Integers, Movie
from cell_tracker_gnn.features.crops import cut_crops
from cell_tracker_gnn.features.regions import Levels, MaskPixels, measure_frame

__all__ = ["CropCutter", "padded_size", "sequence_levels"]

LARGEST = {2: 128, 3: 64}
"""Longest padded crop, by rank, so that one clump of cells does not set the cost of all crops."""


@dataclass(frozen=True)
class CropCutter:
    """Cuts the crops of a movie, frame by frame.

    Parameters
    ----------
    mode
        See :func:`~cell_tracker_gnn.features.crops.cut_crops`.
    size
        Length of a crop in x and y.
    step
        Length of a pixel along each axis.
    levels
        Dark and bright level of all frames; None takes those of each frame.
    """

    mode: str
    size: int
    step: tuple[float, ...]
    levels: Levels | None = None

    @classmethod
    def of(cls, movie: Movie, *, mode: str, size: int) -> Self:
        """The cutter for a movie; padded crops (the paper's) cost a pass over its images for their levels."""
        levels = sequence_levels(movie.images) if mode == "padded" and movie.images is not None else None
        return cls(mode, size, movie.scale.step, levels)

    def cut(
        self,
        image: NDArray[np.generic],
        mask: NDArray[np.generic],
        label: Integers,
        box: Integers,
        levels: Levels | None = None,
    ) -> NDArray[np.float32]:
        """Crops of the cells of a frame, shape (n, 1, size, size) or (n, 1, size / 2, size, size).

        ``levels`` are those of the frame, if they are known already.
        """
        used = self.levels or levels
        return cut_crops(image, mask, label, box, size=self.size, mode=self.mode, step=self.step, levels=used)


def sequence_levels(images: Frames) -> Levels:
    """Smallest and largest intensity of all frames, NaN ignored."""
    low, high = np.inf, -np.inf
    for index in range(len(images)):
        image = images[index]
        finite = image[np.isfinite(image)] if image.dtype.kind == "f" else image
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return Levels(low, high) if low <= high else Levels(0.0, 0.0)


def padded_size(movie: Movie) -> int:
    """Length of a crop that holds every cell of the movie at its own size, a multiple of 16, 64 (3D) or 128 at most."""
    unit = np.asarray(movie.scale.step) / min(movie.scale.step)
    # A crop has half as many planes as it is long.
    room = np.array([2.0, 1.0, 1.0]) if movie.rank == 3 else np.ones(2)
    longest = 1.0
    for index in range(len(movie)):
        box = measure_frame(MaskPixels.of(movie.masks[index]), None, movie.scale).box
        if len(box):
            longest = max(longest, float(((box[:, movie.rank :] - box[:, : movie.rank]) * unit * room).max()))
    return int(np.clip(16 * np.ceil(longest / 16), 16, LARGEST[movie.rank]))
