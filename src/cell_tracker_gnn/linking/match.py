"""The exact linker: the globally best set of links, component by component.

Links that belong to every optimum are taken first (``presolve.py``); what is left in doubt falls into components. Each
is solved as a minimum-cost matching (``copies.py``), and the few whose matching breaks a rule that a matching cannot
express are solved again (``rules.py``). Every cell keeps at most two children and no more parents than allowed, and a
link that skips frames is an only child.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from cell_tracker_gnn.data import Integers
from cell_tracker_gnn.linking.branch import breaking
from cell_tracker_gnn.linking.copies import match_components
from cell_tracker_gnn.linking.presolve import Room, certain_links
from cell_tracker_gnn.linking.problem import Flags, LinkProblem
from cell_tracker_gnn.linking.rules import obey

__all__ = ["solve_exact"]


def solve_exact(problem: LinkProblem) -> Flags:
    """Choose the links with the largest sum of rewards minus costs.

    The result does not depend on the order of the links. A link that adds nothing is not chosen.

    Returns
    -------
    Flags
        Chosen links in the order in which the problem was posed, shape (m,).

    Examples
    --------
    >>> from cell_tracker_gnn.linking import LinkProblem, solve_exact
    >>> # Cells 0 and 1 in one frame, 2 and 3 in the next; 0 -> 2 looks best, but 0 -> 3 and 1 -> 2 are worth more.
    >>> links = {"source": [0, 0, 1], "target": [2, 3, 2], "reward": [3.0, 2.5, 2.8]}
    >>> solve_exact(LinkProblem.pose(**links, cells=4, second_child_cost=9.0, second_child_allowed=True)).tolist()
    [False, True, True]
    """
    chosen, links = certain_links(problem)
    room = Room.beside(problem, chosen)
    component = _components(problem.source[links], problem.target[links], problem.cells)
    order = np.argsort(component, kind="stable")
    links, component = links[order], component[order]
    matched = match_components(problem, room, links, component)
    wrong = np.isin(component, component[np.isin(links, breaking(problem, matched))])
    chosen[matched] = True
    chosen[links[wrong]] = False
    chosen[obey(problem, room, links[wrong], component[wrong])] = True
    return problem.in_given_order(chosen)


def _components(source: Integers, target: Integers, cells: int) -> Integers:
    """Component of each link; two links are joined by a common source or a common target, shape (m,)."""
    graph = csr_array((np.ones(len(source), np.int8), (source, target + cells)), shape=(2 * cells, 2 * cells))
    label = connected_components(graph, directed=False)[1][source]
    return np.unique(label, return_inverse=True)[1].astype(np.int64)
