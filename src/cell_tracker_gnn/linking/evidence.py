"""The decisions of a lineage (links, divisions, beginnings, ends), each with its margin and the evidence for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cell_tracker_gnn.data import DECISIONS, Floats, Integers
from cell_tracker_gnn.graph.build import Graph
from cell_tracker_gnn.graph.scores import Scores
from cell_tracker_gnn.linking.costs import LinkRewards
from cell_tracker_gnn.linking.margin import flip_losses
from cell_tracker_gnn.linking.problem import Flags, LinkProblem

__all__ = ["EVIDENCE", "Decisions", "gather_decisions"]

_MOVIE = ("softness", "looseness")

EVIDENCE: Mapping[str, tuple[str, ...]] = {
    "link": ("margin", "log_margin", "log_odds", "parent_share", "child_share", "gap", "division", *_MOVIE),
    "division": ("margin", "log_margin", "log_odds", "head", *_MOVIE),
    "beginning": ("margin", "log_margin", "head", *_MOVIE),
    "end": ("margin", "log_margin", "head", *_MOVIE),
}
"""Columns of :attr:`Decisions.evidence` by kind of decision.

``margin`` and its logarithm; ``log_odds`` of the link, of a division those of the worse link; ``parent_share`` and
``child_share``, the log-odds of the link in a softmax over all candidates of its target and of its source and none at
all; ``gap`` and ``division``, whether the link is one; ``head``, the network's own log-odds of a division, a beginning
or an end; and two of the whole movie: ``softness``, the logarithm of the share of links that the margins alone let
expect to be wrong, and ``looseness``, that of beginnings and ends per link.
"""

_LARGEST = 12.0
"""Log-odds and margins beyond this many nats make no difference."""

_PRIOR = 100.0
"""Links of a usual movie added to those of a short one for the evidence of the whole movie."""


@dataclass(frozen=True, eq=False)
class Decisions:
    """All decisions of one kind.

    Parameters
    ----------
    rows
        Candidate of each link; mother, first or last cell of the other kinds, shape (k,).
    margin
        How much worse the best lineage is that decides otherwise, in nats, shape (k,); infinite where there is none.
    evidence
        Columns :data:`EVIDENCE`, shape (k, f).
    """

    rows: Integers
    margin: Floats
    evidence: Floats


def gather_decisions(
    graph: Graph, scores: Scores, rewards: LinkRewards, chosen: Flags, *, divisions: bool = True
) -> dict[str, Decisions]:
    """Decisions by kind, for every kind of :data:`~cell_tracker_gnn.data.DECISIONS`.

    Parameters
    ----------
    graph, scores
        The candidate links and what the network says.
    rewards
        The objective of the linking.
    chosen
        The chosen links, shape (m,).
    divisions
        Whether cells may divide.
    """
    choice = _Choice(graph, scores, rewards, chosen, divisions)
    links, link_margin = choice.links()
    mothers, division_margin = choice.divisions(links, link_margin)
    first, first_margin = choice.loose(graph.candidates.target, graph.cells.frame > 0)
    last, last_margin = choice.loose(graph.candidates.source, graph.cells.frame < len(graph.cells.numbers) - 1)
    wrong = (1.0 / (1.0 + np.exp(np.clip(link_margin, -50.0, 50.0)))).sum()
    softness = np.log((wrong + 0.01 * _PRIOR) / (len(links) + _PRIOR))
    looseness = np.log((len(first) + len(last) + 0.01 * _PRIOR) / (len(links) + _PRIOR))
    rows = dict(zip(DECISIONS, (links, mothers, first, last), strict=True))
    margins = dict(zip(DECISIONS, (link_margin, division_margin, first_margin, last_margin), strict=True))
    columns = {
        "link": choice.link_columns(links),
        "division": choice.division_columns(links, mothers),
        "beginning": [scores.appears[first]],
        "end": [scores.disappears[last]],
    }
    return {
        kind: Decisions(rows[kind], margins[kind], _table(margins[kind], columns[kind], (softness, looseness)))
        for kind in DECISIONS
    }


@dataclass(frozen=True, eq=False)
class _Choice:
    graph: Graph
    scores: Scores
    rewards: LinkRewards
    chosen: Flags
    may_divide: bool

    def links(self) -> tuple[Integers, Floats]:
        links = np.flatnonzero(self.chosen)
        return links, self._flip(links)

    def divisions(self, links: Integers, margin: Floats) -> tuple[Integers, Floats]:
        """Mothers, and the smaller margin of their two links: without the one or the other there is no division."""
        source = self.graph.candidates.source[links]
        smallest = _smallest(source, margin, len(self.graph.cells))
        mothers = np.flatnonzero(np.bincount(source, minlength=len(smallest)) > 1)
        return mothers, smallest[mothers]

    def loose(self, end: Integers, inside: Flags) -> tuple[Integers, Floats]:
        """Cells without a chosen link at this end, and the loss of the best lineage that gives them one."""
        cells = len(self.graph.cells)
        loose = inside & (np.bincount(end[self.chosen], minlength=cells) == 0)
        candidates = np.flatnonzero(loose[end])
        smallest = _smallest(end[candidates], self._flip(candidates), cells)
        rows = np.flatnonzero(loose)
        return rows, smallest[rows]

    def link_columns(self, links: Integers) -> list[Floats]:
        candidates, reward = self.graph.candidates, self.rewards.reward
        shares = [_share(end, reward, len(self.graph.cells))[links] for end in (candidates.target, candidates.source)]
        children = np.bincount(candidates.source[links], minlength=len(self.graph.cells))
        gap, divides = candidates.ahead[links] > 1, children[candidates.source[links]] > 1
        return [self.scores.link[links], *shares, gap.astype(np.float64), divides.astype(np.float64)]

    def division_columns(self, links: Integers, mothers: Integers) -> list[Floats]:
        worse = _smallest(self.graph.candidates.source[links], self.scores.link[links], len(self.graph.cells))
        return [worse[mothers], self.scores.divides[mothers]]

    def _flip(self, links: Integers) -> Floats:
        candidates = self.graph.candidates
        problem = LinkProblem.pose(
            candidates.source,
            candidates.target,
            self.rewards.reward,
            cells=len(self.graph.cells),
            divisions=self.may_divide,
            **self.rewards.as_arguments(),
        )
        return flip_losses(problem, self.chosen, links)


def _smallest(group: Integers, value: Floats, groups: int) -> Floats:
    """Smallest value of each group, infinite where it is empty, shape (groups,)."""
    smallest = np.full(groups, np.inf)
    np.minimum.at(smallest, group, value)
    return smallest


def _share(group: Integers, reward: Floats, groups: int) -> Floats:
    """Log-odds of each link in a softmax over the links of its group and none, whose reward is 0, shape (m,)."""
    most = np.zeros(groups)
    np.maximum.at(most, group, reward)
    weight = np.exp(reward - most[group])
    rest = (np.exp(-most) + np.bincount(group, weight, groups))[group] - weight
    return np.asarray(reward - most[group] - np.log(np.maximum(rest, 1e-12)))


def _table(margin: Floats, columns: list[Floats], movie: tuple[float, ...]) -> Floats:
    """Evidence as a table, confined to what makes a difference."""
    bounded = [np.clip(column, -_LARGEST, _LARGEST) for column in (margin, *columns)]
    log_margin = np.log(np.clip(margin, 1e-3, _LARGEST))
    shared = [np.full(len(margin), value) for value in movie]
    return np.stack([bounded[0], log_margin, *bounded[1:], *shared], axis=1).astype(np.float64)
