"""Segmenters of other packages, which are called if they are installed."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.errors import SettingsError

__all__ = ["CellposeSegmenter", "StarDistSegmenter"]

STARDIST_MODEL = "2D_versatile_fluo"
"""The model of StarDist for stained nuclei."""

Image = NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class CellposeSegmenter:
    """Cellpose with its default model (Stringer et al. 2021, https://doi.org/10.1038/s41592-020-01018-x).

    Parameters
    ----------
    model
        A ``cellpose.models.CellposeModel``.
    step
        Length of a pixel along each axis, in pixels of x.
    version
        Version of the package.
    """

    model: Any
    step: tuple[float, ...]
    version: str

    @classmethod
    def load(cls, step: tuple[float, ...], *, gpu: bool) -> Self:
        """Load the model; Cellpose downloads it when it is first used.

        Raises
        ------
        SettingsError
            If Cellpose is not installed.
        """
        models = _imported("cellpose.models", "cellpose", "cellpose")
        return cls(models.CellposeModel(gpu=gpu), step, _version("cellpose"))

    def __call__(self, image: Image) -> Image:
        """Segment one frame, (y, x) or (z, y, x), into a label image of the same shape."""
        if image.ndim == 2:
            return np.asarray(self.model.eval(image)[0])
        volume = {"do_3D": True, "z_axis": 0, "anisotropy": self.step[0]}
        return np.asarray(self.model.eval(image, **volume)[0])


@dataclass(frozen=True, eq=False)
class StarDistSegmenter:
    """StarDist with its model of stained nuclei in 2D (Schmidt et al. 2018, https://arxiv.org/abs/1806.03535).

    Parameters
    ----------
    model
        A ``stardist.models.StarDist2D``.
    version
        Version of the package.
    """

    model: Any
    version: str

    @classmethod
    def load(cls, step: tuple[float, ...]) -> Self:
        """Load the model; StarDist downloads it when it is first used.

        Raises
        ------
        SettingsError
            If StarDist is not installed, or the movie is 3D.
        """
        if len(step) != 2:
            raise SettingsError(
                "StarDist comes without a general model of volumes; take --segment threshold or cellpose"
            )
        models = _imported("stardist.models", "stardist", "stardist tensorflow")
        return cls(models.StarDist2D.from_pretrained(STARDIST_MODEL), _version("stardist"))

    def __call__(self, image: Image) -> Image:
        """Segment one frame, (y, x), into a label image of the same shape."""
        pixels = image.astype(np.float32)
        # The model was trained on images that were scaled so.
        dark, bright = np.percentile(pixels, (1.0, 99.8))
        relative = (pixels - np.float32(dark)) / np.float32(max(bright - dark, 1e-12))
        return np.asarray(self.model.predict_instances(relative)[0])


def _imported(module: str, package: str, install: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"segmenting with {package} needs the package {error.name}; run: pip install {install} (or take --segment "
            "threshold, which needs nothing else)"
        ) from error


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
