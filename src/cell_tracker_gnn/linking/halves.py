"""One cell in two masks for one frame: it goes on through the larger one, however the two were linked."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np

from cell_tracker_gnn.data import Integers
from cell_tracker_gnn.linking.walk import SHARED, Walk

__all__ = ["join_halves"]


class _Halves(NamedTuple):
    """A cell, its two masks in the next frame, the larger one first, and the cell in one mask again.

    ``into`` and ``onward`` are the candidates to and from the two.
    """

    before: int
    masks: tuple[int, int]
    after: int
    into: tuple[int, int]
    onward: tuple[int, int]


def join_halves(walk: Walk) -> None:
    """Lead every cell that is two masks for one frame through the larger one; the other is left without links.

    The latest come first, so that halves are not taken for two cells that part when earlier ones are looked at.
    """
    for halves in _found(walk):
        known = not walk.parts.isdisjoint(halves.masks)
        if known or not _belong_together(walk, halves) or _parts_again(walk, halves):
            continue
        linked, way = _linked(walk, halves), {halves.into[0], halves.onward[0]}
        given_up, taken = sorted(linked - way), sorted(way - linked)
        if walk.fixed[given_up].any() or walk.forbidden[taken].any():
            continue
        for link in given_up:
            walk.drop(link)
        for link in taken:
            walk.take(link)
        walk.parts.add(halves.masks[1])


def _found(walk: Walk) -> list[_Halves]:
    """Two masks that lie on one of the next frame and on one of the frame before, and are as large together.

    The latest come first, and of one frame those whose sizes fit best; numbers of cells play no part.
    """
    candidates, size = walk.candidates, walk.cells.size.astype(np.float64)
    share = candidates.shared.max(axis=1, initial=0.0)
    next_frame = candidates.ahead == 1
    source, target = candidates.source, candidates.target
    joins = np.flatnonzero(next_frame & (share > SHARED))
    joins = joins[np.bincount(target[joins], minlength=len(size))[target[joins]] > 1]
    is_mask = np.zeros(len(size), np.bool_)
    is_mask[source[joins]] = True
    comes_from = np.flatnonzero(next_frame & is_mask[target] & (share * size[source] > SHARED * size[target]))
    entering, mothers = _by_target(walk, joins), _by_target(walk, comes_from)
    found = []
    for after, links in entering.items():
        for pair in combinations(links, 2):
            if not walk.adds_up(after, list(pair)):
                continue
            first, second = sorted(pair, key=lambda mask: (-size[mask], *walk.cells.centroid[mask]))
            for before in mothers.get(first, {}).keys() & mothers.get(second, {}).keys():
                if walk.adds_up(before, [first, second]):
                    into = (mothers[first][before], mothers[second][before])
                    found.append(_Halves(before, (first, second), after, into, (links[first], links[second])))
    return sorted(found, key=lambda halves: _rank(walk, halves))


def _rank(walk: Walk, halves: _Halves) -> tuple[float, ...]:
    """Time backwards, then how badly the sizes fit, then the place."""
    cells = walk.cells
    both = np.log(cells.size[list(halves.masks)].sum())
    misfit = np.abs(np.log(cells.size[[halves.before, halves.after]]) - both).sum()
    return (-float(cells.frame[halves.after]), float(misfit), *cells.centroid[halves.masks[0]].tolist())


def _by_target(walk: Walk, links: Integers) -> dict[int, dict[int, int]]:
    """Of each target, the links to it by their sources."""
    found: dict[int, dict[int, int]] = {}
    for link in links.tolist():
        found.setdefault(int(walk.candidates.target[link]), {})[int(walk.candidates.source[link])] = link
    return found


def _linked(walk: Walk, halves: _Halves) -> set[int]:
    """The chosen links of the cell, of its two masks and into its next mask."""
    found = {link for cell in (halves.before, *halves.masks) for link in walk.chosen_from(cell)}
    return found | {int(walk.parent_link[cell]) for cell in (*halves.masks, halves.after)} - {-1}


def _belong_together(walk: Walk, halves: _Halves) -> bool:
    """Whether something links the cell or its masks, and nothing links them to other cells of the next frames.

    Links over missed frames may lead from the cell to its next mask, or from its masks to halves of other frames.
    """
    linked, own = _linked(walk, halves), {*halves.into, *halves.onward}
    source, target, ahead = walk.candidates.source, walk.candidates.target, walk.candidates.ahead
    gaps = {link for link in linked if ahead[link] > 1}
    own |= {link for link in gaps if source[link] == halves.before and target[link] == halves.after}
    of_masks = {link for link in gaps if source[link] in halves.masks or target[link] in halves.masks}
    return bool(linked & own) and linked <= own | of_masks


def _parts_again(walk: Walk, halves: _Halves) -> bool:
    """Whether the next mask falls apart at once: then the two were two cells, and it is both of them."""
    gaps = [walk.gap(mask) for mask in halves.masks]
    return any(walk.fall_apart(halves.after, 1, gap) for gap in {-1, *gaps})
