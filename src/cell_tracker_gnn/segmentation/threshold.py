"""The built-in segmenter of bright cells on dark: a threshold of its own for every cell, parted by the watershed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.morphology import isotropic_opening
from skimage.segmentation import expand_labels, watershed

from cell_tracker_gnn.data import Floats, Frames
from cell_tracker_gnn.segmentation.contrast import Contrast, measure_contrast

__all__ = ["ThresholdSegmenter"]

SAMPLED_FRAMES = 3
"""The size of a cell is measured in so many frames."""

FIRST_RADIUS = 20.0
"""Where the search for the radius begins, in pixels of x; it is also that of a movie without a cell."""

MOST_ROUNDS = 4
"""Rounds in which the radius is measured with the window of the radius before."""

VISIBLE = 5.0
"""A cell stands out of the background by so many times the noise."""

OWN_SHARE = 0.5
"""The outline of a cell is where its brightness falls below this share of its median."""

BRIGHTNESS = 0.5
"""Weight of the brightness beside that of the depth, in radii, where touching cells are parted."""

APART = 0.5
"""Least distance between the middles of two cells, in radii."""

SMALLEST = 0.1
"""Least size of a cell, in sizes of a usual one."""

LARGEST_HOLE = 0.1
"""Larger holes, in sizes of a usual cell, are not filled."""

RIM = 0.4
"""Width of the rims inside and outside of the outline that are compared, in radii."""

SHARPEST = 0.3
"""Least fall of the brightness across the outline, in medians of the cell: less is haze, not a cell."""

Labels = NDArray[np.int32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class ThresholdSegmenter:
    """Segments bright, roundish cells on a dark background, such as stained nuclei.

    Parameters
    ----------
    radius
        Radius of a usual cell, in pixels of x. Everything that has a size follows it.
    step
        Length of a pixel along each axis, in pixels of x, (y, x) or (z, y, x).
    """

    radius: float
    step: tuple[float, ...]

    @classmethod
    def of(cls, images: Frames, step: Sequence[float]) -> Self:
        """A segmenter for a movie, with the radius that the cells of some of its frames have.

        Parameters
        ----------
        images
            The movie; frames are (y, x) or (z, y, x).
        step
            Length of a pixel along each axis, in any unit.
        """
        relative = tuple(float(length) / float(step[-1]) for length in step)
        chosen = np.unique(np.linspace(0, len(images) - 1, SAMPLED_FRAMES).astype(int)) if len(images) else ()
        found = [_usual_radius(images[int(index)], relative) for index in chosen]
        known = [radius for radius in found if radius > 0.0]
        return cls(round(float(np.median(known)), 2) if known else FIRST_RADIUS, relative)

    def __call__(self, image: NDArray[np.generic]) -> Labels:
        """Segment one frame, (y, x) or (z, y, x), into labels 1, 2, 3, ... of the same shape, 0 in the background."""
        contrast = measure_contrast(image, self.radius, self.step)
        inside = _within_outlines(contrast, self.radius, self.step)
        inside = isotropic_opening(inside, 0.1 * self.radius, spacing=self.step)
        labels = _part(_filled(inside, self.radius, self.step), contrast.level, self.radius, self.step)
        return _renumbered(labels, self._are_cells(labels, contrast.level))

    def _are_cells(self, labels: Labels, level: NDArray[np.float32]) -> Flags:
        """Whether each label is large enough and has a sharp outline, shape (n + 1,)."""
        count = int(labels.max(initial=0))
        if not count:
            return np.zeros(1, np.bool_)
        size = np.bincount(labels.reshape(-1), minlength=count + 1) * float(np.prod(self.step))
        rim = max(1.0, RIM * self.radius)
        depth = ndimage.distance_transform_edt(labels > 0, sampling=self.step)
        around = expand_labels(labels, rim, spacing=self.step)
        inner = _of_each(ndimage.mean, level, np.where(depth <= rim, labels, 0), count)
        outer = _of_each(ndimage.mean, level, np.where(labels == 0, around, 0), count)
        middle = _of_each(ndimage.median, level, labels, count)
        # A cell without free surroundings has an outer level of NaN, and nothing against it.
        hazy = inner - outer < SHARPEST * middle
        large = size[1:] >= SMALLEST * _usual_size(self.radius, labels.shape, self.step)
        return np.append(False, large & ~hazy)


def _usual_radius(image: NDArray[np.generic], step: tuple[float, ...]) -> float:
    """Radius of the largest ball in a usual cell of a frame, in pixels of x; 0 where there is no cell."""
    radius = FIRST_RADIUS
    for _ in range(MOST_ROUNDS):
        inside = _filled(_within_outlines(measure_contrast(image, radius, step), radius, step), radius, step)
        pieces, count = ndimage.label(inside)
        if not count:
            return 0.0
        depth = ndimage.distance_transform_edt(inside, sampling=step)
        largest = _of_each(ndimage.maximum, depth, pieces, count)
        size = np.bincount(pieces.reshape(-1), minlength=count + 1)[1:]
        # Half of all cell pixels lie in pieces of at least this radius, so that specks do not count.
        order = np.argsort(largest)
        place = np.searchsorted(np.cumsum(size[order]), 0.5 * size.sum())
        before, radius = radius, float(largest[order][place])
        if abs(np.log(radius / before)) < 0.1:
            break
    return radius


def _within_outlines(contrast: Contrast, radius: float, step: tuple[float, ...]) -> Flags:
    """Pixels inside the outline of a cell, which is where the brightness falls to a share of its own."""
    level, least = contrast.level, VISIBLE * contrast.noise
    pieces = _part(_filled(level > least, radius, step), level, radius, step)
    count = int(pieces.max(initial=0))
    if not count:
        return np.zeros(level.shape, np.bool_)
    middle = _of_each(ndimage.median, level, pieces, count)
    lowest = np.append(np.inf, np.maximum(OWN_SHARE * middle, least)).astype(np.float32)
    return np.asarray(level > lowest[pieces])


def _part(inside: Flags, level: NDArray[np.float32], radius: float, step: tuple[float, ...]) -> Labels:
    """Part touching cells by a watershed from where they are deepest and brightest."""
    pieces, count = ndimage.label(inside)
    if not count:
        return np.zeros(inside.shape, np.int32)
    depth = ndimage.distance_transform_edt(inside, sampling=step).astype(np.float32) / np.float32(radius)
    depth = ndimage.gaussian_filter(depth, [0.1 * radius / s for s in step])
    light = ndimage.gaussian_filter(level, [0.35 * radius / s for s in step])
    brightest = np.append(1.0, _of_each(ndimage.maximum, light, pieces, count))
    share = light / np.maximum(brightest, 1e-12).astype(np.float32)[pieces]
    height = np.where(inside, depth + np.float32(BRIGHTNESS) * np.clip(share, 0.0, 1.0), np.float32(0))
    seeds = _peaks(height, pieces, radius, step)
    markers = np.zeros(inside.shape, np.int32)
    markers[tuple(seeds.T)] = np.arange(1, len(seeds) + 1)
    return np.asarray(watershed(-height, markers, mask=inside), dtype=np.int32)


def _peaks(
    height: NDArray[np.float32], pieces: NDArray[np.generic], radius: float, step: tuple[float, ...]
) -> NDArray[np.int64]:
    """Highest pixels of every piece that are apart, shape (n, rank)."""
    reach = np.ones([1 + 2 * max(0 if s > 1.0 else 1, int(APART * radius / s)) for s in step], np.bool_)
    found = peak_local_max(height, min_distance=1, footprint=reach, labels=pieces, exclude_border=False)
    return np.asarray(found, dtype=np.int64)


def _of_each(
    statistic: Callable[..., object], values: NDArray[np.float32], labels: NDArray[np.int32], count: int
) -> Floats:
    """A statistic of the values of each label, shape (count,); NaN or 0 for labels without a pixel."""
    # The background is most of the pixels and would be sorted with the rest.
    inside = labels > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        found = statistic(values[inside], labels[inside], np.arange(1, count + 1))
    return np.asarray(found, dtype=np.float64)


def _filled(inside: Flags, radius: float, step: tuple[float, ...]) -> Flags:
    """Fill holes within cells; larger ones lie between the cells of a ring."""
    holes, count = ndimage.label(np.asarray(ndimage.binary_fill_holes(inside)) & ~inside)
    size = np.bincount(holes.reshape(-1), minlength=count + 1) * float(np.prod(step))
    small = size < LARGEST_HOLE * _usual_size(radius, inside.shape, step)
    small[0] = False
    return np.asarray(inside | small[holes])


def _usual_size(radius: float, shape: tuple[int, ...], step: tuple[float, ...]) -> float:
    """Area of a disc, or volume of a ball as far as a flat stack can hold it, in pixels of x."""
    disc = np.pi * radius**2
    return float(disc if len(shape) == 2 else disc * min(4.0 / 3.0 * radius, shape[0] * step[0]))


def _renumbered(labels: Labels, kept: Flags) -> Labels:
    """Labels 1, 2, 3, ... of what is kept."""
    number = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    return np.asarray(number[labels])
