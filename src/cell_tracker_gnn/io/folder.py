"""Reading a result folder back: the tables of a run, or masks and track table of the Cell Tracking Challenge alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import KINDS, Cells, Integers, Lineage, Movie, Scale, WrappedFrames
from cell_tracker_gnn.errors import InputError, MissingInputError
from cell_tracker_gnn.io.cell_graph import CellGraph, assemble
from cell_tracker_gnn.io.checks import CheckedMasks
from cell_tracker_gnn.io.damage import damage_as_error
from cell_tracker_gnn.io.lineage_table import LineageTable, read_lineage_table
from cell_tracker_gnn.io.measured_tracks import lineage_of_masks
from cell_tracker_gnn.io.numbering import check_span
from cell_tracker_gnn.io.paths import existing, has_tiffs
from cell_tracker_gnn.io.scale import read_scale
from cell_tracker_gnn.io.table import read_table
from cell_tracker_gnn.io.tiff import open_tiff_folder

__all__ = ["InputLabels", "read_ctc", "read_result"]

Columns: TypeAlias = Mapping[str, NDArray[Any]]

_SPAN = ("track", "begin", "end")
_TRACK_TABLES = ("res_track.txt", "man_track.txt")


def read_result(folder: str | PathLike[str]) -> Lineage:
    """Read what ``track`` wrote: cells, links and tracks from the tables, the masks if they are there.

    The masks are the tracked ones, so their labels are track numbers, while those of the cells are the input's. A
    folder without tables is read by :func:`read_ctc`.

    Raises
    ------
    MissingInputError
        If the folder or its tables are missing.
    InputError
        If the tables cannot be read or contradict each other.
    """
    place = existing(folder)
    tables = {name: _find(place, name) for name in ("cells", "links", "tracks")}
    if not all(tables.values()):
        return read_ctc(place)
    with damage_as_error(place, "restore its tables and run.json, or track again"):
        return _of_tables(place, *(read_table(table) for table in tables.values() if table is not None))


def _of_tables(place: Path, cells: Columns, links: Columns, tracks: Columns) -> Lineage:
    """The lineage of the tables of a run, and its masks if they are there."""
    run = _json(place / "run.json")
    axes = [name for name in "zyx" if name in cells]
    movie = run.get("movie", {})
    graph = CellGraph(
        number=_whole(cells, "frame"),
        place=np.stack([cells[name] for name in axes], axis=1).astype(np.float64),
        scale=_scale(movie, len(axes)),
        **_ends(cells, links, place),
        label=_whole(cells, "label"),
        track=_whole(cells, "track"),
        **_families(cells, tracks, place),
        size=_whole(cells, "size") if "size" in cells else None,
        kind=np.array([KINDS.index(kind) for kind in links["kind"].tolist()], np.int64),
        probability=links["probability"].astype(np.float64),
        margin=links["margin"].astype(np.float64),
        numbers=_numbers(place, movie, cells["frame"]),
        shape=tuple(movie.get("shape", ())),
    )
    lineage = replace(assemble(graph, str(place)), run=run, summary=_json(place / "summary.json"))
    lineage = replace(lineage, cells=_measured(lineage.cells, cells))
    return _with_tracked_masks(lineage, place) if has_tiffs(place) and "discs" not in run else lineage


def read_ctc(folder: str | PathLike[str]) -> Lineage:
    """Read masks and ``res_track.txt`` or ``man_track.txt``; scale and interval are those that the TIFF tags state.

    Raises
    ------
    MissingInputError
        If the folder, its table or its masks are missing.
    InputError
        If the table cannot be read or a track has no mask.
    """
    place = existing(folder)
    with damage_as_error(place, "restore its masks and its table, or track again"):
        return _of_masks(place)


def _of_masks(place: Path) -> Lineage:
    """The lineage of tracked masks and their table."""
    place = place / "TRA" if (place / "TRA" / "man_track.txt").is_file() else place
    table_path = next((place / name for name in _TRACK_TABLES if (place / name).is_file()), None)
    if table_path is None:
        raise MissingInputError(f"{place} has neither res_track.txt nor man_track.txt; give the folder of a result")
    table = read_lineage_table(table_path)
    frames = open_tiff_folder(place, labels=True)
    stated, rank = read_scale(place), len(frames.shape)
    scale = stated if stated is not None and stated.rank == rank else Scale.pixels(rank)
    parents = dict(zip(table.label.tolist(), table.parent.tolist(), strict=True))
    lineage = lineage_of_masks(frames, parents, {}, scale, str(place))
    _check_agreement(table, lineage, table_path)
    return lineage


def _check_agreement(table: LineageTable, lineage: Lineage, path: Path) -> None:
    """Refuse a table of tracks that is not of these masks."""
    number = np.asarray(lineage.cells.numbers, np.int64)
    found = {
        track: (int(number[begin]), int(number[end]))
        for track, begin, end in zip(*(getattr(lineage.tracks, name).tolist() for name in _SPAN), strict=True)
    }
    stated = dict(zip(table.label.tolist(), zip(table.begin.tolist(), table.end.tolist(), strict=True), strict=True))
    for track, (begin, end) in stated.items():
        if track not in found:
            raise InputError(f"{path} has the track {track}, which has no mask; remove its line or restore its masks")
        if found[track] != (begin, end):
            raise InputError(
                f"{path} says that track {track} runs from frame {begin} to frame {end}, but its masks from frame "
                f"{found[track][0]} to frame {found[track][1]}; correct its line or restore its masks"
            )
    for track, (begin, _) in found.items():
        if track not in stated:
            raise InputError(
                f"the masks have the label {track} from frame {begin} on, which has no line in {path}; add it"
            )


@dataclass(frozen=True, eq=False)
class InputLabels(WrappedFrames):
    """Tracked masks under the labels that the cells had in the input.

    Parameters
    ----------
    frames
        Masks whose labels are track numbers.
    lineage
        The cells and their tracks.
    """

    lineage: Lineage

    def __getitem__(self, index: int, /) -> NDArray[np.generic]:
        place = range(len(self))[index]
        masks = self.frames[place]
        frame = np.searchsorted(np.asarray(self.lineage.cells.numbers), self.numbers[place])
        rows = slice(*np.searchsorted(self.lineage.cells.frame, [frame, frame + 1]))
        table = np.zeros(max(int(masks.max(initial=0)), int(self.lineage.track[rows].max(initial=0))) + 1, np.int64)
        table[self.lineage.track[rows]] = self.lineage.cells.label[rows]
        return np.asarray(table[masks])


def _find(folder: Path, name: str) -> Path | None:
    return next((folder / f"{name}{end}" for end in (".csv", ".parquet") if (folder / f"{name}{end}").is_file()), None)


def _json(path: Path) -> dict[str, Any]:
    """What a record of the run says; nothing where it is not there."""
    try:
        record = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({error}); restore it or delete it") from error
    return record if isinstance(record, dict) else {}


def _scale(movie: Mapping[str, Any], rank: int) -> Scale:
    """Scale as ``run.json`` states it."""
    step = tuple(float(length) for length in movie.get("scale", ())) or (1.0,) * rank
    times = float(movie.get("interval", 1.0)), str(movie.get("interval_unit", "frame"))
    return Scale(step[-rank:], str(movie.get("unit", "pixel")), *times)


def _whole(columns: Columns, name: str) -> Integers:
    return columns[name].astype(np.int64)


def _ends(cells: Columns, links: Columns, folder: Path) -> dict[str, Integers]:
    """Rows of the ends of the links."""
    keys = zip(cells["frame"].tolist(), cells["label"].tolist(), strict=True)
    row = {(int(frame), int(label)): i for i, (frame, label) in enumerate(keys)}
    ends = {}
    for name, side in (("source", "from"), ("target", "to")):
        named = zip(links[f"frame_{side}"].tolist(), links[f"label_{side}"].tolist(), strict=True)
        rows = [row.get((int(frame), int(label)), -1) for frame, label in named]
        if -1 in rows:
            raise InputError(f"{folder} has a link in row {rows.index(-1)} whose cell is not in the table of cells")
        ends[name] = np.array(rows, np.int64)
    return ends


def _families(cells: Columns, tracks: Columns, folder: Path) -> dict[str, Integers]:
    """Parent and identity of the track of each cell."""
    number, track = _whole(tracks, "track"), _whole(cells, "track")
    place = np.searchsorted(number, track)
    if len(track) and (place.max() >= len(number) or not np.array_equal(number[place], track)):
        raise InputError(f"{folder} has cells of a track that is not in the table of tracks; restore the tables")
    return {name: _whole(tracks, name)[place] for name in ("parent", "identity")}


def _measured(found: Cells, table: Columns) -> Cells:
    """The cells with the axes and intensities of their table."""
    order = np.lexsort((table["label"], table["frame"]))
    lengths = [name for name in ("major_axis", "intermediate_axis", "minor_axis") if name in table]
    if len(lengths) == found.rank:
        found = replace(found, axes=np.stack([table[name][order] for name in lengths], axis=1).astype(np.float64))
    levels = [name for name in ("intensity_min", "intensity_mean", "intensity_max") if name in table]
    if len(levels) == 3:
        columns = [table[name][order] for name in levels] + [np.full(len(found), np.nan)]
        found = replace(found, intensity=np.stack(columns, axis=1).astype(np.float64))
    return found


def _numbers(folder: Path, movie: Mapping[str, Any], number: Integers) -> tuple[int, ...]:
    """Frame numbers: those of the masks, else from the first to the last one of the run."""
    if has_tiffs(folder):
        return tuple(open_tiff_folder(folder, labels=True).numbers)
    first, last, count = (movie.get(name) for name in ("first_frame", "last_frame", "frames"))
    if first is None or last is None or not count:
        return ()
    step = max(1, (last - first) // max(1, count - 1))
    check_span(first, last, step, len(np.unique(number)), f"{folder / 'run.json'}")
    return tuple(range(first, last + 1, step))


def _with_tracked_masks(lineage: Lineage, folder: Path) -> Lineage:
    """The lineage with its tracked masks under the labels of the input, by which its cells are known."""
    masks = InputLabels(CheckedMasks(open_tiff_folder(folder, labels=True), str(folder)), lineage)
    return replace(lineage, movie=Movie(masks, None, lineage.cells.scale))
