"""How far every pixel of an image stands out of its surroundings, in units of intensity and of noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.transform import downscale_local_mean

__all__ = ["Contrast", "measure_contrast"]

SMOOTHING = 0.1
"""Standard deviation of the smoothing, in radii of a cell, but at least one pixel."""

SURROUNDINGS = 4.0
"""Standard deviation of the window in which the background is averaged, in radii of a cell."""

ROUNDS = 3
"""Each round takes the pixels that stand out of the background of the last one for cells."""

CLEAR = 4.0
"""Pixels above the background by so many times the noise do not count as background."""

LEAST_FREE = 0.03
"""Share of the pixels that must be background."""

Image = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Contrast:
    """A smoothed image without its background.

    Parameters
    ----------
    level
        Intensity above the local background, (y, x) or (z, y, x).
    noise
        Standard deviation of ``level`` in the background, positive.
    """

    level: Image
    noise: float


def measure_contrast(image: NDArray[np.generic], radius: float, step: tuple[float, ...]) -> Contrast:
    """Smooth an image and take away what its surroundings have.

    The background is the mean of the pixels that are no cell, in a window that follows the size of a cell. At first
    those are pixels below the threshold of Otsu (1979) of the logarithm, because cells differ in brightness by a large
    factor; then those that do not stand out of the background of the round before.

    Parameters
    ----------
    image
        Intensities, (y, x) or (z, y, x), cells brighter than the background.
    radius
        Radius of a usual cell, in pixels of x.
    step
        Length of a pixel along each axis, in pixels of x.
    """
    pixels = np.nan_to_num(np.asarray(image, np.float32), posinf=0.0, neginf=0.0)
    smooth = ndimage.gaussian_filter(pixels, [max(1.0, SMOOTHING * radius) / max(s, 1.0) for s in step])
    free = _probably_free(smooth, radius, step)
    level, noise = smooth, 1.0
    for _ in range(ROUNDS):
        level = smooth - _background(smooth, free, [SURROUNDINGS * radius / s for s in step])
        middle = float(np.median(level[free]))
        below = level[free & (level <= middle)] - middle
        # Cells that were taken for background make it brighter, never darker: the lower half tells the noise.
        # Rounding must not pass for a signal where there is no noise at all.
        noise = max(1.4826 * float(np.median(np.abs(below))), 1e-5 * float(np.abs(smooth).max()), 1e-12)
        level = level - np.float32(middle)
        found = _without(level > CLEAR * noise, 0.1 * radius, step)
        if found.mean() < LEAST_FREE:
            break
        free = found
    return Contrast(level, noise)


def _probably_free(smooth: Image, radius: float, step: tuple[float, ...]) -> NDArray[np.bool_]:
    """Pixels that are background at first sight."""
    dark = float(np.percentile(smooth, 0.1))
    light = np.log(np.clip(smooth - dark, 0.0, None) + 0.02 * max(float(smooth.max()) - dark, 1e-12))
    free = _without(light > threshold_otsu(light), 0.3 * radius, step)
    return free if free.mean() >= LEAST_FREE else np.asarray(smooth <= np.median(smooth))


def _without(cells: NDArray[np.bool_], margin: float, step: tuple[float, ...]) -> NDArray[np.bool_]:
    """Pixels that are farther from any cell than a margin, which is two pixels or more."""
    reach = [1 + 2 * int(max(2.0, margin) / s) for s in step]
    return ~np.asarray(ndimage.maximum_filter(cells, size=reach))


def _background(smooth: Image, free: NDArray[np.bool_], window: list[float]) -> Image:
    """Mean of the free pixels under a Gaussian window; computed on a coarse grid, as it varies slowly."""
    factor = tuple(min(max(1, int(width // 4)), length) for width, length in zip(window, smooth.shape, strict=True))
    coarse = [width / f for width, f in zip(window, factor, strict=True)]
    total, weight = (
        ndimage.gaussian_filter(downscale_local_mean(values, factor), coarse, mode="nearest")
        for values in (np.where(free, smooth, np.float32(0)), free.astype(np.float32))
    )
    mean = total / np.maximum(weight, 1e-9)
    fine = ndimage.zoom(mean, factor, order=1, mode="nearest", grid_mode=True)
    return np.asarray(fine[tuple(slice(length) for length in smooth.shape)], dtype=np.float32)
