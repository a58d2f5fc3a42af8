"""The greedy linker: takes the link that adds most, again and again; fast, not optimal."""

from __future__ import annotations

import numpy as np

from cell_tracker_gnn.data import Floats, Integers
from cell_tracker_gnn.linking.problem import Flags, LinkProblem

__all__ = ["solve_greedy"]


def solve_greedy(problem: LinkProblem) -> Flags:
    """Choose links one by one, the one that adds most to the objective first, as long as one adds anything.

    Returns
    -------
    Flags
        Chosen links in the order in which the problem was posed, shape (m,).

    Examples
    --------
    >>> from cell_tracker_gnn.linking import LinkProblem, solve_greedy
    >>> links = {"source": [0, 0, 1], "target": [2, 3, 2], "reward": [3.0, 2.5, 2.8]}
    >>> solve_greedy(LinkProblem.pose(**links, cells=4, second_child_cost=9.0, second_child_allowed=True)).tolist()
    [True, False, False]
    """
    chosen = problem.fixed.copy()
    link, second, extra = _steps(problem)
    chosen[_take(problem, link, second, extra)] = True
    return problem.in_given_order(chosen)


def _steps(problem: LinkProblem) -> tuple[Integers, Flags, Flags]:
    """Every way to add a link (as first or second child, as first or further parent), best first, if it gains anything.

    A second child or parent never gains more than the first, so a step that does not fit when its turn comes never
    fits later.
    """
    links, seconds, extras, gains = [], [], [], []
    free = ~(problem.fixed | problem.forbidden)
    for second in (False, True):
        for extra in (False, True):
            possible = free & (problem.paired | (not second)) & (problem.capacity[problem.target] > int(extra))
            link = np.flatnonzero(possible)
            gain = problem.reward[link] + _side_gain(problem, link, second=second, extra=extra)
            link, gain = link[gain > 0], gain[gain > 0]
            links.append(link)
            gains.append(gain)
            seconds.append(np.full(len(link), second))
            extras.append(np.full(len(link), extra))
    order = np.lexsort((np.concatenate(links), -np.concatenate(gains)))
    return np.concatenate(links)[order], np.concatenate(seconds)[order], np.concatenate(extras)[order]


def _side_gain(problem: LinkProblem, link: Integers, *, second: bool, extra: bool) -> Floats:
    """Return what each link adds besides its reward."""
    child = -problem.second_child_cost if second else problem.disappear_cost
    parent = np.full(problem.cells, -problem.merge_cost) if extra else problem.appear_cost
    return np.asarray(child[problem.source[link]] + parent[problem.target[link]])


def _take(problem: LinkProblem, link: Integers, second: Flags, extra: Flags) -> list[int]:
    """Walk the steps and take those that fit."""
    children = problem.children(problem.fixed).tolist()
    for cell in np.unique(problem.source[problem.fixed & ~problem.paired]).tolist():
        children[cell] = 2
    parents = problem.parents(problem.fixed).tolist()
    capacity = problem.capacity.tolist()
    used = set()
    steps = zip(
        link.tolist(),
        problem.source[link].tolist(),
        problem.target[link].tolist(),
        second.tolist(),
        extra.tolist(),
        problem.paired[link].tolist(),
        strict=True,
    )
    for one, source, target, as_second, as_extra, paired in steps:
        if children[source] != as_second or parents[target] >= capacity[target] or (parents[target] > 0) != as_extra:
            continue
        if one in used:
            continue
        used.add(one)
        children[source] += 1 if paired else 2
        parents[target] += 1
    return list(used)
