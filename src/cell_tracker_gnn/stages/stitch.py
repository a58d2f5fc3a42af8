"""The windows of a movie put together: all cells, all candidate links and their averaged log-odds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Cells, Integers
from cell_tracker_gnn.features.parts import CELL_COLUMNS
from cell_tracker_gnn.graph.build import Graph
from cell_tracker_gnn.graph.candidates import Candidates
from cell_tracker_gnn.graph.scores import Scores
from cell_tracker_gnn.graph.windows import WindowGroup
from cell_tracker_gnn.model.infer import WindowSums
from cell_tracker_gnn.stages.jobs import Job, Range, piece_name
from cell_tracker_gnn.stages.store import Arrays, Store

__all__ = ["count_cells", "stitch_cells", "stitch_windows"]


def count_cells(store: Store, ranges: Sequence[Range]) -> Integers:
    """Number of cells of each frame, shape (frames,)."""
    frame = [store.load(piece_name("features", begin), ["cells.frame"])["cells.frame"] for begin, _ in ranges]
    counts = [np.bincount(rows, minlength=end - begin) for rows, (begin, end) in zip(frame, ranges, strict=True)]
    return np.concatenate(counts).astype(np.int64)


def stitch_cells(job: Job, store: Store, ranges: Sequence[Range]) -> Cells:
    """All cells of a movie, without their embeddings: most of the memory, and used up by the windows."""
    columns = {}
    for name in (name for name in CELL_COLUMNS if name != "embedding"):
        parts = [store.load(piece_name("features", begin), [f"cells.{name}"])[f"cells.{name}"] for begin, _ in ranges]
        if name == "frame":
            parts = [part + begin for part, (begin, _) in zip(parts, ranges, strict=True)]
        columns[name] = np.concatenate(parts)
    columns["embedding"] = np.zeros((len(columns["frame"]), 0), np.float32)
    return Cells(**columns, numbers=job.numbers, shape=job.shape, scale=job.scale)


def stitch_windows(cells: Cells, store: Store, groups: Sequence[WindowGroup]) -> tuple[Graph, Scores]:
    """The candidate links of a movie, without their features, and their log-odds averaged over the windows.

    Where two groups overlap, the links and cells are those of the earlier one, and the sums of the later one are added:
    the sum is the same as if one group had seen both.
    """
    owned = np.searchsorted(cells.frame, [group.owned for group in groups])
    targets = [_column(store, group, "target") for group in groups]
    own = [target >= row for target, row in zip(targets, owned, strict=True)]
    link = {
        name: np.concatenate([_column(store, group, name)[mask] for group, mask in zip(groups, own, strict=True)])
        for name in ("source", "target", "ahead", "shared", "link", "link_seen")
    }
    key = link["target"] * len(cells) + link["source"]
    for group, target, mask in zip(groups, targets, own, strict=True):
        other = {name: _column(store, group, name)[~mask] for name in ("link", "link_seen")}
        _add_shared(link, key, other, target[~mask] * len(cells) + _column(store, group, "source")[~mask])
    sums = WindowSums(link["link"], link["link_seen"], np.zeros((len(cells), 3)), np.zeros(len(cells), np.int64))
    came_in = np.zeros(len(cells))
    for group, row in zip(groups, owned, strict=True):
        first, last = np.searchsorted(cells.frame, (group.begin, group.end))
        sums.cell[first:last] += _column(store, group, "cell")
        sums.cell_seen[first:last] += _column(store, group, "cell_seen")
        came_in[row:last] = _column(store, group, "came_in")[row - first :]
    candidates = Candidates(link["source"], link["target"], link["ahead"], link["shared"])
    nothing = np.zeros((len(cells), 0), np.float32), np.zeros((len(candidates), 0), np.float32)
    return Graph(cells, candidates, *nothing, came_in), sums.mean()


def _add_shared(link: dict[str, NDArray[Any]], key: Integers, other: Arrays, other_key: Integers) -> None:
    """Add the sums of the links that a group shares with the one before it."""
    if not len(key):
        return
    place = np.minimum(np.searchsorted(key, other_key), len(key) - 1)
    found = key[place] == other_key
    for name, values in other.items():
        link[name][place[found]] += values[found]


def _column(store: Store, group: WindowGroup, name: str) -> NDArray[Any]:
    return store.load(piece_name("windows", group.begin), [name])[name]
