"""The two rules that a matching cannot express, for the few components that break one.

A link that skips frames must be an only child, and a link must not be used by two pairs of copies at once. Most such
components break a rule at a few cells only and are settled by branch and bound; the rest become integer programs.
"""

from __future__ import annotations

import logging

import numpy as np

from cell_tracker_gnn.data import Integers
from cell_tracker_gnn.linking.branch import branch, breaking
from cell_tracker_gnn.linking.copies import batches, match_components
from cell_tracker_gnn.linking.presolve import Room
from cell_tracker_gnn.linking.problem import LinkProblem
from cell_tracker_gnn.linking.program import solve_program

__all__ = ["obey"]

_log = logging.getLogger(__name__)

_LARGEST_PROGRAM = 20_000
"""Components of more links than this are not given to the integer program: it would take minutes."""

_PROGRAM_LINKS = 1000
"""Smaller components are given to the integer program together, up to this many links."""


def obey(problem: LinkProblem, room: Room, links: Integers, component: Integers) -> Integers:
    """Solve components whose best matching breaks a rule.

    A component of more than 20,000 links, all in doubt, is matched again with one child for the cells in question,
    which is close to the optimum and logged as a warning.

    Parameters
    ----------
    problem, room
        The problem and what the links already taken leave open.
    links, component
        Links of these components and the component of each, sorted by component, shape (k,).

    Returns
    -------
    Integers
        The chosen links.
    """
    branched, proven = branch(problem, room, links, component)
    chosen = [branched]
    for batch in batches(links[~proven], component[~proven], _PROGRAM_LINKS):
        solve = _program if len(batch) <= _LARGEST_PROGRAM else _approximate
        chosen.append(solve(problem, room, batch))
    return np.concatenate(chosen)


def _program(problem: LinkProblem, room: Room, links: Integers) -> Integers:
    """Solve components as an integer program."""
    fathers, source = np.unique(problem.source[links], return_inverse=True)
    sons, target = np.unique(problem.target[links], return_inverse=True)
    flags = solve_program(
        source,
        target,
        problem.reward[links],
        problem.paired[links],
        out_gains=room.child[fathers],
        in_gains=room.parent[sons],
    )
    return links[flags]


def _approximate(problem: LinkProblem, room: Room, links: Integers) -> Integers:
    """Match a huge component again and again with one child for the cells that break a rule."""
    _log.warning(
        "%d doubtful links hang together and compete with links that skip frames; "
        "they are linked close to the optimum only, offer fewer candidates for an exact result",
        len(links),
    )
    component = np.zeros(len(links), np.int64)
    used = match_components(problem, room, links, component)
    while len(wrong := breaking(problem, used)):
        room = room.with_one_child(problem.source[wrong])
        used = match_components(problem, room, links, component)
    return used
