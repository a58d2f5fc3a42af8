"""From chosen links to the lineage: kinds of links, tracks, parents and identities."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from cell_tracker_gnn.data import KINDS, Cells, Integers, Lineage, Links, Movie, Tracks
from cell_tracker_gnn.errors import LinkingError
from cell_tracker_gnn.linking.problem import Flags

__all__ = ["build_lineage"]

_MOVE, _GAP, _DIVISION, _MERGE, _SPLIT = (KINDS.index(kind) for kind in KINDS)


def build_lineage(
    cells: Cells,
    source: ArrayLike,
    target: ArrayLike,
    probability: ArrayLike,
    chosen: ArrayLike,
    *,
    margin: ArrayLike = np.nan,
    merge: ArrayLike = (),
    split: ArrayLike = (),
    movie: Movie | None = None,
    run: dict[str, object] | None = None,
) -> Lineage:
    """Build tracks from the chosen links.

    A cell with two children divides: both links are divisions and both daughters begin tracks. A track also ends at a
    gap; the track after it has the same identity. A cell with several parents goes on from the most probable one.
    Tracks are numbered by (begin, label of the first cell); an identity is the number of its first track.

    Parameters
    ----------
    cells
        The n detections.
    source, target, probability
        Candidate links (rows of ``cells``) and their probability, shape (m,).
    chosen
        Which links are chosen, shape (m,).
    margin
        How much worse the best lineage without each link is, one number or shape (m,); NaN where it is not known.
    merge, split
        Candidates that lead from a vanishing cell to a merged mask, and from that mask to the cell when it reappears,
        shape (p,); none of them chosen. The track of the vanishing cell is the parent of that of the reappearing one.
    movie, run
        Kept in the lineage for the writers.

    Raises
    ------
    LinkingError
        If a chosen link does not lead to a later frame.

    Examples
    --------
    >>> from cell_tracker_gnn.io import read_lineage
    >>> from cell_tracker_gnn.linking import build_lineage
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
    >>> folder = write_simulation(simulate(SimulationSettings(frames=3, cells=4, size=(64, 64))), "nuclei")
    >>> lineage = read_lineage(folder / "01_GT")
    >>> links = lineage.links
    >>> certain, chosen = [1.0] * len(links), [True] * len(links)
    >>> again = build_lineage(lineage.cells, links.source, links.target, certain, chosen)
    >>> again.tracks.parent.tolist() == lineage.tracks.parent.tolist()
    True
    """
    links = _links(cells, (source, target), (probability, margin), chosen)
    main = _main(links)
    goes_on = main & (links.kind == _MOVE)
    track, order = _number(cells, _join(len(cells), links, goes_on))
    merged, apart = (np.asarray(which, dtype=np.int64) for which in (merge, split))
    before, after = np.asarray(source, dtype=np.int64)[merged], np.asarray(target, dtype=np.int64)[apart]
    same = _join(len(cells), links, main & (links.kind != _DIVISION), before, after)
    tracks = len(order)
    begin, end = np.zeros(tracks, np.int64), np.zeros(tracks, np.int64)
    begin[:] = cells.frame[order]
    np.maximum.at(end, track - 1, cells.frame)
    parent = np.zeros(tracks, np.int64)
    starts = main & ~goes_on
    parent[track[links.target[starts]] - 1] = track[links.source[starts]]
    parent[track[after] - 1] = track[before]
    first_track = np.full(int(same.max(initial=-1)) + 1, tracks + 1)
    np.minimum.at(first_track, same, track)
    return Lineage(
        cells=cells,
        links=_beside(links, (source, target), probability, merged, apart),
        track=track,
        tracks=Tracks(np.arange(1, tracks + 1), begin, end, parent, first_track[same[order]]),
        movie=movie,
        run=dict(run or {}),
    )


def _links(
    cells: Cells, ends: tuple[ArrayLike, ArrayLike], weights: tuple[ArrayLike, ArrayLike], chosen: ArrayLike
) -> Links:
    """Collect the chosen links with their kinds, probabilities and margins, ordered by source and target."""
    keep = np.asarray(chosen, dtype=np.bool_)
    begin, end = (np.asarray(rows, dtype=np.int64)[keep] for rows in ends)
    order = np.lexsort((end, begin))
    begin, end = begin[order], end[order]
    gap = cells.frame[end] - cells.frame[begin]
    if np.any(gap < 1):
        back = int(np.argmax(gap < 1))
        raise LinkingError(
            f"the link from cell {begin[back]} to cell {end[back]} does not lead to a later frame; "
            "remove it from the candidates"
        )
    divides = np.bincount(begin, minlength=len(cells))[begin] > 1
    kind = np.where(divides, _DIVISION, np.where(gap > 1, _GAP, _MOVE))
    probability, margin = (np.broadcast_to(np.asarray(w, np.float64), keep.shape)[keep][order] for w in weights)
    return Links(begin, end, kind.astype(np.int64), probability, margin)


def _beside(
    links: Links, ends: tuple[ArrayLike, ArrayLike], probability: ArrayLike, merge: Integers, split: Integers
) -> Links:
    """Put links into and out of merged masks among the others; nothing was decided by them, so they have no margin."""
    rows = np.concatenate([merge, split])
    source, target = (
        np.concatenate([own, np.asarray(end, dtype=np.int64)[rows]])
        for own, end in zip((links.source, links.target), ends, strict=True)
    )
    kind = np.concatenate([links.kind, np.full(len(merge), _MERGE), np.full(len(split), _SPLIT)])
    rated = np.concatenate([links.probability, np.asarray(probability, dtype=np.float64)[rows]])
    margin = np.concatenate([links.margin, np.full(len(rows), np.nan)])
    order = np.lexsort((target, source))
    return Links(source[order], target[order], kind[order], rated[order], margin[order])


def _main(links: Links) -> Flags:
    """Whether each link comes from the most probable parent of its target, the first one among equals."""
    order = np.lexsort((links.source, -links.probability, links.target))
    first = np.ones(len(links), np.bool_)
    first[1:] = np.diff(links.target[order]) > 0
    main = np.zeros(len(links), np.bool_)
    main[order] = first
    return main


def _join(
    cells: int, links: Links, used: Flags, before: Integers | None = None, after: Integers | None = None
) -> Integers:
    """Component of each cell under the used links and under pairs of the same cell before and after, shape (n,)."""
    if cells == 0:
        return np.zeros(0, np.int64)
    none = np.zeros(0, np.int64)
    pairs = (none if before is None else before, none if after is None else after)
    ends = [np.concatenate([own[used], more]) for own, more in zip((links.source, links.target), pairs, strict=True)]
    graph = csr_array((np.ones(len(ends[0]), np.int8), tuple(ends)), shape=(cells, cells))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _number(cells: Cells, component: Integers) -> tuple[Integers, Integers]:
    """Track number of each cell, shape (n,), and the first cell of each track, shape (k,)."""
    by_time = np.lexsort((cells.label, cells.frame))
    found, first = np.unique(component[by_time], return_index=True)
    ranking = np.argsort(first)
    number = np.zeros(len(found), np.int64)
    number[found[ranking]] = np.arange(1, len(found) + 1)
    return number[component], by_time[first[ranking]]
