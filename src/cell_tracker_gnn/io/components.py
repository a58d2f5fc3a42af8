"""Connected components of cells under links."""

from __future__ import annotations

import numpy as np

from cell_tracker_gnn.data import Integers

__all__ = ["connected", "tracklets"]


def connected(cells: int, source: Integers, target: Integers) -> Integers:
    """Component of each cell under undirected links, numbered 0, 1, 2, ..., shape (n,)."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    if cells == 0:
        return np.zeros(0, np.int64)
    graph = csr_array((np.ones(len(source), np.int8), (source, target)), shape=(cells, cells))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def tracklets(cells: int, source: Integers, target: Integers) -> Integers:
    """Longest chain without branch or merge that each cell lies on, as GEFF defines tracklets, shape (n,)."""
    out, into = (np.bincount(end, minlength=cells) for end in (source, target))
    inside = (out[source] == 1) & (into[target] == 1) if len(source) else np.zeros(0, np.bool_)
    return connected(cells, source[inside], target[inside])
