"""Annotated sequences and the ways to look at them: as they are, sub-sampled in time, and with damaged masks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Cells, Frames, Movie, WrappedFrames
from cell_tracker_gnn.features.movement import Movement
from cell_tracker_gnn.io import LineageTable
from cell_tracker_gnn.simulation.damage import damage
from cell_tracker_gnn.training.discs import DiscMasks
from cell_tracker_gnn.training.segmenter import SegmentedMasks

__all__ = [
    "DamagedMasks",
    "Faults",
    "Features",
    "PartOfFrames",
    "TrainingSequence",
    "Variant",
    "seen_frames",
    "variant_movie",
]

Features = tuple[Cells, Movement]
"""The cells of a movie and how they move."""


@dataclass(frozen=True, eq=False)
class TrainingSequence:
    """An annotated movie.

    Parameters
    ----------
    name
        How messages call it.
    movie
        Masks as a tracker gets them, and images if there are any.
    markers
        Label images whose labels are the annotated tracks.
    lineage
        The annotated tracks and their parents.
    """

    name: str
    movie: Movie
    markers: Frames
    lineage: LineageTable


@dataclass(frozen=True)
class Faults:
    """Shares of cells with faults of segmentation, see :func:`~cell_tracker_gnn.simulation.damage.damage`."""

    missed: float = 0.0
    merged: float = 0.0
    split: float = 0.0
    spurious: float = 0.0
    jitter: float = 0.0


@dataclass(frozen=True)
class Variant:
    """One way to look at a sequence.

    Parameters
    ----------
    every, first
        Every how many frames one is kept, and the first of them.
    images
        Whether the images are seen.
    faults
        How the masks are damaged, if at all.
    points
        Diameter of the discs that stand for the cells as they do in a movie of points, by the usual distance between
        neighbours; None for the masks as they are.
    segmented
        Whether the masks are those of a plain segmenter run on the images, see
        :func:`~cell_tracker_gnn.training.segmenter.segment`.
    seed
        Seed of the damage.
    weight
        How often it is drawn in training, relative to others of its size.
    """

    every: int = 1
    first: int = 0
    images: bool = True
    faults: Faults | None = None
    points: float | None = None
    segmented: bool = False
    seed: int = 0
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class PartOfFrames:
    """Every so many of the frames from ``first`` on, up to ``last`` if it is given."""

    frames: Frames
    every: int
    first: int
    last: int | None = None

    @property
    def numbers(self) -> tuple[int, ...]:
        """Frame numbers of the part."""
        return self.frames.numbers[self.first : self.last : self.every]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one frame."""
        return self.frames.shape

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int, /) -> NDArray[np.generic]:
        return self.frames[self.first + index * self.every]


@dataclass(frozen=True, eq=False)
class DamagedMasks(WrappedFrames):
    """Masks with faults, the same ones whenever a frame is read."""

    faults: Faults
    seed: int

    def __getitem__(self, index: int, /) -> NDArray[np.generic]:
        rng = np.random.default_rng((self.seed, self.numbers[index]))
        mask = np.asarray(self.frames[index])
        return damage(mask, rng, **vars(self.faults))


def variant_movie(sequence: TrainingSequence, variant: Variant) -> Movie:
    """The movie of a sequence as the tracker sees it in a variant."""
    _, shown, images = seen_frames(sequence.movie, variant)
    # Sub-sampled or damaged, the discs of a movie of points are no longer those of the points: they are measured.
    return replace(sequence.movie, masks=shown, images=images, points=None)


def seen_frames(movie: Movie, variant: Variant) -> tuple[Frames, Frames, Frames | None]:
    """The masks that say which cell is which, those that the tracker sees instead, and the images."""
    images = None if movie.images is None else PartOfFrames(movie.images, variant.every, variant.first)
    masks: Frames = PartOfFrames(movie.masks, variant.every, variant.first)
    if variant.segmented and images is not None:
        masks = SegmentedMasks(images)
    faults = variant.faults
    if faults is not None:
        # A detector of points misses cells and finds false ones, but its discs are ours and so have no outlines.
        if movie.points is not None:
            faults = replace(faults, merged=0.0, split=0.0, jitter=0.0)
        masks = DamagedMasks(masks, faults, variant.seed)
    shown = masks if variant.points is None else DiscMasks(masks, movie.scale, variant.points, variant.seed)
    return masks, shown, images if variant.images else None
