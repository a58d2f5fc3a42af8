"""Motion between two consecutive frames: drift of the whole field, then a dense displacement field.

The drift is found by phase correlation (Kuglin and Hines 1975) or plain cross-correlation and kept only where it
brings the pictures and the cells of the two frames closer together. What remains is, in two dimensions, a dense inverse
search optical flow (Kroeger et al. 2016, OpenCV) on reduced pictures of the masks; in three dimensions what neighbours
agree on, see :mod:`~cell_tracker_gnn.features.consensus`, or the flow of the projection along z where they do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.spatial import cKDTree

from cell_tracker_gnn.data import Floats
from cell_tracker_gnn.features.consensus import Consensus, find_consensus
from cell_tracker_gnn.features.regions import FrameCells

__all__ = ["Motion", "Picture", "draw_picture", "estimate_motion", "reduction_factor"]

Gray = NDArray[np.uint8]

CELL_PIXELS = 10.0
"""A typical cell spans about this many pixels of the reduced picture: less loses it, more only costs time."""

PICTURE_PIXELS = 500_000
"""Largest reduced picture; the flow costs about 60 ns per pixel."""

CORRELATION_SIDE = 256
"""Drift is searched for on pictures of at most this side."""

SURELY_ALIKE = 0.5
"""Pictures more alike than this, see :func:`_likeness`, leave no doubt about the drift."""

MUCH_MORE_ALIKE, HARDLY_FARTHER = 0.15, 1.25
"""A drift that makes the pictures so much more alike may leave the cells a little farther from the next ones: in packed
tissue some cell is near wherever one looks."""

NODES_PER_CELL, MOST_NODES = 4, 200_000
"""The lattice of a volume has so many nodes along the extent of a cell, and so many in all at most."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One frame reduced for motion estimation.

    Parameters
    ----------
    plane
        Interiors of the masks, projected along z in 3D, reduced by ``factor``, (y, x).
    profile
        Share of the foreground in each z plane, shape (z,); empty in 2D.
    centroid
        Centres of the cells in pixels, shape (n, rank).
    extent
        Pixels that a typical cell spans along each axis, the same along y and x, shape (rank,).
    factor
        Pixels of the frame per pixel of the plane.
    shape
        Of the frame.
    """

    plane: Gray
    profile: Floats
    centroid: Floats
    extent: Floats
    factor: int
    shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Motion:
    """Displacement from one frame to the next, in pixels.

    Parameters
    ----------
    drift
        Displacement of the whole field, shape (rank,).
    field
        What comes on top of the drift at each node of a lattice over the earlier frame, shape (rank, [z,] y, x).
    step
        Pixels between two nodes along each axis, shape (rank,).
    """

    drift: Floats
    field: NDArray[np.float32] | None = None
    step: Floats | None = None

    def at(self, points: Floats) -> Floats:
        """Displacement of points of the earlier frame, shape (n, rank), both in pixels."""
        moved = np.repeat(self.drift[:, None], len(points), axis=1)
        if self.field is None or self.step is None or not len(points):
            return moved.T
        node = np.zeros(len(points), np.int64)
        for axis, side in enumerate(self.field.shape[1:]):
            node = node * side + np.clip((points[:, axis] / self.step[axis]).astype(np.int64), 0, side - 1)
        for axis, component in enumerate(self.field):
            moved[axis] += component.reshape(-1).take(node)
        return moved.T


def reduction_factor(cells: FrameCells, shape: tuple[int, ...]) -> int:
    """How much frames can be reduced so that the cells of this one are still seen."""
    rank = len(shape)
    typical = float(_typical_extent(cells, rank)[-1])
    height, width = shape[-2:]
    needed = int(np.ceil(np.sqrt(height * width / PICTURE_PIXELS)))
    return max(1, needed, round(typical / CELL_PIXELS))


def _typical_extent(cells: FrameCells, rank: int) -> Floats:
    """Pixels that a typical cell spans along each axis, shape (rank,)."""
    if not len(cells):
        return np.full(rank, CELL_PIXELS)
    span = (cells.box[:, rank:] - cells.box[:, :rank]).astype(np.float64)
    extent = np.full(rank, np.median(span[:, -2:]))
    extent[:-2] = np.median(span[:, :-2], axis=0)
    return extent


def draw_picture(cells: FrameCells, rows: NDArray[np.int32], factor: int) -> Picture:
    """Draw the smoothed interiors of the masks of one frame on a reduced canvas.

    The masks carry the motion better than the image: on eight data sets with images the median error of the flow
    was 1.1 to 8 times smaller on masks, and mixing both was in between (docs/tried.md).

    Parameters
    ----------
    cells, rows
        The cells and the image of their rows, see :class:`~cell_tracker_gnn.features.regions.MaskPixels`.
    factor
        Pixels of the frame per pixel of the picture.
    """
    import cv2

    inside = _interiors(rows)
    flat = inside if inside.ndim == 2 else inside.mean(axis=0)
    profile = inside.mean(axis=(1, 2)).astype(np.float64) if inside.ndim == 3 else np.zeros(0)
    plane = cv2.GaussianBlur(_reduce(flat, factor), (0, 0), 1.0)
    extent = _typical_extent(cells, rows.ndim)
    return Picture((plane * 255.0).astype(np.uint8), profile, cells.centroid, extent, factor, rows.shape)


def _interiors(rows: NDArray[np.int32]) -> NDArray[np.float32]:
    """1 inside the cells, 0 outside and along the borders between cells, so that packed cells are told apart."""
    inside = rows >= 0
    for axis in (-2, -1):
        first: list[slice] = [slice(None)] * rows.ndim
        second = list(first)
        first[axis], second[axis] = slice(None, -1), slice(1, None)
        same = rows[tuple(first)] == rows[tuple(second)]
        inside[tuple(first)] &= same
        inside[tuple(second)] &= same
    return inside.astype(np.float32)


def _reduce(plane: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    if factor == 1:
        return plane
    import cv2

    height, width = (max(1, -(-side // factor)) for side in plane.shape)
    missing = (height * factor - plane.shape[0], width * factor - plane.shape[1])
    padded = np.pad(plane, ((0, missing[0]), (0, missing[1])), mode="edge") if any(missing) else plane
    return np.asarray(cv2.resize(padded, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float32)


def estimate_motion(before: Picture, after: Picture) -> Motion:
    """Motion from one frame to the next.

    Parameters
    ----------
    before, after
        The two frames, reduced by the same factor.
    """
    if not len(before.centroid) or not len(after.centroid):
        # A frame without cells says nothing about motion, and the flow into it would be arbitrary.
        return Motion(np.zeros(before.centroid.shape[1]))
    drift = _checked_drift(before, after)
    if len(drift) == 3:
        consensus = find_consensus(before.centroid, after.centroid, before.extent, drift)
        if consensus is not None:
            return _volume_motion(before, drift, consensus)
    return _plane_motion(before, after, drift)


def _checked_drift(before: Picture, after: Picture) -> Floats:
    """Drift by correlation of the pictures, zero unless it brings both the pictures and the cells closer together."""
    rank = before.centroid.shape[1]
    still = np.zeros(rank)
    resting = _likeness(before.plane, after.plane, np.zeros(2))
    plane, likeness = _plane_drift(before.plane, after.plane, resting)
    drift = still.copy()
    drift[-2:] = plane * before.factor
    if rank == 3:
        drift[0] = _profile_drift(before.profile, after.profile)
    if not np.any(np.abs(drift) >= 0.5):
        return still
    gain = likeness - resting
    enough = HARDLY_FARTHER if gain > MUCH_MORE_ALIKE else 0.95
    closer = _typical_distance(before.centroid + drift, after) < enough * _typical_distance(before.centroid, after)
    return drift if gain > 0.02 and closer else still


def _plane_drift(before: Gray, after: Gray, resting: float) -> tuple[Floats, float]:
    """Displacement of the plane and how like the pictures are after it, see :func:`_likeness`.

    Phase correlation finds the shift of fine structure. Where cells change too much for it between two frames, as in
    a growing colony, plain cross-correlation of the outlines is tried as well, and the better one taken.
    """
    shrink = max(1, int(np.ceil(max(before.shape) / CORRELATION_SIDE)))
    small = [_reduce(plane.astype(np.float32), shrink) for plane in (before, after)]
    if min(small[0].shape) < 8:
        return np.zeros(2), resting
    first, second = (picture - picture.mean() for picture in small)
    shift = _phase_shift(first, second) * shrink
    likeness = _likeness(before, after, shift)
    if max(likeness, resting) < SURELY_ALIKE:
        other = _correlation_shift(first, second) * shrink
        of_other = _likeness(before, after, other)
        if of_other > likeness:
            return other, of_other
    return shift, likeness


def _phase_shift(first: NDArray[np.float32], second: NDArray[np.float32]) -> Floats:
    import cv2

    window = cv2.createHanningWindow(first.shape[::-1], cv2.CV_32F)
    # OpenCV may multiply the pictures that it is given by the window in place.
    (x, y), _ = cv2.phaseCorrelate(first.copy(), second.copy(), window)
    return np.array([y, x])


def _correlation_shift(first: NDArray[np.float32], second: NDArray[np.float32]) -> Floats:
    """Whole pixels by which the first picture is moved where their product is largest."""
    size = [fft.next_fast_len(2 * side, real=True) for side in first.shape]
    spectrum = np.conj(fft.rfft2(first, size)) * fft.rfft2(second, size)
    product = fft.irfft2(spectrum, size)
    peak = np.array(np.unravel_index(int(np.argmax(product)), product.shape))
    return np.where(peak > np.array(size) // 2, peak - size, peak).astype(np.float64)


def _profile_drift(before: Floats, after: Floats) -> float:
    """Whole z planes by which the mean intensity profile moved."""
    a, b = before - before.mean(), after - after.mean()
    if not a.any() or not b.any():
        return 0.0
    return float(np.argmax(np.correlate(b, a, mode="full")) - (len(a) - 1))


def _likeness(before: Gray, after: Gray, shift: Floats) -> float:
    """Correlation coefficient of the two pictures where they overlap after the first is moved by ``shift``."""
    dy, dx = (round(s) for s in shift)
    height, width = before.shape
    if height - abs(dy) < 8 or width - abs(dx) < 8:
        return -1.0
    a = before[max(0, -dy) : height - max(0, dy), max(0, -dx) : width - max(0, dx)].astype(np.float32).ravel()
    b = after[max(0, dy) : height + min(0, dy), max(0, dx) : width + min(0, dx)].astype(np.float32).ravel()
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm else 0.0


def _typical_distance(points: Floats, after: Picture) -> float:
    """Median distance from the moved cells to the nearest cell of the next frame."""
    if not len(points) or not len(after.centroid):
        return np.inf
    return float(np.median(cKDTree(after.centroid).query(points)[0]))


def _volume_motion(before: Picture, drift: Floats, consensus: Consensus) -> Motion:
    """What neighbours agree on, on a lattice over the volume."""
    # Nothing is finer than a pixel, or a plane where cells span few of them.
    step = np.minimum(np.maximum(before.extent / NODES_PER_CELL, 1.0), np.array(before.shape))
    step *= max(1.0, float(np.prod(np.array(before.shape) / step) / MOST_NODES)) ** (1 / 3)
    sides = np.ceil(np.array(before.shape) / step).astype(np.int64)
    nodes = (np.indices(sides).reshape(3, -1).T + 0.5) * step
    field = (consensus.at(nodes) - drift).T.reshape(3, *sides)
    return Motion(drift, field.astype(np.float32), step)


def _plane_motion(before: Picture, after: Picture, drift: Floats) -> Motion:
    """Optical flow of what remains after the drift."""
    height, width = before.plane.shape
    if min(height, width) < 16:
        return Motion(drift)
    import cv2

    dy, dx = drift[-2:] / before.factor
    # The later picture moved back, so that the flow is that of the earlier one's pixels. Those that come to lie outside
    # are taken as they are, which means that nothing more is known of them.
    back = before.plane.copy()
    matrix = np.array([[1.0, 0.0, dx], [0.0, 1.0, dy]], np.float32)
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cv2.warpAffine(after.plane, matrix, (width, height), back, how, cv2.BORDER_TRANSPARENT)
    flow = _flow(before.plane, back) * before.factor
    # Each component lies in one piece of memory, because it is looked up by itself.
    field = np.zeros((len(drift), height, width), np.float32)
    field[-1], field[-2] = flow[..., 0], flow[..., 1]
    step = np.full(len(drift), float(before.factor))
    if len(drift) == 3:
        field, step[0] = field[:, None], before.shape[0]
    return Motion(drift, field, step)


def _flow(first: Gray, second: Gray) -> NDArray[np.float32]:
    import cv2

    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    # Half the time of the preset; the place of a cell changes by some hundredths of a pixel (docs/tried.md).
    search.setPatchStride(4)
    search.setGradientDescentIterations(12)
    search.setVariationalRefinementIterations(3)
    return np.asarray(search.calc(first, second, None))
