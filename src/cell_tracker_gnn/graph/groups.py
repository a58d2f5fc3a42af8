"""Arithmetic within groups of links: ranks, best values and margins over the best rival."""

from __future__ import annotations

import numpy as np

from cell_tracker_gnn.data import Floats, Integers

__all__ = ["best_in_group", "margin_in_group", "rank_in_group", "table_of_groups"]


def rank_in_group(group: Integers, score: Floats) -> Integers:
    """Rank of each item among those of the same group, 0 for the largest score, shape (m,)."""
    order = np.lexsort((-score, group))
    ordered = group[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.zeros(0, np.int64)
    length = np.diff(np.r_[first, len(ordered)])
    rank = np.empty(len(group), np.int64)
    rank[order] = np.arange(len(ordered)) - np.repeat(first, length)
    return rank


def best_in_group(group: Integers, score: Floats, groups: int, *, default: float) -> Floats:
    """Largest score of each of the groups 0 .. ``groups`` - 1, ``default`` where a group is empty, shape (groups,)."""
    best = np.full(groups, -np.inf)
    np.maximum.at(best, group, score)
    return np.where(np.isfinite(best), best, default)


def margin_in_group(group: Integers, score: Floats, *, alone: float) -> Floats:
    """Score minus the best score of another item of the group, shape (m,); ``alone`` stands for a missing rival."""
    groups = int(group.max(initial=-1)) + 1
    best = best_in_group(group, score, groups, default=alone)[group]
    leads = score == best
    followers = np.flatnonzero(~leads)
    second = best_in_group(group[followers], score[followers], groups, default=alone)[group]
    shared = np.bincount(group[leads], minlength=groups)[group] > 1
    return score - np.where(leads & ~shared, second, best)


def table_of_groups(group: Integers, rank: Integers, item: Integers, *, groups: int, width: int) -> Integers:
    """Items of each group by their rank in a table of (groups, width), -1 where there are fewer."""
    table = np.full((groups, width), -1, np.int64)
    kept = rank < width
    table[group[kept], rank[kept]] = item[kept]
    return table
