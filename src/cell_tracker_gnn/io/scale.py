"""Physical pixel sizes and frame intervals from OME-XML, ImageJ tags and NGFF metadata."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cell_tracker_gnn.data import Scale
from cell_tracker_gnn.errors import SettingsError
from cell_tracker_gnn.io.paths import existing, tiff_files
from cell_tracker_gnn.io.series import broken_file_as_error, open_tiff
from cell_tracker_gnn.io.units import MICROMETER, length_factor, length_unit, time_in_seconds
from cell_tracker_gnn.io.zarr_store import is_zarr, read_zarr_scale

if TYPE_CHECKING:
    from tifffile import TiffFile

__all__ = ["choose_scale", "combine_stated", "read_scale"]


def read_scale(path: str | PathLike[str]) -> Scale | None:
    """Voxel size and frame interval that a TIFF file, the first one in a folder, or an OME-Zarr states about itself.

    Parameters
    ----------
    path
        TIFF file, folder of TIFF files or OME-Zarr.

    Returns
    -------
    Scale or None
        Step (z, y, x) where the depth is known, else (y, x); None when the file has no calibration.

    Raises
    ------
    MissingInputError
        If the path does not exist or holds no TIFF file.
    InputError
        If the file cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> import tifffile
    >>> from cell_tracker_gnn.io import read_scale
    >>> tags = {"axes": "YX", "PhysicalSizeX": 0.65, "PhysicalSizeY": 0.65}
    >>> tifffile.imwrite("cells.ome.tif", np.zeros((8, 8), np.uint16), metadata=tags)
    >>> read_scale("cells.ome.tif").step
    (0.65, 0.65)
    """
    place = existing(path)
    if is_zarr(place):
        return read_zarr_scale(place)
    file: Path = tiff_files(place)[0] if place.is_dir() else place
    with broken_file_as_error(file), open_tiff(file, alone=True) as tif:
        if tif.ome_metadata:
            return _from_ome(tif.ome_metadata)
        return _from_imagej(tif) if tif.imagej_metadata else None


def choose_scale(
    given: Sequence[float] | None,
    unit: str | None,
    stated: Scale | None,
    rank: int,
    *,
    interval: float | None = None,
) -> Scale:
    """Take the user's scale, else that of the files, else pixels.

    Parameters
    ----------
    given
        Length of a pixel along (z, y, x) or (y, x); of three numbers a 2D movie takes the last two.
    unit
        Unit of ``given`` or, without it, a better name for the unit of the files; None takes that of the files, else
        µm.
    stated
        What the files say.
    rank
        Number of spatial axes of the movie.
    interval
        Time between two frames in seconds; None takes what the files say.

    Raises
    ------
    SettingsError
        If ``given`` does not fit the movie, or ``unit`` is one of nothing.
    """
    name = None if unit is None else length_unit(unit) or "pixel"
    known = stated if stated is not None and stated.is_known and stated.rank >= rank else None
    if given is not None:
        step = _checked(given, rank)
        name = name or (known.unit if known and known.unit != "pixel" else MICROMETER)
    elif known is not None:
        step, name = known.step[-rank:], name or known.unit
    elif name not in (None, "pixel"):
        raise SettingsError(f"the unit {unit} says nothing without the size of a pixel; give --scale, too")
    else:
        step, name = (1.0,) * rank, "pixel"
    if interval is not None:
        if not (math.isfinite(interval) and interval > 0):
            raise SettingsError(f"the interval {interval} is no duration; give positive seconds between two frames")
        return Scale(step, name, float(interval), "s")
    return Scale(step, name, stated.interval, stated.interval_unit) if stated is not None else Scale(step, name)


def _checked(given: Sequence[float], rank: int) -> tuple[float, ...]:
    """The user's lengths along the axes of the movie."""
    step = tuple(float(length) for length in given)
    if len(step) not in (rank, 3) or not all(map(math.isfinite, step)) or min(step) <= 0:
        axes = "z y x" if rank == 3 else "y x"
        raise SettingsError(f"the scale {step} does not fit a {rank}D movie; give {rank} positive numbers, {axes}")
    return step[-rank:]


def combine_stated(first: Scale | None, second: Scale | None) -> Scale | None:
    """Take the lengths from the first of two that knows them, and the interval likewise."""
    if first is None or second is None:
        return first or second
    lengths = first if first.is_known else second
    times = first if first.interval_unit != "frame" else second
    return replace(lengths, interval=times.interval, interval_unit=times.interval_unit)


def _from_ome(xml: str) -> Scale | None:
    from tifffile import xml2dict

    images = xml2dict(xml).get("OME", {}).get("Image", {})
    image: dict[str, Any] = images[0] if isinstance(images, list) else images
    pixels = image.get("Pixels", {})
    unit = length_unit(pixels.get("PhysicalSizeXUnit", MICROMETER))
    unit = "pixel" if str(pixels.get("PhysicalSizeXUnit")) == "pixel" else unit
    lengths = [
        _in_unit(pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", MICROMETER), unit)
        for axis in "ZYX"
    ]
    return _scale(lengths, unit, pixels.get("TimeIncrement"), str(pixels.get("TimeIncrementUnit", "s")))


def _from_imagej(tif: TiffFile) -> Scale | None:
    metadata = tif.imagej_metadata or {}
    unit = length_unit(metadata.get("unit", ""))
    tags = tif.pages.first.tags
    across, down = (_per_pixel(tags.valueof(name)) for name in ("XResolution", "YResolution"))
    depth = metadata.get("spacing") if metadata.get("slices", 1) > 1 else None
    if length_unit(metadata.get("yunit", unit)) != unit:
        down = _in_unit(down, metadata["yunit"], unit)
    if length_unit(metadata.get("zunit", unit)) != unit:
        depth = _in_unit(depth, metadata["zunit"], unit)
    time_unit = str(metadata.get("tunit", "s"))
    return _scale([depth, down, across], unit, metadata.get("finterval"), time_unit)


def _scale(lengths: list[Any], unit: str | None, interval: Any, interval_unit: str) -> Scale | None:
    """Scale of the stated (z, y, x) lengths, or of the interval alone when those of y and x are absent or senseless."""
    depth, down, across = (_positive(length) for length in lengths)
    duration = _positive(interval)
    times = (1.0, "frame") if duration is None else time_in_seconds(duration, interval_unit)
    if unit is None or down is None or across is None:
        return None if duration is None else Scale((1.0, 1.0), "pixel", *times)
    return Scale((down, across) if depth is None else (depth, down, across), unit, *times)


def _in_unit(length: Any, stated: object, unit: str | None) -> float | None:
    """A length in ``unit``; None where the one it is stated in cannot be converted."""
    value, factor = _positive(length), length_factor(length_unit(stated) or "pixel", unit)
    return None if value is None or factor is None else value * factor


def _per_pixel(resolution: tuple[int, int] | None) -> float | None:
    """Length of a pixel from the pixels per length, a fraction."""
    if not resolution or not resolution[0]:
        return None
    return resolution[1] / resolution[0]


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number > 0 else None
