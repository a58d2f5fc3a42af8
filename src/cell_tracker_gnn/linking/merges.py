"""Two cells that are one mask for a few frames, and one cell that is two masks: told from divisions by the masks.

A cell that is two masks is found first, see :mod:`~cell_tracker_gnn.linking.halves`. Two cells in one begin with a cell
that vanishes where a mask is more like two cells than like one of them, and end where the mask falls apart again into
two that are together like it. A link over the frames in between is no objection: the cell was not missed then, but one
of two in a mask.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cell_tracker_gnn.data import Floats, Integers
from cell_tracker_gnn.graph.build import Graph
from cell_tracker_gnn.linking.halves import join_halves
from cell_tracker_gnn.linking.problem import Flags
from cell_tracker_gnn.linking.walk import Walk

__all__ = ["Passages", "find_passages"]

_SHARED = 0.5
"""Least share of a vanishing cell that must land on a mask to be a part of it."""

_LIKELY = -3.5
"""Least log-odds of the link from the vanishing cell to a mask of two cells, after the cost of a misfit."""

_MISFIT = 4.0
"""Cost, in nats, of cells that differ by one diameter in their order or by a factor e in their sizes afterwards."""

_LONGEST_MERGE = 6
"""Frames for which two cells may be one mask."""


@dataclass(frozen=True, eq=False)
class Passages:
    """The chosen links without false divisions, and the cells that passed through a merged mask.

    Parameters
    ----------
    chosen
        The links that are left, shape (m,).
    merge
        Links from a vanishing cell to the merged mask, indices of candidates, shape (p,); they are not chosen.
    split
        Links from the last merged mask to the cell that reappears, likewise, shape (p,).
    log_odds
        Of the cell that reappears being the one that vanished, shape (p,).
    dropped
        Links that were chosen and are no longer, indices of candidates, shape (d,).
    """

    chosen: Flags
    merge: Integers
    split: Integers
    log_odds: Floats
    dropped: Integers


def find_passages(
    graph: Graph,
    log_odds: Floats,
    chosen: Flags,
    *,
    merged: bool = True,
    fixed: Flags | None = None,
    forbidden: Flags | None = None,
) -> Passages:
    """Find merged and split masks among the chosen links and take their false divisions back.

    Parameters
    ----------
    graph
        Cells and candidate links.
    log_odds
        Log-odds of the candidates, shape (m,).
    chosen
        The chosen links, shape (m,).
    merged
        Whether cells go on after a mask that they shared; if not, only split masks are looked for.
    fixed, forbidden
        Links that are never taken back and that are never taken, shape (m,).
    """
    walk = join_halves(Walk.along(graph, chosen, fixed=fixed, forbidden=forbidden))
    passed: list[tuple[int, int, float]] = []
    for link in _vanishing(walk):
        gap = walk.gap(int(walk.candidates.source[link]))
        if walk.children[walk.candidates.source[link]] and gap < 0:
            continue
        mask = int(walk.candidates.target[link])
        pair = walk.fall_apart(mask, _LONGEST_MERGE, gap)
        evidence = float(log_odds[link] if gap < 0 else max(log_odds[link], log_odds[gap]))
        if merged and pair and (reappears := _go_on(walk, link, pair, evidence, gap)) >= 0:
            passed.append((link, reappears, evidence))
    dropped = np.flatnonzero(chosen & ~walk.chosen)
    merge, split = (np.array([one[which] for one in passed], np.int64) for which in (0, 1))
    return Passages(walk.chosen, merge, split, np.array([one[2] for one in passed], np.float64), dropped)


def _vanishing(walk: Walk) -> list[int]:
    """Candidates from a cell that vanishes to a mask that is like it and another, the best of each, in time order.

    Cells that are only seen again after missed frames have vanished, too.
    """
    candidates, size = walk.candidates, walk.cells.size
    source, target = candidates.source, candidates.target
    vanished = walk.children == 0
    vanished[source[walk.chosen & (candidates.ahead > 1)]] = True
    vanished[list(walk.parts)] = False
    possible = vanished[source] & (candidates.ahead == 1) & (walk.parent_link[target] >= 0) & ~walk.forbidden
    link = np.flatnonzero(possible & (walk.pixels > _SHARED * size[source]))
    link = link[candidates.ahead[walk.parent_link[target[link]]] == 1]
    pairs = zip(link.tolist(), walk.parent_link[target[link]].tolist(), strict=True)
    fits = np.array(
        [walk.likeness(tuple(source[[*two]].tolist()), (int(target[two[0]]),), walk.ends(two)) for two in pairs]
    )
    link, fits = link[fits > 0], fits[fits > 0]
    order = np.lexsort((-fits, walk.cells.frame[source[link]]))
    found: dict[int, int] = {}
    taken: set[int] = set()
    for one in link[order].tolist():
        if int(target[one]) not in taken and int(source[one]) not in found:
            found[int(source[one])] = one
            taken.add(int(target[one]))
    return list(found.values())


def _go_on(walk: Walk, link: int, pair: list[int], log_odds: float, gap: int) -> int:
    """Let the cell that stayed go on by one of the pair and make the other free for the one that vanished.

    ``gap`` is the link over missed frames by which that one has gone on until now, or -1.

    Returns the link to the cell that reappears, or -1 where the evidence is too weak; then nothing changes.
    """
    stayed = int(walk.candidates.source[walk.parent_link[walk.candidates.target[link]]])
    before = (stayed, int(walk.candidates.source[link]))
    after = [int(walk.candidates.target[one]) for one in pair]
    misfit, crossed = _misfit(walk, before, after), _misfit(walk, before, after[::-1])
    if log_odds - _MISFIT * min(misfit, crossed) < _LIKELY:
        return -1
    goes_on, reappears = pair if misfit <= crossed else pair[::-1]
    if walk.fixed[reappears] or walk.forbidden[[goes_on, reappears]].any():
        return -1
    if gap >= 0:
        if walk.fixed[gap] or walk.candidates.target[reappears] != walk.candidates.target[gap]:
            return -1
        walk.drop(gap)
    if walk.chosen[reappears]:
        walk.drop(reappears)
    if not walk.chosen[goes_on]:
        walk.take(goes_on)
    walk.parent_link[walk.candidates.target[reappears]] = reappears
    walk.children[walk.candidates.source[reappears]] += 1
    return reappears


def _misfit(walk: Walk, before: tuple[int, int], after: list[int]) -> float:
    """How badly two cells before and after fit each other by their order in space and by their sizes."""
    position, size = walk.cells.position, np.log(walk.cells.size)
    turned = (position[before[1]] - position[before[0]]) - (position[after[1]] - position[after[0]])
    scale = float(walk.cells.diameter[list(before)].mean())
    return float(np.linalg.norm(turned) / scale + np.abs(size[list(before)] - size[after]).sum())
