"""The lineage of annotated points, whose ``id`` is the track and ``parent`` the track of the mother."""

from __future__ import annotations

import numpy as np

from cell_tracker_gnn.data import Integers
from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.io.lineage_table import LineageTable
from cell_tracker_gnn.io.points import PointTable

__all__ = ["read_point_lineage"]


def read_point_lineage(table: PointTable) -> LineageTable:
    """Tracks of annotated points, one row per ``id``; without a column ``parent`` nothing divides.

    Parameters
    ----------
    table
        Points whose ``id`` is the number of their track, with or without a column ``parent``.

    Raises
    ------
    InputError
        If there is no column ``id``, a track is not numbered from 1 on, has several parents, or a parent is unknown or
        ends too late.

    Examples
    --------
    >>> from cell_tracker_gnn.io import read_point_lineage, read_points
    >>> columns = {"t": [0, 1, 1], "y": [5, 4, 6], "x": [5, 5, 5], "id": [1, 2, 3], "parent": [0, 1, 1]}
    >>> tracks = read_point_lineage(read_points(columns))
    >>> tracks.label.tolist(), tracks.begin.tolist(), tracks.parent.tolist()
    ([1, 2, 3], [0, 1, 1], [0, 1, 1])
    """
    where = table.source
    if table.identifier is None:
        raise InputError(f"{where} has no column 'id'; to train, give the number of the track of each point as its id")
    if table.identifier.min() < 1:
        row = int(np.argmin(table.identifier))
        raise InputError(f"id is {table.identifier[row]} in row {row} of {where}; number the tracks from 1 on")
    order = np.lexsort((table.number, table.identifier))
    label, first, count = np.unique(table.identifier[order], return_index=True, return_counts=True)
    begin, end = table.number[order][first], table.number[order][first + count - 1]
    parent = np.zeros(len(label), np.int64)
    if table.parent is not None:
        named = table.parent[order]
        parent = np.maximum.reduceat(named, first)
        differs = (named > 0) & (named != np.repeat(parent, count))
        if differs.any():
            row = int(order[np.argmax(differs)])
            raise InputError(
                f"track {table.identifier[row]} has the parent {table.parent[row]} in row {row} of {where} and another "
                "one in other rows; give every track one parent"
            )
    _check_parents(LineageTable(label, begin, end, parent), where)
    return LineageTable(label, begin, end, parent)


def _check_parents(tracks: LineageTable, where: str) -> None:
    """Refuse parents that are unknown or do not end before their daughters begin."""
    child = np.flatnonzero(tracks.parent > 0)
    place: Integers = np.minimum(np.searchsorted(tracks.label, tracks.parent[child]), len(tracks) - 1)
    unknown = tracks.label[place] != tracks.parent[child]
    if unknown.any():
        lost = child[np.argmax(unknown)]
        raise InputError(
            f"track {tracks.label[lost]} of {where} has the parent {tracks.parent[lost]}, which has no point; "
            "write 0 for no parent"
        )
    late = tracks.end[place] >= tracks.begin[child]
    if late.any():
        lost = child[np.argmax(late)]
        raise InputError(
            f"track {tracks.label[lost]} of {where} begins in frame {tracks.begin[lost]}, but its parent "
            f"{tracks.parent[lost]} ends in frame {tracks.end[place[np.argmax(late)]]}, which must be earlier; a cell "
            "that divides ends, and both daughters get ids of their own"
        )
