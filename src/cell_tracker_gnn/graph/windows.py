"""Overlapping time windows of a movie's graph, the unit of inference and of training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Integers
from cell_tracker_gnn.graph.build import Graph

__all__ = ["Window", "cut_window", "cut_windows"]


@dataclass(frozen=True, eq=False)
class Window:
    """The part of a graph within a range of frames.

    Parameters
    ----------
    cells
        First and one past the last row of the cells.
    links
        Rows of the candidate links whose two ends lie inside, shape (m,).
    source, target
        Ends of those links, counted from the first cell of the window, shape (m,).
    cell_features, link_features
        Their features.
    """

    cells: slice
    links: Integers
    source: Integers
    target: Integers
    cell_features: NDArray[np.float32]
    link_features: NDArray[np.float32]


def cut_window(graph: Graph, begin: int, end: int) -> Window:
    """The part of a graph in the frames ``begin`` .. ``end`` - 1."""
    first, last = np.searchsorted(graph.cells.frame, (begin, end))
    # Links are ordered by target, so those into the window are one run; of them the source must lie inside too.
    start, stop = np.searchsorted(graph.candidates.target, (first, last))
    links = np.arange(start, stop)
    links = links[graph.candidates.source[links] >= first]
    return Window(
        cells=slice(int(first), int(last)),
        links=links,
        source=graph.candidates.source[links] - first,
        target=graph.candidates.target[links] - first,
        cell_features=graph.cell_features[first:last],
        link_features=graph.link_features[links],
    )


def cut_windows(graph: Graph, *, length: int, overlap: int) -> Iterator[Window]:
    """Windows of ``length`` frames, each sharing ``overlap`` frames with the one before, over the whole movie."""
    frames = len(graph.cells.numbers)
    begin = 0
    while True:
        end = min(begin + length, frames)
        yield cut_window(graph, begin, end)
        if end == frames:
            return
        begin = end - overlap
