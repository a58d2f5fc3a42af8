"""The single faults of segmentation; each changes a label image in place and only near the cell it is about."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy import ndimage

from cell_tracker_gnn.errors import InputError

__all__ = [
    "Box",
    "Labels",
    "dense_labels",
    "erase",
    "jitter_outline",
    "merge_near",
    "permute_labels",
    "speck",
    "split_cell",
]

Labels = NDArray[np.int32]
Box = tuple[slice, ...]

NEAR = 4
"""Pixels between two cells that are still merged."""

SMALLEST_SPLIT = 8
"""Pixels under which a cell is not cut in two."""

TABLE_LIMIT = 1 << 24


def dense_labels(mask: NDArray[np.integer]) -> tuple[Labels, int]:
    """Copy of a label image with labels 1 to n in the order of the old ones, and n.

    Raises
    ------
    InputError
        If a label is negative.
    """
    if mask.size and mask.min() < 0:
        raise InputError(f"the mask has the label {mask.min()}; give 0 for background and positive labels")
    if mask.size and mask.max() < TABLE_LIMIT:
        present = np.bincount(mask.ravel().astype(np.int64)) > 0
        present[0] = False
        table = np.cumsum(present).astype(np.int32) * present
        return table[mask].astype(np.int32), int(present.sum())
    old, dense = np.unique(np.append(mask.ravel(), 0), return_inverse=True)
    return dense[:-1].reshape(mask.shape).astype(np.int32), len(old) - 1


def permute_labels(mask: Labels, dtype: DTypeLike, rng: np.random.Generator) -> NDArray[np.integer]:
    """Copy with labels 1 to n in random order, of type ``dtype`` if it holds n, else int32."""
    present = np.flatnonzero(np.bincount(mask.ravel(), minlength=1))
    present = present[present > 0]
    fits = len(present) <= np.iinfo(np.dtype(dtype)).max
    table = np.zeros(int(mask.max(initial=0)) + 1, dtype if fits else np.int32)
    table[present] = rng.permutation(len(present)) + 1
    return np.asarray(table[mask])


def padded(box: Box, pad: int, shape: tuple[int, ...]) -> Box:
    """Box with ``pad`` more pixels on every side, within the image."""
    return tuple(slice(max(s.start - pad, 0), min(s.stop + pad, n)) for s, n in zip(box, shape, strict=True))


def erase(mask: Labels, box: Box, label: int) -> None:
    """Leave a cell out."""
    view = mask[box]
    view[view == label] = 0


def jitter_outline(mask: Labels, box: Box, label: int, rng: np.random.Generator) -> None:
    """Move the outline of a cell out into the background or in by one or two pixels, never so far that it is gone."""
    view = mask[padded(box, 3, mask.shape)]
    own = view == label
    pixels, outwards = int(rng.integers(1, 3)), rng.random() < 0.5
    if outwards:
        view[ndimage.binary_dilation(own, iterations=pixels) & (view == 0)] = label
        return
    kept = ndimage.binary_erosion(own, iterations=pixels, border_value=1)
    if 2 * kept.sum() > own.sum():
        view[own & ~kept] = 0


def split_cell(mask: Labels, box: Box, label: int, fresh: int, rng: np.random.Generator) -> None:
    """Cut a cell in two, mostly across its long axis; one half gets the label ``fresh``. Tiny cells stay whole."""
    view = mask[box]
    pixels = np.argwhere(view == label)
    if len(pixels) < SMALLEST_SPLIT:
        return
    centred = pixels - pixels.mean(axis=0)
    long_axis = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    normal = long_axis + 0.4 * rng.standard_normal(mask.ndim)
    side = centred @ (normal / np.linalg.norm(normal))
    half_gap = 0.5 if rng.random() < 0.5 and min((side > 0.5).sum(), (side < -0.5).sum()) > 1 else 0.0
    view[tuple(pixels[side > 0].T)] = fresh
    view[tuple(pixels[np.abs(side) < half_gap].T)] = 0


def merge_near(mask: Labels, boxes: list[Box], labels: NDArray[np.int64], count: int) -> None:
    """Merge up to ``count`` pairs among ``labels``, tried in this order, each with the neighbour it touches most."""
    free = np.zeros(len(boxes) + 1, bool)
    free[labels] = True
    for label in labels:
        if count <= 0:
            return
        partner = _neighbour(mask, boxes[label - 1], label, free) if free[label] else 0
        if partner:
            _join(mask, boxes[label - 1], boxes[partner - 1], label, partner)
            free[[label, partner]] = False
            count -= 1


def _neighbour(mask: Labels, box: Box, label: int, free: NDArray[np.bool_]) -> int:
    """Label of the free cell with most pixels near a cell, or 0."""
    view = mask[padded(box, NEAR, mask.shape)]
    own = view == label
    others = view[~own & (view > 0) & (view < len(free))]
    if not free[others].any():
        return 0
    around = view[ndimage.binary_dilation(own, iterations=NEAR) & ~own]
    contact = np.bincount(around[around < len(free)], minlength=len(free)) * free
    best = int(np.argmax(contact))
    return best if contact[best] else 0


def _join(mask: Labels, one: Box, other: Box, label: int, partner: int) -> None:
    both = tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True))
    view = mask[padded(both, NEAR, mask.shape)]
    view[view == partner] = label
    own = view == label
    closed = ndimage.binary_closing(own, iterations=NEAR // 2 + 1)
    view[closed & (view == 0)] = label


def speck(mask: Labels, boxes: list[Box], fresh: int, rng: np.random.Generator) -> None:
    """Add a blob in the background, up to the size of a cell, with the label ``fresh``; none where all is full."""
    like = boxes[int(rng.integers(len(boxes)))]
    radii = np.maximum([rng.uniform(0.1, 0.4) * (s.stop - s.start) for s in like], 0.8) * rng.uniform(0.5, 1.0)
    for _ in range(20):
        centre = tuple(int(i) for i in rng.integers(mask.shape))
        if mask[centre] == 0:
            break
    else:
        return
    reach = int(np.ceil(radii.max())) + 1
    box = padded(tuple(slice(i, i + 1) for i in centre), reach, mask.shape)
    away = np.ogrid[tuple(slice(s.start - i, s.stop - i) for s, i in zip(box, centre, strict=True))]
    inside = sum((offset / radius) ** 2 for offset, radius in zip(away, radii, strict=True)) <= 1
    view = mask[box]
    pieces, _ = ndimage.label(np.asarray(inside) & (view == 0))
    start = tuple(i - s.start for s, i in zip(box, centre, strict=True))
    view[pieces == pieces[start]] = fresh
