"""From the light of a frame to the image a camera records: background, bleaching, blur and noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["Camera"]

Signal = NDArray[np.float32]


class Camera:
    """A camera with its own light, noise and uneven background, drawn from ``rng``.

    Parameters
    ----------
    shape
        Pixels of the frame, (z, y, x) or (y, x).
    blur
        Standard deviation of the blur along each axis, in pixels.
    bleach
        Share of the light that is left after ``frames`` frames.
    frames
        Number of frames of the movie.
    """

    OFFSET = 100.0

    def __init__(
        self, shape: tuple[int, ...], blur: tuple[float, ...], bleach: float, frames: int, rng: np.random.Generator
    ) -> None:
        self._rng, self._blur = rng, blur
        self._fading = bleach ** (1 / max(frames, 1))
        self._photons = 220.0 * np.exp(rng.normal(0.0, 0.4))
        self._read_noise = rng.uniform(3.0, 9.0)
        self._background = rng.uniform(0.1, 0.3) * self._unevenness(shape)

    def _unevenness(self, shape: tuple[int, ...]) -> Signal:
        """Draw a slope along each axis and a bright or dark middle, about 1."""
        axes = np.meshgrid(*[np.linspace(-1, 1, n, dtype=np.float32) for n in shape], indexing="ij", sparse=True)
        slopes = self._rng.uniform(-0.3, 0.3, len(shape))
        bulge = self._rng.uniform(-0.25, 0.25)
        uneven = sum(slope * axis + bulge * (0.33 - axis * axis) for slope, axis in zip(slopes, axes, strict=True))
        return np.asarray(np.maximum(1 + uneven, 0.2), np.float32)

    def expose(self, signal: Signal, number: int) -> NDArray[np.uint16]:
        """Image of a frame whose light per pixel is ``signal``, about 1 in a cell, taken as frame ``number``."""
        fading = self._fading**number
        light = ndimage.gaussian_filter(signal, self._blur) * fading + self._background * (0.5 + 0.5 * fading)
        counts = np.maximum(light, 0.0) * np.float32(self._photons)
        noise = self._rng.standard_normal(counts.shape, dtype=np.float32)
        counts += noise * np.sqrt(counts + np.float32(self._read_noise**2)) + np.float32(self.OFFSET)
        return np.asarray(np.clip(np.rint(counts), 0, 65535), np.uint16)
