"""Cost of exact linking against greedy linking on a million candidate links, and a check of the optimum."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, hstack
from scipy.spatial import cKDTree

from cell_tracker_gnn.linking import LinkCosts, LinkRewards, link_rewards, solve_exact, solve_greedy
from cell_tracker_gnn.linking.presolve import certain_links
from cell_tracker_gnn.linking.problem import LinkProblem

FRAMES, CELLS = 104, 1000
NEAREST = {1: 5, 2: 3, 3: 2}
KINDS = {"clear": (0.1, 0.0), "doubtful": (0.15, 1.0)}
"""Step of a cell, where the distance between cells is about 0.5, and noise of the log-odds in nats."""

SMALL = (8, 150)
PARTS = 6


@dataclass(frozen=True)
class Task:
    """Candidate links with their rewards."""

    source: np.ndarray
    target: np.ndarray
    rewards: LinkRewards
    cells: int

    def solve(self, solver: object) -> np.ndarray:
        """Chosen links."""
        return solver(self.problem)  # type: ignore[operator]

    @property
    def problem(self) -> LinkProblem:
        """The task as the solvers see it."""
        return LinkProblem.pose(
            self.source, self.target, self.rewards.reward, cells=self.cells, **self.rewards.as_arguments()
        )


def wandering(kind: str, frames: int, cells: int, seed: int) -> Task:
    """Cells that wander, divide and die, linked to the nearest ones of the next three frames."""
    step, noise = KINDS[kind]
    rng = np.random.default_rng(seed)
    side = np.sqrt(cells)
    places = [rng.uniform(0, side, (cells, 2))]
    for _ in range(frames - 1):
        before = places[-1]
        alive = rng.random(len(before)) > 0.01
        parents = np.flatnonzero(alive).tolist() + np.flatnonzero(alive & (rng.random(len(before)) < 0.01)).tolist()
        places.append((before[parents] + rng.normal(0, step, (len(parents), 2))) % side)
    first = np.cumsum([0, *map(len, places)])
    parts = []
    for ahead, nearest in NEAREST.items():
        for frame in range(frames - ahead):
            distance, index = cKDTree(places[frame + ahead]).query(places[frame], k=nearest)
            source = np.repeat(np.arange(len(places[frame])), nearest)
            gap = np.full(len(source), ahead)
            parts.append((source + first[frame], index.ravel() + first[frame + ahead], gap, distance.ravel()))
    source, target, gap, distance = (np.concatenate(column) for column in zip(*parts, strict=True))
    odds = 2.0 - distance**2 / (2 * step**2 * gap + 0.1) - 3.0 * (gap - 1) + rng.normal(0, noise, len(source))
    cells = int(first[-1])
    return Task(source, target, link_rewards(odds, gap, cells=cells, costs=LinkCosts(bias=0.0)), cells)


def measure_linking(kind: str) -> dict[str, float]:
    """CPU seconds of both linkers on a million links, and the share of links that is left for a matching."""
    task = wandering(kind, FRAMES, CELLS, seed=0)
    times = [time.process_time()]
    for solver in (solve_greedy, solve_exact):
        task.solve(solver)
        times.append(time.process_time())
    doubtful = len(certain_links(task.problem)[1]) / len(task.source)
    greedy, exact = (end - begin for begin, end in pairwise(times))
    return {"links": len(task.source), "greedy": greedy, "exact": exact, "in doubt": doubtful}


def verify_linking() -> dict[str, float]:
    """Objectives of the linkers and of an integer program on small movies of both kinds."""
    tasks = [wandering(kind, *SMALL, seed=seed) for kind in KINDS for seed in range(1, PARTS // 2 + 1)]
    difference = behind = 0.0
    for task in tasks:
        problem, best = task.problem, integer_program(task)
        exact, greedy = (problem.value(task.solve(s)[problem.order]) for s in (solve_exact, solve_greedy))
        difference, behind = max(difference, abs(exact - best)), behind + best - greedy
    return {"parts": len(tasks), "links": sum(len(t.source) for t in tasks), "difference": difference, "greedy": behind}


def integer_program(task: Task) -> float:
    """The best objective by HiGHS: links, then whether each cell has a second child, no child and no parent."""
    links, cells, rewards = len(task.source), task.cells, task.rewards
    column = np.arange(links)
    out = csr_array((np.ones(links), (task.source, column)), shape=(cells, links))
    into = csr_array((np.ones(links), (task.target, column)), shape=(cells, links))
    each, none = csr_array(np.eye(cells)), csr_array((cells, cells))
    alone = out * (~rewards.second_child_allowed)[None, :]
    rules = [
        LinearConstraint(hstack([out, -each, each, none]), 1, 1),
        LinearConstraint(hstack([into, none, none, each]), 1, 1),
        LinearConstraint(hstack([alone, each, none, none]), -np.inf, 1),
    ]
    cost = np.concatenate([-rewards.reward, rewards.second_child_cost, rewards.disappear_cost, rewards.appear_cost])
    found = milp(
        cost, integrality=np.ones(len(cost)), bounds=Bounds(0, 1), constraints=rules, options={"mip_rel_gap": 0.0}
    )
    return -float(found.fun)
