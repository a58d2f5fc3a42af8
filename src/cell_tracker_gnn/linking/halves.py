"""One cell in two masks for a few frames: it goes on through one of them, however they were linked.

In the frames before and after it may have been missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise, product
from typing import NamedTuple

import numpy as np

from cell_tracker_gnn.data import Integers
from cell_tracker_gnn.linking.walk import Ends, Walk

__all__ = ["join_halves"]

_TOUCHED = 0.2
"""Least share of each of two masks that must land on the cell that they are."""

_AGAIN = 2
"""Frames within which a mask that falls apart again shows that it is two cells."""

_LONGEST = 2
"""Frames for which one cell may be two masks; longer than that it has divided."""

_CLEAR = 0.12
"""How much more alike, by their Dice index, both masks must be than one of them where they are two for longer than a
frame. In packed tissue a daughter may die and her sister take her place."""

Pair = tuple[int, int]
"""Two masks of a frame, the larger one first."""

LinksInto = dict[int, dict[int, int]]
"""Of each mask, the links to it by their sources."""


class _Halves(NamedTuple):
    """A cell in one mask, its two masks in each frame of a run, and the cell in one mask again.

    ``steps`` are the candidates from each of these to the next, by their ends.
    """

    before: int
    pairs: tuple[Pair, ...]
    after: int
    steps: tuple[dict[Ends, int], ...]

    @property
    def masks(self) -> set[int]:
        """The masks of all pairs."""
        return {mask for pair in self.pairs for mask in pair}


def join_halves(walk: Walk) -> Walk:
    """Lead every cell that is two masks for a few frames through one of them; the other is left without links.

    The latest come first, so that halves are not taken for two cells that part when earlier ones are looked at. The
    walk is changed and returned.
    """
    for halves in _found(walk):
        known = not walk.parts.isdisjoint(halves.masks)
        if known or not _belong_together(walk, halves) or _parts_again(walk, halves):
            continue
        linked, way = _linked(walk, halves), _way(walk, halves)
        given_up, taken = sorted(linked - way), sorted(way - linked)
        if not way or walk.fixed[given_up].any() or walk.forbidden[taken].any():
            continue
        for link in given_up:
            walk.drop(link)
        for link in taken:
            walk.take(link)
        passed = set(walk.candidates.target[list(way)].tolist())
        walk.parts.update(halves.masks - passed)
    return walk


def _found(walk: Walk) -> list[_Halves]:
    """Runs of pairs of masks between a mask before and one after that are more like both together than like one.

    The latest come first, of one frame those that were missed least, are shortest and fit best; numbers of cells play
    no part.
    """
    size, candidates = walk.cells.size, walk.candidates
    onto = np.flatnonzero(walk.pixels > _TOUCHED * size[candidates.source])
    into = _by_target(walk, np.flatnonzero(walk.pixels > _TOUCHED * size[candidates.target]))
    found = []
    for links in _pairs(walk, onto):
        after = int(candidates.target[links[0]])
        pair = (int(candidates.source[links[0]]), int(candidates.source[links[1]]))
        step = {(mask, after): link for mask, link in zip(pair, links, strict=True)}
        if fit := walk.likeness(pair, (after,), step):
            found += list(_runs(walk, into, _Halves(-1, (pair,), after, (step,)), fit))
    return [halves for halves, _ in sorted(found, key=lambda one: _rank(walk, *one))]


def _runs(walk: Walk, into: LinksInto, run: _Halves, fit: float) -> Iterator[tuple[_Halves, float]]:
    """Complete a run of pairs by the cell in one mask before it, or begin it earlier."""
    pair = run.pairs[0]
    sources = [into.get(mask, {}) for mask in pair]
    clear = 0.0 if len(run.pairs) == 1 else _CLEAR
    for before in sources[0].keys() & sources[1].keys():
        step = {(before, mask): mothers[before] for mask, mothers in zip(pair, sources, strict=True)}
        if fitted := walk.likeness((before,), pair, step, clear):
            yield run._replace(before=before, steps=(step, *run.steps)), fit + fitted
    then = run.pairs[1] if len(run.pairs) > 1 else (run.after,)
    if len(run.pairs) == _LONGEST or not walk.likeness(pair, then, run.steps[0], _CLEAR):
        return
    ahead = walk.candidates.ahead
    mothers = {source for links in sources for source, link in links.items() if ahead[link] == 1}
    for earlier in combinations(sorted(mothers), 2):
        step = {
            (one, mask): links[one]
            for mask, links in zip(pair, sources, strict=True)
            for one in earlier
            if one in links
        }
        if fitted := walk.likeness(earlier, pair, step, _CLEAR):
            longer = run._replace(pairs=(_by_size(walk, earlier), *run.pairs), steps=(step, *run.steps))
            yield from _runs(walk, into, longer, fit + fitted)


def _by_size(walk: Walk, pair: Pair) -> Pair:
    first, second = ((-int(walk.cells.size[mask]), *walk.cells.centroid[mask]) for mask in pair)
    return pair if first <= second else pair[::-1]


def _pairs(walk: Walk, joins: Integers) -> Iterator[Pair]:
    """Pairs of links from two masks of one frame to the same later one, that from the larger mask first."""
    source, target, ahead = walk.candidates.source, walk.candidates.target, walk.candidates.ahead
    end = target[joins] * (1 + int(ahead.max(initial=0))) + ahead[joins]
    order = np.argsort(end, kind="stable")
    begins = np.flatnonzero(np.diff(end[order], prepend=-1, append=-1))
    for group in np.flatnonzero(np.diff(begins) > 1):
        for pair in combinations(joins[order[begins[group] : begins[group + 1]]].tolist(), 2):
            masks = (int(source[pair[0]]), int(source[pair[1]]))
            yield pair if _by_size(walk, masks) == masks else pair[::-1]


def _rank(walk: Walk, halves: _Halves, fit: float) -> tuple[float, ...]:
    """Time backwards, then those missed in the fewest frames, the shortest, how well they fit, then the place."""
    cells, frames = walk.cells, len(halves.pairs)
    last = int(cells.frame[halves.after])
    missed = last - int(cells.frame[halves.before]) - 1 - frames
    place = cells.centroid[halves.pairs[-1][0]].tolist()
    return (-last, missed, frames, -fit / (frames + 1), *place)


def _by_target(walk: Walk, links: Integers) -> LinksInto:
    found: LinksInto = {}
    for link in links.tolist():
        found.setdefault(int(walk.candidates.target[link]), {})[int(walk.candidates.source[link])] = link
    return found


def _way(walk: Walk, halves: _Halves) -> set[int]:
    """Links through one mask of each pair, the larger ones where candidates lead through them; none if none do."""
    ways = []
    for masks in product(*halves.pairs):
        ends = pairwise((halves.before, *masks, halves.after))
        links = [step.get(pair) for step, pair in zip(halves.steps, ends, strict=True)]
        if None not in links:
            ways.append((int(walk.cells.size[list(masks)].sum()), {link for link in links if link is not None}))
    return max(ways, key=lambda way: way[0])[1] if ways else set()


def _linked(walk: Walk, halves: _Halves) -> set[int]:
    """The chosen links of the cell, of its masks and into its next mask."""
    found = {link for cell in (halves.before, *halves.masks) for link in walk.chosen_from(cell)}
    return found | {int(walk.parent_link[cell]) for cell in (*halves.masks, halves.after)} - {-1}


def _belong_together(walk: Walk, halves: _Halves) -> bool:
    """Whether something links the cell or its masks, and nothing links them to other cells of the next frames.

    Links over missed frames may also lead from the cell to its next mask, or from its masks to halves of other frames.
    """
    linked, masks, ahead = _linked(walk, halves), halves.masks, walk.candidates.ahead
    ends = {link: {int(walk.candidates.source[link]), int(walk.candidates.target[link])} for link in linked}
    own = {link for link in linked if ends[link] <= {halves.before, *masks, halves.after}}
    return bool(own) and all(ahead[link] > 1 and ends[link] & masks for link in linked - own)


def _parts_again(walk: Walk, halves: _Halves) -> bool:
    """Whether the next mask soon falls apart: then the two were two cells, and it is both of them."""
    gaps = [walk.gap(mask) for mask in halves.pairs[-1]]
    return any(walk.fall_apart(halves.after, _AGAIN, gap) for gap in {-1, *gaps})
