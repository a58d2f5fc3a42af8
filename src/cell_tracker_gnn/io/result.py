"""The result folder: CTC masks, tables of links, cells and tracks, and the record of the run."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import DECISIONS, KINDS, Integers, Lineage
from cell_tracker_gnn.errors import SettingsError
from cell_tracker_gnn.io.ctc import write_ctc
from cell_tracker_gnn.io.geff import write_geff
from cell_tracker_gnn.io.label_image import LABELS, write_label_image
from cell_tracker_gnn.io.optional import require
from cell_tracker_gnn.io.output import check_output, copy_masks, result_folder, write_json
from cell_tracker_gnn.io.point_movie import draw_points
from cell_tracker_gnn.io.table import write_table
from cell_tracker_gnn.io.trackmate import write_trackmate

__all__ = [
    "RESULT_FORMATS",
    "cell_columns",
    "check_formats",
    "check_output",
    "link_columns",
    "track_columns",
    "uncertain_columns",
    "write_result",
]

Columns = dict[str, NDArray[Any]]

RESULT_FORMATS: tuple[str, ...] = ("ctc", "csv", "parquet", "geff", "trackmate", "ome-zarr")
"""What can be written into a result folder."""

DOUBTFUL = 0.99
"""Decisions of a lower probability are listed in ``uncertain.csv``."""


def write_result(
    lineage: Lineage,
    path: str | PathLike[str],
    *,
    overwrite: bool = False,
    wide_labels: bool = False,
    draw: bool = False,
    formats: Sequence[str] = ("ctc", "csv"),
    masks: Path | None = None,
) -> None:
    """Write a lineage into the folder ``path``, which appears only when everything is written.

    Unless ``formats`` says otherwise, the folder holds the CTC result (:func:`~cell_tracker_gnn.io.ctc.write_ctc`),
    ``links.csv``, ``cells.csv``, ``tracks.csv``, ``uncertain.csv``, ``summary.json`` (``lineage.summary``) and
    ``run.json`` (``lineage.run`` with ``movie``: scale and shape, and ``result``: counts). That of points has the CTC
    result only if it is asked for.

    Parameters
    ----------
    lineage
        The result, with its movie. ``lineage.run["masks"]``, ``["points"]`` and ``["images"]`` are the inputs' paths,
        if on disk.
    path
        A new or empty folder.
    overwrite
        Replace a former result; other files in its folder stay.
    wide_labels
        Write 32-bit masks, for more than 65,535 tracks.
    draw
        Also write the CTC result of points, as small discs.
    formats
        What to write, of :data:`RESULT_FORMATS`: ``ctc``, the tables as ``csv`` or ``parquet``, ``tracks.geff`` (with
        ``tracks.ome.zarr``, which it refers to, where there are masks), ``trackmate`` as ``tracks.xml``, ``ome-zarr``
        as ``tracks.ome.zarr``.
    masks
        Folder of masks that were made of the images for this run; they are copied to ``masks``.

    Raises
    ------
    SettingsError
        If a format is unknown or needs a library that is not installed.
    OutputError
        If ``path`` is not empty, is no former result, overlaps with an input or cannot be written, or the tracks are
        too many for 16 bits.

    Examples
    --------
    >>> from cell_tracker_gnn.io import read_lineage, write_result
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
    >>> folder = write_simulation(simulate(SimulationSettings(frames=3, cells=4, size=(64, 64))), "nuclei")
    >>> lineage = read_lineage(folder / "01_GT")
    >>> write_result(lineage, "result", formats=["csv", "trackmate"])
    """
    check_formats(formats)
    named = (lineage.run.get(name) for name in ("masks", "points", "images"))
    inputs = [place for place in named if isinstance(place, (str, PathLike))]
    of_points = lineage.movie is not None and lineage.movie.points is not None
    with result_folder(path, inputs, overwrite) as folder:
        if masks is not None:
            copy_masks(masks, folder)
        if draw or ("ctc" in formats and not of_points):
            write_ctc(lineage, folder, wide_labels=wide_labels)
        for suffix in (suffix for suffix in ("csv", "parquet") if suffix in formats):
            for name, columns in _TABLES.items():
                write_table(columns(lineage), folder / f"{name}.{suffix}")
        if "trackmate" in formats:
            write_trackmate(lineage, folder / "tracks.xml")
        if "ome-zarr" in formats or ("geff" in formats and lineage.movie is not None and not of_points):
            write_label_image(lineage, folder / "tracks.ome.zarr")
        if "geff" in formats:
            linked = (folder / "tracks.ome.zarr").is_dir()
            write_geff(
                lineage,
                folder / "tracks.geff",
                labels=(f"../tracks.ome.zarr/{LABELS}/0", "track") if linked else None,
            )
        write_json({name: _plain(value) for name, value in lineage.summary.items()}, folder / "summary.json")
        _write_run(lineage, folder / "run.json", drawn=draw and of_points)


def check_formats(formats: Sequence[str]) -> None:
    """Find out before hours of work whether the formats of a result can be written.

    Raises
    ------
    SettingsError
        If a format is unknown or needs a library that is not installed.

    Examples
    --------
    >>> from cell_tracker_gnn.io import check_formats
    >>> check_formats(["ctc", "csv", "trackmate"])
    >>> check_formats(["geef"])
    Traceback (most recent call last):
    ...
    cell_tracker_gnn.errors.SettingsError: the format 'geef' is unknown; did you mean geff?
    """
    for name in formats:
        if name not in RESULT_FORMATS:
            near = difflib.get_close_matches(name, RESULT_FORMATS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"choose among {', '.join(RESULT_FORMATS)}"
            raise SettingsError(f"the format {name!r} is unknown; {hint}")
    if "geff" in formats:
        require("GEFF", "geff")
    if "geff" in formats or "ome-zarr" in formats:
        require("OME-Zarr", "zarr")


def link_columns(lineage: Lineage) -> Columns:
    """Columns of ``links.csv``, one row per chosen link.

    ``frame_from, label_from, frame_to, label_to`` are frame numbers and labels of the input, ``track_from, track_to``
    labels of the result, ``kind`` is one of :data:`~cell_tracker_gnn.data.KINDS`, ``probability`` lies in [0, 1] and
    ``margin`` tells by how many nats the best lineage without the link is worse.
    """
    cells, links = lineage.cells, lineage.links
    return {
        "frame_from": cells.number[links.source],
        "label_from": cells.label[links.source],
        "frame_to": cells.number[links.target],
        "label_to": cells.label[links.target],
        "track_from": lineage.track[links.source],
        "track_to": lineage.track[links.target],
        "kind": np.array(KINDS)[links.kind],
        "probability": links.probability,
        "margin": links.margin,
    }


def uncertain_columns(lineage: Lineage) -> Columns:
    """Columns of ``uncertain.csv``: links, divisions, beginnings and ends of a probability below 0.99.

    The least probable come first, among equals those of the smallest margin. ``decision`` is one of
    :data:`~cell_tracker_gnn.data.DECISIONS`, the other columns are those of ``links.csv``; a division has no cell that
    it leads to, nor an end, and a beginning none that it comes from. ``kind`` repeats ``decision`` where it is no link.
    """
    links, events = lineage.links, lineage.events
    link, begins = len(links), events.kind == DECISIONS.index("beginning")
    source = np.concatenate([links.source, np.where(begins, -1, events.cell)])
    target = np.concatenate([links.target, np.where(begins, events.cell, -1)])
    probability = np.concatenate([links.probability, events.probability])
    margin = np.concatenate([links.margin, events.margin])
    decision = np.array(DECISIONS)[np.concatenate([np.full(link, DECISIONS.index("link")), events.kind])]
    kind = np.concatenate([np.array(KINDS)[links.kind], decision[link:]])
    order = np.lexsort((margin, probability))
    order = order[probability[order] < DOUBTFUL]
    columns: Columns = {"decision": decision[order], "kind": kind[order]}
    for name, rows in (("from", source[order]), ("to", target[order])):
        for what, values in (("frame", lineage.cells.number), ("label", lineage.cells.label), ("track", lineage.track)):
            columns[f"{what}_{name}"] = _where_there(values, rows)
    return columns | {"probability": probability[order], "margin": margin[order]}


def _where_there(values: Integers, rows: Integers) -> NDArray[Any]:
    """Values of some rows; row -1 has none."""
    found = values[rows] if len(values) else rows
    return np.asanyarray(np.ma.masked_array(found, mask=rows < 0))


def cell_columns(lineage: Lineage) -> Columns:
    """Columns of ``cells.csv``, one row per cell, linked or not.

    ``frame, label`` are those of the input, ``track`` is the label in the result, ``z, y, x`` the centre of mass in
    pixels and ``size`` the number of pixels. ``major_axis``, in 3D ``intermediate_axis``, and ``minor_axis`` are in the
    unit of the scale in ``run.json``; ``intensity_min, intensity_mean, intensity_max`` are there when images are.
    Points have neither size nor axes, ``label`` is their ``id`` or the number of their row, counted from 0, ``z, y, x``
    are their coordinates as given, and intensities are those of a small disc.
    """
    cells, movie = lineage.cells, lineage.movie
    centre = dict(zip("zyx"[-cells.rank :], cells.centroid.T, strict=True))
    lengths = ("major_axis", "minor_axis") if cells.rank == 2 else ("major_axis", "intermediate_axis", "minor_axis")
    columns = {"frame": cells.number, "label": cells.label, "track": lineage.track, **centre}
    if movie is None or movie.points is None:
        columns |= {"size": cells.size}
        # A lineage that came from another format was not measured.
        columns |= {} if len(cells) and np.isnan(cells.axes).all() else dict(zip(lengths, cells.axes.T, strict=True))
    if movie is not None and movie.images is not None:
        names = ("intensity_min", "intensity_mean", "intensity_max")
        columns |= dict(zip(names, cells.intensity.T, strict=False))
    return columns


def track_columns(lineage: Lineage) -> Columns:
    """Columns of ``tracks.csv``, one row per track.

    ``track`` is the label in the result, ``begin, end`` are frame numbers of the input, ``parent`` is a track or 0, and
    ``identity`` is the same for the tracks of one cell that was missed in between.
    """
    tracks, numbers = lineage.tracks, np.asarray(lineage.cells.numbers, dtype=np.int64)
    return {
        "track": tracks.track,
        "begin": numbers[tracks.begin],
        "end": numbers[tracks.end],
        "parent": tracks.parent,
        "identity": tracks.identity,
    }


_TABLES = {"links": link_columns, "cells": cell_columns, "tracks": track_columns, "uncertain": uncertain_columns}


def _write_run(lineage: Lineage, path: Path, *, drawn: bool) -> None:
    """Write ``run.json``: what was run, and scale, shape and counts of what came out."""
    discs: dict[str, object] = {}
    if drawn:
        grid = draw_points(lineage)[1]
        discs = {"discs": {"origin": grid.origin, "pixel": grid.pixel, "shape": grid.shape}}
    cells, scale = lineage.cells, lineage.cells.scale
    record = {
        **lineage.run,
        "movie": {
            "scale": scale.step,
            "unit": scale.unit,
            "interval": scale.interval,
            "interval_unit": scale.interval_unit,
            "shape": cells.shape,
            "frames": len(cells.numbers),
            "first_frame": cells.numbers[0] if cells.numbers else None,
            "last_frame": cells.numbers[-1] if cells.numbers else None,
        },
        "result": {"cells": len(cells), "links": len(lineage.links), "tracks": len(lineage.tracks)},
        **discs,
    }
    write_json({name: _plain(value) for name, value in record.items()}, path)


def _plain(value: object) -> object:
    """Convert to what JSON knows; NaN and infinity become null, anything unknown its text."""
    if isinstance(value, (np.generic, np.ndarray)):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    return str(value)
