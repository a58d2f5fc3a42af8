"""A result folder as the report shows it: cells with their outlines, links and tracks, read back from disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import KINDS, Floats, Integers, Scale
from cell_tracker_gnn.errors import InputError, MissingInputError
from cell_tracker_gnn.evaluation.folders import check_result_folder
from cell_tracker_gnn.features.regions import MaskPixels, measure_frame
from cell_tracker_gnn.io import open_frames, read_lineage_table, read_table
from cell_tracker_gnn.io.damage import damage_as_error
from cell_tracker_gnn.io.numbering import check_span
from cell_tracker_gnn.report.outlines import Outlines, outline_frame

__all__ = ["Shown", "read_shown"]

MOST_TRACKS = 10**7
"""Larger track numbers are refused, because there are columns of that length."""

Place = tuple[int, int]
"""Frame number and track."""


@dataclass(frozen=True, eq=False)
class Shown:
    """What a report shows of a result.

    Parameters
    ----------
    numbers
        Frame numbers of the movie.
    shape
        Shape of a frame in pixels, (y, x) or (z, y, x); None for points, which are not drawn on masks.
    frame, track, label
        Index of the frame, track and label in the input of each cell, ordered by frame and track, shape (n,).
    centre
        Centre of mass in pixels, shape (n, rank), (z, y, x).
    depth
        First and last slice of each cell, shape (n, 2); zeros in 2D.
    size
        Number of pixels, shape (n,); zeros for points.
    outlines
        Outlines of the cells, seen along z; None for points.
    source, target, kind, probability
        The links by row of the cells, code in :data:`~cell_tracker_gnn.data.KINDS`, NaN where no probability is known.
    begin, end, parent
        First and last frame index and parent of the tracks by their number, shape (k + 1,); row 0 and numbers that no
        track has begin at -1.
    uncertain
        Columns of ``uncertain.csv``.
    run, summary
        Content of ``run.json`` and ``summary.json``, empty where there is none.
    """

    numbers: tuple[int, ...]
    shape: tuple[int, ...] | None
    frame: Integers
    track: Integers
    label: Integers
    centre: Floats
    depth: Integers
    size: Integers
    outlines: Outlines | None
    source: Integers
    target: Integers
    kind: Integers
    probability: Floats
    begin: Integers
    end: Integers
    parent: Integers
    uncertain: dict[str, NDArray[Any]]
    run: dict[str, Any]
    summary: dict[str, Any]

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return int(self.centre.shape[1])

    @property
    def scale(self) -> Scale:
        """Physical size of a pixel; one unit per pixel where it is not known."""
        movie = self.run.get("movie", {})
        step = movie.get("scale")
        if not isinstance(step, list) or len(step) != self.rank:
            return Scale.pixels(self.rank)
        return Scale(tuple(step), movie["unit"], movie["interval"], movie["interval_unit"])

    @property
    def family(self) -> Integers:
        """Founder's track of each track, shape (k + 1,)."""
        founder = np.arange(len(self.parent))
        # Parents begin earlier than their children, so one pass in this order reaches the founders.
        for track in np.argsort(self.begin, kind="stable").tolist():
            if self.parent[track]:
                founder[track] = founder[self.parent[track]]
        return founder

    def rows(self) -> dict[Place, int]:
        """Row of each cell by frame number and track."""
        number = np.asarray(self.numbers, np.int64)[self.frame] if len(self.frame) else self.frame
        return {place: row for row, place in enumerate(zip(number.tolist(), self.track.tolist(), strict=True))}


def read_shown(folder: Path, progress: Callable[[int, int], None] | None = None) -> Shown:
    """Read a folder that ``track`` wrote, or a plain CTC result.

    Raises
    ------
    MissingInputError
        If the folder is none of both.
    InputError
        If a file in it cannot be read.
    """
    check_result_folder(folder)
    has_masks = (folder / "res_track.txt").is_file()
    if not has_masks and not (folder / "cells.csv").is_file():
        raise MissingInputError(f"{folder} has neither res_track.txt nor cells.csv; give the folder that `track` wrote")
    run, summary = (_read_json(folder / name) for name in ("run.json", "summary.json"))
    with damage_as_error(folder, "restore its tables and run.json, or track again"):
        cells = _from_masks(folder, progress) if has_masks else _from_points(folder, run)
        shown = Shown(**cells, **_no_links(), run=run, summary=summary)
        if (folder / "cells.csv").is_file() and (folder / "links.csv").is_file():
            return _with_tables(shown, folder)
        return _with_tracks(shown, folder)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _no_links() -> dict[str, Any]:
    none = np.zeros(0, np.int64)
    names = ("source", "target", "kind", "begin", "end", "parent")
    return dict.fromkeys(names, none) | {"probability": np.zeros(0), "uncertain": {}}


def _from_masks(folder: Path, progress: Callable[[int, int], None] | None) -> dict[str, Any]:
    """Cells of the tracked masks with their outlines."""
    masks = open_frames(folder)
    rank = len(masks.shape)
    scale = Scale.pixels(rank)
    frames, outlines = [], []
    for index in range(len(masks)):
        mask = masks[index]
        cells = measure_frame(MaskPixels.of(mask), None, scale)
        frames.append(cells)
        outlines.append(outline_frame(mask, cells.label, cells.box))
        if progress is not None:
            progress(index + 1, len(masks))
    box = np.concatenate([cells.box for cells in frames])
    track = np.concatenate([cells.label for cells in frames])
    depth = np.stack([box[:, 0], box[:, 3] - 1], axis=1) if rank == 3 else np.zeros((len(track), 2), np.int64)
    return {
        "numbers": masks.numbers,
        "shape": masks.shape,
        "frame": np.repeat(np.arange(len(frames)), [len(cells) for cells in frames]),
        "track": track,
        "label": track,
        "centre": np.concatenate([cells.centroid for cells in frames]),
        "depth": depth,
        "size": np.concatenate([cells.size for cells in frames]),
        "outlines": Outlines.join(outlines),
    }


def _from_points(folder: Path, run: dict[str, Any]) -> dict[str, Any]:
    """Points of the table of cells, which alone tells of them."""
    table = read_table(folder / "cells.csv")
    number, track = table["frame"].astype(np.int64), table["track"].astype(np.int64)
    order = np.lexsort((track, number))
    movie = run.get("movie", {})
    first, last = (int(movie.get(f"{which}_frame") or 0) for which in ("first", "last"))
    steps = max(int(movie.get("frames") or 1) - 1, 1)
    step = max((last - first) // steps, 1)
    check_span(first, last, step, len(np.unique(number)), f"{folder / 'run.json'}")
    counted = range(first, last + 1, step)
    numbers = np.union1d(number, np.array(counted, np.int64))
    axes = [name for name in "zyx" if name in table]
    return {
        "numbers": tuple(numbers.tolist()),
        "shape": None,
        "frame": np.searchsorted(numbers, number[order]),
        "track": track[order],
        "label": table["label"][order].astype(np.int64),
        "centre": np.stack([table[name][order].astype(np.float64) for name in axes], axis=1),
        "depth": np.zeros((len(order), 2), np.int64),
        "size": np.zeros(len(order), np.int64),
        "outlines": None,
    }


def _with_tables(shown: Shown, folder: Path) -> Shown:
    """Labels of the input, links, tracks and doubts of our own tables."""
    row = shown.rows()
    cells, links, tracks = (read_table(folder / f"{name}.csv") for name in ("cells", "links", "tracks"))
    label = shown.label.copy()
    named = zip(*(cells[name].astype(np.int64).tolist() for name in ("frame", "track", "label")), strict=True)
    for frame, track, own in named:
        if (frame, track) in row:
            label[row[frame, track]] = own
    source, target = (
        _find(row, links[f"frame_{end}"], links[f"track_{end}"], folder / "links.csv") for end in ("from", "to")
    )
    index = {number: place for place, number in enumerate(shown.numbers)}
    begin, end = ([index[int(number)] for number in tracks[name].tolist()] for name in ("begin", "end"))
    uncertain = read_table(folder / "uncertain.csv") if (folder / "uncertain.csv").is_file() else {}
    return replace(
        shown,
        label=label,
        source=source,
        target=target,
        kind=np.array([KINDS.index(kind) for kind in links["kind"].tolist()], np.int64),
        probability=links["probability"].astype(np.float64),
        uncertain=uncertain,
        **_by_number(tracks["track"], begin, end, tracks["parent"]),
    )


def _with_tracks(shown: Shown, folder: Path) -> Shown:
    """Links and tracks of a plain table of tracks."""
    table = read_lineage_table(folder / "res_track.txt")
    row = shown.rows()
    last: dict[int, int] = {}
    pairs: list[tuple[int, int]] = []
    parent_of = dict(zip(table.label.tolist(), table.parent.tolist(), strict=True))
    last_of = dict(zip(table.label.tolist(), table.end.tolist(), strict=True))
    for (_, track), cell in row.items():
        parent = parent_of.get(track, 0)
        before = last.get(track, row.get((last_of[parent], parent)) if parent else None)
        if before is not None:
            pairs.append((before, cell))
        last[track] = cell
    source, target = np.array(pairs, np.int64).reshape(-1, 2).T
    index = {number: place for place, number in enumerate(shown.numbers)}
    begin, end = ([index.get(int(number), 0) for number in column] for column in (table.begin, table.end))
    ahead, children = shown.frame[target] - shown.frame[source], np.bincount(source, minlength=1)
    kind = np.where(children[source] > 1, KINDS.index("division"), np.where(ahead > 1, KINDS.index("gap"), 0))
    return replace(
        shown,
        source=source,
        target=target,
        kind=kind,
        probability=np.full(len(source), np.nan),
        **_by_number(table.label, begin, end, table.parent),
    )


def _by_number(track: Any, begin: list[int], end: list[int], parent: Any) -> dict[str, Any]:
    """Columns of tracks in the place of their number."""
    number = np.asarray(track, np.int64)
    size = int(number.max(initial=0)) + 1
    if size > MOST_TRACKS:
        raise InputError(f"a track has the number {size - 1}, which no page can show; number the tracks from 1 on")
    columns = {"begin": np.full(size, -1), "end": np.full(size, -1), "parent": np.zeros(size, np.int64)}
    for name, values in (("begin", begin), ("end", end), ("parent", parent)):
        columns[name][number] = np.asarray(values, np.int64)
    return columns


def _find(row: dict[Place, int], number: NDArray[Any], track: NDArray[Any], where: Path) -> Integers:
    places = zip(number.astype(np.int64).tolist(), track.astype(np.int64).tolist(), strict=True)
    found = [row.get(place, -1) for place in places]
    if -1 in found:
        raise MissingInputError(
            f"{where} names track {track[found.index(-1)]} in frame {number[found.index(-1)]}, which the masks beside "
            "it do not have; give a folder whose files come from one run"
        )
    return np.array(found, np.int64)
