"""TrackMate XML: spots frame by frame, one track per lineage with its edges, everything in physical units.

Elements and attributes are those of https://imagej.net/plugins/trackmate and of the files that TrackMate 7 saves.
"""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import TextIO
from xml.sax.saxutils import quoteattr

import numpy as np

from cell_tracker_gnn.data import KINDS, Floats, Integers, Lineage, Scale
from cell_tracker_gnn.io.cell_graph import CellGraph, graph_of
from cell_tracker_gnn.io.components import connected
from cell_tracker_gnn.io.grid import usual_spacing
from cell_tracker_gnn.io.outlines import outlines
from cell_tracker_gnn.io.output import check_new, new_file
from cell_tracker_gnn.io.paths import expanded

__all__ = ["EDGE_FEATURES", "SPOT_FEATURES", "write_trackmate"]

SPOT_FEATURES = {
    "QUALITY": ("Quality", "Quality", "QUALITY", False),
    "POSITION_X": ("X", "X", "POSITION", False),
    "POSITION_Y": ("Y", "Y", "POSITION", False),
    "POSITION_Z": ("Z", "Z", "POSITION", False),
    "POSITION_T": ("T", "T", "TIME", False),
    "FRAME": ("Frame", "Frame", "NONE", True),
    "RADIUS": ("Radius", "R", "LENGTH", False),
    "VISIBILITY": ("Visibility", "Visibility", "NONE", True),
    "CELL_LABEL": ("Label in the masks", "Label", "NONE", True),
    "CELL_TRACK": ("Track number", "Track", "NONE", True),
    "CELL_PARENT": ("Parent of the track", "Parent", "NONE", True),
    "CELL_IDENTITY": ("Number of the cell over gaps", "Identity", "NONE", True),
    "CELL_SIZE": ("Number of pixels", "Size", "NONE", True),
}
"""Name, short name, dimension and whether it is a whole number, of each feature; those of ours begin with ``CELL_``."""

EDGE_FEATURES = {
    "SPOT_SOURCE_ID": ("Source spot ID", "Source ID", "NONE", True),
    "SPOT_TARGET_ID": ("Target spot ID", "Target ID", "NONE", True),
    "LINK_COST": ("Edge cost", "Cost", "COST", False),
    "LINK_PROBABILITY": ("Probability of the link", "Prob.", "NONE", False),
    "LINK_MARGIN": ("Margin of the link", "Margin", "NONE", False),
    "LINK_KIND": ("Kind: " + ", ".join(f"{code} {kind}" for code, kind in enumerate(KINDS)), "Kind", "NONE", True),
}
"""The same of edges; ``LINK_COST`` is 1 less the probability."""

_TRACK_FEATURES = {
    "TRACK_INDEX": ("Track index", "Index", "NONE", True),
    "TRACK_ID": ("Track ID", "ID", "NONE", True),
    "NUMBER_SPOTS": ("Number of spots in track", "N spots", "NONE", True),
}

VERSION = "7.11.1"
"""Version of TrackMate whose file format this is."""


def write_trackmate(lineage: Lineage, path: str | PathLike[str], *, overwrite: bool = False) -> None:
    """Write a lineage as a TrackMate file.

    Every cell is a spot with its frame number and its position and radius in the unit of the scale; 2D cells with masks
    have their outline. Each lineage with at least one link is a track; its edges, which may skip frames and lead into
    one spot from several, carry probability, margin and kind. Masks are read frame by frame.

    Parameters
    ----------
    lineage
        The result, with its movie where outlines are wanted.
    path
        The file, ``NAME.xml``.
    overwrite
        Replace a former file.

    Raises
    ------
    OutputError
        If the file exists and ``overwrite`` is False.
    OSError
        If the disk cannot be written.
    """
    check_new(path, overwrite=overwrite)
    graph = graph_of(lineage)
    with new_file(expanded(path)) as temporary, temporary.open("w", encoding="utf-8") as stream:
        _write(stream, lineage, graph)


def _write(stream: TextIO, lineage: Lineage, graph: CellGraph) -> None:
    scale = graph.scale
    stream.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    stream.write(f"<TrackMate{_attributes(version=VERSION)}>\n")
    units = {"spatialunits": scale.unit, "timeunits": "sec" if scale.interval_unit == "s" else scale.interval_unit}
    stream.write(f"  <Model{_attributes(**units)}>\n    <FeatureDeclarations>\n")
    for element, features in (
        ("SpotFeatures", SPOT_FEATURES),
        ("EdgeFeatures", EDGE_FEATURES),
        ("TrackFeatures", _TRACK_FEATURES),
    ):
        stream.writelines([f"      <{element}>\n", *_declarations(features), f"      </{element}>\n"])
    stream.write("    </FeatureDeclarations>\n")
    stream.writelines(_spots(lineage, graph))
    stream.writelines(_tracks(graph))
    stream.write("  </Model>\n")
    stream.writelines(_settings(lineage, graph))
    stream.write("</TrackMate>\n")


def _declarations(features: dict[str, tuple[str, str, str, bool]]) -> Iterator[str]:
    for feature, (name, short, dimension, whole) in features.items():
        declared = _attributes(
            feature=feature, name=name, shortname=short, dimension=dimension, isint=str(whole).lower()
        )
        yield f"        <Feature{declared} />\n"


def _spots(lineage: Lineage, graph: CellGraph) -> Iterator[str]:
    """Spots frame by frame, also of frames without any."""
    scale, cells = graph.scale, lineage.cells
    place = np.zeros((len(graph), 3))
    place[:, 3 - scale.rank :] = graph.place * scale.step
    radius = _radius(lineage)
    columns = (graph.label, graph.track, graph.parent, graph.identity, graph.size)
    own = np.stack([np.asarray(column) for column in columns], axis=1)
    yield f"    <AllSpots{_attributes(nspots=len(graph))}>\n"
    for index, number in enumerate(graph.numbers):
        rows = np.arange(*np.searchsorted(cells.frame, [index, index + 1]))
        shapes = _shapes(lineage, index, rows)
        yield f"      <SpotsInFrame{_attributes(frame=number)}>\n"
        for row in rows.tolist():
            z, y, x = place[row].tolist()
            standard = {
                "ID": row, "name": f"ID{row}", "QUALITY": 1.0, "POSITION_T": number * scale.interval,
                "POSITION_X": x, "POSITION_Y": y, "POSITION_Z": z, "FRAME": number, "RADIUS": float(radius[row]),
                "VISIBILITY": 1,
            }  # fmt: skip
            ours = dict(zip(list(SPOT_FEATURES)[-5:], own[row].tolist(), strict=True))
            yield f"        <Spot{_attributes(**standard, **ours)}{_roi(shapes.get(row), place[row, 1:], scale)}\n"
        yield "      </SpotsInFrame>\n"
    yield "    </AllSpots>\n"


def _radius(lineage: Lineage) -> Floats:
    """Radius of each spot: of the disc or ball of the same size, else a fifth of the distance to its neighbours."""
    cells = lineage.cells
    if len(cells) and not cells.size.all():
        return np.full(len(cells), 0.2 * usual_spacing(cells.frame, cells.position))
    return 0.5 * cells.diameter


def _shapes(lineage: Lineage, index: int, rows: Integers) -> dict[int, Floats]:
    """Outlines, in pixels, of the cells of one frame by their rows; none in 3D, of points and without masks."""
    movie = lineage.movie
    if movie is None or movie.points is not None or movie.rank != 2 or not len(rows):
        return {}
    row_of = dict(zip(lineage.mark[rows].tolist(), rows.tolist(), strict=True))
    return {row_of[label]: polygon for label, polygon in outlines(movie.masks[index], row_of).items()}


def _roi(polygon: Floats | None, centre: Floats, scale: Scale) -> str:
    """The end of a spot: its outline relative to its centre as x y x y ..., if it has one."""
    if polygon is None:
        return " />"
    points = (polygon * scale.step - centre)[:, ::-1]
    return f' ROI_N_POINTS="{len(points)}">{" ".join(f"{value:.6g}" for value in points.ravel().tolist())}</Spot>'


def _tracks(graph: CellGraph) -> Iterator[str]:
    """One track per lineage; cells without any link are in none."""
    lineage = connected(len(graph), graph.source, graph.target)
    of_link = lineage[graph.source] if len(graph.source) else np.zeros(0, np.int64)
    chosen, first = np.unique(of_link, return_index=True)
    order = np.argsort(of_link, kind="stable")
    groups = np.split(order, np.searchsorted(of_link[order], chosen)[1:]) if len(chosen) else []
    spots = np.bincount(lineage, minlength=1)
    yield "    <AllTracks>\n"
    for index in np.argsort(first).tolist():
        track = {"name": f"Track_{index}", "TRACK_INDEX": index, "TRACK_ID": index}
        yield f"      <Track{_attributes(**track, NUMBER_SPOTS=int(spots[chosen[index]]))}>\n"
        yield from _edges(graph, groups[index])
        yield "      </Track>\n"
    yield "    </AllTracks>\n    <FilteredTracks>\n"
    for index in range(len(chosen)):
        yield f"      <TrackID{_attributes(TRACK_ID=index)} />\n"
    yield "    </FilteredTracks>\n"


def _edges(graph: CellGraph, links: Integers) -> Iterator[str]:
    probability, margin, kind = (np.asarray(v)[links] for v in (graph.probability, graph.margin, graph.kind))
    ends = zip(graph.source[links].tolist(), graph.target[links].tolist(), strict=True)
    for (source, target), p, m, code in zip(ends, probability.tolist(), margin.tolist(), kind.tolist(), strict=True):
        values: dict[str, object] = {"SPOT_SOURCE_ID": source, "SPOT_TARGET_ID": target, "LINK_KIND": code}
        values |= {} if np.isnan(p) else {"LINK_COST": 1.0 - p, "LINK_PROBABILITY": p}
        values |= {} if np.isnan(m) else {"LINK_MARGIN": m}
        yield f"        <Edge{_attributes(**values)} />\n"


def _settings(lineage: Lineage, graph: CellGraph) -> Iterator[str]:
    """Where the images are and how large, and filters that let everything through."""
    images = lineage.run.get("images")
    path = Path(str(images)) if isinstance(images, str) else None
    folder, name = ("", "") if path is None else (str(path), "") if path.is_dir() else (str(path.parent), path.name)
    z, y, x = (1, 1, 1, *graph.shape)[-3:]
    dz, dy, dx = (1.0, *graph.scale.step)[-3:]
    frames = max(graph.numbers, default=-1) + 1
    size = {"width": x, "height": y, "nslices": z, "nframes": frames}
    steps = {"pixelwidth": dx, "pixelheight": dy, "voxeldepth": dz, "timeinterval": graph.scale.interval}
    whole = {"xstart": 0, "xend": x - 1, "ystart": 0, "yend": y - 1, "zstart": 0, "zend": z - 1, "tstart": 0}
    yield "  <Settings>\n"
    yield f"    <ImageData{_attributes(filename=name, folder=folder, **size, **steps)} />\n"
    yield f"    <BasicSettings{_attributes(**whole, tend=max(frames - 1, 0))} />\n"
    yield f"    <InitialSpotFilter{_attributes(feature='QUALITY', value=0.0, isabove='true')} />\n"
    yield "    <SpotFilterCollection />\n    <TrackFilterCollection />\n"
    yield "    <AnalyzerCollection>\n      <SpotAnalyzers />\n      <EdgeAnalyzers>\n"
    yield f"        <Analyzer{_attributes(key='Edge target')} />\n"
    yield "      </EdgeAnalyzers>\n      <TrackAnalyzers>\n"
    yield f"        <Analyzer{_attributes(key='Track index')} />\n"
    yield "      </TrackAnalyzers>\n    </AnalyzerCollection>\n  </Settings>\n"
    yield f"  <GUIState{_attributes(state='ConfigureViews')} />\n"


def _attributes(**values: object) -> str:
    """Attributes of an element; floats are written so that reading them gives the same value."""
    return "".join(
        f" {name}={quoteattr(value if isinstance(value, str) else repr(value))}" for name, value in values.items()
    )
