"""Overlapping time windows of a movie's graph, the unit of inference and of training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Integers
from cell_tracker_gnn.graph.build import Graph
from cell_tracker_gnn.graph.edges import USUAL_FRAMES

__all__ = ["Window", "WindowGroup", "cut_window", "cut_windows", "group_windows", "window_bounds"]

WINDOW_FRAMES = 24
"""Frames of one window; longer windows change nothing once they hold more frames than the network has blocks."""

OVERLAP_FRAMES = 10
"""Frames shared by neighbouring windows: twice the reach of the messages, so that no link lacks its context."""

GROUP_CELLS = 30_000
"""Windows are described together up to about this many cells, which bounds the memory."""


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


def window_bounds(frames: int, *, max_gap: int = 0) -> list[tuple[int, int]]:
    """First frame and one past the last frame of each window over a movie.

    Neighbouring windows share so many frames that every link lies in one of them, and no frame in more than two.
    """
    overlap = max(OVERLAP_FRAMES, max_gap + 1)
    last = max(frames - overlap, 1)
    return [(begin, min(begin + WINDOW_FRAMES, frames)) for begin in range(0, last, WINDOW_FRAMES - overlap)]


def cut_windows(graph: Graph, bounds: Iterable[tuple[int, int]]) -> Iterator[Window]:
    """The windows of these bounds, see :func:`window_bounds`."""
    for begin, end in bounds:
        yield cut_window(graph, begin, end)


@dataclass(frozen=True)
class WindowGroup:
    """Consecutive windows of a movie that are described together.

    Parameters
    ----------
    bounds
        First frame and one past the last frame of each window.
    owned
        Frame from which on the links and cells are this group's rather than those of the group before it.
    seen
        First frame and one past the last frame that must be known to describe the windows as if all were.
    """

    bounds: tuple[tuple[int, int], ...]
    owned: int
    seen: tuple[int, int]

    @property
    def begin(self) -> int:
        """First frame of the first window."""
        return self.bounds[0][0]

    @property
    def end(self) -> int:
        """One past the last frame of the last window."""
        return self.bounds[-1][1]


def group_windows(counts: Integers, *, max_gap: int) -> list[WindowGroup]:
    """The windows of a movie in groups of about :data:`GROUP_CELLS` cells, or of one window where that has more.

    Where more frames are empty than a link can bridge, the windows begin anew, so that both parts are tracked like
    movies of their own.

    Parameters
    ----------
    counts
        Number of cells of each frame, shape (frames,).
    max_gap
        Number of frames a cell may be missed.
    """
    total = np.r_[0, np.cumsum(counts)]
    return [group for stretch in _stretches(counts, max_gap) for group in _group_stretch(total, stretch, max_gap)]


def _group_stretch(total: Integers, stretch: tuple[int, int], max_gap: int) -> Iterator[WindowGroup]:
    """The groups of the windows over one stretch of frames, as if there were no others.

    ``total`` is the number of cells before each frame, shape (frames + 1,).
    """
    first, stop = stretch
    groups: list[list[tuple[int, int]]] = []
    bounds = window_bounds(stop - first, max_gap=max_gap)
    for begin, end in ((begin + first, end + first) for begin, end in bounds):
        if groups and total[end] - total[groups[-1][0][0]] <= GROUP_CELLS:
            groups[-1].append((begin, end))
        else:
            groups.append([(begin, end)])
    # What is usual is taken from some frames around, and from the candidates of their cells.
    before, after = USUAL_FRAMES, USUAL_FRAMES + max_gap + 1
    ends = [first, *(group[-1][1] for group in groups)]
    for group, owned in zip(groups, ends, strict=False):
        yield WindowGroup(tuple(group), owned, (max(first, group[0][0] - before), min(stop, group[-1][1] + after)))


def _stretches(counts: Integers, max_gap: int) -> list[tuple[int, int]]:
    """Ranges of frames parted by more empty frames than a link can bridge: what is in one says nothing about another.

    Without any cell all frames are one stretch.
    """
    filled = np.flatnonzero(counts)
    if not len(filled):
        return [(0, len(counts))]
    parted = np.flatnonzero(np.diff(filled) > max_gap + 1)
    first, last = filled[np.r_[0, parted + 1]], filled[np.r_[parted, len(filled) - 1]]
    return [(int(begin), int(end) + 1) for begin, end in zip(first, last, strict=True)]
