"""Movies as OME-Zarr (NGFF 0.1 to 0.5) or plain Zarr arrays; frames are read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Frames, Scale
from cell_tracker_gnn.errors import CellTrackerError, InputError
from cell_tracker_gnn.io.axes import PickedFrames, layout_of
from cell_tracker_gnn.io.chunks import check_chunks
from cell_tracker_gnn.io.optional import require
from cell_tracker_gnn.io.pairing import SelectedFrames, check_not_empty
from cell_tracker_gnn.io.units import length_factor, length_unit, time_in_seconds

if TYPE_CHECKING:
    import zarr

__all__ = [
    "OURS",
    "ZarrFrames",
    "broken_zarr_as_error",
    "image_metadata",
    "is_zarr",
    "label_array",
    "open_zarr",
    "read_zarr_scale",
]

OURS = "cell_tracker_gnn"
"""Key of our own attributes, which hold the frame numbers of the input."""

_MARKS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
_OLD_AXES = ("t", "c", "z", "y", "x")
_KINDS = {"time": "t", "channel": "c"}


def is_zarr(path: Path) -> bool:
    """Whether a path is a folder that holds a Zarr group or array."""
    return path.is_dir() and any((path / mark).is_file() for mark in _MARKS)


@contextmanager
def broken_zarr_as_error(path: Path) -> Iterator[None]:
    """Turn whatever damaged or foreign metadata and chunks make the decoders raise into an InputError."""
    try:
        yield
    except (CellTrackerError, IndexError):
        raise
    except Exception as error:
        # Zarr, the codecs and JSON raise nearly anything for bytes they do not know.
        raise InputError(f"{path} cannot be read as Zarr ({error}); copy it again or export it anew") from error


def open_zarr(path: Path, axes: str | None = None, channel: int | None = None, *, labels: bool = False) -> Frames:
    """Frames of an OME-Zarr at full resolution, or of a Zarr array.

    Of an image that has label images, ``labels`` takes the label image; which one must be said by the path, as in
    ``movie.ome.zarr/labels/nuclei``, if there are several.

    Parameters
    ----------
    path
        Folder of the group or array.
    axes
        Axis letters, or None to take those that the metadata state.
    channel
        Channel to read, or None.
    labels
        Whether these should be masks.

    Raises
    ------
    InputError
        If the metadata or the array cannot be read, the axes are unclear, or there are several images.
    SettingsError
        If zarr is not installed.
    """
    require("reading Zarr", "zarr")
    import zarr

    with broken_zarr_as_error(path):
        node = zarr.open(path, mode="r")
        if isinstance(node, zarr.Array):
            return _frames(node, axes or {3: "tyx", 4: "tzyx"}.get(node.ndim, ""), channel, path, labels=labels)
        group = _the_image(node, path, labels=labels)
        image = _multiscale(group, path)
        array = _full_resolution(group, image, path)
        frames = _frames(array, axes or _axis_letters(image, path), channel, path, labels=labels)
        own = group.attrs.get(OURS)
        numbers = own.get("frames") if isinstance(own, Mapping) else None
    if not isinstance(numbers, list) or len(numbers) != len(frames):
        return frames
    known = [number for number in numbers if isinstance(number, int) and 0 <= number < 2**63]
    if len(known) < len(numbers) or any(a >= b for a, b in pairwise(known)):
        raise InputError(f"the frame numbers in the attribute {OURS} of {path} do not increase; remove or correct it")
    return SelectedFrames(frames, tuple(range(len(frames))), tuple(known))


def label_array(path: Path) -> Path:
    """Where the array lies whose frames :func:`open_zarr` reads as masks."""
    require("reading Zarr", "zarr")
    import zarr

    with broken_zarr_as_error(path):
        node = zarr.open(path, mode="r")
        if isinstance(node, zarr.Array):
            return path
        group = _the_image(node, path, labels=True)
        return path / _full_resolution(group, _multiscale(group, path), path).path


def read_zarr_scale(path: Path) -> Scale | None:
    """Voxel size and frame interval that the NGFF metadata state; None for plain arrays and metadata without units.

    Raises
    ------
    InputError
        If the metadata cannot be read.
    """
    require("reading Zarr", "zarr")
    import zarr

    with broken_zarr_as_error(path):
        node = zarr.open(path, mode="r")
        if isinstance(node, zarr.Array):
            return None
        image = _multiscale(_the_image(node, path, labels=False), path)
        return _scale_of(image)


def image_metadata(group: zarr.Group) -> Mapping[str, Any]:
    """NGFF metadata of a group: under ``ome`` since version 0.5, at the top before."""
    attributes: dict[str, Any] = dict(group.attrs)
    found = attributes.get("ome", attributes)
    return found if isinstance(found, Mapping) else {}


def _the_image(group: zarr.Group, path: Path, *, labels: bool) -> zarr.Group:
    """The one image, or the one label image, that a group stands for."""
    metadata = image_metadata(group)
    if labels and "labels" in group and "image-label" not in metadata:
        return _the_image(_subgroup(group, "labels", path), path / "labels", labels=True)
    if "multiscales" in metadata:
        return group
    if "plate" in metadata or "well" in metadata:
        raise InputError(f"{path} is a plate or a well with many images; give the path of one of them")
    if "labels" in metadata:
        names = [str(name) for name in metadata["labels"]]
    elif "bioformats2raw.layout" in metadata:
        names = sorted(name for name in group.group_keys() if name.isdigit())
    else:
        raise InputError(f"{path} has no NGFF metadata (multiscales); give the path of an image or of an array in it")
    if len(names) != 1:
        inside = ", ".join(str(path / name) for name in names)
        raise InputError(f"{path} holds {len(names)} images; give the path of one of them: {inside or 'there is none'}")
    return _the_image(_subgroup(group, names[0], path), path / names[0], labels=labels)


def _subgroup(group: zarr.Group, name: str, path: Path) -> zarr.Group:
    import zarr

    inside = group[name]
    if not isinstance(inside, zarr.Group):
        raise InputError(f"{path / name} is an array where a group is expected; export it anew")
    return inside


def _multiscale(group: zarr.Group, path: Path) -> Mapping[str, Any]:
    """Metadata of the first multiscale image of a group."""
    images = image_metadata(group).get("multiscales")
    if not images or not images[0].get("datasets"):
        raise InputError(f"{path} names no array in its NGFF metadata; export it anew")
    found: Mapping[str, Any] = images[0]
    return found


def _full_resolution(group: zarr.Group, image: Mapping[str, Any], path: Path) -> zarr.Array[Any]:
    import zarr

    name = image["datasets"][0]["path"]
    array = group[name]
    if not isinstance(array, zarr.Array):
        raise InputError(f"{path} says that {name} is an array, which it is not; export it anew")
    return array


def _axis_letters(image: Mapping[str, Any], path: Path) -> str:
    """One letter per axis among t, c, z, y, x."""
    letters = ""
    for axis in image.get("axes", _OLD_AXES):
        kind, name = (axis.get("type"), str(axis.get("name"))) if isinstance(axis, Mapping) else (None, str(axis))
        letters += _KINDS.get(str(kind), name.lower())
    if not {"y", "x"} <= set(letters) <= set("tczyx") or len(set(letters)) != len(letters):
        names = [axis.get("name") if isinstance(axis, Mapping) else axis for axis in image["axes"]]
        raise InputError(f"the axes {names} of {path} are unclear; say them with --axes, as in tczyx")
    return letters


@dataclass(frozen=True, eq=False)
class ZarrFrames(PickedFrames):
    """Frames of a Zarr array.

    Parameters
    ----------
    path
        Where it lies, for error messages.
    """

    path: Path

    def __getitem__(self, index: int, /) -> NDArray[np.generic]:
        with broken_zarr_as_error(self.path):
            check_chunks(self.array, self.key(index))  # type: ignore[arg-type]
            return super().__getitem__(index)


def _frames(array: zarr.Array[Any], names: str, channel: int | None, path: Path, *, labels: bool) -> ZarrFrames:
    if len(names) == array.ndim + 1:
        names = names.replace("c", "")
    if len(names) != array.ndim:
        raise InputError(f"{path} has {array.ndim} axes of lengths {array.shape}; say what they are with --axes")
    if "t" in names:
        check_not_empty(array.shape[names.index("t")], str(path))
    return ZarrFrames(array, layout_of(names, array.shape, channel, str(path), labels=labels), path)


def _scale_of(image: Mapping[str, Any]) -> Scale | None:
    """Scale of a multiscale image: its scale transformations, one after the other, and the units of its axes."""
    axes = [axis if isinstance(axis, Mapping) else {"name": axis} for axis in image.get("axes", _OLD_AXES)]
    steps = [1.0] * len(axes)
    for holder in (image["datasets"][0], image):
        for transformation in holder.get("coordinateTransformations", ()):
            if transformation.get("type") == "scale":
                steps = [step * float(factor) for step, factor in zip(steps, transformation["scale"], strict=True)]
    place = {_KINDS.get(str(axis.get("type")), str(axis.get("name")).lower()): i for i, axis in enumerate(axes)}
    unit = length_unit(axes[place["x"]].get("unit", ""))
    lengths = []
    for name in (name for name in "zyx" if name in place):
        factor = length_factor(length_unit(axes[place[name]].get("unit", "")), unit)
        lengths.append(steps[place[name]] * factor if factor else 0.0)
    known = min(lengths) > 0
    interval = _interval(axes[place["t"]], steps[place["t"]]) if "t" in place else (1.0, "frame")
    scale = Scale(tuple(lengths) if known else (1.0,) * len(lengths), (unit if known else None) or "pixel", *interval)
    return scale if scale.is_known or scale.interval_unit != "frame" else None


def _interval(axis: Mapping[str, Any], step: float) -> tuple[float, str]:
    unit = str(axis.get("unit") or "frame")
    return time_in_seconds(step, unit) if step > 0 and unit != "frame" else (1.0, "frame")
