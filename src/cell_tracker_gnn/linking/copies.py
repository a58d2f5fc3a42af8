"""Components of the linking problem as minimum-cost matchings of copies of cells.

Every cell has a first and a second out-copy (its children) and as many in-copies as it may have parents. A matching of
in-copies against out-copies is a set of links with at most two children and no more parents than allowed. Where the
first copy gains at least as much as the second, the best matching is the best set of links. Each in-copy has a slack
column of its own, which keeps the full matching feasible (and avoids scipy issue 26147).
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from cell_tracker_gnn.data import Integers
from cell_tracker_gnn.linking.presolve import Room
from cell_tracker_gnn.linking.problem import LinkProblem

__all__ = ["batches", "match_components"]

_MATCH_LINKS = 512
"""Components are matched together up to this many links: a call costs a fixed time plus the square of its size."""


def match_components(problem: LinkProblem, room: Room, links: Integers, component: Integers) -> Integers:
    """Match each component at its best, small ones together.

    Parameters
    ----------
    problem, room
        The problem and what the links already taken leave open.
    links, component
        Links in doubt and the component of each, sorted by component, shape (k,).

    Returns
    -------
    Integers
        The used links; a link is listed twice if two pairs of copies use it.
    """
    none = [np.zeros(0, np.int64)]
    return np.concatenate(none + [_match(problem, room, batch) for batch in batches(links, component, _MATCH_LINKS)])


def batches(links: Integers, component: Integers, most: int) -> list[Integers]:
    """Cut links sorted by component into batches of whole components, of up to ``most`` links where possible."""
    ends = np.flatnonzero(np.diff(component, append=-1)) + 1
    batches, begin = [], 0
    while begin < len(links):
        first, last = np.searchsorted(ends, [begin, begin + most], side="right")
        end = int(ends[max(last - 1, first)])
        batches.append(links[begin:end])
        begin = end
    return batches


def _match(problem: LinkProblem, room: Room, links: Integers) -> Integers:
    """Best matching of the copies of the cells of some links; returns the used links, twice if used twice."""
    child = room.child[problem.source[links]]
    child[~problem.paired[links], 1] = -np.inf
    gain = problem.reward[links, None, None] + child[:, :, None] + room.parent[problem.target[links]][:, None, :]
    # An arc that gains nothing can be left for the slack column, and -inf marks copies that are taken.
    link, out_copy, in_copy = np.nonzero(gain > 0)
    if not len(link):
        return link
    gain = gain[link, out_copy, in_copy]
    link = links[link]
    row = np.unique(problem.target[link] * room.parent.shape[1] + in_copy, return_inverse=True)[1]
    column = np.unique(problem.source[link] * 2 + out_copy, return_inverse=True)[1]
    rows, columns = int(row.max()) + 1, int(column.max()) + 1
    # Every row takes exactly one column, so a constant makes all weights positive without changing the optimum.
    shift = gain.max() + 1.0
    graph = csr_array(
        (
            np.concatenate([shift - gain, np.full(rows, shift)]),
            (np.concatenate([row, np.arange(rows)]), np.concatenate([column, columns + np.arange(rows)])),
        ),
        shape=(rows, columns + rows),
    )
    matched = np.asarray(min_weight_full_bipartite_matching(graph)[1])
    return np.asarray(link[matched[row] == column])
