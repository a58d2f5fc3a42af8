"""Reading TrackMate XML files, of this program and of TrackMate."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Integers, Lineage, Scale
from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.io.cell_graph import CellGraph, assemble
from cell_tracker_gnn.io.damage import damage_as_error
from cell_tracker_gnn.io.paths import existing
from cell_tracker_gnn.io.units import length_unit, time_in_seconds

__all__ = ["read_trackmate"]

_log = logging.getLogger(__name__)

_BLOCK = 1 << 20
_OURS = {"label": "CELL_LABEL", "track": "CELL_TRACK", "parent": "CELL_PARENT", "identity": "CELL_IDENTITY"}


@dataclass
class _Content:
    """What is taken out of a file as it is parsed."""

    units: dict[str, str] = field(default_factory=dict)
    frames: list[int] = field(default_factory=list)
    spots: dict[str, list[float]] = field(default_factory=dict)
    edges: dict[str, list[float]] = field(default_factory=dict)
    tracks: list[int] = field(default_factory=list)
    current: int = -1
    kept: set[int] | None = None
    image: dict[str, str] = field(default_factory=dict)


def read_trackmate(path: str | PathLike[str]) -> Lineage:
    """Read the spots and the filtered tracks of a TrackMate file.

    Spots that are not visible are left out, as TrackMate does. Edges lead forward in time, whichever way they are
    stated. Outlines are not read: give the masks beside the file.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If it is no TrackMate file, is cut off, or defines entities.
    """
    file = existing(path)
    with damage_as_error(file, "save it again with TrackMate"):
        return _lineage(_parse(file), file)


def _lineage(content: _Content, file: Path) -> Lineage:
    """The lineage of the spots and edges."""
    scale = _scale(content, file)
    identifier = np.array(content.spots["ID"], np.int64)
    number = np.array(content.spots["FRAME"], np.int64)
    axes = ("POSITION_Z", "POSITION_Y", "POSITION_X")[3 - scale.rank :]
    place = np.stack([np.array(content.spots[axis]) for axis in axes], axis=1).reshape(-1, scale.rank) / scale.step
    source, target, used = _links(content, identifier, number, file)
    shape = tuple(int(content.image.get(name, 0)) for name in ("nslices", "height", "width"))[3 - scale.rank :]
    label = _whole(content.spots["CELL_LABEL"])
    label = identifier if label is None else label
    graph = CellGraph(
        number=number,
        place=place,
        scale=scale,
        source=source,
        target=target,
        size=_whole(content.spots["CELL_SIZE"]),
        kind=_whole(content.edges["LINK_KIND"], used),
        probability=np.array(content.edges["LINK_PROBABILITY"])[used],
        margin=np.array(content.edges["LINK_MARGIN"])[used],
        numbers=tuple(sorted(set(content.frames))),
        shape=shape if all(shape) else (),
        **({ours: _whole(content.spots[name]) for ours, name in _OURS.items()} | {"label": label}),
    )
    return assemble(graph, str(file))


_SPOT = ("ID", "FRAME", "POSITION_X", "POSITION_Y", "POSITION_Z", *_OURS.values(), "CELL_SIZE")
_EDGE = ("SPOT_SOURCE_ID", "SPOT_TARGET_ID", "LINK_PROBABILITY", "LINK_MARGIN", "LINK_KIND")


def _parse(file: Path) -> _Content:
    """Go through the file once, keeping numbers only."""
    found = _Content(spots={name: [] for name in _SPOT}, edges={name: [] for name in _EDGE})
    for event, element in _elements(file):
        (_begin if event == "start" else _end)(found, element)
    return found


def _begin(found: _Content, element: Element) -> None:
    """Take what is needed before the children of an element are there."""
    if element.tag == "Model":
        found.units = dict(element.attrib)
    elif element.tag == "Track":
        found.current = int(element.attrib["TRACK_ID"])
    elif element.tag == "FilteredTracks":
        found.kept = set()


def _end(found: _Content, element: Element) -> None:
    """Take what an element says, and let go of it."""
    tag = element.tag
    if tag == "SpotsInFrame":
        found.frames.append(int(element.attrib["frame"]))
    elif tag == "Spot" and int(float(element.attrib.get("VISIBILITY", 1))):
        _append(found.spots, element, ("ID", "FRAME", "POSITION_X", "POSITION_Y"))
    elif tag == "Edge":
        found.tracks.append(found.current)
        _append(found.edges, element, ("SPOT_SOURCE_ID", "SPOT_TARGET_ID"))
    elif tag == "TrackID" and found.kept is not None:
        found.kept.add(int(element.attrib["TRACK_ID"]))
    elif tag == "ImageData":
        found.image = dict(element.attrib)
    if tag in ("Spot", "Edge", "SpotsInFrame", "Track"):
        element.clear()


def _append(columns: dict[str, list[float]], element: Element, needed: tuple[str, ...]) -> None:
    """Add one row; attributes that are not needed may be absent."""
    for name, values in columns.items():
        values.append(float(element.attrib[name] if name in needed else element.attrib.get(name, "nan")))


def _elements(file: Path) -> Iterator[tuple[str, Element]]:
    """Start and end of every element."""
    from xml.etree.ElementTree import XMLPullParser

    _check_prolog(file)
    parser: Any = XMLPullParser(("start", "end"))
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            parser.feed(block)
            yield from parser.read_events()
    parser.close()


def _check_prolog(file: Path) -> None:
    """Refuse other files and those that declare a document type: so no entity is ever expanded."""
    from xml.parsers.expat import ParserCreate

    roots: list[str] = []

    def refuse(*_: object) -> None:
        raise InputError(f"{file} declares a document type, which TrackMate files do not; save it again")

    parser = ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda name, _: roots.append(name)
    with file.open("rb") as stream:
        while not roots and (block := stream.read(_BLOCK)):
            parser.Parse(block, False)
    if roots[:1] != ["TrackMate"]:
        raise InputError(f"{file} is no TrackMate file, its root is {roots[0] if roots else 'missing'}; give another")


def _scale(content: _Content, file: Path) -> Scale:
    """Size of a pixel and of a frame; without image data pixels are one unit."""
    interval = float(content.image.get("timeinterval") or 0)
    times = time_in_seconds(interval, content.units.get("timeunits", "frame")) if interval > 0 else (1.0, "frame")
    if times[1] in ("frame", "frames"):
        times = (1.0, "frame")
    unit = length_unit(content.units.get("spatialunits", "pixel")) or "pixel"
    depth = [z for z in content.spots["POSITION_Z"] if abs(z) > 0]
    rank = 3 if int(content.image.get("nslices") or 1) > 1 or depth else 2
    lengths = [float(content.image.get(name) or 0) for name in ("voxeldepth", "pixelheight", "pixelwidth")][3 - rank :]
    if min(lengths) <= 0:
        _log.warning("%s does not say how long a pixel is; one pixel is taken as 1 %s", file, unit)
        lengths = [1.0] * rank
    return Scale(tuple(lengths), unit, *times)


def _links(
    content: _Content, identifier: Integers, number: Integers, file: Path
) -> tuple[Integers, Integers, NDArray[np.bool_]]:
    """Rows of the ends of the edges of the filtered tracks, earlier one first, and which edges these are."""
    row = {spot: i for i, spot in enumerate(identifier.tolist())}
    ends = np.array([content.edges["SPOT_SOURCE_ID"], content.edges["SPOT_TARGET_ID"]], np.int64)
    kept = np.ones(len(content.tracks), np.bool_)
    if content.kept is not None:
        kept = np.array([track in content.kept for track in content.tracks], np.bool_)
    unknown = [spot for spot in ends[:, kept].ravel().tolist() if spot not in row]
    if unknown:
        raise InputError(f"{file} has an edge of the spot {unknown[0]}, which it does not hold; save it again")
    rows = np.array([[row[spot] for spot in side] for side in ends[:, kept].tolist()], np.int64).reshape(2, -1)
    backward = number[rows[0]] > number[rows[1]]
    rows[:, backward] = rows[::-1, backward]
    return rows[0], rows[1], kept


def _whole(values: list[float], used: NDArray[np.bool_] | None = None) -> Integers | None:
    """Whole numbers of a feature; None where any is missing."""
    found = np.array(values)
    found = found if used is None else found[used]
    return None if np.isnan(found).any() or not len(values) else found.astype(np.int64)
