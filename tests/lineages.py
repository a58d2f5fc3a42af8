"""Generated lineages with masks: tracks with gaps, divisions and merged masks, for round trips of formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from cell_tracker_gnn.data import ArrayFrames, Lineage, Movie, Scale
from cell_tracker_gnn.io.cell_graph import blank_cells
from cell_tracker_gnn.linking.lineage import build_lineage

CELL = 3
"""Cells are squares (cubes) of so many pixels, so that their centre is exact."""


@st.composite
def lineages(draw: st.DrawFn, *, merges: bool = True, rank: int | None = None, empty: bool = False) -> Lineage:
    """A lineage of up to six families in up to six frames, which may be numbered in any way."""
    rank = draw(st.sampled_from([2, 3])) if rank is None else rank
    frames = draw(st.integers(2, 6))
    first, step = draw(st.sampled_from([(0, 1), (5, 1), (998, 1), (0, 5)]))
    ways = draw(st.lists(_way(frames), min_size=0 if empty else 1, max_size=6))
    return _lineage(ways, frames, tuple(first + step * t for t in range(frames)), draw(_scales(rank)), draw, merges)


@st.composite
def _way(draw: st.DrawFn, frames: int) -> list[tuple[int, int]]:
    """Frames of one cell, as (frame, what happens then): 0 goes on, 1 is missed next, 2 divides."""
    begin = draw(st.integers(0, frames - 1))
    return [(t, draw(st.sampled_from([0, 0, 0, 1, 2]))) for t in range(begin, draw(st.integers(begin, frames - 1)) + 1)]


def _scales(rank: int) -> st.SearchStrategy[Scale]:
    lengths = st.floats(0.01, 50, allow_nan=False)
    known = st.builds(
        lambda step, unit, times: Scale(step, unit, *times),
        st.tuples(*[lengths] * rank),
        st.sampled_from(["µm", "nm", "mm"]),
        st.sampled_from([(1.0, "frame"), (300.0, "s"), (0.7, "s")]),
    )
    return st.one_of(st.just(Scale.pixels(rank)), known)


def _lineage(  # noqa: PLR0917
    ways: Sequence[list[tuple[int, int]]],
    frames: int,
    numbers: tuple[int, ...],
    scale: Scale,
    draw: st.DrawFn,
    merges: bool,
) -> Lineage:
    links: list[tuple[int, int]] = []
    cells: list[tuple[int, int]] = []
    row: dict[tuple[int, int], int] = {}
    column = 0
    for way in ways:
        open_ends: list[tuple[int, int]] = []
        skip = False
        for t, event in way:
            if skip:
                skip = False
                continue
            columns = [column] if len(open_ends) == 0 else [c for _, c in open_ends]
            for c in columns:
                row[(t, c)] = len(cells)
                cells.append((t, c))
            links += [(row[(s, c)], row[(t, c)]) for s, c in open_ends if (s, c) in row and (t, c) in row]
            column = max(column, *columns)
            open_ends = [(t, c) for c in columns]
            skip = event == 1
            if event == 2 and len(columns) == 1 and t + 1 < frames and any(s == t + 1 for s, _ in way):
                mother, daughters = row[(t, columns[0])], (column + 1, column + 2)
                column += 2
                for c in daughters:
                    row[(t + 1, c)] = len(cells)
                    cells.append((t + 1, c))
                    links.append((mother, row[(t + 1, c)]))
                open_ends = [(t + 1, c) for c in daughters]
                skip = True
        column += 1
    return _with_masks(cells, links, frames, numbers, scale, draw, merges)


def _with_masks(  # noqa: PLR0917
    cells: list[tuple[int, int]],
    links: list[tuple[int, int]],
    frames: int,
    numbers: tuple[int, ...],
    scale: Scale,
    draw: st.DrawFn,
    merges: bool,
) -> Lineage:
    rank, n = scale.rank, len(cells)
    width = (CELL + 1) * (1 + max((c for _, c in cells), default=0)) + 1
    shape = (CELL + 1, 2 * CELL, width)[3 - rank :]
    masks = np.zeros((frames, *shape), np.int32)
    frame = np.array([t for t, _ in cells], np.int64)
    label, centroid = np.zeros(n, np.int64), np.zeros((n, rank))
    seed = draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    for t in range(frames):
        rows = np.flatnonzero(frame == t)
        label[rows] = 1 + rng.permutation(len(rows) + 3)[: len(rows)]
        for i in rows.tolist():
            low = (0, 1, (CELL + 1) * cells[i][1])[3 - rank :]
            centroid[i] = np.array(low) + (CELL - 1) / 2
            masks[(t, *(slice(a, a + CELL) for a in low))] = label[i]
    table = blank_cells(frame, label, centroid, numbers=numbers, shape=shape, scale=scale)
    order = np.lexsort((label, frame))
    back = np.argsort(order)
    table = replace(table, size=np.full(n, CELL**rank)).select(order)
    ends = back[np.array(links, np.int64).reshape(-1, 2)]
    merge, split = _merges(table.frame, ends, draw) if merges else ((), ())
    extra = [*merge, *split]
    ends = np.concatenate([ends, np.array(extra, np.int64).reshape(-1, 2)])
    chosen = np.arange(len(ends)) < len(ends) - len(extra)
    size = len(ends) - len(extra)
    lineage = build_lineage(
        table,
        ends[:, 0],
        ends[:, 1],
        rng.random(len(ends)),
        chosen,
        margin=rng.random(len(ends)) * 9,
        merge=np.arange(size, size + len(merge)),
        split=np.arange(size + len(merge), len(ends)),
    )
    return replace(lineage, movie=Movie(ArrayFrames(masks, numbers), None, scale))


def _merges(
    frame: np.ndarray, ends: np.ndarray, draw: st.DrawFn
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """At most one passage of a cell that ends through a mask of the next frame to a cell that begins after that."""
    ended = [i for i in range(len(frame)) if i not in ends[:, 0]]
    born = [i for i in range(len(frame)) if i not in ends[:, 1]]
    passages = [
        ((a, m), (m, b))
        for a in ended
        for b in born
        for m in range(len(frame))
        if frame[a] < frame[m] < frame[b] and m in ends[:, 0] and m in ends[:, 1] and m not in (a, b)
    ]
    if not passages or not draw(st.booleans()):
        return [], []
    into, out = draw(st.sampled_from(passages))
    return [into], [out]
