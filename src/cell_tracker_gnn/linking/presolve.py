"""Links that belong to every optimum, found without search, so that only doubtful regions are left for the matching."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from cell_tracker_gnn.data import Floats, Integers
from cell_tracker_gnn.linking.problem import Flags, LinkProblem

__all__ = ["Room", "certain_links"]


@dataclass(frozen=True, eq=False)
class Room:
    """What the links taken so far leave open.

    Parameters
    ----------
    child
        Gain of a first and of a second child of each cell, -inf where there is no room, shape (n, 2).
    parent
        Gain of a first, second, ... parent of each cell, -inf where there is no room, shape (n, c).
    """

    child: Floats
    parent: Floats

    @classmethod
    def beside(cls, problem: LinkProblem, taken: Flags) -> Room:
        """Room beside the links ``taken``, shape (m,)."""
        children = problem.children(taken)
        only_child = np.bincount(problem.source[taken & ~problem.paired], minlength=problem.cells) > 0
        first = np.where(children == 0, problem.disappear_cost, -np.inf)
        second = np.where((children < 2) & ~only_child, -problem.second_child_cost, -np.inf)
        parents = problem.parents(taken)[:, None]
        level = np.arange(int(problem.capacity.max(initial=0)))
        parent = np.where(level == 0, problem.appear_cost[:, None], -problem.merge_cost)
        parent[(level < parents) | (level >= problem.capacity[:, None])] = -np.inf
        return cls(np.stack([first, second], axis=1), parent)

    def with_one_child(self, cells: Integers) -> Room:
        """Return the same room without a second child at some cells."""
        child = self.child.copy()
        child[cells, 1] = -np.inf
        return Room(child, self.parent)

    def best_gain(self, problem: LinkProblem, links: Integers) -> Floats:
        """Return the most that each of some links could add, shape (k,)."""
        first, second = self.child[problem.source[links]].T
        child = np.where(problem.paired[links], np.maximum(first, second), first)
        best_parent = self.parent.max(axis=1, initial=-np.inf)
        return np.asarray(problem.reward[links] + child + best_parent[problem.target[links]])


def certain_links(problem: LinkProblem) -> tuple[Flags, Integers]:
    """Take links that every optimum holds and drop links that no optimum needs, until nothing changes.

    Swapping a link in costs at most the best other link of its source and the best other link of its target (the
    best two of its source if it must be an only child). A link that gains more than that is in every optimum.

    Returns
    -------
    taken
        The fixed and the certain links, shape (m,).
    open_links
        Links still in doubt, each with a positive best gain, shape (k,).
    """
    taken = problem.fixed.copy()
    links = np.flatnonzero(~(problem.fixed | problem.forbidden))
    while True:
        gain = Room.beside(problem, taken).best_gain(problem, links)
        links, gain = links[gain > 0], gain[gain > 0]
        other, second_other = _best_others(problem.source[links], gain, problem.cells, 2)
        loss = other + np.where(problem.paired[links], 0.0, second_other)
        loss += _best_others(problem.target[links], gain, problem.cells, 1)[0]
        certain = gain > loss
        if not np.any(certain):
            return taken, links
        taken[links[certain]] = True
        links = links[~certain]


def _best_others(group: Integers, gain: Floats, groups: int, count: int) -> list[Floats]:
    """The ``count`` best gains among the other links of each link's group, 0 where there are fewer, each (k,)."""
    best = [value[group] for value in _largest(group, gain, groups, count + 1)]
    return [np.where(gain < mine, mine, following) for mine, following in pairwise(best)]


def _largest(group: Integers, gain: Floats, groups: int, count: int) -> list[Floats]:
    """The ``count`` largest of the positive gains of each group, 0 where there are fewer, each (groups,)."""
    found, left = [], np.arange(len(gain))
    for _ in range(count):
        most, one = np.zeros(groups), np.full(groups, -1)
        own, value = group[left], gain[left]
        np.maximum.at(most, own, value)
        leads = value == most[own]
        # Of equal ones only one is taken out before the next largest is looked for.
        one[own[leads]] = left[leads]
        left = left[one[own] != left]
        found.append(most)
    return found
