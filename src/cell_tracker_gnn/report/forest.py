"""Where each track stands in the drawing of the lineages: a row for every leaf, mothers between their daughters."""

from __future__ import annotations

import numpy as np

from cell_tracker_gnn.data import Floats, Integers

__all__ = ["arrange_tracks"]


def arrange_tracks(begin: Integers, parent: Integers) -> Floats:
    """Row of each track, families side by side in the order of their beginnings.

    Parameters
    ----------
    begin
        First frame of each track by its number, -1 for numbers that no track has, shape (k + 1,).
    parent
        Track number of the parent or 0, shape (k + 1,).

    Returns
    -------
    Floats
        Row of each track, NaN for numbers that no track has, shape (k + 1,).
    """
    children: list[list[int]] = [[] for _ in begin]
    roots: list[int] = []
    for track in np.argsort(begin, kind="stable").tolist():
        if begin[track] >= 0:
            (children[parent[track]] if parent[track] else roots).append(track)
    row = np.full(len(begin), np.nan)
    rows = 0
    # Depth first without recursion: families may be deeper than the stack. Children come after their parent.
    order, waiting = [], roots[::-1]
    while waiting:
        track = waiting.pop()
        order.append(track)
        waiting.extend(children[track][::-1])
        if not children[track]:
            row[track] = rows
            rows += 1
    for track in reversed(order):
        if children[track]:
            row[track] = np.mean([row[child] for child in children[track]])
    return row
