"""Outlines of cells in a label image, as polygons."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Floats

__all__ = ["outlines"]


def outlines(masks: NDArray[np.generic], labels: Iterable[int]) -> dict[int, Floats]:
    """Outline of the largest piece of each cell of a 2D label image.

    Parameters
    ----------
    masks
        Label image, (y, x).
    labels
        Labels to outline; those that are not there are left out.

    Returns
    -------
    dict of int to ndarray
        Corners of each polygon, in pixels, 0 = centre of the first one, shape (k, 2), (y, x); the last one is not the
        first one again.
    """
    from scipy.ndimage import find_objects
    from skimage.measure import find_contours

    found, inverse = np.unique(masks, return_inverse=True)
    boxes = find_objects(inverse.reshape(masks.shape) + 1)
    place = {int(label): box for label, box in zip(found.tolist(), boxes, strict=True) if box is not None}
    polygons = {}
    for label in labels:
        if label not in place:
            continue
        rows, columns = place[label]
        alone = np.pad(masks[rows, columns] == label, 1)
        longest = max(find_contours(alone.astype(np.float64), 0.5), key=len)
        polygons[label] = longest[:-1] + np.array([rows.start - 1, columns.start - 1])
    return polygons
