"""Margins: how much worse the best lineage becomes when one link is taken out of it or put into it.

Links that gain nothing in any lineage play no part in the answer; what remains falls into small components. Each flip
of a link is solved exactly in a copy of the components that it touches, and all copies are solved side by side as one
problem. In a component of more than 200 links, only the nearest ones may change: the margin there is an upper bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from cell_tracker_gnn.data import Floats, Integers
from cell_tracker_gnn.linking.match import solve_exact
from cell_tracker_gnn.linking.presolve import Room
from cell_tracker_gnn.linking.problem import Flags, LinkProblem

__all__ = ["flip_losses"]

_LARGEST = 200
"""Links of the largest component that is solved as a whole."""

_AT_ONCE = 200_000
"""Links in the copies that are solved together, about."""

_DISTANCES = 4_000_000
"""Entries of the largest table of distances within a component, about."""

_FARTHEST = 12.0
"""Steps from the flip to the farthest links that may change in a large component."""


def flip_losses(problem: LinkProblem, chosen: ArrayLike, links: ArrayLike) -> Floats:
    """How much worse, in nats, the best lineage is in which a link is not what it is now.

    Parameters
    ----------
    problem
        The linking problem.
    chosen
        Which links are chosen, in the order in which the problem was posed, shape (m,). After
        :func:`~cell_tracker_gnn.linking.match.solve_exact` no loss is negative; after another linker a negative one
        tells that something better is near.
    links
        Links to flip, indices into the candidates, shape (k,): a chosen one is forbidden, another one is fixed.

    Returns
    -------
    Floats
        Objective of the chosen links minus that of the best ones after the flip, shape (k,); infinite where a link is
        fixed or forbidden or the rules leave no lineage with it. Only links that compete with the flipped one, directly
        or through others, may change: what another linker left undone elsewhere does not count.

    Examples
    --------
    >>> from cell_tracker_gnn.linking import LinkProblem, flip_losses, solve_exact
    >>> links = {"source": [0, 0, 1], "target": [2, 3, 2], "reward": [3.0, 2.5, 2.8]}
    >>> problem = LinkProblem.pose(**links, cells=4, second_child_cost=9.0, second_child_allowed=True)
    >>> flip_losses(problem, solve_exact(problem), [1, 2]).round(3).tolist()
    [2.3, 2.3]
    """
    place = np.empty_like(problem.order)
    place[problem.order] = np.arange(len(place))
    flips = place[np.asarray(links, dtype=np.int64)]
    taken = np.asarray(chosen, dtype=np.bool_)[problem.order]
    loss = np.full(len(flips), np.inf)
    possible = np.flatnonzero(_may_flip(problem, taken, flips))
    for copies in _copies(problem, taken, flips[possible]):
        rows = possible[copies.rows]
        loss[rows] = _losses(problem, taken, flips[rows], copies)
    return loss


def _may_flip(problem: LinkProblem, chosen: Flags, flips: Integers) -> Flags:
    """Whether the rules and the fixed links leave any choice with the link flipped, shape (k,)."""
    free = ~(problem.fixed | problem.forbidden)[flips]
    parents, children = problem.parents(problem.fixed), problem.children(problem.fixed)
    only_child = np.bincount(problem.source[problem.fixed & ~problem.paired], minlength=problem.cells) > 0
    source, target = problem.source[flips], problem.target[flips]
    beside = problem.paired[flips] & ~only_child[source] & (children[source] < 2)
    room = (parents[target] < problem.capacity[target]) & ((children[source] == 0) | beside)
    return np.asarray(free & (chosen[flips] | room))


@dataclass(frozen=True, eq=False)
class _Regions:
    """Links that matter, sorted by component; component -1 stands for none.

    Parameters
    ----------
    links
        Links sorted by component, shape (r,).
    begin
        Where each component begins in ``links`` and where the last one ends, shape (c + 1,).
    out_component, in_component
        Component of the links that leave and that enter each cell, shape (n,).
    """

    links: Integers
    begin: Integers
    out_component: Integers
    in_component: Integers

    @classmethod
    def of(cls, problem: LinkProblem, chosen: Flags) -> _Regions:
        links = np.flatnonzero(~problem.forbidden)
        room = Room.beside(problem, problem.fixed)
        links = links[(room.best_gain(problem, links) > 0) | chosen[links]]
        ends = (problem.source[links], problem.target[links] + problem.cells)
        graph = csr_array((np.ones(len(links), np.int8), ends), shape=(2 * problem.cells,) * 2)
        node = connected_components(graph, directed=False)[1]
        used = np.unique(node[ends[0]])
        label = np.full(2 * problem.cells, -1)
        known = np.isin(node, used)
        label[known] = np.searchsorted(used, node[known])
        own = label[ends[0]]
        order = np.argsort(own, kind="stable")
        begin = np.searchsorted(own[order], np.arange(len(used) + 1))
        return cls(links[order], begin, label[: problem.cells], label[problem.cells :])


@dataclass(frozen=True, eq=False)
class _Copies:
    """Links to be copied for a batch of flips.

    Parameters
    ----------
    rows
        Which flips they are for, shape (f,).
    copy, link
        Number of the copy, 0 to f - 1, and the link, shape (e,); a link may be listed twice.
    held
        Whether the link stays as it is, shape (e,).
    """

    rows: Integers
    copy: Integers
    link: Integers
    held: Flags


def _copies(problem: LinkProblem, chosen: Flags, flips: Integers) -> Iterator[_Copies]:
    """Copies of the components that each flip touches, in batches."""
    regions = _Regions.of(problem, chosen)
    size = np.diff(regions.begin)
    one, other = regions.out_component[problem.source[flips]], regions.in_component[problem.target[flips]]
    other = np.where(one == other, -1, other)
    total = np.ones(len(flips), np.int64)
    for side in (one, other):
        total[side >= 0] += size[side[side >= 0]]
    small = np.flatnonzero(total <= _LARGEST)
    batch = np.cumsum(total[small]) // _AT_ONCE
    for rows in np.split(small, np.flatnonzero(np.diff(batch)) + 1):
        pieces = [_members(regions, side[rows]) for side in (one, other)]
        copy = np.concatenate([np.arange(len(rows)), *(piece[0] for piece in pieces)])
        link = np.concatenate([flips[rows], *(piece[1] for piece in pieces)])
        yield _Copies(rows, copy, link, np.zeros(len(link), np.bool_))
    large = np.flatnonzero(total > _LARGEST)
    parts = -(-len(large) * 2 * problem.cells // _DISTANCES)
    for rows in np.array_split(large, parts) if parts else []:
        yield _near_copies(problem, chosen, regions.links, flips[rows], rows)


def _members(regions: _Regions, component: Integers) -> tuple[Integers, Integers]:
    """Row and link of all links in the component of each row, -1 for none."""
    row = np.flatnonzero(component >= 0)
    begin, end = regions.begin[component[row]], regions.begin[component[row] + 1]
    length = end - begin
    inside = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    return np.repeat(row, length), regions.links[np.repeat(begin, length) + inside]


def _near_copies(problem: LinkProblem, chosen: Flags, links: Integers, flips: Integers, rows: Integers) -> _Copies:
    """Copies of the links that are fewest steps from each flip, a step leading to a link of the same cell."""
    nodes = 2 * problem.cells
    out_node, in_node = problem.source[links], problem.target[links] + problem.cells
    graph = csr_array((np.ones(len(links), np.int8), (out_node, in_node)), shape=(nodes, nodes))
    starts = np.concatenate([problem.source[flips], problem.target[flips] + problem.cells])
    found = dijkstra(graph, directed=False, unweighted=True, indices=starts, limit=_FARTHEST)
    steps = found.reshape(2, len(flips), nodes).min(axis=0)
    away = np.minimum(steps[:, out_node], steps[:, in_node])
    order = np.argsort(away, axis=1, kind="stable")
    ranked = np.take_along_axis(away, order, axis=1)
    # Links of the flip's own cells must always be free to make room for it.
    near = np.isfinite(ranked) & ((np.arange(len(links)) < _LARGEST) | (ranked == 0))
    near_copy, rank = np.nonzero(near)
    near_link = order[near_copy, rank]
    touched = np.zeros((len(flips), nodes), np.bool_)
    touched[near_copy, out_node[near_link]] = touched[near_copy, in_node[near_link]] = True
    touched[np.arange(len(flips)), problem.source[flips]] = True
    touched[np.arange(len(flips)), problem.target[flips] + problem.cells] = True
    beside = chosen[links] & (touched[:, out_node] | touched[:, in_node]) & (links != flips[:, None])
    beside[near_copy, near_link] = False
    held_copy, held_link = np.nonzero(beside)
    free = len(flips) + len(near_copy)
    return _Copies(
        rows,
        np.concatenate([np.arange(len(flips)), near_copy, held_copy]),
        np.concatenate([flips, links[near_link], links[held_link]]),
        np.arange(free + len(held_copy)) >= free,
    )


def _losses(problem: LinkProblem, chosen: Flags, flips: Integers, copies: _Copies) -> Floats:
    """Solve one copy of the problem for each flip, shape (f,)."""
    count = len(problem.source)
    key, first = np.unique(copies.copy * count + copies.link, return_index=True)
    copy, link = np.divmod(key, count)
    ends = np.concatenate([problem.source[link], problem.target[link]]) + np.tile(copy * problem.cells, 2)
    cells, ends = np.unique(ends, return_inverse=True)
    owner, cell = np.divmod(cells, problem.cells)
    flipped, now, held = flips[copy] == link, chosen[link], copies.held[first]
    part = LinkProblem(
        source=ends[: len(link)],
        target=ends[len(link) :],
        reward=problem.reward[link],
        paired=problem.paired[link],
        second_child_cost=problem.second_child_cost[cell],
        appear_cost=problem.appear_cost[cell],
        disappear_cost=problem.disappear_cost[cell],
        capacity=problem.capacity[cell],
        merge_cost=problem.merge_cost,
        fixed=np.where(flipped, ~now, problem.fixed[link] | held),
        forbidden=np.where(flipped, now, problem.forbidden[link]),
        order=np.arange(len(link)),
    )
    best = solve_exact(part)
    gain = np.bincount(copy, part.reward * (now.astype(np.float64) - best), len(flips))
    return np.asarray(gain - np.bincount(owner, part.paid(now) - part.paid(best), len(flips)))
