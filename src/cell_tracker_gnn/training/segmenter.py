"""A plain segmenter of bright cells, whose masks merge, split, miss and shift as those of real ones do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import gaussian, threshold_otsu
from skimage.segmentation import watershed

from cell_tracker_gnn.data import WrappedFrames

__all__ = ["SegmentedMasks", "segment"]

SMALLEST = 12
"""Pixels under which a piece is noise."""


def segment(image: NDArray[np.generic]) -> NDArray[np.int32]:
    """Smooth, threshold by Otsu (1979) and part by the watershed of the distance to the background.

    Parameters
    ----------
    image
        Intensities, (y, x) or (z, y, x), cells brighter than the background.

    Returns
    -------
    Label image of the same shape; all 0 for an image without contrast.
    """
    smooth = gaussian(np.asarray(image, np.float32), sigma=1.5, preserve_range=True)
    if not smooth.max() > smooth.min():
        return np.zeros(smooth.shape, np.int32)
    # Cells differ in brightness by a large factor, so that the logarithm parts them from the background better.
    level = np.log(smooth - smooth.min() + 0.02 * np.ptp(smooth))
    inside = level > threshold_otsu(level)
    pieces, count = ndimage.label(inside)
    size = np.bincount(pieces.reshape(-1), minlength=count + 1)
    inside &= size[pieces] >= SMALLEST
    if not inside.any():
        return np.zeros(smooth.shape, np.int32)
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(inside), 1.0)
    usual = np.median(ndimage.maximum(depth, pieces, np.flatnonzero(size[1:] >= SMALLEST) + 1))
    seeds = peak_local_max(depth, min_distance=max(int(0.6 * usual), 1), labels=inside.astype(np.int32))
    markers = np.zeros(smooth.shape, np.int32)
    markers[tuple(seeds.T)] = np.arange(1, len(seeds) + 1)
    return np.asarray(watershed(-depth, markers, mask=inside), dtype=np.int32)


@dataclass(frozen=True, eq=False)
class SegmentedMasks(WrappedFrames):
    """The masks that :func:`segment` makes of images, frame by frame."""

    def __getitem__(self, index: int, /) -> NDArray[np.generic]:
        return segment(self.frames[index])
