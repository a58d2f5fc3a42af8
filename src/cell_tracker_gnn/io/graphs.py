"""A lineage as a networkx graph, and as the arrays of a napari tracks layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import KINDS, Floats, Lineage, Scale
from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.io.cell_graph import CellGraph, assemble, graph_of
from cell_tracker_gnn.io.optional import require

if TYPE_CHECKING:
    import networkx

__all__ = ["from_networkx", "napari_tracks", "to_networkx"]

_CELL = ("label", "track", "parent", "identity", "size")
_TIMES = ("interval", "interval_unit")


def to_networkx(lineage: Lineage) -> networkx.DiGraph[int]:
    """The lineage as a directed graph: one node per cell, one edge per link.

    Nodes are rows of the cells, with ``t`` (frame number), ``z, y, x`` in pixels, ``label, track, parent,
    identity`` and ``size``; edges have ``kind`` (a word), ``probability`` and ``margin``; the graph has ``scale``,
    ``unit``, ``interval``, ``interval_unit``, ``frames`` and ``shape``.

    Raises
    ------
    SettingsError
        If networkx is not installed.

    Examples
    --------
    >>> from cell_tracker_gnn.io import read_lineage
    >>> from cell_tracker_gnn.io.graphs import to_networkx
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
    >>> folder = write_simulation(simulate(SimulationSettings(frames=3, cells=4, size=(64, 64))), "nuclei")
    >>> lineage = read_lineage(folder / "01_GT")
    >>> graph = to_networkx(lineage)
    >>> graph.number_of_nodes() == len(lineage.cells), sorted(graph.nodes[0])
    (True, ['identity', 'label', 'parent', 'size', 't', 'track', 'x', 'y'])
    """
    require("a networkx graph", "networkx")
    import networkx

    graph = graph_of(lineage)
    scale = graph.scale
    found: networkx.DiGraph[int] = networkx.DiGraph(
        scale=scale.step, unit=scale.unit, interval=scale.interval, interval_unit=scale.interval_unit,
        frames=graph.numbers, shape=graph.shape,
    )  # fmt: skip
    columns = {"t": graph.number, **dict(zip("zyx"[-scale.rank :], graph.place.T, strict=True))}
    columns |= {name: getattr(graph, name) for name in _CELL}
    values = zip(*(column.tolist() for column in columns.values()), strict=True)
    found.add_nodes_from((row, dict(zip(columns, value, strict=True))) for row, value in enumerate(values))
    links = lineage.links
    kinds = [KINDS[code] for code in links.kind.tolist()]
    rated = zip(links.source, links.target, kinds, links.probability, links.margin, strict=True)
    found.add_edges_from(
        (int(a), int(b), {"kind": kind, "probability": float(p), "margin": float(m)}) for a, b, kind, p, m in rated
    )
    return found


def from_networkx(graph: networkx.DiGraph[Any]) -> Lineage:
    """The lineage of a directed graph as :func:`to_networkx` makes it; only ``t, y, x`` of the nodes are needed.

    Raises
    ------
    InputError
        If a node has no ``t``, ``y`` or ``x``, or an edge leads back in time.

    Examples
    --------
    >>> import networkx
    >>> from cell_tracker_gnn.io.graphs import from_networkx
    >>> graph = networkx.DiGraph()
    >>> graph.add_nodes_from([(1, {"t": 0, "y": 5, "x": 5}), (2, {"t": 1, "y": 6, "x": 5})])
    >>> graph.add_edge(1, 2)
    >>> from_networkx(graph).tracks.end.tolist()
    [1]
    """
    names, nodes = list(graph.nodes), list(graph.nodes.values())
    lacking = [name for name in ("t", "y", "x") if any(name not in node for node in nodes)]
    if lacking:
        raise InputError(f"the graph has nodes without {' and '.join(lacking)}; give every node t, y and x")
    axes = [name for name in "zyx" if name in "yx" or (nodes and name in nodes[0])]
    row = {name: i for i, name in enumerate(names)}
    edges = list(graph.edges(data=True))
    step = tuple(graph.graph.get("scale", (1.0,) * len(axes)))
    times = {name: graph.graph[name] for name in _TIMES if name in graph.graph}
    columns = {
        name: np.array([node[name] for node in nodes], np.int64)
        for name in _CELL
        if all(name in node for node in nodes)
    }
    return assemble(
        CellGraph(
            number=np.array([node["t"] for node in nodes], np.int64),
            place=np.array([[node[name] for name in axes] for node in nodes], np.float64).reshape(-1, len(axes)),
            scale=Scale(step[-len(axes) :], graph.graph.get("unit", "pixel"), **times),
            source=np.array([row[a] for a, _, _ in edges], np.int64),
            target=np.array([row[b] for _, b, _ in edges], np.int64),
            kind=np.array([KINDS.index(e["kind"]) for *_, e in edges], np.int64)
            if all("kind" in e for *_, e in edges)
            else None,
            probability=np.array([e.get("probability", np.nan) for *_, e in edges], np.float64),
            margin=np.array([e.get("margin", np.nan) for *_, e in edges], np.float64),
            numbers=tuple(graph.graph.get("frames", ())),
            shape=tuple(graph.graph.get("shape", ())),
            **columns,
        ),
        "the graph",
    )


def napari_tracks(lineage: Lineage) -> tuple[Floats, dict[int, list[int]], dict[str, NDArray[Any]]]:
    """Arrays of a napari tracks layer: ``viewer.add_tracks(data, graph=graph, properties=properties, scale=...)``.

    Returns
    -------
    data
        One row per cell, ordered by track and time: track, index of the frame in the movie, z, y, x in pixels, shape
        (n, 2 + rank). The scale of the layer is ``(1, *lineage.cells.scale.step)``, as that of the images.
    graph
        Parents of each track that has any; several where masks merge.
    properties
        ``label``, ``identity`` and ``probability`` of the link that leads to each cell (NaN for none), shape (n,).

    Examples
    --------
    >>> from cell_tracker_gnn.io import read_lineage
    >>> from cell_tracker_gnn.io.graphs import napari_tracks
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
    >>> folder = write_simulation(simulate(SimulationSettings(frames=3, cells=4, size=(64, 64))), "nuclei")
    >>> lineage = read_lineage(folder / "01_GT")
    >>> data, graph, properties = napari_tracks(lineage)
    >>> data.shape == (len(lineage.cells), 4)
    True
    """
    cells, links = lineage.cells, lineage.links
    order = np.lexsort((cells.frame, lineage.track))
    data = np.column_stack([lineage.track, cells.frame, cells.centroid])[order].astype(np.float64)
    graph: dict[int, list[int]] = {}
    for track, parent in zip(lineage.tracks.track.tolist(), lineage.tracks.parent.tolist(), strict=True):
        if parent:
            graph[track] = [parent]
    begins = cells.frame == lineage.tracks.begin[np.searchsorted(lineage.tracks.track, lineage.track)]
    for source, target in zip(links.source.tolist(), links.target.tolist(), strict=True):
        old, new = int(lineage.track[source]), int(lineage.track[target])
        if begins[target] and old != new and old not in graph.get(new, []):
            graph.setdefault(new, []).append(old)
    probability = np.full(len(cells), np.nan)
    probability[links.target] = links.probability
    identity = lineage.tracks.identity[np.searchsorted(lineage.tracks.track, lineage.track)]
    columns = {"label": cells.label, "identity": identity, "probability": probability}
    return data, graph, {name: values[order] for name, values in columns.items()}
