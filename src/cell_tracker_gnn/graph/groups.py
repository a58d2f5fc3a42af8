"""Arithmetic within groups of links: ranks, best values and margins over the best rival."""

from __future__ import annotations

import numpy as np

from cell_tracker_gnn.data import Floats, Integers

__all__ = ["best_in_group", "margin_in_group", "pad_groups", "rank_in_group"]


def _sorted_groups(group: Integers, score: Floats) -> tuple[Integers, Integers]:
    """Order by group and then by falling score, and the place within its group of each sorted item."""
    order = np.lexsort((-score, group))
    ordered = group[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.zeros(0, np.int64)
    length = np.diff(np.r_[first, len(ordered)])
    return order, np.arange(len(ordered)) - np.repeat(first, length)


def rank_in_group(group: Integers, score: Floats) -> Integers:
    """Rank of each item among those of the same group, 0 for the largest score, shape (m,)."""
    order, place = _sorted_groups(group, score)
    rank = np.empty(len(group), np.int64)
    rank[order] = place
    return rank


def best_in_group(group: Integers, score: Floats, groups: int, *, default: float) -> Floats:
    """Largest score of each of the groups 0 .. ``groups`` - 1, ``default`` where a group is empty, shape (groups,)."""
    best = np.full(groups, -np.inf)
    np.maximum.at(best, group, score)
    return np.where(np.isfinite(best), best, default)


def margin_in_group(group: Integers, score: Floats, *, alone: float) -> Floats:
    """Score minus the best score of another item of the group, shape (m,); ``alone`` stands for a missing rival."""
    order, place = _sorted_groups(group, score)
    count = len(order)
    if not count:
        return np.zeros(0)
    ordered, value = group[order], score[order]
    start = np.arange(count) - place
    follows = np.minimum(start + 1, count - 1)
    second = np.where((start + 1 < count) & (ordered[follows] == ordered), value[follows], alone)
    margin = np.empty(count)
    margin[order] = value - np.where(place == 0, second, value[start])
    return margin


def pad_groups(group: Integers, score: Floats, groups: int, width: int) -> Integers:
    """Items of each group by falling score in a table of (groups, width), -1 where there are fewer."""
    order, place = _sorted_groups(group, score)
    table = np.full((groups, width), -1, np.int64)
    kept = place < width
    table[group[order[kept]], place[kept]] = order[kept]
    return table
