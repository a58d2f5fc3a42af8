"""One table of cells with track, parent and the link that leads to each, as ``.csv`` or ``.parquet``."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import KINDS, Integers, Lineage, Scale
from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.io.cell_graph import CellGraph, assemble, graph_of, implied_numbers
from cell_tracker_gnn.io.damage import damage_as_error
from cell_tracker_gnn.io.output import check_new
from cell_tracker_gnn.io.paths import expanded
from cell_tracker_gnn.io.table import read_table, write_table

__all__ = ["kinds_of_tracks", "links_of_tracks", "read_cell_table", "write_cell_table"]

_UNLINKED = ("merge", "split")


def write_cell_table(lineage: Lineage, path: str | PathLike[str], *, overwrite: bool = False) -> None:
    """Write one row per cell.

    ``frame, label`` are those of the input, ``track, parent, identity`` tell its track, ``z, y, x`` its centre in
    pixels and ``size`` its number of pixels; ``kind, probability, margin`` are those of the link that leads to it,
    which comes from the cell of its track in the frame before or, for the first cell of a track, from the last one of
    the parent.
    ``step_z, step_y, step_x, unit, interval, interval_unit`` repeat the scale, where it is known. Links into and out of
    merged masks have no place here.

    Parameters
    ----------
    lineage
        The result.
    path
        The file, ``.csv`` or ``.parquet``.
    overwrite
        Replace a former file.

    Raises
    ------
    OutputError
        If the file exists and ``overwrite`` is False, or the suffix is unknown.
    """
    check_new(path, overwrite=overwrite)
    write_table(_columns(graph_of(lineage)), expanded(path))


def read_cell_table(path: str | PathLike[str]) -> Lineage:
    """Read the lineage of a table of cells.

    Columns ``frame`` (or ``t``), ``y, x`` and ``track`` are needed, ``z, label, parent, identity, size`` and those of
    link and scale taken where they are there; others are ignored.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If a column is missing or the tracks contradict each other.
    """
    with damage_as_error(path):
        return _lineage({name.lower(): values for name, values in read_table(path).items()}, path)


def _lineage(columns: dict[str, NDArray[Any]], path: str | PathLike[str]) -> Lineage:
    columns = ({"frame": columns["t"]} if "t" in columns else {}) | columns
    lacking = [name for name in ("frame", "track", "y", "x") if name not in columns]
    if lacking:
        raise InputError(
            f"{path} has no column {' and no column '.join(map(repr, lacking))}; a table of tracked cells has frame, "
            "track, y and x"
        )
    axes = [name for name in "zyx" if name in columns]
    number, track = (_whole(columns, name, path) for name in ("frame", "track"))
    parent = _whole(columns, "parent", path) if "parent" in columns else np.zeros_like(track)
    source, target = links_of_tracks(number, track, parent)
    graph = CellGraph(
        number=number,
        place=np.stack([columns[name] for name in axes], axis=1).astype(np.float64),
        scale=_scale(columns, axes),
        source=source,
        target=target,
        label=_whole(columns, "label", path) if "label" in columns else None,
        track=track,
        parent=parent,
        identity=_whole(columns, "identity", path) if "identity" in columns else None,
        size=_whole(columns, "size", path) if "size" in columns else None,
        kind=_kinds(columns, number, source, target),
        probability=columns["probability"][target] if "probability" in columns else None,
        margin=columns["margin"][target] if "margin" in columns else None,
    )
    return assemble(graph, str(path))


def links_of_tracks(number: Integers, track: Integers, parent: Integers) -> tuple[Integers, Integers]:
    """Links that tracks and their parents imply: along each track, and from the last cell of a parent to the first one.

    Parameters
    ----------
    number, track, parent
        Frame number of each cell, its track and the parent of that track, 0 for none, shape (n,).

    Returns
    -------
    source, target
        Rows of both ends, shape (m,).
    """
    order = np.lexsort((number, track))
    same = np.diff(track[order]) == 0
    first = order[np.concatenate([[True], ~same])] if len(order) else order
    last = order[np.concatenate([~same, [True]])] if len(order) else order
    child = first[np.isin(parent[first], track[first])]
    mother = last[np.searchsorted(track[last], parent[child])]
    return np.concatenate([order[:-1][same], mother]), np.concatenate([order[1:][same], child])


def kinds_of_tracks(frame: Integers, identity: Integers, source: Integers, target: Integers) -> Integers:
    """Kinds of the links that tracks imply: a cell that keeps its identity over missed frames has a gap.

    Parameters
    ----------
    frame
        Index of the frame of each cell, shape (n,).
    identity
        Identity of the track of each cell, shape (n,).
    source, target
        Rows of both ends of each link, shape (m,).
    """
    divides = identity[source] != identity[target]
    gap = frame[target] - frame[source] > 1
    return np.where(divides, KINDS.index("division"), np.where(gap, KINDS.index("gap"), 0)).astype(np.int64)


def _columns(graph: CellGraph) -> dict[str, NDArray[Any]]:
    scale, n = graph.scale, len(graph)
    columns: dict[str, NDArray[Any]] = {"frame": graph.number}
    columns |= {name: getattr(graph, name) for name in ("label", "track", "parent", "identity")}
    columns |= dict(zip("zyx"[-scale.rank :], graph.place.T, strict=True))
    if graph.size is not None and graph.size.any():
        columns["size"] = graph.size
    code = np.asarray(graph.kind)
    plain = ~np.isin(code, [KINDS.index(name) for name in _UNLINKED])
    kind, link = np.full(n, "", dtype=object), graph.target[plain]
    kind[link] = np.array(KINDS)[code[plain]]
    columns["kind"] = kind.astype(np.str_)
    for name, values in (("probability", graph.probability), ("margin", graph.margin)):
        columns[name] = np.full(n, np.nan)
        columns[name][link] = np.asarray(values)[plain]
    if scale.is_known:
        steps = zip("zyx"[-scale.rank :], scale.step, strict=True)
        columns |= {f"step_{axis}": np.full(n, step) for axis, step in steps} | {"unit": np.full(n, scale.unit)}
    if scale.interval_unit != "frame":
        columns |= {"interval": np.full(n, scale.interval), "interval_unit": np.full(n, scale.interval_unit)}
    return columns


def _scale(columns: dict[str, NDArray[Any]], axes: list[str]) -> Scale:
    def first(name: str, default: Any) -> Any:
        return columns[name][0].item() if name in columns and len(columns[name]) else default

    step = tuple(float(first(f"step_{axis}", 1.0)) for axis in axes)
    times = (float(first("interval", 1.0)), str(first("interval_unit", "frame")))
    return Scale(step, str(first("unit", "pixel")), *times)


def _whole(columns: dict[str, NDArray[Any]], name: str, path: str | PathLike[str]) -> Integers:
    """A column of whole numbers; empty fields are 0."""
    values = columns[name]
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, nan=0.0)
    if values.dtype.kind not in "uif" or not np.array_equal(values, np.rint(values)):
        raise InputError(f"the column {name!r} of {path} has values that are no whole numbers; correct it")
    return values.astype(np.int64)


def _kinds(columns: dict[str, NDArray[Any]], number: Integers, source: Integers, target: Integers) -> Integers | None:
    """Stated kinds, else those that the identities imply, else None: those that the graph implies."""
    if "kind" in columns and columns["kind"].dtype.kind in "UO":
        code = {kind: i for i, kind in enumerate(KINDS)}
        stated = np.array([code.get(str(word), -1) for word in columns["kind"].tolist()], np.int64)[target]
        if (stated >= 0).all():
            return stated
    if "identity" in columns:
        frame = np.searchsorted(np.asarray(implied_numbers(number), np.int64), number)
        return kinds_of_tracks(frame, columns["identity"].astype(np.int64), source, target)
    return None
