"""Physical pixel sizes from OME-XML and ImageJ tags."""

from __future__ import annotations

import math
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cell_tracker_gnn.data import Scale
from cell_tracker_gnn.errors import SettingsError
from cell_tracker_gnn.io.paths import existing, tiff_files
from cell_tracker_gnn.io.series import broken_file_as_error, open_tiff

if TYPE_CHECKING:
    from tifffile import TiffFile

__all__ = ["MICROMETER", "choose_scale", "read_scale"]


MICROMETER = "µm"
"""How this package writes the micrometre, with the micro sign."""

_MICROMETERS = {"um", "µm", "μm", "micron", "microns", "micrometer", "micrometers", "micrometre", "\\u00b5m"}
_SECONDS = {"s", "sec", "second", "seconds"}


def read_scale(path: str | PathLike[str]) -> Scale | None:
    """Voxel size and frame interval that a TIFF file, or the first one in a folder, states about itself.

    Parameters
    ----------
    path
        TIFF file or folder of TIFF files.

    Returns
    -------
    Scale or None
        Step (z, y, x) where the depth is known, else (y, x); None when the file has no OME or ImageJ calibration.

    Raises
    ------
    MissingInputError
        If the path does not exist or holds no TIFF file.
    InputError
        If the file cannot be read.
    """
    place = existing(path)
    file: Path = tiff_files(place)[0] if place.is_dir() else place
    with broken_file_as_error(file), open_tiff(file, alone=True) as tif:
        if tif.ome_metadata:
            return _from_ome(tif.ome_metadata)
        return _from_imagej(tif) if tif.imagej_metadata else None


def choose_scale(given: Sequence[float] | None, unit: str | None, stated: Scale | None, rank: int) -> Scale:
    """Take the user's scale, else that of the files, else pixels.

    Parameters
    ----------
    given
        Length of a pixel along (z, y, x) or (y, x); of three numbers a 2D movie takes the last two.
    unit
        Unit of ``given``; None takes that of the files, else µm.
    stated
        What the files say.
    rank
        Number of spatial axes of the movie.

    Raises
    ------
    SettingsError
        If ``given`` does not fit the movie.
    """
    if given is not None:
        step = tuple(float(length) for length in given)
        if len(step) not in (rank, 3) or not all(map(math.isfinite, step)) or min(step) <= 0:
            axes = "z y x" if rank == 3 else "y x"
            raise SettingsError(f"the scale {step} does not fit a {rank}D movie; give {rank} positive numbers, {axes}")
        unit = unit or (stated.unit if stated else MICROMETER)
        interval = (stated.interval, stated.interval_unit) if stated else (1.0, "frame")
        return Scale(step[-rank:], unit, *interval)
    if stated is not None and stated.rank >= rank:
        return Scale(stated.step[-rank:], stated.unit, stated.interval, stated.interval_unit)
    return Scale.pixels(rank)


def _from_ome(xml: str) -> Scale | None:
    from tifffile import xml2dict

    images = xml2dict(xml).get("OME", {}).get("Image", {})
    image: dict[str, Any] = images[0] if isinstance(images, list) else images
    pixels = image.get("Pixels", {})
    unit = _length_unit(pixels.get("PhysicalSizeXUnit", MICROMETER))
    if unit is None:
        return None
    return _scale(
        [pixels.get(f"PhysicalSize{axis}") for axis in "ZYX"],
        unit,
        pixels.get("TimeIncrement"),
        str(pixels.get("TimeIncrementUnit", "s")),
    )


def _from_imagej(tif: TiffFile) -> Scale | None:
    metadata = tif.imagej_metadata or {}
    unit = _length_unit(metadata.get("unit", ""))
    if unit is None:
        return None
    tags = tif.pages.first.tags
    across, down = (_per_pixel(tags.valueof(name)) for name in ("XResolution", "YResolution"))
    depth = metadata.get("spacing") if metadata.get("slices", 1) > 1 else None
    time_unit = str(metadata.get("tunit", "s"))
    return _scale([depth, down, across], unit, metadata.get("finterval"), time_unit)


def _scale(lengths: list[Any], unit: str, interval: Any, interval_unit: str) -> Scale | None:
    """Scale of the stated (z, y, x) lengths; None when those of y and x are absent or senseless."""
    depth, down, across = (_positive(length) for length in lengths)
    if down is None or across is None:
        return None
    step = (down, across) if depth is None else (depth, down, across)
    duration = _positive(interval)
    if duration is None:
        return Scale(step, unit)
    return Scale(step, unit, duration, "s" if interval_unit.lower() in _SECONDS else interval_unit)


def _length_unit(text: object) -> str | None:
    """Return the unit of length as this package writes it, None when it is none or pixels."""
    name = str(text).strip()
    if name.lower() in ("", "pixel", "pixels", "px", "none", "null"):
        return None
    return MICROMETER if name.lower() in _MICROMETERS else name


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
