"""One cell in two masks for one frame: it goes on through the larger one, however the two were linked.

In the frames before and after it may have been missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np

from cell_tracker_gnn.data import Integers
from cell_tracker_gnn.linking.walk import Walk

__all__ = ["join_halves"]

_TOUCHED = 0.2
"""Least share of each of two masks that must land on the cell that they are."""

_AGAIN = 2
"""Frames within which a mask that falls apart again shows that it is two cells."""


class _Halves(NamedTuple):
    """A cell, its two masks in a later frame, the larger one first, and the cell in one mask again.

    ``into`` and ``onward`` are the candidates to and from the two.
    """

    before: int
    masks: tuple[int, int]
    after: int
    into: tuple[int, int]
    onward: tuple[int, int]


def join_halves(walk: Walk) -> Walk:
    """Lead every cell that is two masks for one frame through the larger one; the other is left without links.

    The latest come first, so that halves are not taken for two cells that part when earlier ones are looked at. The
    walk is changed and returned.
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
    return walk


def _found(walk: Walk) -> list[_Halves]:
    """Two masks of one frame where a mask before and one after are more like both together than like one of them.

    The latest come first, and of one frame those that fit best; numbers of cells play no part.
    """
    candidates, size = walk.candidates, walk.cells.size
    pairs = list(_pairs(walk, np.flatnonzero(walk.pixels > _TOUCHED * size[candidates.source])))
    is_mask = np.zeros(len(size), np.bool_)
    is_mask[candidates.source[np.array(pairs, np.int64).ravel()]] = True
    comes_from = np.flatnonzero(is_mask[candidates.target] & (walk.pixels > _TOUCHED * size[candidates.target]))
    mothers = _by_target(walk, comes_from)
    found = []
    for onward in pairs:
        masks = (int(candidates.source[onward[0]]), int(candidates.source[onward[1]]))
        after = int(candidates.target[onward[0]])
        common = mothers.get(masks[0], {}).keys() & mothers.get(masks[1], {}).keys()
        fits = walk.likeness(after, list(onward)) if common else 0.0
        for before in common if fits else ():
            into = (mothers[masks[0]][before], mothers[masks[1]][before])
            if fitted := walk.likeness(before, list(into)):
                found.append((_Halves(before, masks, after, into, onward), fits + fitted))
    return [halves for halves, _ in sorted(found, key=lambda one: _rank(walk, *one))]


def _pairs(walk: Walk, joins: Integers) -> Iterator[tuple[int, int]]:
    """Pairs of links from two masks of one frame to the same later one, that from the larger mask first."""
    candidates, cells = walk.candidates, walk.cells
    end = candidates.target[joins] * (1 + int(candidates.ahead.max(initial=0))) + candidates.ahead[joins]
    order = np.argsort(end, kind="stable")
    begins = np.flatnonzero(np.diff(end[order], prepend=-1, append=-1))
    for group in np.flatnonzero(np.diff(begins) > 1):
        for pair in combinations(joins[order[begins[group] : begins[group + 1]]].tolist(), 2):
            first, second = ((-int(cells.size[mask]), *cells.centroid[mask]) for mask in candidates.source[list(pair)])
            yield pair if first <= second else pair[::-1]


def _rank(walk: Walk, halves: _Halves, fit: float) -> tuple[float, ...]:
    """Time backwards, then how well they fit, then the place."""
    cells = walk.cells
    return (-float(cells.frame[halves.after]), -fit, *cells.centroid[halves.masks[0]].tolist())


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

    Links over missed frames may also lead from the cell to its next mask, or from its masks to halves of other frames.
    """
    linked, own = _linked(walk, halves), {*halves.into, *halves.onward}
    source, target, ahead = walk.candidates.source, walk.candidates.target, walk.candidates.ahead
    gaps = {link for link in linked if ahead[link] > 1}
    own |= {link for link in gaps if source[link] == halves.before and target[link] == halves.after}
    of_masks = {link for link in gaps if source[link] in halves.masks or target[link] in halves.masks}
    return bool(linked & own) and linked <= own | of_masks


def _parts_again(walk: Walk, halves: _Halves) -> bool:
    """Whether the next mask soon falls apart: then the two were two cells, and it is both of them."""
    gaps = [walk.gap(mask) for mask in halves.masks]
    return any(walk.fall_apart(halves.after, _AGAIN, gap) for gap in {-1, *gaps})
