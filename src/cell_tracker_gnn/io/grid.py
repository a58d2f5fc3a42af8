"""The pixel grid on which points are drawn: that of their images, or one that fits them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cell_tracker_gnn.data import Floats, Integers, Points, Scale

__all__ = [
    "DRAWN_SHARE",
    "TRACKED_SHARE",
    "PointGrid",
    "disc_diameter",
    "fit_grid",
    "image_grid",
    "input_grid",
    "usual_spacing",
]

TRACKED_SHARE = 1.0
"""Diameter of a disc to track by the usual distance between neighbours, which is 0.8 to 2.3 diameters of a cell.

Small discs are tracked worse: the motion estimate takes one for another (docs/tried.md).
"""

DRAWN_SHARE = 0.3
"""The same of a disc to show."""

LARGEST_ON_IMAGE = 30.0
"""Discs on images have at most this diameter in pixels: few cells far apart need not be large."""

SMALLEST_ON_IMAGE = 3.0
"""Discs on images have at least this diameter in pixels, to measure an intensity."""

RADIUS = 3.0
"""Radius of a disc in pixels where there are no images and the canvas stays small enough for it."""

SMALLEST_RADIUS = 1.5
"""Radius below which crowded points are still told apart by the motion estimate, but hardly."""

MOST_PIXELS, FAR_TOO_MANY_PIXELS = 2e6, 3e7
"""Pixels of a canvas above which discs become smaller, and above which they do so at any price."""

STEPS_PER_SPACING = 8.0
"""Where no frame has two points, neighbours are imagined so many usual moves away."""

_SAMPLED_FRAMES = 64


@dataclass(frozen=True, eq=False)
class PointGrid:
    """Where coordinates lie on a canvas.

    Parameters
    ----------
    origin
        Coordinates of the centre of the first pixel, shape (rank,).
    pixel
        Length of a pixel along each axis in units of the coordinates, shape (rank,).
    shape
        Shape of the canvas.
    """

    origin: Floats
    pixel: Floats
    shape: tuple[int, ...]

    def centre(self, position: Floats) -> Floats:
        """Coordinates to pixels, both (n, rank)."""
        return np.asarray((position - self.origin) / self.pixel)

    def scale(self, scale: Scale) -> Scale:
        """Physical size of a pixel, from that of a unit of the coordinates."""
        step = tuple((self.pixel * scale.step).tolist())
        return Scale(step, scale.unit, scale.interval, scale.interval_unit)

    def radius(self, diameter: float, scale: Scale) -> tuple[float, ...]:
        """Radius of a disc in pixels along each axis, from its diameter in units of ``scale``."""
        return tuple((0.5 * diameter / (self.pixel * scale.step)).tolist())


def usual_spacing(frame: Integers, place: Floats) -> float:
    """Median distance from a point to its nearest neighbour in the same frame.

    Where no frame has two points apart, neighbours are imagined at some multiple of the usual move, or one unit away
    where nothing moves.

    Parameters
    ----------
    frame
        Index of the frame of each point, in increasing order, shape (n,).
    place
        Coordinates in units of the scale, shape (n, rank).
    """
    from scipy.spatial import cKDTree

    groups = np.split(place, np.flatnonzero(np.diff(frame)) + 1)
    chosen = np.unique(np.linspace(0, len(groups) - 1, _SAMPLED_FRAMES).astype(np.int64))
    near = [cKDTree(groups[i]).query(groups[i], k=2)[0][:, 1] for i in chosen if len(groups[i]) > 1]
    moves = [cKDTree(groups[i + 1]).query(groups[i])[0] * STEPS_PER_SPACING for i in chosen[:-1] if i + 1 < len(groups)]
    for distances in (near, moves):
        apart = np.concatenate([np.zeros(0), *distances])
        apart = apart[apart > 0]
        if len(apart):
            return float(np.median(apart))
    return 1.0


def disc_diameter(spacing: float, scale: Scale, *, share: float = TRACKED_SHARE, on_image: bool = False) -> float:
    """Diameter of the discs in units of ``scale``; on images it is bounded in pixels of the finest axis."""
    wanted = share * spacing
    finest = min(scale.step)
    return float(np.clip(wanted, SMALLEST_ON_IMAGE * finest, LARGEST_ON_IMAGE * finest)) if on_image else wanted


def image_grid(shape: tuple[int, ...]) -> PointGrid:
    """The grid of images of this shape, whose coordinates are pixels."""
    return PointGrid(np.zeros(len(shape)), np.ones(len(shape)), shape)


def fit_grid(position: Floats, scale: Scale, diameter: float, most: int) -> PointGrid:
    """A small grid of cubic pixels on which the discs have about the same radius, whatever the coordinates are.

    Parameters
    ----------
    position
        Coordinates, shape (n, rank).
    scale
        Physical size of a unit of the coordinates.
    diameter
        Diameter of a disc in units of ``scale``.
    most
        Largest number of points in a frame; the grid has room for them even if they coincide.
    """
    step = np.asarray(scale.step)
    low = position.min(axis=0)
    extent = (position.max(axis=0) - low) * step
    rank = len(step)

    def pixels(radius: float) -> float:
        return float(np.prod(extent / (0.5 * diameter / radius) + 2 * radius + 3))

    radius = RADIUS
    while (pixels(radius) > MOST_PIXELS and radius > SMALLEST_RADIUS) or pixels(radius) > FAR_TOO_MANY_PIXELS:
        radius *= 0.9
    margin = int(max(np.ceil(radius) + 1, np.ceil(most ** (1 / rank))))
    length = 0.5 * diameter / radius
    shape = tuple((np.ceil(extent / length).astype(np.int64) + 2 * margin + 1).tolist())
    pixel = length / step
    return PointGrid(low - margin * pixel, pixel, shape)


def input_grid(points: Points) -> PointGrid | None:
    """The grid of the input's own coordinates, or None where they cannot well be pixels."""
    low, high = points.position.min(axis=0), points.position.max(axis=0)
    shape = tuple((np.floor(high + 0.5) + 1).astype(np.int64).tolist())
    grid = image_grid(shape)
    radius = grid.radius(disc_diameter(points.spacing, points.scale, share=DRAWN_SHARE), points.scale)
    most = int(np.bincount(points.frame).max())
    fits = low.min() >= -0.5 and most <= np.prod(shape, dtype=float) <= FAR_TOO_MANY_PIXELS and min(radius[-2:]) >= 1.0
    return grid if fits else None
