"""The exact linker: the globally best set of links, component by component.

Links that belong to every optimum are taken first (``presolve.py``); what is left in doubt falls into components. Each
is solved as a minimum-cost matching (``copies.py``), and the few whose matching breaks a rule that a matching cannot
express are solved again (``rules.py``). Every cell keeps at most two children and no more parents than allowed, and a
link that skips frames is an only child.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from cell_tracker_gnn.data import Integers
from cell_tracker_gnn.linking.branch import breaking
from cell_tracker_gnn.linking.copies import match_components
from cell_tracker_gnn.linking.presolve import Room, certain_links
from cell_tracker_gnn.linking.problem import Flags, LinkProblem
from cell_tracker_gnn.linking.rules import obey

__all__ = ["solve_exact", "solve_problem"]


def solve_exact(
    source: ArrayLike,
    target: ArrayLike,
    reward: ArrayLike,
    *,
    cells: int,
    second_child_cost: ArrayLike,
    second_child_allowed: ArrayLike,
    appear_cost: ArrayLike = 0.0,
    disappear_cost: ArrayLike = 0.0,
    parents: ArrayLike = 1,
    merge_cost: float = 0.0,
    fixed: ArrayLike | None = None,
    forbidden: ArrayLike | None = None,
    divisions: bool = True,
) -> Flags:
    """Choose the links with the largest sum of rewards minus costs.

    The result does not depend on the order of the links. A link that adds nothing is not chosen.

    Parameters
    ----------
    source, target
        Cell at each end of a link, 0 to ``cells - 1``, shape (m,).
    reward
        Reward of each link, shape (m,).
    cells
        Number of cells n.
    second_child_cost
        Cost of a second child, one number or shape (n,), at least ``-disappear_cost``.
    second_child_allowed
        Whether the link may be one of two children of its source, shape (m,); False for links that skip frames.
    appear_cost, disappear_cost
        Cost of a cell without a parent and without a child, one number or shape (n,).
    parents
        Number of parents a cell may have, one number or shape (n,).
    merge_cost
        Cost of each parent after the first, at least ``-appear_cost`` where a cell may have several.
    fixed, forbidden
        Links that must be and that must not be chosen, shape (m,).
    divisions
        Whether any cell may have two children.

    Returns
    -------
    Flags
        Chosen links, shape (m,).

    Raises
    ------
    LinkingError
        If shapes, cells or numbers are unusable, or if fixed and forbidden links contradict each other.

    Examples
    --------
    >>> from cell_tracker_gnn.linking import solve_exact
    >>> # Cells 0 and 1 in one frame, 2 and 3 in the next; 0 -> 2 looks best, but 0 -> 3 and 1 -> 2 are worth more.
    >>> links = {"source": [0, 0, 1], "target": [2, 3, 2], "reward": [3.0, 2.5, 2.8]}
    >>> solve_exact(**links, cells=4, second_child_cost=9.0, second_child_allowed=True).tolist()
    [False, True, True]
    """
    problem = LinkProblem.pose(
        source,
        target,
        reward,
        cells=cells,
        second_child_cost=second_child_cost,
        second_child_allowed=second_child_allowed,
        appear_cost=appear_cost,
        disappear_cost=disappear_cost,
        parents=parents,
        merge_cost=merge_cost,
        fixed=fixed,
        forbidden=forbidden,
        divisions=divisions,
    )
    return problem.in_given_order(solve_problem(problem))


def solve_problem(problem: LinkProblem) -> Flags:
    """Choose the best of the sorted links of a problem, shape (m,)."""
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
    return chosen


def _components(source: Integers, target: Integers, cells: int) -> Integers:
    """Component of each link; two links are joined by a common source or a common target, shape (m,)."""
    graph = csr_array((np.ones(len(source), np.int8), (source, target + cells)), shape=(2 * cells, 2 * cells))
    label = connected_components(graph, directed=False)[1][source]
    return np.unique(label, return_inverse=True)[1].astype(np.int64)
