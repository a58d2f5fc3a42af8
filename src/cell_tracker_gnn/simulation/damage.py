"""Faults of segmentation, made on purpose in the label image of one frame, 2D or 3D, simulated or real."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cell_tracker_gnn.errors import InputError, SettingsError
from cell_tracker_gnn.simulation.faults import (
    Box,
    dense_labels,
    erase,
    jitter_outline,
    merge_near,
    permute_labels,
    speck,
    split_cell,
)

__all__ = ["damage"]

Mask = NDArray[np.integer]


def damage(
    mask: Mask,
    rng: np.random.Generator,
    *,
    missed: float = 0.0,
    merged: float = 0.0,
    split: float = 0.0,
    spurious: float = 0.0,
    jitter: float = 0.0,
) -> Mask:
    """Mask with the faults of a poor segmentation and with labels permuted.

    No cell is missed, split and merged at once, so the fractions must not sum to more than 1. The result holds the
    labels 1 to n in random order, so that nothing tells which cell is which in another frame.

    Parameters
    ----------
    mask
        Label image, 0 = background, (y, x) or (z, y, x); it is not changed.
    rng
        Source of the random choices.
    missed
        Fraction of the cells left out.
    merged
        Fraction of the cells that become one with a neighbour at most four pixels away (both are counted); a gap
        between the two is closed. Fewer where cells have no such neighbour.
    split
        Fraction of the cells cut in two through the centroid, with or without a gap of one pixel.
    spurious
        Number of specks and blobs added in the background, as a fraction of the number of cells.
    jitter
        Fraction of the cells whose outline moves in or out by one or two pixels, out only into the background.

    Returns
    -------
    New label image of the same shape, and of the same type if that holds the labels, else int32.

    Raises
    ------
    SettingsError
        If a fraction is not within 0 to 1, or missed, merged and split sum to more than 1.
    InputError
        If the mask is no label image.

    Examples
    --------
    >>> import numpy as np
    >>> from cell_tracker_gnn.simulation import damage
    >>> mask = np.zeros((32, 32), np.uint16)
    >>> mask[4:12, 4:12], mask[18:28, 18:28] = 1, 2
    >>> len(np.unique(damage(mask, np.random.default_rng(0), missed=0.5))) - 1
    1
    """
    for name, value in {
        "missed": missed,
        "merged": merged,
        "split": split,
        "spurious": spurious,
        "jitter": jitter,
    }.items():
        if not 0 <= value <= 1:
            raise SettingsError(f"{name} is {value}; give a fraction of the cells from 0 to 1")
    if missed + merged + split > 1 + 1e-9:
        raise SettingsError(f"missed, merged and split sum to {missed + merged + split:g}; give at most 1 together")
    if mask.ndim not in (2, 3) or mask.dtype.kind not in "iu":
        raise InputError(f"a {mask.ndim}D array of {mask.dtype} is no label image; give whole numbers, 2D or 3D")
    result, count = dense_labels(mask)
    boxes: list[Box] = ndimage.find_objects(result)
    order = rng.permutation(count) + 1
    for label in rng.permutation(count)[: _number(count * jitter, rng)] + 1:
        jitter_outline(result, boxes[label - 1], label, rng)
    boxes = ndimage.find_objects(result)
    lost = _number(count * missed, rng)
    cut = lost + _number(count * split, rng)
    for label in order[:lost]:
        erase(result, boxes[label - 1], label)
    for new, label in enumerate(order[lost:cut]):
        split_cell(result, boxes[label - 1], label, count + 1 + new, rng)
    merge_near(result, boxes, order[cut:], _number(count * merged / 2, rng))
    for new in range(_number(count * spurious, rng)):
        speck(result, boxes, 2 * count + 1 + new, rng)
    return permute_labels(result, mask.dtype, rng)


def _number(expected: float, rng: np.random.Generator) -> int:
    """Whole number next to the expected one, right on average."""
    return int(expected + rng.random())
