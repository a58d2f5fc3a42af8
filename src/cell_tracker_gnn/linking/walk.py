"""The chosen links, walked in both directions and changed on the way."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cell_tracker_gnn.data import Cells, Floats
from cell_tracker_gnn.graph.candidates import Candidates
from cell_tracker_gnn.linking.problem import Flags

__all__ = ["SHARED", "SIZE_TOLERANCE", "Walk"]

SIZE_TOLERANCE = 0.7
"""Largest difference between the logarithms of the size of a mask and of the sum of its parts: outlines of small cells
waver, and newborn cells grow quickly. That the mask is more like both than like the larger one tells more."""

SHARED = 0.5
"""Share of a mask that must land on another one to be a part of it, or the cell that became it."""


@dataclass(eq=False)
class Walk:
    """Candidates, which of them are chosen, and what follows from that.

    Parameters
    ----------
    cells, candidates
        The graph.
    chosen
        The chosen links, shape (m,); they change.
    fixed, forbidden
        Links that stay and that are never taken, shape (m,).
    parts
        Masks that are known to be part of a cell that goes on in another mask.

    Attributes
    ----------
    parent_link
        The chosen link to each cell, -1 where there is none, shape (n,).
    children
        Number of chosen links from each cell, shape (n,).
    """

    cells: Cells
    candidates: Candidates
    chosen: Flags
    fixed: Flags
    forbidden: Flags
    parts: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        links, count = np.flatnonzero(self.chosen), len(self.cells)
        self.parent_link = np.full(count, -1)
        self.parent_link[self.candidates.target[links]] = links
        self.children = np.bincount(self.candidates.source[links], minlength=count)
        order = np.lexsort((self.candidates.target, self.candidates.source))
        self._by_source = order
        self._begin = np.searchsorted(self.candidates.source[order], np.arange(count + 1))

    def leaving(self, cell: int) -> list[int]:
        """All candidates from a cell."""
        return [int(one) for one in self._by_source[self._begin[cell] : self._begin[cell + 1]]]

    def chosen_from(self, cell: int) -> list[int]:
        """The chosen links from a cell."""
        return [one for one in self.leaving(cell) if self.chosen[one]] if self.children[cell] else []

    def gap(self, cell: int) -> int:
        """The link over missed frames by which alone a cell goes on, or -1."""
        leaving = self.chosen_from(cell)
        return leaving[0] if len(leaving) == 1 and self.candidates.ahead[leaving[0]] > 1 else -1

    def take(self, link: int) -> None:
        """Choose a link whose target has no parent."""
        self.chosen[link] = True
        self.parent_link[self.candidates.target[link]] = link
        self.children[self.candidates.source[link]] += 1

    def drop(self, link: int) -> None:
        """Choose a link no longer."""
        self.chosen[link] = False
        self.parent_link[self.candidates.target[link]] = -1
        self.children[self.candidates.source[link]] -= 1

    def adds_up(self, whole: int, parts: list[int]) -> bool:
        """Whether two masks together are as large as a third one, and more like it than the larger of them alone."""
        size: Floats = self.cells.size.astype(np.float64)
        apart = abs(np.log(size[whole] / size[parts].sum()))
        return bool(apart < SIZE_TOLERANCE and apart < abs(np.log(size[whole] / size[parts].max())))

    def fall_apart(self, mask: int, frames: int, gap: int = -1) -> list[int]:
        """The two links into which a mask of two cells falls apart within so many frames; none if it does not.

        The cell at the end of ``gap``, if it is given, may be one of the two.
        """
        for _ in range(frames):
            children = self.chosen_from(mask)
            pair = self._pair(mask, children, gap)
            if pair or len(children) != 1 or self.candidates.ahead[children[0]] != 1:
                return pair
            mask = int(self.candidates.target[children[0]])
        return []

    def _pair(self, mask: int, children: list[int], gap: int) -> list[int]:
        """Two links into which a mask falls apart: a division, or its child and a cell without a parent."""
        target = self.candidates.target
        if len(children) == 2:
            pairs = [children]
        else:
            free = [one for one in self.leaving(mask) if self.parent_link[target[one]] in (-1, gap)]
            free = [one for one in free if self.candidates.ahead[one] == 1 and int(target[one]) not in self.parts]
            pairs = [[child, one] for child in children for one in free]
        fitting = [pair for pair in pairs if self.adds_up(mask, [int(target[one]) for one in pair])]
        return fitting[0] if len(fitting) == 1 else []
