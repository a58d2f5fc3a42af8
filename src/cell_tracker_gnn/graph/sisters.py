"""How well a candidate link and its best sister link make a division."""

from __future__ import annotations

import numpy as np

from cell_tracker_gnn.data import Cells, Floats, Integers
from cell_tracker_gnn.graph.candidates import Candidates
from cell_tracker_gnn.graph.geometry import ALONE, LINKS_AT_ONCE, Columns, LinkGeometry, length_of, nearest_candidates

__all__ = ["sister_features"]

SISTER_FEATURES: tuple[str, ...] = (
    "sister_misfit",
    "sister_off_centre",
    "sister_total_size",
    "sister_size_ratio",
    "sister_apart",
    "sister_nearer",
    "sister_brighter",
)


def sister_features(cells: Cells, candidates: Candidates, g: LinkGeometry) -> Columns:
    """How well a link and its best sister link make a division: midpoint, sizes, symmetry, separation.

    The sister is the other next-frame candidate of the same source for which the midpoint of the two is nearest to the
    expected place of the mother and their sizes add up best to hers.
    """
    next_frame = np.flatnonzero(candidates.ahead == 1)
    table = nearest_candidates(candidates, g, next_frame, len(cells))
    columns: Columns = {name: np.zeros(len(candidates)) for name in SISTER_FEATURES}
    for begin in range(0, len(next_frame), LINKS_AT_ONCE):
        mine = next_frame[begin : begin + LINKS_AT_ONCE]
        for name, value in _sisters(cells, candidates, g, mine, table[candidates.source[mine]]).items():
            columns[name][mine] = value
    return columns


def _sisters(cells: Cells, candidates: Candidates, g: LinkGeometry, mine: Integers, sister: Integers) -> Columns:
    """The same for some links among the candidates of their sources, shape (k,) and (k, NEAREST)."""
    valid = (sister >= 0) & (sister != mine[:, None])
    other = np.where(valid, sister, 0)
    volume = cells.volume
    source, target = candidates.source[mine], candidates.target[mine]
    mother = cells.diameter[source]
    middle = 0.5 * (g.after_flow[mine][:, None] + g.after_flow[other])
    off = length_of(middle) / mother[:, None]
    total = np.log((volume[target][:, None] + volume[candidates.target[other]]) / volume[source][:, None])
    misfit = np.where(valid, off + np.abs(total) + np.abs(_log_ratio(volume, target, candidates.target[other])), np.inf)
    best = np.argmin(misfit, axis=1)
    rows = np.arange(len(mine))
    found, chosen = valid[rows, best], other[rows, best]
    apart = length_of(g.after_flow[mine] - g.after_flow[chosen]) / mother
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


def _log_ratio(volume: Floats, target: Integers, other: Integers) -> Floats:
    return np.asarray(np.log((volume[target] if other.ndim == 1 else volume[target][:, None]) / volume[other]))
