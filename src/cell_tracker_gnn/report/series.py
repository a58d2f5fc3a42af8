"""What changes over the movie: number of cells, divisions, speed and size, frame by frame."""

from __future__ import annotations

import numpy as np

from cell_tracker_gnn.data import KINDS, Floats, Integers
from cell_tracker_gnn.report.result import Shown

__all__ = ["time_series"]

Series = dict[str, tuple[Floats, str]]


def time_series(shown: Shown) -> Series:
    """Values per frame, NaN where there is none, with their unit, by name.

    Cells; divisions, counted in the frame of the daughters; median speed of the cells that came from the frame before;
    median area or volume.
    """
    frames = len(shown.numbers)
    scale = shown.scale
    step = np.asarray(scale.step)
    moved = shown.kind == KINDS.index("move")
    source, target = shown.source[moved], shown.target[moved]
    distance = np.linalg.norm((shown.centre[target] - shown.centre[source]) * step, axis=1) / scale.interval
    born = shown.kind == KINDS.index("division")
    mother, birth = shown.source[born], shown.frame[shown.target[born]]
    order = np.lexsort((birth, mother))
    # A division counts once, when its first daughter is seen.
    first = birth[order][np.unique(mother[order], return_index=True)[1]]
    series: Series = {
        "cells": (np.bincount(shown.frame, minlength=frames).astype(np.float64), ""),
        "divisions": (np.bincount(first, minlength=frames).astype(np.float64), ""),
        "median speed": (_medians(shown.frame[target], distance, frames), f"{scale.unit}/{scale.interval_unit}"),
    }
    if shown.size.any():
        name = "median area" if shown.rank == 2 else "median volume"
        size = np.asarray(shown.size * np.prod(step), np.float64)
        series[name] = (_medians(shown.frame, size, frames), f"{scale.unit}{'²³'[shown.rank - 2]}")
    return series


def _medians(frame: Integers, value: Floats, frames: int) -> Floats:
    """Median of each frame."""
    order = np.argsort(frame, kind="stable")
    pieces = np.split(value[order], np.searchsorted(frame[order], np.arange(1, frames)))
    return np.array([np.median(piece) if len(piece) else np.nan for piece in pieces])
