"""A lineage as plain columns of cells and links, which every format is written from and read to."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace

import numpy as np

from cell_tracker_gnn.data import KINDS, Cells, Floats, Integers, Lineage, Links, Scale, Tracks
from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.io.components import connected
from cell_tracker_gnn.io.numbering import check_span

__all__ = ["CellGraph", "assemble", "blank_cells", "graph_of", "implied_numbers"]

_log = logging.getLogger(__name__)

_MOVE, _GAP, _DIVISION, _MERGE, _SPLIT = range(len(KINDS))


@dataclass(frozen=True, eq=False)
class CellGraph:
    """Cells and links as a file states them; what it does not state is None.

    Parameters
    ----------
    number
        Frame number of each cell, shape (n,).
    place
        Centre of each cell in pixels, shape (n, rank), (z, y, x).
    scale
        Physical size of a pixel.
    source, target
        Row of the earlier and of the later cell of each link, shape (m,).
    label
        Label of each cell in its masks, shape (n,).
    track, parent, identity
        Track of each cell, and parent and identity of that track, shape (n,); all or none.
    size
        Number of pixels of each cell, 0 where it is not known, shape (n,).
    kind
        Code of the kind of each link, an index into :data:`~cell_tracker_gnn.data.KINDS`, shape (m,).
    probability, margin
        Of each link, NaN where it is not known, shape (m,).
    numbers
        Frame numbers of the movie, also of frames without cells.
    shape
        Shape of a frame.
    """

    number: Integers
    place: Floats
    scale: Scale
    source: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    target: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    label: Integers | None = None
    track: Integers | None = None
    parent: Integers | None = None
    identity: Integers | None = None
    size: Integers | None = None
    kind: Integers | None = None
    probability: Floats | None = None
    margin: Floats | None = None
    numbers: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.number)


def graph_of(lineage: Lineage) -> CellGraph:
    """The columns of a lineage; rows are those of its cells and links."""
    cells, links = lineage.cells, lineage.links
    row = np.searchsorted(lineage.tracks.track, lineage.track)
    return CellGraph(
        number=cells.number,
        place=cells.centroid,
        scale=cells.scale,
        source=links.source,
        target=links.target,
        label=cells.label,
        track=lineage.track,
        parent=lineage.tracks.parent[row],
        identity=lineage.tracks.identity[row],
        size=cells.size,
        kind=links.kind,
        probability=links.probability,
        margin=links.margin,
        numbers=tuple(cells.numbers),
        shape=tuple(cells.shape),
    )


def assemble(graph: CellGraph, where: str) -> Lineage:
    """The lineage that a file states; kinds of links and tracks that it does not state follow from the links.

    A cell with two children divides; one with several parents goes on from the most probable one and is merged from
    the others. Tracks end at divisions and gaps and are numbered by (begin, label of the first cell).

    Parameters
    ----------
    graph
        The columns; rows may be in any order.
    where
        Name of the file in error messages.

    Raises
    ------
    InputError
        If a link leads nowhere or back in time, a track has two cells in a frame, or two parents.
    """
    n, ends = len(graph), (graph.source, graph.target)
    if any(len(end) and (end.min() < 0 or end.max() >= n) for end in ends):
        raise InputError(f"{where} links cells that it does not hold; export it again")
    cells, row = _cells(graph, where)
    if graph.track is not None:
        _check_once(cells, graph.track[np.argsort(row)], where)
    order = np.lexsort((row[graph.target], row[graph.source]))
    source, target = row[graph.source][order], row[graph.target][order]
    steps = cells.frame[target] - cells.frame[source]
    if (steps < 1).any():
        back = int(np.argmin(steps))
        raise InputError(
            f"{where} links a cell of frame {cells.number[source[back]]} to one of frame {cells.number[target[back]]}; "
            "links must lead to a later frame"
        )
    probability, margin = (
        np.full(len(order), np.nan) if values is None else values[order].astype(np.float64)
        for values in (graph.probability, graph.margin)
    )
    kind = _kinds(source, target, steps, probability) if graph.kind is None else graph.kind[order]
    links = Links(source, target, kind.astype(np.int64), probability, margin)
    if graph.track is not None and graph.parent is not None:
        back_to = np.argsort(row)
        track, parent = graph.track[back_to], graph.parent[back_to]
        identity = track if graph.identity is None else graph.identity[back_to]
        if _agree(links, track, parent):
            return Lineage(cells, links, track, _stated_tracks(cells, track, parent, identity, where))
        _log.warning("the links of %s were changed after its tracks were numbered: tracks are numbered anew", where)
    track, tracks = _derived_tracks(cells, links)
    return Lineage(cells, links, track, tracks)


def _cells(graph: CellGraph, where: str) -> tuple[Cells, Integers]:
    """The cells in order of frame and label, and the new row of each old one."""
    n, number = len(graph), graph.number.astype(np.int64)
    label = np.arange(n) if graph.label is None else graph.label.astype(np.int64)
    order = np.lexsort((label, number))
    row = np.empty(n, np.int64)
    row[order] = np.arange(n)
    numbers = graph.numbers
    if not numbers or not np.isin(number, numbers).all():
        numbers = implied_numbers(number, where)
    frame = np.searchsorted(np.asarray(numbers, np.int64), number[order])
    place = graph.place[order].astype(np.float64)
    cells = blank_cells(frame, label[order], place, numbers=numbers, shape=graph.shape, scale=graph.scale)
    return (cells if graph.size is None else replace(cells, size=graph.size[order].astype(np.int64))), row


def implied_numbers(number: Integers, where: str = "the lineage") -> tuple[int, ...]:
    """Frame numbers of a movie that is known by its cells only: every step from the first to the last one.

    The step is 1, unless three or more frame numbers are all multiples of a larger one apart (0, 5, 10).

    Raises
    ------
    InputError
        If nearly all frames in between would be empty.
    """
    known = np.unique(number)
    if not len(known):
        return ()
    step = int(np.gcd.reduce(np.diff(known))) if len(known) > 2 else 1
    check_span(int(known[0]), int(known[-1]), step, len(known), where)
    return tuple(range(int(known[0]), int(known[-1]) + 1, step))


def blank_cells(
    frame: Integers,
    label: Integers,
    centroid: Floats,
    *,
    numbers: tuple[int, ...],
    shape: tuple[int, ...],
    scale: Scale,
) -> Cells:
    """Cells of which only frame, label and centre are known: size is 0, measurements are NaN."""
    n, rank = centroid.shape
    return Cells(
        frame=frame.astype(np.int64),
        label=label,
        centroid=centroid,
        box=np.zeros((n, 2 * rank), np.int64),
        size=np.zeros(n, np.int64),
        axes=np.full((n, rank), np.nan),
        direction=np.zeros((n, rank)),
        intensity=np.full((n, 4), np.nan),
        appearance=np.full((n, 3), np.nan),
        embedding=np.zeros((n, 0), np.float32),
        numbers=numbers,
        shape=shape,
        scale=scale,
    )


def _kinds(source: Integers, target: Integers, steps: Integers, probability: Floats) -> Integers:
    """Kinds that follow from the shape of the graph."""
    main = _main(source, target, probability)
    children = np.bincount(source[main], minlength=1)[source] if main.any() else np.zeros(len(source), np.int64)
    plain = np.where(children > 1, _DIVISION, np.where(steps > 1, _GAP, _MOVE))
    return np.where(main, plain, _MERGE).astype(np.int64)


def _main(source: Integers, target: Integers, probability: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether each link comes from the most probable parent of its target, the first one among equals."""
    order = np.lexsort((source, -np.nan_to_num(probability, nan=-1.0), target))
    main = np.zeros(len(target), np.bool_)
    main[order[np.diff(target[order], prepend=-1) > 0]] = True
    return main


def _derived_tracks(cells: Cells, links: Links) -> tuple[Integers, Tracks]:
    """Tracks of a graph that states none."""
    main = np.zeros(len(links), np.bool_)
    rows = np.flatnonzero(links.kind != _MERGE)
    main[rows] = _main(links.source[rows], links.target[rows], links.probability[rows])
    goes_on = main & (links.kind == _MOVE)
    chain = connected(len(cells), links.source[goes_on], links.target[goes_on])
    _, first, component = np.unique(chain, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    track = rank[component] + 1
    same = main & (links.kind != _DIVISION) & (links.kind != _SPLIT)
    whole = connected(len(cells), links.source[same], links.target[same])
    parent = np.zeros(len(cells), np.int64)
    starts = main & ~goes_on
    parent[links.target[starts]] = track[links.source[starts]]
    begins = np.sort(first)
    _, oldest = np.unique(whole, return_index=True)
    identity = track[oldest][np.searchsorted(np.unique(whole), whole)]
    end = np.zeros(len(first), np.int64)
    np.maximum.at(end, track - 1, cells.frame)
    numbers = np.arange(1, len(first) + 1)
    return track, Tracks(numbers, cells.frame[begins], end, parent[begins], identity[begins])


def _agree(links: Links, track: Integers, parent: Integers) -> bool:
    """Whether stated tracks are those of the links: every track is held together by links, its parent as well."""
    inside = track[links.source] == track[links.target]
    whole = len(np.unique(links.target[inside])) == len(track) - len(np.unique(track))
    born = ~inside & ~np.isin(links.kind, (_MERGE, _SPLIT))
    return whole and bool((parent[links.target[born]] == track[links.source[born]]).all())


def _check_once(cells: Cells, track: Integers, where: str) -> None:
    """Refuse tracks with two cells in a frame."""
    order = np.lexsort((cells.frame, track))
    twice = (np.diff(track[order]) == 0) & (np.diff(cells.frame[order]) == 0)
    if twice.any():
        cell = order[int(np.argmax(twice))]
        raise InputError(f"track {track[cell]} of {where} has two cells in frame {cells.number[cell]}; correct it")


def _stated_tracks(cells: Cells, track: Integers, parent: Integers, identity: Integers, where: str) -> Tracks:
    """Table of the tracks that the cells name."""
    order = np.lexsort((cells.frame, track))
    number, first, count = np.unique(track[order], return_index=True, return_counts=True)
    for name, values in (("parents", parent), ("identities", identity)):
        differs = (np.diff(track[order]) == 0) & (np.diff(values[order]) != 0)
        if differs.any():
            raise InputError(f"track {track[order][int(np.argmax(differs))]} of {where} has two {name}; correct it")
    last, begin = order[first + count - 1], order[first]
    return Tracks(number, cells.frame[begin], cells.frame[last], parent[begin], identity[begin])
