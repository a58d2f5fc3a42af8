"""Two cells that are one mask for a few frames, and one cell that is two masks: told from divisions by the sizes.

Both begin with a cell that vanishes where a neighbour grows by its size. If the two come from one division a moment
ago, the division was one cell in two masks. If the grown mask falls apart into two that share its size, two cells were
one mask.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cell_tracker_gnn.data import Cells, Floats, Integers
from cell_tracker_gnn.graph.build import Graph
from cell_tracker_gnn.graph.candidates import Candidates
from cell_tracker_gnn.linking.problem import Flags

__all__ = ["Passages", "find_passages"]

_SIZE_TOLERANCE = 0.25
"""Largest difference between the logarithms of the size of a mask and of the sum of its parts."""

_SHARED = 0.5
"""Share of the vanishing cell's mask that must land on the grown one."""

_LIKELY = -2.5
"""Least log-odds of the link from the vanishing cell to a mask of two cells, after the cost of a misfit."""

_MISFIT = 4.0
"""Cost, in nats, of cells that differ by one diameter in their order or by a factor e in their sizes afterwards."""

_LONGEST_MERGE = 6
"""Frames for which two cells may be one mask."""

_LONGEST_SPLIT = 2
"""Frames for which one cell may be two masks; longer than that it has divided."""


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
    dropped
        Links that were chosen and are no longer, indices of candidates, shape (d,).
    """

    chosen: Flags
    merge: Integers
    split: Integers
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
    none = np.zeros(len(chosen), np.bool_)
    held = none if fixed is None else fixed
    path = _Path(graph.cells, graph.candidates, chosen.copy(), held, none if forbidden is None else forbidden)
    merge, split = [], []
    for link in _vanishing(path):
        if path.children[path.candidates.source[link]]:
            continue
        mask = int(path.candidates.target[link])
        # Daughters that share a mask right after their division are told from halves of a cell by what comes next.
        if not path.fall_apart(mask, 1) and path.join_split_mask(link):
            continue
        pair = path.fall_apart(mask, _LONGEST_MERGE)
        if merged and pair and (reappears := path.go_on(link, pair, float(log_odds[link]))) >= 0:
            merge.append(link)
            split.append(reappears)
    dropped = np.flatnonzero(chosen & ~path.chosen)
    return Passages(path.chosen, np.array(merge, np.int64), np.array(split, np.int64), dropped)


def _vanishing(path: _Path) -> list[int]:
    """Candidates from a cell that vanishes to a mask that grows by its size, the best of each cell, in time order."""
    candidates, size = path.candidates, path.cells.size.astype(np.float64)
    source, target = candidates.source, candidates.target
    childless = path.children == 0
    possible = childless[source] & (candidates.ahead == 1) & (path.parent_link[target] >= 0) & ~path.forbidden
    link = np.flatnonzero(possible)
    link = link[candidates.shared[link].max(axis=1, initial=0.0) > _SHARED]
    other = path.parent_link[target[link]]
    link, other = link[candidates.ahead[other] == 1], other[candidates.ahead[other] == 1]
    grown = np.log(size[target[link]])
    apart = np.abs(grown - np.log(size[source[link]] + size[source[other]]))
    fits = (apart < _SIZE_TOLERANCE) & (apart < np.abs(grown - np.log(size[source[other]])))
    link, apart = link[fits], apart[fits]
    order = np.lexsort((apart, path.cells.frame[source[link]]))
    found: dict[int, int] = {}
    taken: set[int] = set()
    for one in link[order].tolist():
        if int(target[one]) not in taken and int(source[one]) not in found:
            found[int(source[one])] = one
            taken.add(int(target[one]))
    return list(found.values())


@dataclass(eq=False)
class _Path:
    """The chosen links, walked in both directions and changed on the way."""

    cells: Cells
    candidates: Candidates
    chosen: Flags
    fixed: Flags
    forbidden: Flags

    def __post_init__(self) -> None:
        links, count = np.flatnonzero(self.chosen), len(self.cells)
        self.parent_link = np.full(count, -1)
        self.parent_link[self.candidates.target[links]] = links
        self.children = np.bincount(self.candidates.source[links], minlength=count)
        order = np.lexsort((self.candidates.target, self.candidates.source))
        self._by_source = order
        self._begin = np.searchsorted(self.candidates.source[order], np.arange(count + 1))

    def join_split_mask(self, link: int) -> bool:
        """Take back the division of a cell that was two masks for a moment; its larger part goes on."""
        vanished, grown = int(self.candidates.source[link]), int(self.candidates.target[link])
        stays = int(self.parent_link[grown])
        parts = [self._born(vanished), self._born(int(self.candidates.source[stays]))]
        if min(parts) < 0 or self._mother(parts[0]) != self._mother(parts[1]):
            return False
        halves = [int(self.candidates.target[part]) for part in parts]
        if not self._adds_up(self._mother(parts[0]), halves):
            return False
        changes = self.cells.size[halves[0]] > self.cells.size[halves[1]]
        if self.fixed[parts[1] if changes else parts[0]] or (changes and self.fixed[stays]):
            return False
        if changes:
            self._drop(stays)
            self._take(link)
            parts.reverse()
        self._drop(parts[0])
        return True

    def fall_apart(self, mask: int, frames: int) -> list[int]:
        """The two links into which a grown mask falls apart within so many frames; none if it does not."""
        for _ in range(frames):
            leaving = self._leaving(mask)
            children = [one for one in leaving if self.chosen[one]]
            pair = self._pair(mask, leaving, children)
            if pair or len(children) != 1 or self.candidates.ahead[children[0]] != 1:
                return pair
            mask = int(self.candidates.target[children[0]])
        return []

    def _pair(self, mask: int, leaving: list[int], children: list[int]) -> list[int]:
        """Two links into which a mask falls apart: a division, or its child and a cell without a parent."""
        if len(children) == 2:
            pairs = [children]
        else:
            free = [one for one in leaving if self.parent_link[self.candidates.target[one]] < 0]
            pairs = [[child, one] for child in children for one in free if self.candidates.ahead[one] == 1]
        fitting = [p for p in pairs if self._adds_up(mask, [int(self.candidates.target[one]) for one in p])]
        return fitting[0] if len(fitting) == 1 else []

    def go_on(self, link: int, pair: list[int], log_odds: float) -> int:
        """Let the cell that stayed go on by one of the pair and make the other free for the one that vanished.

        Returns the link to the cell that reappears, or -1 where the evidence is too weak; then nothing changes.
        """
        stayed = int(self.candidates.source[self.parent_link[self.candidates.target[link]]])
        before = (stayed, int(self.candidates.source[link]))
        after = [int(self.candidates.target[one]) for one in pair]
        misfit, crossed = self._misfit(before, after), self._misfit(before, after[::-1])
        if log_odds - _MISFIT * min(misfit, crossed) < _LIKELY:
            return -1
        goes_on, reappears = pair if misfit <= crossed else pair[::-1]
        if self.fixed[reappears] or self.forbidden[[goes_on, reappears]].any():
            return -1
        if self.chosen[reappears]:
            self._drop(reappears)
        if not self.chosen[goes_on]:
            self._take(goes_on)
        self.parent_link[self.candidates.target[reappears]] = reappears
        self.children[self.candidates.source[reappears]] += 1
        return reappears

    def _misfit(self, before: tuple[int, int], after: list[int]) -> float:
        """How badly two cells before and after fit each other by their order in space and by their sizes."""
        position, size = self.cells.position, np.log(self.cells.size)
        turned = (position[before[1]] - position[before[0]]) - (position[after[1]] - position[after[0]])
        scale = float(self.cells.diameter[list(before)].mean())
        return float(np.linalg.norm(turned) / scale + np.abs(size[list(before)] - size[after]).sum())

    def _adds_up(self, whole: int, parts: list[int]) -> bool:
        size: Floats = self.cells.size.astype(np.float64)
        return bool(abs(np.log(size[whole] / size[parts].sum())) < _SIZE_TOLERANCE)

    def _leaving(self, cell: int) -> list[int]:
        return [int(one) for one in self._by_source[self._begin[cell] : self._begin[cell + 1]]]

    def _born(self, cell: int) -> int:
        """Link of a division that a cell came from at most two frames before, or -1."""
        for _ in range(_LONGEST_SPLIT):
            link = int(self.parent_link[cell])
            if link < 0 or not self.chosen[link]:
                return -1
            if self.children[self.candidates.source[link]] == 2:
                return link
            cell = int(self.candidates.source[link])
        return -1

    def _mother(self, link: int) -> int:
        return int(self.candidates.source[link])

    def _take(self, link: int) -> None:
        self.chosen[link] = True
        self.parent_link[self.candidates.target[link]] = link
        self.children[self.candidates.source[link]] += 1

    def _drop(self, link: int) -> None:
        self.chosen[link] = False
        self.parent_link[self.candidates.target[link]] = -1
        self.children[self.candidates.source[link]] -= 1
