"""Branch and bound over the cells whose children break a rule, in many small components at once."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import numpy as np

from cell_tracker_gnn.data import Floats, Integers
from cell_tracker_gnn.linking.copies import match_components
from cell_tracker_gnn.linking.presolve import Room
from cell_tracker_gnn.linking.problem import Flags, LinkProblem

__all__ = ["branch", "breaking"]

_MOST_NODES = 40
"""Components that are not settled after this many branchings are left to the integer program."""


def breaking(problem: LinkProblem, used: Integers) -> Integers:
    """Find the used links that break a rule.

    Parameters
    ----------
    problem
        The problem.
    used
        Links used by a matching, twice if used twice.

    Returns
    -------
    Integers
        Links that are used twice or should be an only child and are not.
    """
    ranked = np.sort(used)
    twice = ranked[1:][ranked[1:] == ranked[:-1]]
    children = np.bincount(problem.source[used], minlength=problem.cells)
    crowded = used[~problem.paired[used] & (children[problem.source[used]] > 1)]
    return np.concatenate([twice, crowded])


@dataclass(frozen=True, eq=False)
class _Search:
    """The components under search: links sorted by component, and for each component its open nodes, best first."""

    problem: LinkProblem
    room: Room
    links: Integers
    component: Integers
    nodes: list[list[_Node]]


@dataclass(order=True)
class _Node:
    """The best matching of a component in which some cells gave up their gap links and some have one child."""

    loss: float
    no_gap: list[int] = field(compare=False)
    one_child: list[int] = field(compare=False)
    used: Integers = field(compare=False)
    broken: Integers = field(compare=False)


def branch(problem: LinkProblem, room: Room, links: Integers, component: Integers) -> tuple[Integers, Flags]:
    """Solve components whose matching breaks a rule by branching on the cells in question.

    Such a cell either gives up its links that must be an only child, or has one child. Each way is a matching again
    and bounds all solutions that go this way, so a component is settled when its best node breaks no rule. One step
    branches once in every component that is not settled yet.

    Parameters
    ----------
    problem, room
        The problem and what the links already taken leave open.
    links, component
        Links of these components and the component of each, sorted by component, shape (k,).

    Returns
    -------
    chosen
        Links chosen in the components that are settled.
    settled
        Whether the component of each link is one of them, shape (k,).
    """
    component = np.unique(component, return_inverse=True)[1]
    count = int(component.max(initial=-1)) + 1
    search = _Search(problem, room, links, component, [[] for _ in range(count)])
    _grow(search, {one: ([], []) for one in range(count)})
    for _ in range(_MOST_NODES):
        best = {one: heapq.heappop(heap) for one, heap in enumerate(search.nodes) if len(heap[0].broken)}
        if not best:
            break
        cell = {one: int(problem.source[node.broken[0]]) for one, node in best.items()}
        _grow(search, {one: ([*node.no_gap, cell[one]], node.one_child) for one, node in best.items()})
        _grow(search, {one: (node.no_gap, [*node.one_child, cell[one]]) for one, node in best.items()})
    settled = [not len(heap[0].broken) for heap in search.nodes]
    chosen = [heap[0].used for heap in search.nodes if not len(heap[0].broken)]
    return np.concatenate([np.zeros(0, np.int64), *chosen]), np.array(settled, np.bool_)[component]


def _grow(search: _Search, ways: dict[int, tuple[list[int], list[int]]]) -> None:
    """Match some components with (cells without gap links, cells with one child) and add the nodes."""
    problem, members = search.problem, np.array(list(ways), dtype=np.int64)
    no_gap = np.array([cell for way in ways.values() for cell in way[0]], dtype=np.int64)
    one_child = np.array([cell for way in ways.values() for cell in way[1]], dtype=np.int64)
    part = np.isin(search.component, members)
    part &= problem.paired[search.links] | ~np.isin(problem.source[search.links], no_gap)
    links, component = search.links[part], search.component[part]
    used = match_components(problem, search.room.with_one_child(one_child), links, component)
    label = np.zeros(len(problem.source), np.int64)
    label[links] = component
    gains = _gains(problem, search.room, used, label[used], len(search.nodes))
    pieces = [_split(some, label[some], members) for some in (used, breaking(problem, used))]
    for (one, way), mine, broken in zip(ways.items(), *pieces, strict=True):
        heapq.heappush(search.nodes[one], _Node(-float(gains[one]), way[0], way[1], mine, broken))


def _split(links: Integers, component: Integers, members: Integers) -> list[Integers]:
    """Sort links into one array for each of some components."""
    order = np.argsort(component, kind="stable")
    begins, ends = (np.searchsorted(component[order], members, side=side) for side in ("left", "right"))
    return [links[order[begin:end]] for begin, end in zip(begins, ends, strict=True)]


def _gains(problem: LinkProblem, room: Room, used: Integers, component: Integers, components: int) -> Floats:
    """Sum what the used links gain in each component, shape (components,)."""
    gain = np.bincount(component, problem.reward[used], components).astype(np.float64)
    for ends, side in ((problem.source[used], room.child), (problem.target[used], room.parent)):
        cell, first, count = np.unique(ends, return_index=True, return_counts=True)
        is_open = np.isfinite(side[cell])
        rank = np.cumsum(is_open, axis=1)
        paid = np.where(is_open & (rank <= count[:, None]), side[cell], 0.0).sum(axis=1)
        gain += np.bincount(component[first], paid, components)
    return np.asarray(gain)
