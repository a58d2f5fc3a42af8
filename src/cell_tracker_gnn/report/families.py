"""Families of tracks and their colours, the same in every picture, in the page and in napari."""

from __future__ import annotations

import numpy as np

from cell_tracker_gnn.data import Integers, Lineage, Tracks

__all__ = ["COLORS", "PAPER_COLORS", "Color", "color_of", "families", "founders"]

Color = tuple[int, int, int]

COLORS: tuple[str, ...] = (
    "#e69f00", "#56b4e9", "#00b487", "#f0e442", "#6f9bff", "#ff7a33", "#e58fc0", "#d9d9d9",
)  # fmt: skip
"""After Okabe and Ito (2008), as in ``page/view.js``: told apart on dark ground by colour-blind readers."""

PAPER_COLORS: tuple[str, ...] = (
    "#e69f00", "#56b4e9", "#009e73", "#c4b500", "#3f6fd8", "#d55e00", "#cc79a7", "#7f7f7f",
)  # fmt: skip
"""The same hues for white ground."""


def founders(tracks: Tracks) -> Integers:
    """Number of the founder's track of each track, shape (k,)."""
    founder = dict(zip(tracks.track.tolist(), tracks.track.tolist(), strict=True))
    # Parents begin earlier than their children, so one pass in this order reaches the founders.
    for row in np.argsort(tracks.begin, kind="stable").tolist():
        parent = int(tracks.parent[row])
        if parent in founder:
            founder[int(tracks.track[row])] = founder[parent]
    return np.array([founder[track] for track in tracks.track.tolist()], np.int64)


def families(lineage: Lineage) -> Integers:
    """Number of the founder's track for each cell, shape (n,)."""
    row = np.searchsorted(lineage.tracks.track, lineage.track)
    return founders(lineage.tracks)[row]


def color_of(family: int) -> Color:
    """Colour of a family: red, green and blue from 0 to 255."""
    text = COLORS[family % len(COLORS)]
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)
