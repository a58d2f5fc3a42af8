"""The lineage tree: time runs to the right, a line per track, mothers between their daughters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Floats, Integers, Lineage
from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.plots.canvas import new_axes
from cell_tracker_gnn.report.families import PAPER_COLORS, founders
from cell_tracker_gnn.report.forest import arrange_tracks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_lineage"]

Flags = NDArray[np.bool_]

MOST_ROWS = 150
"""More leaves than these cannot be told apart in a figure: the largest families are drawn then."""

SURE = 0.9
"""Links of a lower probability are marked."""


def plot_lineage(lineage: Lineage, axes: Axes | None = None) -> Axes:
    """Draw the lineage tree, families in their colours, links of a probability below 0.9 with a circle.

    Where a cell was missed for some frames the line is dotted. Of very many families the largest ones are drawn.

    Parameters
    ----------
    lineage
        A lineage with at least one track.
    axes
        Where to draw; a new figure when left out.

    Raises
    ------
    InputError
        If there is no track.
    SettingsError
        If matplotlib is not installed.

    Examples
    --------
    >>> from cell_tracker_gnn.io import read_lineage
    >>> from cell_tracker_gnn.plots import plot_lineage
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
    >>> folder = write_simulation(simulate(SimulationSettings(frames=3, cells=4, size=(64, 64))), "nuclei")
    >>> axes = plot_lineage(read_lineage(folder / "01_GT"))
    >>> axes.get_xlabel(), axes.get_ylabel()
    ('frame', 'cells')
    >>> axes.figure.savefig("tree.pdf")
    """
    tracks, numbers = lineage.tracks, np.asarray(lineage.cells.numbers, np.int64)
    if not len(tracks):
        raise InputError("the lineage has no track, so there is no tree to draw")
    family, row = founders(tracks), _rows(lineage)
    kept, shown = _largest(family, row)
    axes = axes or new_axes((8.0, max(2.5, 0.5 + 0.09 * len(np.unique(np.floor(row[kept]))))))
    place = {track: i for i, track in enumerate(tracks.track.tolist())}
    level = _packed(row, kept)
    for i in np.flatnonzero(kept).tolist():
        color, begin, end = (
            PAPER_COLORS[int(family[i]) % len(PAPER_COLORS)],
            numbers[tracks.begin[i]],
            numbers[tracks.end[i]],
        )
        dot = "." if begin == end else ""
        axes.plot([begin, end], [level[i]] * 2, dot + "-", color=color, linewidth=2, markersize=5, zorder=2)
        parent = place.get(int(tracks.parent[i]))
        if parent is not None:
            style = ":" if tracks.identity[i] == tracks.identity[parent] else "-"
            ends = [numbers[tracks.end[parent]], begin], [level[parent], level[i]]
            axes.plot(*ends, color=color, linewidth=1, linestyle=style, zorder=1)
    _mark_doubts(axes, lineage, level, kept)
    title = f"{shown} largest of {len(np.unique(family))} families" if shown is not None else "lineage"
    axes.set(xlabel="frame", ylabel="cells", yticks=[], title=title)
    axes.invert_yaxis()
    axes.spines[["left", "top", "right"]].set_visible(False)
    return axes


def _rows(lineage: Lineage) -> Floats:
    """Row of each track in the whole forest, shape (k,)."""
    tracks = lineage.tracks
    begin = np.full(int(tracks.track.max()) + 1, -1)
    parent = np.zeros(len(begin), np.int64)
    begin[tracks.track], parent[tracks.track] = tracks.begin, tracks.parent
    return arrange_tracks(begin, parent)[tracks.track]


def _largest(family: Integers, row: Floats) -> tuple[Flags, int | None]:
    """Tracks of the largest families that find room, and how many families these are, if not all."""
    if row.max() < MOST_ROWS:
        return np.ones(len(family), np.bool_), None
    names, size = np.unique(family, return_counts=True)
    leaves = np.array([np.ptp(row[family == name]) + 1 for name in names])
    order = np.argsort(-size, kind="stable")
    count = max(1, int(np.searchsorted(np.cumsum(leaves[order]), MOST_ROWS, side="right")))
    return np.isin(family, names[order[:count]]), count


def _packed(row: Floats, kept: Flags) -> Floats:
    """Rows without the empty ones that families left behind."""
    used = np.unique(np.floor(row[kept]))
    return np.searchsorted(used, np.floor(row)) + (row - np.floor(row))


def _mark_doubts(axes: Axes, lineage: Lineage, level: Floats, kept: Flags) -> None:
    cells, links = lineage.cells, lineage.links
    of_track = np.searchsorted(lineage.tracks.track, lineage.track)
    doubtful = links.target[links.probability < SURE]
    doubtful = doubtful[kept[of_track[doubtful]]]
    if len(doubtful):
        points = cells.number[doubtful], level[of_track[doubtful]]
        axes.plot(*points, "o", color="black", fillstyle="none", markersize=5, zorder=3, label=f"p < {SURE}")
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.0, frameon=False)
