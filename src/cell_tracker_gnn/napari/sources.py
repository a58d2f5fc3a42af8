"""Layers as input of the tracker: their arrays, their frame numbers and their scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer

from cell_tracker_gnn.data import ArrayFrames, Frames
from cell_tracker_gnn.errors import CellTrackerError, InputError
from cell_tracker_gnn.io import open_frames

__all__ = ["frames_of", "path_of", "place_of", "step_of", "unit_of"]


def frames_of(layer: Labels | Image) -> ArrayFrames:
    """The frames of a layer, under the numbers of the files that it was read from.

    Raises
    ------
    InputError
        If the layer is no movie of planes or volumes of one channel.
    """
    data = layer.data[0] if layer.multiscale else layer.data
    if getattr(layer, "rgb", False):
        raise InputError(f"the layer {layer.name} is a colour picture; split its channels and choose one of them")
    if layer.ndim not in (3, 4):
        raise InputError(
            f"the layer {layer.name} has {layer.ndim} axes; tracking needs a movie with the axes t, y, x or t, z, y, x"
        )
    return ArrayFrames(data, _numbers(layer, len(data)))


def path_of(layer: Layer) -> str | None:
    """Where the frames of a layer lie on disk, if all of them and nothing else do."""
    return str(layer.source.path) if _whole(layer) is not None else None


def step_of(layer: Layer) -> tuple[float, ...] | None:
    """Size of a pixel along (z,) y, x, None where nobody has said it."""
    step = tuple(float(abs(length)) for length in layer.scale[1:])
    return None if all(length == 1.0 for length in step) else step


def unit_of(layer: Layer) -> str | None:
    """Unit of that size, None where nobody has said it."""
    unit = str(layer.units[-1])
    return None if unit == "pixel" or step_of(layer) is None else unit


def place_of(layer: Layer) -> dict[str, Any]:
    """Where a layer lies in the world, for layers beside it."""
    return {"scale": np.asarray(layer.scale), "translate": np.asarray(layer.translate), "units": layer.units}


def _numbers(layer: Layer, count: int) -> tuple[int, ...]:
    frames = _whole(layer)
    return tuple(range(count)) if frames is None else tuple(frames.numbers)


def _whole(layer: Layer) -> Frames | None:
    """The frames on disk, if they are those of the layer and no others."""
    path = layer.source.path
    if not isinstance(path, str) or not Path(path).exists():
        return None
    try:
        frames = open_frames(path)
    except CellTrackerError:
        return None
    shape = layer.data[0].shape if layer.multiscale else layer.data.shape
    return frames if (len(frames), *frames.shape) == tuple(shape) else None
