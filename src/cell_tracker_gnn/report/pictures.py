"""The images of a movie as small grey JPEGs that fit into one file together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Frames
from cell_tracker_gnn.features.regions import Levels, frame_levels

__all__ = ["MOST_BYTES", "Pictures", "movie_levels", "shrink_images"]

MOST_BYTES = 24_000_000
"""Size of all pictures of a report together, before they are written as text (a third more)."""

MOST_PIXELS = 1_000_000
"""Pixels of the largest picture, so that a frame is decoded in time."""

_SLICE_SHARE = 0.5
"""Share of the bytes that the slices of volumes may take."""

_QUALITY = 80
_SAMPLED = 5
_BRIGHTNESS = 0.7

Plane = NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures of the frames, of volumes their maximum along z, and those of the slices.

    Parameters
    ----------
    frames
        JPEG of each frame.
    slices
        JPEGs of the slices of each frame; empty for planes.
    """

    frames: list[bytes]
    slices: list[list[bytes]]


def shrink_images(
    images: Frames, most_bytes: int = MOST_BYTES, progress: Callable[[int, int], None] | None = None
) -> Pictures:
    """Compress the images of a movie into a number of bytes, making them smaller where they do not fit.

    Parameters
    ----------
    images
        Frames, (y, x) or (z, y, x).
    most_bytes
        Size of the pictures together; an estimate from a few frames, so it may be missed by some per cent.
    progress
        Called with the number of frames done and of all.
    """
    volumes = len(images.shape) == 3
    sample = _sample(images)
    levels = _common_levels(sample)
    planes = [_project(frame) for frame in sample]
    share = _SLICE_SHARE if volumes else 1.0
    zoom = _choose_zoom(planes, levels, share * most_bytes / len(images))
    slice_zoom = _choose_zoom(planes, levels, (1 - share) * most_bytes / len(images) / images.shape[0])
    frames, slices = [], []
    for index in range(len(images)):
        frame = images[index]
        frames.append(_encode(_project(frame), levels, zoom))
        slices.append([_encode(plane, levels, min(zoom, slice_zoom)) for plane in frame] if volumes else [])
        if progress is not None:
            progress(index + 1, len(images))
    return Pictures(frames, slices)


def movie_levels(images: Frames) -> Levels:
    """Dark and bright level of a whole movie, from a few frames, so that it does not flicker."""
    return _common_levels(_sample(images))


def _sample(images: Frames) -> list[Plane]:
    return [images[round(i)] for i in np.linspace(0, len(images) - 1, min(_SAMPLED, len(images)))]


def _common_levels(sample: list[Plane]) -> Levels:
    found = [frame_levels(frame) for frame in sample]
    return Levels(float(np.median([one.dark for one in found])), float(np.median([one.bright for one in found])))


def _choose_zoom(planes: list[Plane], levels: Levels, most_bytes: float) -> float:
    """Largest zoom, at most 1, at which a picture has about so many bytes and not too many pixels."""
    zoom = min(1.0, float(np.sqrt(MOST_PIXELS / planes[0].size)))
    for _ in range(4):
        size = np.mean([len(_encode(plane, levels, zoom)) for plane in planes])
        if size <= most_bytes or zoom < 0.02:
            break
        zoom *= max(0.3, 0.97 * float(np.sqrt(most_bytes / size)))
    return zoom


def _project(frame: Plane) -> Plane:
    return np.asarray(frame.max(axis=0)) if frame.ndim == 3 else frame


def _encode(plane: Plane, levels: Levels, zoom: float) -> bytes:
    level = np.nan_to_num((plane.astype(np.float32) - levels.dark) / levels.span)
    gray = (np.clip(level, 0.0, 1.0) ** _BRIGHTNESS * 255.0).astype(np.uint8)
    if zoom < 1.0:
        size = tuple(max(1, round(length * zoom)) for length in gray.shape[::-1])
        gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1])
