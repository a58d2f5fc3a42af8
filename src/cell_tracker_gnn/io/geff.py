"""GEFF, the graph exchange format of tracking tools (Mastodon, TrackMate, napari and others), specification 1.x."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import KINDS, Integers, Lineage, Scale
from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.io.cell_graph import CellGraph, assemble, graph_of
from cell_tracker_gnn.io.chunks import check_arrays
from cell_tracker_gnn.io.components import connected, tracklets
from cell_tracker_gnn.io.damage import damage_as_error
from cell_tracker_gnn.io.optional import require
from cell_tracker_gnn.io.output import new_folder
from cell_tracker_gnn.io.paths import existing
from cell_tracker_gnn.io.units import length_unit, ngff_length, ngff_time, time_in_seconds
from cell_tracker_gnn.io.zarr_store import OURS, broken_zarr_as_error

if TYPE_CHECKING:
    from geff_spec import Axis, GeffMetadata

__all__ = ["read_geff", "write_geff"]

_log = logging.getLogger(__name__)

_NODES = {
    "t": "Frame number of the input",
    "label": "Label in the masks of the input",
    "track": "Track number, the label in the tracked masks; a track ends at divisions and gaps",
    "parent": "Track number of the parent of the track, 0 for none",
    "identity": "Number of the cell, the same on both sides of a gap",
    "tracklet": "Chain of cells without branch or merge",
    "lineage": "Family: all cells connected by links",
    "size": "Number of pixels",
}
_EDGES = {
    "probability": "Probability that the link is right",
    "margin": "How much worse the best lineage without the link is, in nats",
    "kind": "Kind of the link: " + ", ".join(f"{code} {kind}" for code, kind in enumerate(KINDS)),
}


def write_geff(
    lineage: Lineage,
    path: str | PathLike[str],
    *,
    labels: tuple[str, str] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a lineage as a GEFF, validated by the geff package.

    Nodes are cells with ``t`` (frame number), ``z, y, x`` in the unit of the scale, and the properties ``label, track,
    parent, identity, tracklet, lineage`` and, where it is known, ``size``; edges have ``probability, margin`` and
    ``kind``. The size of a pixel, the shape and the frame numbers of the movie stand in ``extra``.

    Parameters
    ----------
    lineage
        The result.
    path
        A new folder, ``NAME.geff``.
    labels
        Path of the label image relative to the GEFF, and the node property that its values are: ``"track"`` or
        ``"label"``. It is linked only if the frames are numbered 0, 1, 2, ...
    overwrite
        Replace a former GEFF.

    Raises
    ------
    SettingsError
        If geff is not installed.
    OutputError
        If the folder exists or cannot be written.
    """
    require("GEFF", "geff")
    from geff.core_io import write_arrays

    graph = graph_of(lineage)
    nodes, edges = _node_properties(graph), _edge_properties(graph)
    with _units_as_they_are():
        metadata = _metadata(graph, nodes, edges, labels)
    ends = np.stack([graph.source, graph.target], axis=1).astype(np.uint64)
    with new_folder(path, overwrite) as folder, _units_as_they_are():
        write_arrays(
            folder,
            np.arange(len(graph), dtype=np.uint64),
            {name: {"values": values, "missing": None} for name, values in nodes.items()},
            ends,
            {name: _with_missing(values) for name, values in edges.items()},
            metadata,
        )


def read_geff(path: str | PathLike[str]) -> Lineage:
    """Read the lineage of a GEFF, of this or of another program; the geff package checks its structure.

    Of other programs, the spatial axes may have any names in the order (z,) y, x; the confidence of an edge is its
    property ``probability``, ``confidence`` or ``score``; a label is the property that the label image refers to.

    Raises
    ------
    MissingInputError
        If there is no such folder.
    InputError
        If it is no GEFF, has no time axis or two or three spatial axes, or is not directed.
    SettingsError
        If geff is not installed.
    """
    require("GEFF", "geff")
    import zarr
    from geff.core_io import read_to_memory

    place = existing(path)
    with broken_zarr_as_error(place), _units_as_they_are():
        check_arrays(zarr.open_group(place, mode="r"), place)
        memory = read_to_memory(place)
    with damage_as_error(place, "export it again"):
        return _lineage(memory, place)


def _lineage(memory: Any, place: Path) -> Lineage:
    """The lineage of the arrays and metadata of a GEFF."""
    metadata = memory["metadata"]
    if not metadata.directed:
        raise InputError(
            f"{place} is not a directed graph, so it does not tell mother from daughter; export it directed"
        )
    time, space = _axes(metadata, place)
    ours = metadata.extra.get(OURS, {})
    nodes = {name: values["values"] for name, values in memory["node_props"].items()}
    edges = {name: _without_missing(values) for name, values in memory["edge_props"].items()}
    ids, ends = memory["node_ids"], memory["edge_ids"]
    number, interval = _frames(time, nodes, place)
    scale = _scale(ours, space, interval)
    order = np.argsort(ids)
    source, target = (_rows(ids, order, ends[:, side], place) for side in (0, 1))
    owned = _integers(nodes, ("track", "parent", "identity")) if ours else {}
    graph = CellGraph(
        number=number,
        place=np.stack([nodes[axis.name] for axis in space], axis=1).astype(np.float64) / scale.step,
        scale=scale,
        source=source,
        target=target,
        label=_label(metadata, nodes),
        size=_integers(nodes, ("size",)).get("size") if ours else None,
        kind=_integers(edges, ("kind",)).get("kind") if ours else None,
        probability=next((edges[name] for name in ("probability", "confidence", "score") if name in edges), None),
        margin=edges.get("margin") if ours else None,
        numbers=tuple(ours.get("frames", ())),
        shape=tuple(ours.get("shape", ())),
        **owned,
    )
    return assemble(graph, str(place))


@contextmanager
def _units_as_they_are() -> Iterator[None]:
    """Let units pass that OME-NGFF does not list, such as µm, which other programs write."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*not in valid OME-Zarr units.*", UserWarning)
        yield


def _node_properties(graph: CellGraph) -> dict[str, NDArray[Any]]:
    """Columns of the nodes; positions are in the unit of the scale."""
    ends = (len(graph), graph.source, graph.target)
    place = dict(zip("zyx"[-graph.scale.rank :], (graph.place * graph.scale.step).T, strict=True))
    columns = {"t": graph.number, **place}
    columns |= {name: getattr(graph, name) for name in ("label", "track", "parent", "identity")}
    columns |= {"tracklet": tracklets(*ends) + 1, "lineage": connected(*ends) + 1}
    if graph.size is not None and graph.size.any():
        columns["size"] = graph.size
    return {name: np.ascontiguousarray(values) for name, values in columns.items()}


def _edge_properties(graph: CellGraph) -> dict[str, NDArray[Any]]:
    kind = np.asarray(graph.kind, np.uint8)
    return {"probability": np.asarray(graph.probability), "margin": np.asarray(graph.margin), "kind": kind}


def _metadata(
    graph: CellGraph, nodes: Mapping[str, Any], edges: Mapping[str, Any], labels: tuple[str, str] | None
) -> GeffMetadata:
    """Axes, properties, label image and what has no place of its own."""
    from geff_spec import Axis, GeffMetadata, PropMetadata, RelatedObject

    scale, length = graph.scale, ngff_length(graph.scale.unit)
    timed = {"scale": scale.interval, "scaled_unit": ngff_time(scale.interval_unit)}
    axes = [Axis(name="t", type="time", unit="frame", **(timed if scale.interval_unit != "frame" else {}))]
    axes += [Axis(name=name, type="space", unit=length) for name in "zyx"[-scale.rank :]]
    if labels is not None and graph.numbers != tuple(range(len(graph.numbers))):
        _log.warning("the frames are not numbered 0, 1, 2, ..., so the GEFF does not refer to the label image")
        labels = None
    related = [RelatedObject(type="labels", path=labels[0], node_prop=labels[1])] if labels else None
    extra = {"step": list(scale.step), "frames": list(graph.numbers), "shape": list(graph.shape), "kinds": list(KINDS)}
    units = dict.fromkeys("zyx"[-scale.rank :], length) | {"t": "frame", "size": "pixel"}

    def described(columns: Mapping[str, Any], text: Mapping[str, str]) -> dict[str, PropMetadata]:
        return {
            name: PropMetadata(
                identifier=name, dtype=str(values.dtype), unit=units.get(name), description=text.get(name)
            )
            for name, values in columns.items()
        }

    return GeffMetadata(
        directed=True,
        axes=axes,
        node_props_metadata=described(nodes, _NODES),
        edge_props_metadata=described(edges, _EDGES),
        track_node_props={"tracklet": "tracklet", "lineage": "lineage"},
        related_objects=related,
        extra={OURS: extra},
    )


def _with_missing(values: NDArray[Any]) -> Any:
    """Values with NaN marked as missing, which other readers then leave out."""
    unknown = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), np.bool_)
    return {"values": np.where(unknown, 0, values).astype(values.dtype), "missing": unknown if unknown.any() else None}


def _without_missing(stored: Mapping[str, Any]) -> NDArray[Any]:
    values, missing = stored["values"], stored["missing"]
    if missing is None or values.dtype.kind not in "uif":
        return np.asarray(values)
    return np.where(missing, np.nan, values)


def _axes(metadata: GeffMetadata, path: Path) -> tuple[Axis, list[Axis]]:
    """The time axis and the spatial axes, told by type, else by name."""
    axes = metadata.axes or []
    time = [axis for axis in axes if axis.type == "time" or (axis.type is None and axis.name in ("t", "time", "frame"))]
    space = [axis for axis in axes if axis.type == "space" or (axis.type is None and axis.name in "zyx")]
    by_name = {axis.name.lower()[-1:]: axis for axis in space}
    if len(by_name) == len(space) and set(by_name) <= set("zyx"):
        space = [by_name[name] for name in "zyx" if name in by_name]
    if len(time) != 1 or len(space) not in (2, 3):
        names = [axis.name for axis in axes]
        raise InputError(f"{path} has the axes {names}; it must have one of time and two or three of space")
    return time[0], space


def _frames(time: Axis, nodes: Mapping[str, NDArray[Any]], path: Path) -> tuple[Integers, tuple[float, str]]:
    """Frame numbers, and time between frames: the time axis, or a property ``frame`` beside times in seconds."""
    times = np.asarray(nodes[time.name], np.float64)
    beside = [nodes[name] for name in nodes if name.lower() == "frame" and nodes[name].dtype.kind in "ui"]
    if time.unit not in (None, "frame") and beside:
        frames = beside[0].astype(np.int64)
        length = float(np.ptp(times) / np.ptp(frames)) if len(frames) and np.ptp(frames) else 0.0
        return frames, time_in_seconds(length, time.unit) if length > 0 else (1.0, "frame")
    if not np.array_equal(times, np.rint(times)):
        raise InputError(f"{path} has times that are no frame numbers in {time.name!r}; export frames instead of times")
    known = time.scale is not None and time.scale > 0 and time.scaled_unit
    interval = time_in_seconds(float(time.scale or 1.0), time.scaled_unit) if known else (1.0, "frame")
    return times.astype(np.int64), interval


def _scale(ours: Mapping[str, Any], space: list[Axis], interval: tuple[float, str]) -> Scale:
    """Size of a pixel; positions of other programs are taken as they are, one pixel being one of their units."""
    step = tuple(float(length) for length in ours.get("step", ())) or (1.0,) * len(space)
    return Scale(step, length_unit(space[-1].unit or "") or "pixel", *interval)


def _label(metadata: GeffMetadata, nodes: Mapping[str, NDArray[Any]]) -> Integers | None:
    """Labels in the masks: our property, else the one that the label image refers to."""
    related = [
        thing.node_prop for thing in metadata.related_objects or () if thing.type == "labels" and thing.node_prop
    ]
    names = ("label", *related, "seg_id", "segmentation_id")
    return next(iter(_integers(nodes, names).values()), None)


def _integers(columns: Mapping[str, NDArray[Any]], names: tuple[str, ...]) -> dict[str, Integers]:
    """Those of the named columns that are there and whole numbers."""
    found = {name: columns[name] for name in names if name in columns}
    return {name: values.astype(np.int64) for name, values in found.items() if values.dtype.kind in "ui"}


def _rows(ids: NDArray[Any], order: Integers, wanted: NDArray[Any], path: Path) -> Integers:
    """Row of each wanted node id."""
    place = np.searchsorted(ids, wanted, sorter=order)
    if len(wanted) and (place.max() >= len(ids) or not np.array_equal(ids[order[place]], wanted)):
        raise InputError(f"{path} has edges of nodes that it does not hold; export it again")
    return np.asarray(order[place] if len(wanted) else place, dtype=np.int64)
