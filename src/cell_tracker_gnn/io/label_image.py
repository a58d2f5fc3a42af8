"""Tracked masks as an OME-Zarr label image (NGFF 0.4 and 0.5), track numbers being the labels."""

from __future__ import annotations

import colorsys
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cell_tracker_gnn.data import Frames, Integers, Lineage, Scale
from cell_tracker_gnn.errors import InputError, OutputError, SettingsError
from cell_tracker_gnn.io.ctc import relabel_frame
from cell_tracker_gnn.io.damage import damage_as_error
from cell_tracker_gnn.io.label_type import label_type
from cell_tracker_gnn.io.measured_tracks import lineage_of_masks
from cell_tracker_gnn.io.optional import require
from cell_tracker_gnn.io.output import new_folder
from cell_tracker_gnn.io.paths import existing
from cell_tracker_gnn.io.point_movie import tracked_frames
from cell_tracker_gnn.io.units import ngff_length, ngff_time
from cell_tracker_gnn.io.zarr_store import OURS, broken_zarr_as_error, image_metadata, open_zarr, read_zarr_scale

if TYPE_CHECKING:
    import zarr

__all__ = ["LABELS", "NGFF_VERSIONS", "read_label_image", "write_label_image"]

NGFF_VERSIONS: tuple[str, ...] = ("0.4", "0.5")

LABELS = "labels/tracks"
"""Where the label image lies in the OME-Zarr; its array is ``labels/tracks/0``."""

_WIDEST, _DEEPEST = 2048, 2**22
_GOLDEN = 0.618033988749895


def write_label_image(
    lineage: Lineage, path: str | PathLike[str], *, version: str = "0.5", overwrite: bool = False
) -> None:
    """Write tracked masks as an OME-Zarr with a labels group, frame by frame.

    The values are track numbers. Colours follow the identity of the cell, ``properties`` name parent, identity, begin
    and end of each track. Chunks are one frame thick. The root shows the same array as an image, so that every reader
    can open it. Frames count from 0; their numbers in the input stand in the attribute ``cell_tracker_gnn``.

    Parameters
    ----------
    lineage
        The result, with its movie.
    path
        A new folder, ``NAME.ome.zarr``.
    version
        Version of NGFF: ``"0.5"`` (Zarr 3) or ``"0.4"`` (Zarr 2).
    overwrite
        Replace a former one.

    Raises
    ------
    OutputError
        If the lineage has no masks, or the folder exists or cannot be written.
    SettingsError
        If zarr is not installed or the version cannot be written.
    """
    require("OME-Zarr", "zarr")
    if version not in NGFF_VERSIONS:
        raise SettingsError(f"NGFF {version} cannot be written; choose {' or '.join(NGFF_VERSIONS)}")
    if lineage.movie is None:
        raise OutputError(
            "the lineage came without its masks, so no label image can be written; give them with --masks"
        )
    masks, scale = tracked_frames(lineage.movie, lineage)
    with new_folder(path, overwrite) as folder:
        _write(lineage, masks, scale, folder, version)


def read_label_image(path: str | PathLike[str]) -> Lineage:
    """Read a label image whose values are track numbers, measuring the cells frame by frame.

    Parents and identities are those in the ``properties`` of the label image, if it is one of ours.

    Raises
    ------
    MissingInputError
        If there is no such folder.
    InputError
        If it is no label image.
    SettingsError
        If zarr is not installed.
    """
    require("OME-Zarr", "zarr")
    place = existing(path)
    with damage_as_error(place, "export it again"):
        return _of_labels(place)


def _of_labels(place: Path) -> Lineage:
    """The lineage of a label image and what its properties state."""
    import zarr

    frames = open_zarr(place, labels=True)
    with broken_zarr_as_error(place):
        group = zarr.open(place, mode="r")
        holder = group[LABELS] if isinstance(group, zarr.Group) and LABELS in group else group
        metadata = image_metadata(holder) if isinstance(holder, zarr.Group) else {}
        properties = metadata.get("image-label", {}).get("properties", ())
    stated = {int(entry["label-value"]): entry for entry in properties if "parent" in entry and "identity" in entry}
    parents = {track: int(entry["parent"]) for track, entry in stated.items()}
    identities = {track: int(entry["identity"]) for track, entry in stated.items()}
    scale = read_zarr_scale(place) or Scale.pixels(len(frames.shape))
    if scale.rank < len(frames.shape):
        raise InputError(f"{place} states the size of pixels along {scale.rank} axes only; export it anew")
    return lineage_of_masks(frames, parents, identities, scale, str(place))


def _write(lineage: Lineage, masks: Frames, scale: Scale, folder: Path, version: str) -> None:
    import zarr

    modern = version != "0.4"
    root = zarr.open_group(folder, mode="w", zarr_format=3 if modern else 2)
    labels = root.create_group("labels")
    group = labels.create_group("tracks")
    dtype = label_type(int(lineage.track.max(initial=0)))
    axes = _axes(scale)
    array = group.create_array(
        "0",
        shape=(len(masks), *masks.shape),
        dtype=np.dtype(dtype).name,
        chunks=(1, *_chunk(masks.shape)),
        chunk_key_encoding={"name": "default" if modern else "v2", "separator": "/"},
        dimension_names=[axis["name"] for axis in axes] if modern else None,
    )
    for index in range(len(masks)):
        array[index] = relabel_frame(lineage, masks, index, dtype)
    step = {"type": "scale", "scale": [scale.interval, *scale.step]}
    described = {"colors": _colors(lineage), "properties": _properties(lineage), "source": {"image": "../../"}}
    for holder, inside in ((root, f"{LABELS}/0"), (group, "0")):
        image = {"axes": axes, "datasets": [{"path": inside, "coordinateTransformations": [step]}], "name": "tracks"}
        metadata: dict[str, Any] = {"multiscales": [image]} | ({"image-label": described} if holder is group else {})
        _describe(holder, metadata, version)
        holder.attrs[OURS] = {"frames": list(masks.numbers)}
    _describe(labels, {"labels": ["tracks"]}, version)


def _describe(group: zarr.Group, metadata: dict[str, Any], version: str) -> None:
    """Write NGFF metadata: under ``ome`` since version 0.5; before, each part names its version."""
    if version != "0.4":
        group.attrs["ome"] = {"version": version, **metadata}
        return
    for part in (*metadata.get("multiscales", ()), *(metadata[name] for name in ("image-label",) if name in metadata)):
        part["version"] = version
    group.attrs.update(metadata)


def _axes(scale: Scale) -> list[dict[str, str]]:
    """Axes with names, types and, where they are known, units."""
    time = {"name": "t", "type": "time"} | (
        {} if scale.interval_unit == "frame" else {"unit": ngff_time(scale.interval_unit)}
    )
    unit = {} if scale.unit == "pixel" else {"unit": ngff_length(scale.unit)}
    return [time] + [{"name": name, "type": "space"} | unit for name in "zyx"[-scale.rank :]]


def _chunk(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of a chunk within a frame: whole planes up to 2048 pixels wide, as many as make 4 million pixels."""
    plane = tuple(min(length, _WIDEST) for length in shape[-2:])
    return plane if len(shape) == 2 else (max(1, min(shape[0], _DEEPEST // max(1, plane[0] * plane[1]))), *plane)


def _colors(lineage: Lineage) -> list[dict[str, Any]]:
    """A colour for every track, the same on both sides of a gap; some readers cannot do without."""
    colors = []
    for track, identity in zip(lineage.tracks.track.tolist(), lineage.tracks.identity.tolist(), strict=True):
        red, green, blue = colorsys.hsv_to_rgb(identity * _GOLDEN % 1.0, 0.55 + 0.4 * (identity % 2), 1.0)
        colors.append({"label-value": track, "rgba": [*(round(255 * part) for part in (red, green, blue)), 255]})
    return colors


def _properties(lineage: Lineage) -> list[dict[str, Any]]:
    tracks, numbers = lineage.tracks, np.asarray(lineage.cells.numbers, np.int64)
    columns: tuple[Integers, ...] = (
        tracks.track, tracks.parent, tracks.identity, numbers[tracks.begin], numbers[tracks.end]
    )  # fmt: skip
    names = ("label-value", "parent", "identity", "begin", "end")
    return [dict(zip(names, row, strict=True)) for row in zip(*(column.tolist() for column in columns), strict=True)]
