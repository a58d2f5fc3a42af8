"""Arithmetic within groups of links against the same written as loops, equal scores included."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cell_tracker_gnn.graph.groups import margin_in_group, rank_in_group, table_of_groups
from cell_tracker_gnn.linking.presolve import _best_others

items = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 6)), max_size=25)


def columns(pairs: list[tuple[int, int]]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1] / 2.0


def rivals(group: NDArray[np.int64], score: NDArray[np.float64], item: int) -> list[float]:
    return sorted((float(s) for j, s in enumerate(score) if j != item and group[j] == group[item]), reverse=True)


@given(items)
def test_margin_is_over_the_best_other_item(pairs: list[tuple[int, int]]) -> None:
    group, score = columns(pairs)
    best = [(rivals(group, score, item) or [-1.0])[0] for item in range(len(group))]
    assert margin_in_group(group, score, alone=-1.0).tolist() == (score - best).tolist()


@given(items)
def test_tables_list_every_group_by_falling_score(pairs: list[tuple[int, int]]) -> None:
    group, score = columns(pairs)
    item = np.arange(len(group))
    table = table_of_groups(group, rank_in_group(group, score), item, groups=5, width=3)
    for row, members in enumerate(table):
        found = members[members >= 0]
        assert len(set(found.tolist())) == len(found) == min(3, int((group == row).sum()))
        assert score[found].tolist() == sorted(score[group == row], reverse=True)[:3]


@given(items)
def test_best_others_leave_out_only_the_item_itself(pairs: list[tuple[int, int]]) -> None:
    group, gain = columns(pairs)
    first, second = _best_others(group, gain, 5, 2)
    for item in range(len(group)):
        others = [*rivals(group, gain, item), 0.0, 0.0]
        assert [first[item], second[item]] == others[:2]
