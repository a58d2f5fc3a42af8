"""What the page is told, as plain values: columns of numbers are packed as base64 of little-endian arrays."""

from __future__ import annotations

import base64
import math
import shlex
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Floats
from cell_tracker_gnn.evaluation.mistakes import Mistake
from cell_tracker_gnn.report.forest import arrange_tracks
from cell_tracker_gnn.report.result import Shown
from cell_tracker_gnn.report.series import time_series
from cell_tracker_gnn.settings import TrackSettings

__all__ = ["MOST_DOUBTS", "Scores", "describe"]

Scores: TypeAlias = dict[str, float | None]

MOST_DOUBTS = 3000
"""Rows of ``uncertain.csv`` that a report holds; the most doubtful ones come first."""

_CANVAS = 1000.0
"""Longer side of the plane that points without images are laid out on."""

_RADIUS_SHARE = 0.2
"""Radius of the disc that stands for a point, in usual distances to the nearest neighbour."""


def describe(
    shown: Shown, title: str, plane: tuple[int, int] | None, mistakes: Sequence[Mistake], scores: Scores
) -> dict[str, Any]:
    """Content of a report.

    Parameters
    ----------
    shown
        The result.
    title
        Name of the result.
    plane
        Shape (y, x) of the images of points; None without images.
    mistakes, scores
        What the evaluation found; empty without truth.
    """
    center, size, radius = _lay_out(shown, plane)
    family = shown.family
    row = arrange_tracks(shown.begin, shown.parent)
    return {
        "title": title,
        "numbers": list(shown.numbers),
        "plane": [round(length) for length in size],
        "slices": shown.shape[0] if shown.shape is not None and shown.rank == 3 else 0,
        "radius": radius,
        "cells": {
            "frame": _pack(shown.frame, "i4"),
            "track": _pack(shown.track, "i4"),
            "label": _pack(shown.label, "f8"),
            "x": _pack(center[:, 1], "f4"),
            "y": _pack(center[:, 0], "f4"),
            "size": _pack(shown.size, "i4"),
            "low": _pack(shown.depth[:, 0], "i2"),
            "high": _pack(shown.depth[:, 1], "i2"),
        },
        "outlines": None
        if shown.outlines is None
        else {
            "start": _pack(shown.outlines.start, "i4"),
            "origin": _pack(shown.outlines.origin, "i4"),
            "step": _pack(shown.outlines.step, "i2"),
        },
        "links": {
            "source": _pack(shown.source, "i4"),
            "target": _pack(shown.target, "i4"),
            "kind": _pack(shown.kind, "u1"),
            "probability": _pack(shown.probability, "f4"),
        },
        "tracks": {
            "begin": _pack(shown.begin, "i4"),
            "end": _pack(shown.end, "i4"),
            "parent": _pack(shown.parent, "i4"),
            "family": _pack(family, "i4"),
            "row": _pack(row, "f4"),
        },
        "rows": int(np.nanmax(row, initial=-1.0)) + 1,
        "series": [
            {"name": name, "unit": unit, "values": [_plain(value) for value in values.tolist()]}
            for name, (values, unit) in time_series(shown).items()
        ],
        "doubts": _doubts(shown),
        "mistakes": _mistakes(shown, mistakes),
        "scores": {name: _plain(value) for name, value in scores.items()},
        "summary": shown.summary,
        "masks_sha256": shown.run.get("masks_sha256"),
        "edits": shown.run.get("edits", []),
        "command": _command(shown.run),
    }


def _lay_out(shown: Shown, plane: tuple[int, int] | None) -> tuple[Floats, tuple[float, float], float]:
    """Places of the cells on the plane of the page (y, x), its size and the radius of a point."""
    center = shown.centre[:, -2:]
    if shown.shape is not None:
        return center, (shown.shape[-2], shown.shape[-1]), 0.0
    if plane is None:
        low, high = center.min(axis=0, initial=np.inf), center.max(axis=0, initial=-np.inf)
        extent = np.maximum(high - low, 1e-9) if len(center) else np.ones(2)
        zoom = 0.9 * _CANVAS / extent.max()
        center = (center - low) * zoom + 0.05 * _CANVAS if len(center) else center
        plane_size = (float(extent[0] * zoom + 0.1 * _CANVAS), float(extent[1] * zoom + 0.1 * _CANVAS))
    else:
        plane_size = (float(plane[0]), float(plane[1]))
    crowd = max(len(center) / max(len(shown.numbers), 1), 1.0)
    spacing = math.sqrt(plane_size[0] * plane_size[1] / crowd)
    return center, plane_size, max(2.0, min(_RADIUS_SHARE * spacing, 0.02 * _CANVAS))


def _doubts(shown: Shown) -> list[dict[str, Any]]:
    """Rows of ``uncertain.csv`` with the rows of their cells, -1 for none."""
    columns = shown.uncertain
    if not columns:
        return []
    row = shown.rows()
    count = min(len(columns["decision"]), MOST_DOUBTS)
    ends: dict[str, list[int]] = {}
    for end in ("from", "to"):
        places = zip(*(columns[f"{what}_{end}"][:count].astype(float) for what in ("frame", "track")), strict=True)
        ends[end] = [row.get((int(frame), int(track)), -1) if math.isfinite(frame) else -1 for frame, track in places]
    return [
        {
            "decision": str(columns["decision"][place]),
            "kind": str(columns["kind"][place]),
            "source": ends["from"][place],
            "target": ends["to"][place],
            "probability": round(float(columns["probability"][place]), 4),
        }
        for place in range(count)
    ]


def _mistakes(shown: Shown, mistakes: Sequence[Mistake]) -> list[dict[str, Any]]:
    row = {place: i for i, place in enumerate(zip(shown.frame.tolist(), shown.track.tolist(), strict=True))}
    return [
        {"kind": mistake.kind, "source": row[mistake.earlier], "target": row[mistake.later]}
        for mistake in mistakes
        if mistake.earlier in row and mistake.later in row
    ]


def _command(run: dict[str, Any]) -> str:
    """The command that tracks the same input again with corrections."""
    source = run.get("masks") or run.get("points")
    if not isinstance(source, str):
        return ""
    words = ["cell-tracker-gnn", "track", source]
    words += ["--images", run["images"]] if isinstance(run.get("images"), str) else []
    model = run.get("model", {}).get("name", "general")
    words += ["--model", model] if model != "general" else []
    usual = TrackSettings().as_dict()
    for name, value in run.get("settings", {}).items():
        if name == "divisions":
            words += [] if value else ["--no-divisions"]
        elif name in usual and value != usual[name]:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join([*map(str, words), "--fixed", "edits.json", "--output", "corrected"])


def _pack(values: NDArray[Any], kind: str) -> dict[str, str]:
    return {"type": kind, "data": base64.b64encode(np.ascontiguousarray(values, dtype=f"<{kind}").tobytes()).decode()}


def _plain(value: float | None) -> float | None:
    return value if value is None or math.isfinite(value) else None
