"""The exact linker against an integer program written from the definition and solved by HiGHS."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, hstack

from cell_tracker_gnn.linking import LinkRewards, link_rewards, solve_exact, solve_greedy
from cell_tracker_gnn.linking.problem import LinkProblem


def random_movie(seed: int, frames: int = 12, cells: int = 40, spread: float = 3.0) -> tuple[NDArray[np.int64], ...]:
    rng = np.random.default_rng(seed)
    links = []
    for frame in range(frames - 1):
        for cell in range(cells):
            near = (cell + rng.integers(-2, 3, 4)) % cells
            links += [(frame * cells + cell, (frame + 1) * cells + other, 1) for other in set(near.tolist())]
            if frame + 2 < frames:
                links.append((frame * cells + cell, (frame + 2) * cells + int(near[0]), 2))
    source, target, gap = np.array(links).T
    return source, target, gap, rng.normal(-1.0, spread, len(source))


def highs_value(source: NDArray[np.int64], target: NDArray[np.int64], cells: int, rewards: LinkRewards) -> float:
    m = len(source)
    one = np.ones(m)
    out = csr_array((one, (source, np.arange(m))), shape=(cells, m))
    into = csr_array((one, (target, np.arange(m))), shape=(cells, m))
    eye, no = csr_array(np.eye(cells)), csr_array((cells, cells))
    gaps = out * (~rewards.second_child_allowed)[None, :]
    # Variables: links, "has a second child", "has no child", "has no parent".
    constraints = [
        LinearConstraint(hstack([out, -eye, eye, no]), 1, 1),
        LinearConstraint(hstack([into, no, no, eye]), 1, 1),
        LinearConstraint(hstack([gaps, eye, no, no]), -np.inf, 1),
    ]
    cost = np.concatenate([-rewards.reward, rewards.second_child_cost, rewards.disappear_cost, rewards.appear_cost])
    result = milp(
        cost,
        integrality=np.ones(len(cost)),
        bounds=Bounds(0, 1),
        constraints=constraints,
        options={"mip_rel_gap": 0.0},
    )
    return -float(result.fun)


@pytest.mark.parametrize("seed", range(4))
def test_exact_has_the_value_of_an_independent_integer_program(seed: int) -> None:
    source, target, gap, log_odds = random_movie(seed)
    cells = int(target.max()) + 1
    rng = np.random.default_rng(seed)
    odds = {name: rng.normal(-1, 1, cells) for name in ("appears", "disappears", "divides")} if seed % 2 else {}
    rewards = link_rewards(log_odds, gap, cells=cells, **odds)
    problem = LinkProblem.pose(source, target, rewards.reward, cells=cells, **rewards.as_arguments())
    exact = solve_exact(problem)
    greedy = solve_greedy(problem)
    best = highs_value(source, target, cells, rewards)
    assert problem.value(exact[problem.order]) == pytest.approx(best, abs=1e-5)
    assert problem.value(greedy[problem.order]) <= best + 1e-6
