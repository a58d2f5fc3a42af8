from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from numpy.typing import NDArray

from cell_tracker_gnn.linking import rules as rules_module
from cell_tracker_gnn.linking import solve_exact, solve_greedy
from cell_tracker_gnn.linking.problem import LinkProblem

Case = dict[str, Any]
NUMBERS = st.floats(-6, 10).map(lambda value: round(value, 2))


@st.composite
def cases(draw: DrawFn, most: int = 11) -> Case:
    """A small movie of cells in frames 0 to 3 with candidate links, costs, capacities, fixed and forbidden links."""
    frame = sorted(draw(st.lists(st.integers(0, 3), min_size=2, max_size=8)))
    pairs = [(a, b) for a, b in product(range(len(frame)), repeat=2) if 0 < frame[b] - frame[a] <= 3]
    if not pairs:
        frame, pairs = [0, 1], [(0, 1)]
    links = draw(st.lists(st.sampled_from(pairs), unique=True, min_size=1, max_size=most))
    m, n = len(links), len(frame)
    source, target = np.array(links).T
    disappear = np.array(draw(st.lists(st.floats(-2, 4), min_size=n, max_size=n))) * draw(st.booleans())
    appear = np.array(draw(st.lists(st.floats(-2, 4), min_size=n, max_size=n))) * draw(st.booleans())
    case = {
        "source": source,
        "target": target,
        "reward": np.array(draw(st.lists(NUMBERS, min_size=m, max_size=m))),
        "cells": n,
        "second_child_cost": np.maximum(draw(st.floats(0, 4)), -disappear),
        "second_child_allowed": np.array([frame[b] - frame[a] == 1 for a, b in links]),
        "appear_cost": appear,
        "disappear_cost": disappear,
        "parents": np.array(draw(st.lists(st.sampled_from([1, 1, 2]), min_size=n, max_size=n))),
        "merge_cost": draw(st.floats(2, 4)),
        "divisions": draw(st.sampled_from([True, True, False])),
        "forbidden": np.array(draw(st.lists(st.sampled_from([False] * 5 + [True]), min_size=m, max_size=m))),
        "fixed": np.zeros(m, bool),
    }
    for link in draw(st.lists(st.integers(0, m - 1), max_size=2)):
        case["fixed"][link] = not case["forbidden"][link]
        case["fixed"][link] &= obeys(pose(case), pose(case).fixed)
    return case


def pose(case: Case) -> LinkProblem:
    """The case in the given order, without any check: the objective and the rules are written again below."""
    ones = np.ones(case["cells"])
    return LinkProblem(
        source=case["source"],
        target=case["target"],
        reward=case["reward"],
        paired=case["second_child_allowed"] & case["divisions"],
        second_child_cost=case["second_child_cost"] * ones,
        appear_cost=case["appear_cost"] * ones,
        disappear_cost=case["disappear_cost"] * ones,
        capacity=case["parents"],
        merge_cost=case["merge_cost"],
        fixed=case["fixed"],
        forbidden=case["forbidden"],
        order=np.arange(len(case["source"])),
    )


def posed(case: Case) -> LinkProblem:
    return LinkProblem.pose(**case)


def obeys(problem: LinkProblem, chosen: NDArray[np.bool_]) -> bool:
    if np.any(problem.fixed & ~chosen) or np.any(problem.forbidden & chosen):
        return False
    for cell in range(problem.cells):
        out = chosen & (problem.source == cell)
        if out.sum() > 2 or (out.sum() == 2 and not problem.paired[out].all()):
            return False
        if (chosen & (problem.target == cell)).sum() > problem.capacity[cell]:
            return False
    return True


def value(problem: LinkProblem, chosen: NDArray[np.bool_]) -> float:
    total = float(problem.reward[chosen].sum())
    for cell in range(problem.cells):
        children = int((chosen & (problem.source == cell)).sum())
        parents = int((chosen & (problem.target == cell)).sum())
        total -= problem.disappear_cost[cell] * (children == 0) + problem.second_child_cost[cell] * (children == 2)
        total -= problem.appear_cost[cell] * (parents == 0) + problem.merge_cost * max(parents - 1, 0)
    return total


def best_value(problem: LinkProblem) -> float:
    choices = (np.array(bits, bool) for bits in product([False, True], repeat=len(problem.source)))
    return max(value(problem, chosen) for chosen in choices if obeys(problem, chosen))


@given(cases(most=9))
@settings(max_examples=150, deadline=None)
def test_exact_is_the_best_of_all_subsets(case: Case) -> None:
    problem = pose(case)
    chosen = solve_exact(posed(case))
    assert obeys(problem, chosen)
    assert value(problem, chosen) == pytest.approx(best_value(problem), abs=1e-6)
    assert problem.value(chosen) == pytest.approx(value(problem, chosen), abs=1e-9)


@given(cases(most=24))
@settings(max_examples=150, deadline=None)
def test_greedy_obeys_the_rules_and_never_beats_exact(case: Case) -> None:
    problem = pose(case)
    greedy, exact = solve_greedy(posed(case)), solve_exact(posed(case))
    assert obeys(problem, greedy)
    assert obeys(problem, exact)
    assert value(problem, greedy) <= value(problem, exact) + 1e-6


@given(cases(most=24))
@settings(max_examples=60, deadline=None)
def test_branching_and_integer_program_and_approximation_obey_the_rules(case: Case) -> None:
    problem, exact = pose(case), solve_exact(posed(case))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cell_tracker_gnn.linking.branch._MOST_NODES", 0)
        program = solve_exact(posed(case))
        patch.setattr(rules_module, "_LARGEST_PROGRAM", 0)
        rough = solve_exact(posed(case))
    assert value(problem, program) == pytest.approx(value(problem, exact), abs=1e-6)
    assert obeys(problem, program)
    assert obeys(problem, rough)
    assert value(problem, rough) <= value(problem, exact) + 1e-6


@given(cases(most=24), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_order_of_the_links_does_not_matter(case: Case, random: Any) -> None:
    order = list(range(len(case["source"])))
    random.shuffle(order)
    links = ("source", "target", "reward", "second_child_allowed", "fixed", "forbidden")
    shuffled = case | {name: case[name][order] for name in links}
    for solver in (solve_exact, solve_greedy):
        assert solver(posed(shuffled)).tolist() == solver(posed(case))[order].tolist()


@given(cases(most=24), cases(most=24))
@settings(max_examples=60, deadline=None)
def test_movies_side_by_side_are_solved_like_each_alone(first: Case, second: Case) -> None:
    second = second | {"merge_cost": first["merge_cost"], "divisions": first["divisions"]}
    second["fixed"] = np.zeros_like(second["fixed"])
    both = first | {"cells": first["cells"] + second["cells"]}
    for name in ("source", "target"):
        both[name] = np.concatenate([first[name], second[name] + first["cells"]])
    cells = ("second_child_cost", "appear_cost", "disappear_cost", "parents")
    for name in ("reward", "second_child_allowed", "fixed", "forbidden", *cells):
        both[name] = np.concatenate([first[name], second[name]])
    together, apart = (
        solve_exact(posed(both)),
        [solve_exact(posed(first)), solve_exact(posed(second))],
    )
    assert value(pose(both), together) == pytest.approx(
        value(pose(first), apart[0]) + value(pose(second), apart[1]), abs=1e-6
    )
