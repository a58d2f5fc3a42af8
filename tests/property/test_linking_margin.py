from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from test_linking_optimum import Case, cases, obeys, pose, posed, value

from cell_tracker_gnn.linking import LinkProblem, flip_losses, solve_exact, solve_greedy
from cell_tracker_gnn.linking import margin as margin_module


def best_with(case: Case, link: int, wanted: bool) -> float:
    problem = pose(case)
    choices = (np.array(bits, bool) for bits in product([False, True], repeat=len(problem.source)))
    fit = (value(problem, chosen) for chosen in choices if chosen[link] == wanted and obeys(problem, chosen))
    return max(fit, default=-np.inf)


def losses(case: Case, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    return flip_losses(posed(case), chosen, np.arange(len(chosen)))


@given(cases(most=8), st.booleans())
@settings(max_examples=120, deadline=None)
def test_losses_are_those_of_the_best_of_all_subsets(case: Case, exact: bool) -> None:
    problem, chosen = pose(case), (solve_exact if exact else solve_greedy)(posed(case))
    expected = [value(problem, chosen) - best_with(case, link, not chosen[link]) for link in range(len(chosen))]
    found = losses(case, chosen)
    if exact:
        assert found == pytest.approx(np.array(expected), abs=1e-6)
        assert min(expected) > -1e-6
    # What a greedy choice left undone far from the link is in the expected loss, not in the one that was found.
    undone = value(problem, solve_exact(posed(case))) - value(problem, chosen)
    assert (found >= np.array(expected) - 1e-6).all()
    assert (found <= np.array(expected) + undone + 1e-6).all()


def test_what_was_left_undone_elsewhere_is_no_loss_of_a_link() -> None:
    # Cells 0 and 1 compete badly for 2 and 3; the link from 4 to 5 has nothing to do with them.
    links = {"source": [0, 0, 1, 4], "target": [2, 3, 2, 5], "reward": [3.0, 2.5, 2.8, 1.0]}
    problem = LinkProblem.pose(**links, cells=6, second_child_cost=9.0, second_child_allowed=True)
    chosen = solve_greedy(problem)
    assert chosen.tolist() == [True, False, False, True]
    assert flip_losses(problem, chosen, [0, 3]) == pytest.approx([3.0 - 5.3, 1.0])


@given(cases(most=24))
@settings(max_examples=100, deadline=None)
def test_looking_only_near_the_link_never_gives_less(case: Case) -> None:
    chosen = solve_exact(posed(case))
    whole = losses(case, chosen)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(margin_module, "_LARGEST", 4)
        patch.setattr(margin_module, "_DISTANCES", 40)
        near = losses(case, chosen)
        patch.setattr(margin_module, "_LARGEST", 1)
        everything = losses(case, chosen)
    assert (near >= whole - 1e-6).all()
    assert (everything >= whole - 1e-6).all()
    assert np.isfinite(near).tolist() == np.isfinite(whole).tolist()


@given(cases(most=24))
@settings(max_examples=60, deadline=None)
def test_batches_do_not_matter(case: Case) -> None:
    chosen = solve_exact(posed(case))
    whole = losses(case, chosen)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(margin_module, "_AT_ONCE", 3)
        assert losses(case, chosen) == pytest.approx(whole, abs=1e-9)
