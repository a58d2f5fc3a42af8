"""What a person changed in a result with another program: links that were cut and links that were added."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from os import PathLike

import numpy as np
from scipy.spatial import cKDTree

from cell_tracker_gnn.data import Floats, Integers, Lineage
from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.io.edits import Edit, Edits
from cell_tracker_gnn.io.formats import read_lineage

__all__ = ["Changes", "compare_lineages", "find_changes"]

NEAR = 0.5
"""Cells of both lineages are the same if they are nearer than this share of the usual distance to a neighbour."""

FOUND = 0.5
"""If fewer than this share of the cells are found again, the two lineages are not of one movie."""

Link = tuple[int, int]
"""Rows of the earlier and of the later cell."""


@dataclass(frozen=True)
class Changes:
    """Differences between a result and what a person made of it.

    Parameters
    ----------
    edits
        Links that were cut, then links that were added.
    links
        Number of links of the result whose cells are both still there.
    new, gone
        Number of cells that only the edited lineage has and that only the result has; no link can say so.
    """

    edits: Edits
    links: int
    new: int
    gone: int


def find_changes(original: str | PathLike[str], edited: str | PathLike[str]) -> Changes:
    """Compare a result folder with an edited copy in any format.

    Parameters
    ----------
    original
        Result folder of ``track``.
    edited
        A result or CTC folder, ``.geff``, TrackMate ``.xml``, or any other format of
        :func:`~cell_tracker_gnn.io.read_lineage`.

    Raises
    ------
    InputError
        If one cannot be read, if the result does not say which masks it was made of, or if both are not of one movie.
    """
    before, after = read_lineage(original), read_lineage(edited)
    digest = before.run.get("masks_sha256")
    if not isinstance(digest, str):
        raise InputError(
            f"{original} does not say which masks it was made of; give the folder that 'track' wrote, with its "
            "run.json and tables, or track again"
        )
    return compare_lineages(before, after, digest, names=(str(original), str(edited)))


def compare_lineages(
    before: Lineage, after: Lineage, masks_sha256: str, *, names: tuple[str, str] = ("the result", "the edited one")
) -> Changes:
    """Links that were cut and added between two lineages of the same masks, matched by the places of their cells.

    Links are those within tracks and from parents to children, so that an identity that goes on over a merged mask
    counts as one link on both sides.

    Parameters
    ----------
    before, after
        The result and the edited lineage, in whatever order of cells and under whatever labels.
    masks_sha256
        Hash of the masks of the result.
    names
        How messages call the two.

    Raises
    ------
    InputError
        If fewer than half of the cells are found again.
    """
    row = _same_cells(before, after)
    known = row >= 0
    if len(row) and known.sum() < FOUND * min(len(before.cells), len(after.cells)):
        raise InputError(
            f"only {known.sum()} of {len(before.cells)} cells of {names[0]} are found in {names[1]}; give an edited "
            "copy of the same movie, with its frame numbers and its scale"
        )
    kept = np.zeros(len(before.cells), bool)
    kept[row[known]] = True
    old = {link for link in _links(before) if kept[link[0]] and kept[link[1]]}
    new = {(int(row[a]), int(row[b])) for a, b in _links(after) if known[a] and known[b]}
    edits = (*_edits("cut", old - new, before), *_edits("add", new - old, before))
    return Changes(Edits(masks_sha256, edits), len(old), int((~known).sum()), int((~kept).sum()))


def _edits(operation: str, links: set[Link], lineage: Lineage) -> Iterator[Edit]:
    number, label = lineage.cells.number.tolist(), lineage.cells.label.tolist()
    for a, b in sorted(links):
        yield Edit(operation, number[a], label[a], number[b], label[b])


def _links(lineage: Lineage) -> Iterator[Link]:
    """Links within tracks, and from the last cell of a parent to the first one of each child."""
    order = np.lexsort((lineage.cells.frame, lineage.track))
    track = lineage.track[order].tolist()
    rows = order.tolist()
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for own, cell in zip(track, rows, strict=True):
        first.setdefault(own, cell)
        last[own] = cell
    for (one, a), (two, b) in pairwise(zip(track, rows, strict=True)):
        if one == two:
            yield a, b
    for own, parent in zip(lineage.tracks.track.tolist(), lineage.tracks.parent.tolist(), strict=True):
        if parent in last and own in first:
            yield last[parent], first[own]


def _same_cells(before: Lineage, after: Lineage) -> Integers:
    """Row in ``before`` of each cell of ``after``, -1 for none; by place in physical units or in pixels."""
    candidates = []
    for physical in (True, False):
        places = [
            one.cells.centroid * (np.asarray(one.cells.scale.step) if physical else 1.0) for one in (before, after)
        ]
        candidates.append(_match(before, after, *places))
    return max(candidates, key=lambda row: int((row >= 0).sum()))


def _match(before: Lineage, after: Lineage, place: Floats, edited: Floats) -> Integers:
    """Cells of the same frame number that are nearest to each other and near."""
    row = np.full(len(after.cells), -1, np.int64)
    if place.shape[1:] != edited.shape[1:]:
        return row
    numbers, edited_numbers = before.cells.number, after.cells.number
    for number in np.intersect1d(numbers, edited_numbers).tolist():
        own, other = np.flatnonzero(numbers == number), np.flatnonzero(edited_numbers == number)
        tree = cKDTree(place[own])
        near = NEAR * float(np.median(tree.query(place[own], k=2)[0][:, 1])) if len(own) > 1 else np.inf
        distance, nearest = tree.query(edited[other])
        back = cKDTree(edited[other]).query(place[own])[1]
        mutual = (back[nearest] == np.arange(len(other))) & (distance < near)
        row[other[mutual]] = own[nearest[mutual]]
    return row
