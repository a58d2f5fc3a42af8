"""Which candidate links are true, by matching the detections to an annotated lineage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Cells, Frames, Integers
from cell_tracker_gnn.graph.candidates import Candidates
from cell_tracker_gnn.io import LineageTable

__all__ = ["Truth", "candidate_recall", "label_candidates", "match_cells", "true_links"]


@dataclass(frozen=True, eq=False)
class Truth:
    """The annotated lineage in terms of the detections.

    Parameters
    ----------
    source, target
        Rows of the cells of every true link: the same cell seen next, or the mother seen last and a daughter seen
        first, shape (k,).
    daughter
        Whether the link leads from a mother to one of two or more daughters, shape (k,).
    matched
        Whether the cell is an annotated one, shape (n,).
    same
        Whether both ends of the link are of one annotated track, shape (k,).
    """

    source: Integers
    target: Integers
    daughter: NDArray[np.bool_]
    matched: NDArray[np.bool_]
    same: NDArray[np.bool_]


def match_cells(cells: Cells, masks: Frames, markers: Frames) -> tuple[Integers, Integers]:
    """Pairs of a detection and the annotated track it is.

    A detection is a marker when it covers more than half of it, the rule of the Cell Tracking Challenge (Matula et al.
    2015); one detection can be several markers when cells were merged.

    Parameters
    ----------
    cells
        The detections.
    masks
        The label images they were measured in.
    markers
        The annotated label images, by the same frame numbers.

    Returns
    -------
    cell, track
        Row of the cell and label of the track, shape (p,).
    """
    place = {number: index for index, number in enumerate(markers.numbers)}
    found: list[Integers] = [np.zeros((0, 2), np.int64)]
    bound = np.searchsorted(cells.frame, np.arange(len(cells.numbers) + 1))
    for index, number in enumerate(cells.numbers):
        if number not in place:
            continue
        marker = np.asarray(markers[place[number]]).reshape(-1)
        pixel = np.flatnonzero(marker)
        track, size = np.unique(marker[pixel], return_counts=True)
        label = np.asarray(masks[index]).reshape(-1)[pixel].astype(np.int64)
        pair, shared = np.unique(np.stack([marker[pixel].astype(np.int64), label], axis=1), axis=0, return_counts=True)
        covers = (pair[:, 1] > 0) & (2 * shared > size[np.searchsorted(track, pair[:, 0])])
        own = cells.label[bound[index] : bound[index + 1]]
        row = np.searchsorted(own, pair[covers, 1])
        known = (row < len(own)) & (own[np.minimum(row, len(own) - 1)] == pair[covers, 1]) if len(own) else row < 0
        found.append(np.stack([row[known] + bound[index], pair[covers, 0][known]], axis=1))
    joined = np.concatenate(found)
    return joined[:, 0], joined[:, 1]


def true_links(cells: Cells, cell: Integers, track: Integers, lineage: LineageTable) -> Truth:
    """True links between detections from their annotated tracks.

    Parameters
    ----------
    cells
        The detections.
    cell, track
        Which detection is which track, see :func:`match_cells`.
    lineage
        The annotated tracks with their parents; a lone child of a parent is the same cell after a gap.
    """
    order = np.lexsort((cells.frame[cell], track))
    row, label = cell[order], track[order]
    same = (label[1:] == label[:-1]) & (cells.frame[row[1:]] > cells.frame[row[:-1]])
    source, target = [row[:-1][same]], [row[1:][same]]
    unique, first = np.unique(label, return_index=True)
    last = np.r_[first[1:], len(label)] - 1
    place = {int(u): i for i, u in enumerate(unique)}
    parent = dict(zip(lineage.label.tolist(), lineage.parent.tolist(), strict=True))
    pairs = [
        (row[last[place[ancestor]]], row[first[place[child]]])
        for child in place
        if (ancestor := _seen_ancestor(child, parent, place)) > 0
    ]
    born = np.array([pair for pair in pairs if cells.frame[pair[1]] > cells.frame[pair[0]]], np.int64).reshape(-1, 2)
    source.append(born[:, 0])
    target.append(born[:, 1])
    _, index, number = np.unique(born[:, 0], return_inverse=True, return_counts=True)
    matched = np.zeros(len(cells), bool)
    matched[cell] = True
    daughter = np.r_[np.zeros(len(source[0]), bool), number[index] > 1]
    within = np.arange(len(daughter)) < len(source[0])
    return Truth(np.concatenate(source), np.concatenate(target), daughter, matched, within)


def _seen_ancestor(child: int, parent: dict[int, int], seen: dict[int, int]) -> int:
    """Nearest ancestor that was detected at all, or 0."""
    ancestor = parent.get(child, 0)
    while ancestor > 0 and ancestor not in seen:
        ancestor = parent.get(ancestor, 0)
    return ancestor


def label_candidates(candidates: Candidates, truth: Truth, count: int) -> NDArray[np.bool_]:
    """Whether each candidate is a true link, shape (m,); ``count`` is the number of cells."""
    return np.isin(candidates.target * count + candidates.source, truth.target * count + truth.source)


def candidate_recall(cells: Cells, candidates: Candidates, truth: Truth, *, max_gap: int) -> float:
    """Share of the true links over at most ``max_gap`` missed frames that are candidates at all."""
    count = len(cells)
    wanted = cells.frame[truth.target] - cells.frame[truth.source] <= max_gap + 1
    key = truth.target[wanted] * count + truth.source[wanted]
    found = np.isin(key, candidates.target * count + candidates.source)
    return float(found.mean()) if len(key) else 1.0
