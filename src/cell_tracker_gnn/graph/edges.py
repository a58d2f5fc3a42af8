"""Features of candidate links: relative, in units of cell size and spacing, free of frame size and position."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Cells, Floats, Integers
from cell_tracker_gnn.features.movement import Movement
from cell_tracker_gnn.graph.candidates import Candidates, Spacing
from cell_tracker_gnn.graph.groups import best_in_group, margin_in_group, rank_in_group, table_of_groups

__all__ = ["IMAGE_LINK_FEATURES", "LINK_FEATURES", "link_features"]

SIBLINGS = 8
"""A division is looked for among this many candidates of a cell, nearest first."""

USUAL_FRAMES = 5
"""What is usual is taken from so many frames before and after."""

STILL = 0.03
"""Steps below this share of a diameter count as none, so that a resting movie does not make every step an outlier."""

LINKS_AT_ONCE = 8192
"""Links that are worked on together where much is computed of each, so that it stays in the cache."""

SISTER_FEATURES: tuple[str, ...] = (
    "sister_misfit",
    "sister_off_centre",
    "sister_total_size",
    "sister_size_ratio",
    "sister_apart",
    "sister_nearer",
    "sister_brighter",
)

ALONE = -3.0
"""Score of the rival that a lone candidate does not have."""

Columns = dict[str, Floats]


def link_features(cells: Cells, movement: Movement, spacing: Spacing, candidates: Candidates) -> NDArray[np.float32]:
    """All features of the candidate links, in the order of :data:`LINK_FEATURES`, shape (m, f).

    Parameters
    ----------
    cells, movement, spacing
        What the frames gave.
    candidates
        The links to describe; rivals are the other candidates of the same cell over the same number of frames.
    """
    columns: Columns = {}
    geometry = _Geometry(cells, movement, candidates)
    columns |= _distances(geometry, spacing)
    columns |= _overlaps(cells, candidates)
    columns |= _against_typical(cells, candidates, geometry, columns)
    columns |= _rivals(cells, candidates, geometry, columns["overlap_flow"])
    columns |= _shapes(cells, candidates)
    columns |= _appearance(cells, candidates)
    columns |= _siblings(cells, candidates, geometry)
    columns |= _neighbour_support(cells, spacing, candidates, geometry)
    return _join(columns)


def _join(columns: Columns) -> NDArray[np.float32]:
    """The columns as a table, some rows at a time, so that it is written once and not column by column."""
    count = len(columns[LINK_FEATURES[0]])
    table = np.empty((count, len(LINK_FEATURES)), np.float32)
    for begin in range(0, count, LINKS_AT_ONCE):
        rows = slice(begin, begin + LINKS_AT_ONCE)
        np.stack([columns[name][rows] for name in LINK_FEATURES], axis=1, out=table[rows], casting="same_kind")
    return table


class _Geometry:
    """Displacements of the candidates after compensation, in units of the scale, and the length to measure them by."""

    def __init__(self, cells: Cells, movement: Movement, candidates: Candidates) -> None:
        step = np.asarray(cells.scale.step)
        source, target, index = candidates.source, candidates.target, candidates.ahead - 1
        moved = cells.centroid[target] - cells.centroid[source]
        self.after_drift = (moved - movement.drift[index, source]) * step
        self.after_flow = (moved - movement.flow[index, source]) * step
        self.flow = (movement.flow[index, source] - movement.drift[index, source]) * step
        self.length = np.sqrt(cells.diameter[source] * cells.diameter[target])
        self.distance = _length(self.after_flow)
        self.nearer = -np.log1p(self.distance / self.length)
        self.source, self.target, self.ahead = source, target, candidates.ahead
        self.source_group = source * 16 + candidates.ahead
        self.target_group = target * 16 + candidates.ahead
        self.rank_at_source = rank_in_group(self.source_group, self.nearer)


def _distances(g: _Geometry, spacing: Spacing) -> Columns:
    drifted = _length(g.after_drift)
    return {
        "distance_flow": np.log1p(g.distance / g.length),
        "distance_drift": np.log1p(drifted / g.length),
        "distance_by_source_spacing": np.log1p(g.distance / spacing.nearest[g.source]),
        "distance_by_target_spacing": np.log1p(g.distance / spacing.nearest[g.target]),
        "drift_by_source_spacing": np.log1p(drifted / spacing.nearest[g.source]),
        "flow_length": np.log1p(_length(g.flow) / g.length),
        "ahead_2": (g.ahead == 2).astype(float),
        "ahead_3": (g.ahead >= 3).astype(float),
    }


def _overlaps(cells: Cells, candidates: Candidates) -> Columns:
    """Share of each mask that is covered by the other one, and intersection over union, before and after flow."""
    ratio = cells.volume[candidates.source] / cells.volume[candidates.target]
    columns: Columns = {}
    for index, name in enumerate(("drift", "flow")):
        of_source = candidates.shared[:, index]
        of_target = np.minimum(of_source * ratio, 1.0)
        columns[f"share_of_source_{name}"] = of_source
        columns[f"share_of_target_{name}"] = of_target
        columns[f"overlap_{name}"] = of_source / np.maximum(1.0 + 1.0 / ratio - of_source, 1e-9)
        columns[f"overlap_{name}"] = np.minimum(columns[f"overlap_{name}"], 1.0)
    return columns


def _against_typical(cells: Cells, candidates: Candidates, g: _Geometry, columns: Columns) -> Columns:
    """Distance and overlap against what is usual in the movie at that time.

    A step of one diameter is an outlier among cells that hardly move, and nothing special among fast ones. Usual is the
    median over the cells of the frames around of the smallest distance, or largest overlap, among their candidates.
    """
    found: Columns = {}
    drifted = _length(g.after_drift) / g.length
    for name, distance in (("drift", drifted), ("flow", g.distance / g.length)):
        usual = _usual(cells, candidates, -distance, default=-1.0)
        found[f"unusual_{name}"] = np.log((distance + STILL) / (STILL - usual))
    overlap = columns["overlap_drift"]
    found["overlap_against_usual"] = overlap - _usual(cells, candidates, overlap, default=0.0)
    return found


def _usual(cells: Cells, candidates: Candidates, score: Floats, *, default: float) -> Floats:
    """Median over nearby frames of each cell's best score over the same number of frames, shape (m,)."""
    usual = np.full(len(candidates), default)
    frames = len(cells.numbers)
    for ahead in _steps(candidates):
        chosen = np.flatnonzero(candidates.ahead == ahead)
        best = best_in_group(candidates.source[chosen], score[chosen], len(cells), default=np.nan)
        row = np.flatnonzero(np.isfinite(best))
        bound = np.searchsorted(cells.frame[row], np.arange(-USUAL_FRAMES, frames + USUAL_FRAMES + 1))
        width = 2 * USUAL_FRAMES + 1
        parts = [best[row[bound[f] : bound[f + width]]] for f in range(frames)]
        median = np.array([np.median(part) if len(part) else default for part in parts])
        usual[chosen] = median[cells.frame[candidates.source[chosen]]]
    return usual


def _rivals(cells: Cells, candidates: Candidates, g: _Geometry, overlap: Floats) -> Columns:
    """Ranks and margins among the candidates of the same source and of the same target; the best of the next frame."""
    columns: Columns = {}
    columns["rank_at_source"] = np.log1p(g.rank_at_source)
    columns["rank_at_target"] = np.log1p(rank_in_group(g.target_group, g.nearer))
    for name, group in (("source", g.source_group), ("target", g.target_group)):
        columns[f"distance_margin_at_{name}"] = margin_in_group(group, g.nearer, alone=ALONE)
        columns[f"overlap_margin_at_{name}"] = margin_in_group(group, overlap, alone=0.0)
    next_frame = candidates.ahead == 1
    for name, row in (("source", candidates.source), ("target", candidates.target)):
        best = best_in_group(row[next_frame], overlap[next_frame], len(cells), default=0.0)
        near = best_in_group(row[next_frame], g.nearer[next_frame], len(cells), default=ALONE)
        columns[f"best_overlap_of_{name}"] = best[row]
        columns[f"best_distance_of_{name}"] = near[row]
    return columns


def _shapes(cells: Cells, candidates: Candidates) -> Columns:
    source, target = candidates.source, candidates.target
    axes = np.log(np.maximum(cells.axes, 1e-3 * cells.diameter[:, None]))
    stretch = axes[:, 0] - axes[:, -1]
    grown = np.log(cells.volume[target] / cells.volume[source])
    aligned = np.abs(np.sum(cells.direction[source] * cells.direction[target], axis=1))
    return {
        "growth": grown,
        "size_change": np.abs(grown),
        "major_change": axes[target, 0] - axes[source, 0],
        "minor_change": axes[target, -1] - axes[source, -1],
        "stretch_change": np.abs(stretch[target] - stretch[source]),
        "turned": (1.0 - aligned) * np.minimum(np.minimum(stretch[source], stretch[target]), 1.0),
    }


def _appearance(cells: Cells, candidates: Candidates) -> Columns:
    """Changes of intensity and likeness of embeddings; 0 without images."""
    source, target = candidates.source, candidates.target
    change = np.nan_to_num(cells.appearance[target] - cells.appearance[source])
    columns: Columns = {
        "brighter": change[:, 0],
        "mean_change": np.abs(change[:, 0]),
        "deviation_change": change[:, 1],
        "maximum_change": change[:, 2],
    }
    alike = np.zeros(len(candidates))
    if cells.embedding.shape[1]:
        alike = np.einsum("md,md->m", cells.embedding[source], cells.embedding[target]).astype(np.float64)
    columns["alike"] = alike
    for name, row in (("source", source), ("target", target)):
        columns[f"alike_margin_at_{name}"] = margin_in_group(row * 16 + candidates.ahead, alike, alone=0.0)
    return columns


def _siblings(cells: Cells, candidates: Candidates, g: _Geometry) -> Columns:
    """How well a link and its best sister link make a division: midpoint, sizes, symmetry, separation.

    The sister is the other next-frame candidate of the same source for which the midpoint of the two is nearest to the
    expected place of the mother and their sizes add up best to hers.
    """
    next_frame = np.flatnonzero(candidates.ahead == 1)
    table = _nearest_candidates(candidates, g, next_frame, len(cells))
    columns: Columns = {name: np.zeros(len(candidates)) for name in SISTER_FEATURES}
    for begin in range(0, len(next_frame), LINKS_AT_ONCE):
        mine = next_frame[begin : begin + LINKS_AT_ONCE]
        for name, value in _sisters(cells, candidates, g, mine, table[candidates.source[mine]]).items():
            columns[name][mine] = value
    return columns


def _sisters(cells: Cells, candidates: Candidates, g: _Geometry, mine: Integers, sister: Integers) -> Columns:
    """The same for some links among the candidates of their sources, shape (k,) and (k, SIBLINGS)."""
    valid = (sister >= 0) & (sister != mine[:, None])
    other = np.where(valid, sister, 0)
    volume = cells.volume
    source, target = candidates.source[mine], candidates.target[mine]
    mother = cells.diameter[source]
    middle = 0.5 * (g.after_flow[mine][:, None] + g.after_flow[other])
    off = _length(middle) / mother[:, None]
    total = np.log((volume[target][:, None] + volume[candidates.target[other]]) / volume[source][:, None])
    misfit = np.where(valid, off + np.abs(total) + np.abs(_log_ratio(volume, target, candidates.target[other])), np.inf)
    best = np.argmin(misfit, axis=1)
    rows = np.arange(len(mine))
    found, chosen = valid[rows, best], other[rows, best]
    apart = _length(g.after_flow[mine] - g.after_flow[chosen]) / mother
    bright = np.nan_to_num(cells.appearance[target, 0] - cells.appearance[candidates.target[chosen], 0])
    return {
        "sister_misfit": np.minimum(np.where(found, misfit[rows, best], 5.0), 5.0),
        "sister_off_centre": np.minimum(np.where(found, off[rows, best], 3.0), 3.0),
        "sister_total_size": np.where(found, total[rows, best], 2.0),
        "sister_size_ratio": np.where(found, _log_ratio(volume, target, candidates.target[chosen]), 0.0),
        "sister_apart": np.minimum(np.where(found, apart, 4.0), 4.0),
        "sister_brighter": np.where(found, bright, 0.0),
        "sister_nearer": np.where(found, g.nearer[chosen], ALONE),
    }


def _steps(candidates: Candidates) -> Integers:
    """The numbers of frames that the links go ahead, in order."""
    return np.flatnonzero(np.bincount(candidates.ahead))


def _length(vectors: Floats) -> Floats:
    """Length of vectors along the last axis; numpy's norm is slow for so short ones."""
    return np.sqrt(sum(vectors[..., axis] ** 2 for axis in range(vectors.shape[-1])))


def _nearest_candidates(candidates: Candidates, g: _Geometry, chosen: Integers, count: int) -> Integers:
    """The nearest of the chosen candidates of each cell as its source, -1 where there are fewer, (count, SIBLINGS)."""
    rank = g.rank_at_source[chosen]
    return table_of_groups(candidates.source[chosen], rank, chosen, groups=count, width=SIBLINGS)


def _log_ratio(volume: Floats, target: Integers, other: Integers) -> Floats:
    return np.asarray(np.log((volume[target] if other.ndim == 1 else volume[target][:, None]) / volume[other]))


def _neighbour_support(cells: Cells, spacing: Spacing, candidates: Candidates, g: _Geometry) -> Columns:
    """Whether neighbours have candidates that move alike: a consensus of displacements, from 0 to 1.

    For each of the nearest neighbours the most similar displacement among its candidates over the same number of frames
    counts exp(-d^2 / 2 s^2), with d the difference of the displacements and s a quarter of the length of the link.
    """
    support = {name: np.zeros(len(candidates)) for name in ("support_flow", "support_drift")}
    moves = {"support_flow": g.after_flow, "support_drift": g.after_drift}
    number = np.zeros(len(candidates))
    for ahead in _steps(candidates):
        chosen = np.flatnonzero(candidates.ahead == ahead)
        table = _nearest_candidates(candidates, g, chosen, len(cells)).T
        table = table[: int((table >= 0).any(axis=1).sum())]
        # The last column stands for no neighbour at all.
        known = np.append(table[0] >= 0, False)
        rivals = {name: _columns_of(move, table) for name, move in moves.items()}
        for begin in range(0, len(chosen), LINKS_AT_ONCE):
            part = chosen[begin : begin + LINKS_AT_ONCE]
            neighbours = np.ascontiguousarray(spacing.neighbours[candidates.source[part]].T)
            number[part] = known[neighbours].sum(axis=0)
            for name, move in moves.items():
                support[name][part] = _likeness(move[part].T, rivals[name], neighbours, 0.25 * g.length[part])
    return {name: value / np.maximum(number, 1.0) for name, value in support.items()}


def _columns_of(move: Floats, table: Integers) -> Floats:
    """Moves of the candidates in a table (width, n), endless where there is none, shape (width, rank, n + 1)."""
    columns = np.full((len(table), move.shape[1], table.shape[1] + 1), np.inf)
    columns[:, :, :-1] = np.where(table[:, None] >= 0, move.T[:, table].swapaxes(0, 1), np.inf)
    return columns


def _likeness(move: Floats, rivals: Floats, neighbours: Integers, width: Floats) -> Floats:
    """Sum over the neighbours (k, m) of the likeness of their most similar rival to the moves (rank, m), shape (m,)."""
    total = np.zeros(len(width))
    for neighbour in neighbours:
        nearest = np.full(len(width), np.inf)
        for rival in rivals:
            apart = sum((rival[axis].take(neighbour) - own) ** 2 for axis, own in enumerate(move))
            np.minimum(nearest, apart, out=nearest)
        total += np.exp(-0.5 * nearest / width**2)
    return total


IMAGE_LINK_FEATURES: tuple[str, ...] = (
    "brighter",
    "mean_change",
    "deviation_change",
    "maximum_change",
    "alike",
    "alike_margin_at_source",
    "alike_margin_at_target",
    "sister_brighter",
)
"""Link features that are 0 without images."""

LINK_FEATURES: tuple[str, ...] = (
    "distance_flow",
    "distance_drift",
    "distance_by_source_spacing",
    "distance_by_target_spacing",
    "drift_by_source_spacing",
    "flow_length",
    "ahead_2",
    "ahead_3",
    "share_of_source_drift",
    "share_of_target_drift",
    "overlap_drift",
    "share_of_source_flow",
    "share_of_target_flow",
    "overlap_flow",
    "unusual_drift",
    "unusual_flow",
    "overlap_against_usual",
    "rank_at_source",
    "distance_margin_at_source",
    "overlap_margin_at_source",
    "rank_at_target",
    "distance_margin_at_target",
    "overlap_margin_at_target",
    "best_overlap_of_source",
    "best_distance_of_source",
    "best_overlap_of_target",
    "best_distance_of_target",
    "growth",
    "size_change",
    "major_change",
    "minor_change",
    "stretch_change",
    "turned",
    "sister_misfit",
    "sister_off_centre",
    "sister_total_size",
    "sister_size_ratio",
    "sister_apart",
    "sister_nearer",
    "support_flow",
    "support_drift",
    *IMAGE_LINK_FEATURES,
)
"""Names of the link features, in the order of their columns."""
