"""The chosen links, walked in both directions and changed on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from cell_tracker_gnn.data import Cells
from cell_tracker_gnn.graph.build import Graph
from cell_tracker_gnn.graph.candidates import Candidates
from cell_tracker_gnn.linking.problem import Flags

__all__ = ["Ends", "Walk"]

Ends = tuple[int, int]
"""Source and target of a link."""

_LEAST_LIKE = 0.4
"""Least Dice index of a mask and its parts. That it is more like both than like one of them alone tells more."""


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
    pixels
        Shared by the two masks of each candidate, after drift or flow, shape (m,).
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
        self.pixels = self.candidates.shared.max(axis=1, initial=0.0) * self.cells.size[self.candidates.source]
        self.parent_link = np.full(count, -1)
        self.parent_link[self.candidates.target[links]] = links
        self.children = np.bincount(self.candidates.source[links], minlength=count)
        order = np.lexsort((self.candidates.target, self.candidates.source))
        self._by_source = order
        self._begin = np.searchsorted(self.candidates.source[order], np.arange(count + 1))

    @classmethod
    def along(cls, graph: Graph, chosen: Flags, *, fixed: Flags | None = None, forbidden: Flags | None = None) -> Self:
        """A walk along the chosen links of a graph, which are copied; none are fixed or forbidden when left out."""
        none = np.zeros(len(chosen), np.bool_)
        held, never = (none if flags is None else flags for flags in (fixed, forbidden))
        return cls(graph.cells, graph.candidates, chosen.copy(), held, never)

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

    def likeness(
        self, earlier: tuple[int, ...], later: tuple[int, ...], links: Mapping[Ends, int], clear: float = 0.0
    ) -> float:
        """Dice index of the masks of two frames together, 0 where without one of a pair it would be as large.

        Outlines of small cells waver by so much that sizes alone tell less.

        Parameters
        ----------
        earlier, later
            One or two masks of each frame.
        links
            Candidates from the earlier ones to the later ones.
        clear
            How much larger the index must be than without one of a pair.
        """
        pixels = {ends: float(self.pixels[link]) for ends, link in links.items()}
        size = {mask: float(self.cells.size[mask]) for mask in (*earlier, *later)}

        def dice(sources: tuple[int, ...], targets: tuple[int, ...]) -> float:
            shared = sum(pixels.get((a, b), 0.0) for a in sources for b in targets)
            before, after = sum(size[mask] for mask in sources), sum(size[mask] for mask in targets)
            return 2.0 * min(shared, before, after) / (before + after)

        both = dice(earlier, later)
        alone = [dice((mask,), later) for mask in earlier if len(earlier) > 1]
        alone += [dice(earlier, (mask,)) for mask in later if len(later) > 1]
        return both if both > max(*alone, _LEAST_LIKE - clear) + clear else 0.0

    def ends(self, links: Iterable[int]) -> dict[Ends, int]:
        """Links by the cells at their ends."""
        return {(int(self.candidates.source[one]), int(self.candidates.target[one])): one for one in links}

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
        fitting = [pair for pair in pairs if self.likeness((mask,), tuple(target[pair].tolist()), self.ends(pair))]
        return fitting[0] if len(fitting) == 1 else []
