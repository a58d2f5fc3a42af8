"""Features of candidate links: relative, in units of cell size and spacing, free of frame size and position."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Cells, Floats
from cell_tracker_gnn.features.movement import Movement
from cell_tracker_gnn.graph.candidates import Candidates, Spacing
from cell_tracker_gnn.graph.geometry import ALONE, LINKS_AT_ONCE, Columns, LinkGeometry, length_of, steps_ahead
from cell_tracker_gnn.graph.groups import best_in_group, margin_in_group, rank_in_group
from cell_tracker_gnn.graph.sisters import sister_features
from cell_tracker_gnn.graph.support import support_features

__all__ = ["IMAGE_LINK_FEATURES", "LINK_FEATURES", "link_features"]

USUAL_FRAMES = 5
"""What is usual is taken from so many frames before and after."""

STILL = 0.03
"""Steps below this share of a diameter count as none, so that a resting movie does not make every step an outlier."""


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
    geometry = LinkGeometry(cells, movement, candidates)
    columns |= _distances(geometry, spacing)
    columns |= _overlaps(cells, candidates)
    columns |= _against_typical(cells, candidates, geometry, columns)
    columns |= _rivals(cells, candidates, geometry, columns["overlap_flow"])
    columns |= _shapes(cells, candidates)
    columns |= _appearance(cells, candidates)
    columns |= sister_features(cells, candidates, geometry)
    columns |= support_features(cells, spacing, candidates, geometry)
    return _join(columns)


def _join(columns: Columns) -> NDArray[np.float32]:
    """The columns as a table, some rows at a time, so that it is written once and not column by column."""
    count = len(columns[LINK_FEATURES[0]])
    table = np.empty((count, len(LINK_FEATURES)), np.float32)
    for begin in range(0, count, LINKS_AT_ONCE):
        rows = slice(begin, begin + LINKS_AT_ONCE)
        np.stack([columns[name][rows] for name in LINK_FEATURES], axis=1, out=table[rows], casting="same_kind")
    return table


def _distances(g: LinkGeometry, spacing: Spacing) -> Columns:
    drifted = length_of(g.after_drift)
    return {
        "distance_flow": np.log1p(g.distance / g.length),
        "distance_drift": np.log1p(drifted / g.length),
        "distance_by_source_spacing": np.log1p(g.distance / spacing.nearest[g.source]),
        "distance_by_target_spacing": np.log1p(g.distance / spacing.nearest[g.target]),
        "drift_by_source_spacing": np.log1p(drifted / spacing.nearest[g.source]),
        "flow_length": np.log1p(length_of(g.flow) / g.length),
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


def _against_typical(cells: Cells, candidates: Candidates, g: LinkGeometry, columns: Columns) -> Columns:
    """Distance and overlap against what is usual in the movie at that time.

    A step of one diameter is an outlier among cells that hardly move, and nothing special among fast ones. Usual is the
    median over the cells of the frames around of the smallest distance, or largest overlap, among their candidates.
    """
    found: Columns = {}
    drifted = length_of(g.after_drift) / g.length
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
    for ahead in steps_ahead(candidates):
        chosen = np.flatnonzero(candidates.ahead == ahead)
        best = best_in_group(candidates.source[chosen], score[chosen], len(cells), default=np.nan)
        row = np.flatnonzero(np.isfinite(best))
        bound = np.searchsorted(cells.frame[row], np.arange(-USUAL_FRAMES, frames + USUAL_FRAMES + 1))
        width = 2 * USUAL_FRAMES + 1
        parts = [best[row[bound[f] : bound[f + width]]] for f in range(frames)]
        median = np.array([np.median(part) if len(part) else default for part in parts])
        usual[chosen] = median[cells.frame[candidates.source[chosen]]]
    return usual


def _rivals(cells: Cells, candidates: Candidates, g: LinkGeometry, overlap: Floats) -> Columns:
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
