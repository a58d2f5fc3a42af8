from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cell_tracker_gnn.data import KINDS, Cells, Lineage, Scale
from cell_tracker_gnn.errors import LinkingError, SettingsError
from cell_tracker_gnn.linking import LinkCosts, LinkProblem, build_lineage, link_rewards, solve_exact, solve_greedy
from cell_tracker_gnn.linking import rules as rules_module

SOLVERS = (solve_exact, solve_greedy)


def make_cells(frames: list[int], labels: list[int] | None = None) -> Cells:
    n = len(frames)
    return Cells(
        frame=np.array(frames, np.int64),
        label=np.array(labels if labels is not None else range(1, n + 1), np.int64),
        centroid=np.zeros((n, 2)),
        box=np.zeros((n, 4), np.int64),
        size=np.ones(n, np.int64),
        axes=np.ones((n, 2)),
        direction=np.zeros((n, 2)),
        intensity=np.zeros((n, 4)),
        appearance=np.zeros((n, 3)),
        embedding=np.zeros((n, 0), np.float32),
        numbers=tuple(range(max(frames, default=-1) + 1)),
        shape=(8, 8),
        scale=Scale.pixels(2),
    )


def make_lineage(frames: list[int], links: list[tuple[int, int]], labels: list[int] | None = None) -> Lineage:
    source, target = np.array(links, np.int64).reshape(-1, 2).T
    return build_lineage(
        make_cells(frames, labels), source, target, np.full(len(source), 0.9), np.ones(len(source), bool)
    )


def solve(solver: Any, links: list[tuple[int, int]], reward: list[float], **arguments: Any) -> list[bool]:
    source, target = np.array(links, np.int64).reshape(-1, 2).T
    settings = {"cells": 6, "second_child_cost": 3.0, "second_child_allowed": np.ones(len(source), bool)} | arguments
    return list(solver(LinkProblem.pose(source, target, reward, **settings)))


def test_rewards_add_bias_and_subtract_skipped_frames() -> None:
    costs = LinkCosts(bias=2.0, division=3.0, gap=1.0)
    odds = {"divides": [1.0, 0.0], "appears": [0.5, 0.0], "disappears": [0.0, 7.0]}
    rewards = link_rewards([1.0, 1.0], [1, 3], cells=2, costs=costs, **odds)
    assert rewards.reward.tolist() == [3.0, 1.0]
    assert rewards.second_child_allowed.tolist() == [True, False]
    assert rewards.second_child_cost.tolist() == [2.0, 7.0]
    assert rewards.appear_cost.tolist() == [-0.5, 0.0]
    assert rewards.disappear_cost.tolist() == [0.0, -7.0]


def test_cells_that_came_in_owe_no_parent() -> None:
    rewards = link_rewards([1.0, 1.0, 1.0], [1, 1, 1], cells=4, costs=LinkCosts(bias=2.0), came_in=[0.0, 1.0, 0.5])
    assert rewards.reward.tolist() == [3.0, 1.0, 2.0]


def test_rewards_can_be_handed_to_the_solvers() -> None:
    rewards = link_rewards([1.0], [1], cells=2)
    for solver in SOLVERS:
        problem = LinkProblem.pose([0], [1], rewards.reward, cells=2, **rewards.as_arguments())
        assert solver(problem).tolist() == [True]


@pytest.mark.parametrize("costs", [{"division": -1.0}, {"gap": -0.1}, {"merge": -2.0}, {"bias": float("nan")}])
def test_bad_costs_are_refused(costs: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=next(iter(costs))):
        LinkCosts(**costs)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"frame_gap": [1, 0]}, "frame gap below 1"),
        ({"frame_gap": [1]}, "shape"),
        ({"log_odds": [1.0, float("inf")]}, "not finite at row 1"),
        ({"divides": [1.0]}, "dividing"),
    ],
)
def test_bad_evidence_is_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(LinkingError, match=words):
        link_rewards(**({"log_odds": [1.0, 2.0], "frame_gap": [1, 1], "cells": 3} | arguments))


@pytest.mark.parametrize("solver", SOLVERS)
class TestSolvers:
    def test_nothing_to_link(self, solver: Any) -> None:
        assert solve(solver, [], []) == []
        assert solve(solver, [], [], cells=0) == []

    def test_link_that_adds_nothing_is_left_out(self, solver: Any) -> None:
        assert solve(solver, [(0, 2), (1, 3)], [0.0, -1.0]) == [False, False]

    def test_appearing_at_a_cost_makes_a_poor_link_pay(self, solver: Any) -> None:
        assert solve(solver, [(0, 2)], [-1.0], appear_cost=2.0) == [True]
        assert solve(solver, [(0, 2)], [-1.0], disappear_cost=2.0) == [True]

    def test_division_only_if_it_pays(self, solver: Any) -> None:
        assert solve(solver, [(0, 1), (0, 2)], [5.0, 4.0]) == [True, True]
        assert solve(solver, [(0, 1), (0, 2)], [5.0, 2.0]) == [True, False]
        assert solve(solver, [(0, 1), (0, 2)], [5.0, 4.0], divisions=False) == [True, False]

    def test_link_that_skips_frames_is_an_only_child(self, solver: Any) -> None:
        for reward in ([5.0, 4.5], [4.5, 5.0]):
            chosen = solve(solver, [(0, 1), (0, 2)], reward, second_child_allowed=np.array([True, False]))
            assert sum(chosen) == 1
            assert chosen[int(np.argmax(reward))]

    def test_cell_has_one_parent_unless_merges_are_allowed(self, solver: Any) -> None:
        links, reward = [(0, 2), (1, 2)], [5.0, 4.0]
        assert solve(solver, links, reward) == [True, False]
        assert solve(solver, links, reward, parents=2, merge_cost=3.0) == [True, True]
        assert solve(solver, links, reward, parents=2, merge_cost=4.5) == [True, False]
        assert solve(solver, links, reward, parents=0) == [False, False]

    def test_fixed_and_forbidden(self, solver: Any) -> None:
        links, reward = [(0, 2), (1, 2), (1, 3)], [-5.0, 6.0, 1.0]
        assert solve(solver, links, reward, fixed=np.array([True, False, False])) == [True, False, True]
        assert solve(solver, links, reward, forbidden=np.array([False, True, False])) == [False, False, True]

    def test_fixed_gap_link_leaves_no_second_child(self, solver: Any) -> None:
        allowed, fixed = np.array([False, True]), np.array([True, False])
        assert solve(solver, [(0, 2), (0, 1)], [1.0, 9.0], second_child_allowed=allowed, fixed=fixed) == [True, False]

    @pytest.mark.parametrize(
        ("links", "arguments", "words"),
        [
            ([(0, 2), (1, 2)], {"fixed": True}, "cell 2 would get more parents"),
            ([(0, 2), (0, 3), (0, 4)], {"fixed": True}, "cell 0 would get more than two children"),
            ([(0, 2), (0, 3)], {"fixed": True, "second_child_allowed": [True, False]}, "cell 0 would divide"),
            ([(0, 2), (0, 3)], {"fixed": True, "divisions": False}, "cell 0 would divide"),
            ([(0, 2)], {"fixed": True, "forbidden": True}, "cells 0, 2 are fixed and forbidden"),
            ([(0, 9)], {}, "outside 0 to 5"),
            ([(3, 3)], {}, "cell 3 is linked to itself"),
            ([(1, 3), (1, 3)], {}, "two links leave cell 1"),
            ([(1, 3)], {"appear_cost": [1.0, 2.0]}, "appear_cost has shape"),
            ([(1, 3)], {"appear_cost": np.nan}, "appear_cost is not finite"),
            ([(1, 3)], {"disappear_cost": -4.0}, "second child is worth more than the first one at cell 1"),
            ([(1, 3)], {"appear_cost": -4.0, "parents": 2}, "second parent is worth more"),
        ],
    )
    def test_contradictions_name_the_cells(
        self, solver: Any, links: list[tuple[int, int]], arguments: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(LinkingError, match=words):
            solve(solver, links, [1.0] * len(links), **arguments)


def test_exact_beats_greedy_on_a_swap() -> None:
    links, reward = [(0, 2), (0, 3), (1, 2)], [5.0, 4.0, 4.0]
    assert solve(solve_greedy, links, reward, divisions=False) == [True, False, False]
    assert solve(solve_exact, links, reward, divisions=False) == [False, True, True]


def test_a_link_is_not_used_twice_by_two_copies() -> None:
    # Relaxed to copies of cells, one link may feed both copies of both ends; the integer program forbids it.
    links, reward = [(0, 2), (0, 3), (1, 2), (1, 3)], [9.0, 4.0, 4.0, 1.0]
    assert solve(solve_exact, links, reward, second_child_cost=0.0, parents=2) == [True, True, True, True]


def test_huge_doubtful_component_is_approximated_and_reported(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rules_module, "_LARGEST_PROGRAM", 1)
    monkeypatch.setattr("cell_tracker_gnn.linking.branch._MOST_NODES", 0)
    links, reward = [(0, 1), (0, 2), (1, 2)], [6.0, 6.5, 1.0]
    chosen = solve(solve_exact, links, reward, second_child_allowed=np.array([True, False, True]))
    assert chosen == [True, False, True]
    assert "3 doubtful links" in caplog.text


def test_lineage_of_no_cell_and_of_one_cell() -> None:
    empty = make_lineage([], [])
    assert len(empty.tracks) == len(empty.links) == len(empty.track) == 0
    one = make_lineage([3], [])
    assert one.track.tolist() == [1]
    assert (one.tracks.begin.tolist(), one.tracks.end.tolist(), one.tracks.parent.tolist()) == ([3], [3], [0])
    assert one.tracks.identity.tolist() == [1]


def test_lineage_of_two_cells_that_swap_rows() -> None:
    lineage = make_lineage([0, 0, 1, 1], [(0, 3), (1, 2)], labels=[1, 2, 1, 2])
    assert lineage.track.tolist() == [1, 2, 2, 1]
    assert [KINDS[kind] for kind in lineage.links.kind] == ["move", "move"]


def test_track_is_split_at_a_gap_and_keeps_its_identity() -> None:
    lineage = make_lineage([0, 1, 3, 4], [(0, 1), (1, 2), (2, 3)])
    assert lineage.track.tolist() == [1, 1, 2, 2]
    assert lineage.tracks.parent.tolist() == [0, 1]
    assert lineage.tracks.identity.tolist() == [1, 1]
    assert lineage.tracks.end.tolist() == [1, 4]
    assert [KINDS[kind] for kind in lineage.links.kind] == ["move", "gap", "move"]


def test_daughters_begin_tracks_of_their_own() -> None:
    lineage = make_lineage([0, 1, 2, 2, 3], [(0, 1), (1, 2), (1, 3), (2, 4)])
    assert lineage.track.tolist() == [1, 1, 2, 3, 2]
    assert lineage.tracks.parent.tolist() == [0, 1, 1]
    assert lineage.tracks.identity.tolist() == [1, 2, 3]
    assert [KINDS[kind] for kind in lineage.links.kind] == ["move", "division", "division", "move"]


def test_division_right_after_a_gap() -> None:
    lineage = make_lineage([0, 2, 3, 3], [(0, 1), (1, 2), (1, 3)])
    assert lineage.track.tolist() == [1, 2, 3, 4]
    assert lineage.tracks.parent.tolist() == [0, 1, 2, 2]
    assert lineage.tracks.identity.tolist() == [1, 1, 3, 4]


def test_merged_cell_goes_on_from_its_likelier_parent() -> None:
    cells = make_cells([0, 0, 1])
    lineage = build_lineage(cells, [0, 1], [2, 2], [0.6, 0.9], [True, True])
    assert lineage.track.tolist() == [1, 2, 2]
    assert len(lineage.links) == 2


def test_tracks_are_numbered_by_first_frame_and_label() -> None:
    lineage = make_lineage([0, 0, 1, 1, 1], [(0, 4), (1, 2)], labels=[7, 9, 3, 1, 2])
    assert lineage.track.tolist() == [1, 2, 2, 3, 1]


def test_only_chosen_links_count_and_must_go_forward() -> None:
    cells = make_cells([0, 1, 1])
    lineage = build_lineage(cells, [0, 1], [1, 2], [0.9, 0.9], [True, False], run={"seed": 1})
    assert lineage.run == {"seed": 1}
    assert len(lineage.links) == 1
    with pytest.raises(LinkingError, match="from cell 1 to cell 2 does not lead to a later frame"):
        build_lineage(cells, [0, 1], [1, 2], [0.9, 0.9], [True, True])
