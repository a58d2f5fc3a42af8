"""Which format a path has, what each format can carry, and converting one into another."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from cell_tracker_gnn.data import KINDS, Lineage
from cell_tracker_gnn.errors import InputError, SettingsError
from cell_tracker_gnn.io.cell_graph import implied_numbers
from cell_tracker_gnn.io.cell_table import read_cell_table, write_cell_table
from cell_tracker_gnn.io.ctc import write_ctc
from cell_tracker_gnn.io.folder import read_ctc, read_result
from cell_tracker_gnn.io.geff import read_geff, write_geff
from cell_tracker_gnn.io.label_image import read_label_image, write_label_image
from cell_tracker_gnn.io.measured_tracks import attach_masks
from cell_tracker_gnn.io.movie import open_movie, source_name
from cell_tracker_gnn.io.output import check_new, check_output, result_folder
from cell_tracker_gnn.io.paths import PathText, existing, expanded
from cell_tracker_gnn.io.result import write_result
from cell_tracker_gnn.io.scale import choose_scale
from cell_tracker_gnn.io.trackmate import write_trackmate
from cell_tracker_gnn.io.trackmate_reader import read_trackmate
from cell_tracker_gnn.io.zarr_store import is_zarr, label_array

__all__ = [
    "FORMATS",
    "PROPERTIES",
    "Format",
    "convert",
    "format_of",
    "losses",
    "read_lineage",
    "rescaled",
    "write_lineage",
]

PROPERTIES: dict[str, str] = {
    "tracks": "track numbers",
    "labels": "labels of the cells in the masks of the input",
    "parents": "parents of tracks",
    "gaps": "cells that go on after missed frames",
    "merges": "links into and out of merged masks",
    "scale": "size of a pixel",
    "unit": "unit of length",
    "interval": "time between frames",
    "confidence": "probabilities and margins of links",
    "frames": "frames before the first and after the last cell",
    "masks": "masks",
}
"""What a lineage has and a format may or may not carry."""


class Write(Protocol):
    """Writes a lineage to a path."""

    def __call__(self, lineage: Lineage, path: PathText, /, *, overwrite: bool = False) -> None: ...


@dataclass(frozen=True)
class Format:
    """A format that a lineage can be written to and read from.

    Parameters
    ----------
    name
        Its name.
    suffixes
        Endings of paths that have it.
    carries
        Which of :data:`PROPERTIES` come back equal.
    read, write
        How it is read and written.
    """

    name: str
    suffixes: tuple[str, ...]
    carries: frozenset[str]
    read: Callable[[PathText], Lineage]
    write: Write


def _write_ctc_folder(lineage: Lineage, path: PathText, *, overwrite: bool = False) -> None:
    with result_folder(path, overwrite=overwrite) as folder:
        write_ctc(lineage, folder)


_ALL = frozenset(PROPERTIES)
FORMATS: dict[str, Format] = {
    form.name: form
    for form in (
        Format("folder", (), _ALL, read_result, write_result),
        Format("ctc", (), _ALL - {"labels", "merges", "confidence"}, read_ctc, _write_ctc_folder),
        Format("geff", (".geff",), _ALL - {"masks"}, read_geff, write_geff),
        Format("trackmate", (".xml",), _ALL - {"masks"}, read_trackmate, write_trackmate),
        Format("csv", (".csv",), _ALL - {"masks", "merges", "frames"}, read_cell_table, write_cell_table),
        Format("parquet", (".parquet",), _ALL - {"masks", "merges", "frames"}, read_cell_table, write_cell_table),
        Format("ome-zarr", (".zarr",), _ALL - {"labels", "merges", "confidence"}, read_label_image, write_label_image),
    )
}
"""The formats by name; ``folder`` is the result of ``track``, ``ctc`` masks and track table alone."""


def format_of(path: PathText) -> Format:
    """The format that a path has by its ending; without one it is a folder.

    Raises
    ------
    SettingsError
        If the ending is unknown, or all but that of a format.
    """
    suffix = Path(path).suffix.lower()
    found = next((form for form in FORMATS.values() if suffix in form.suffixes), None)
    if found is not None:
        return found
    if suffix in (".tif", ".tiff", ".txt", ".json", ".npy", ".h5", ".mastodon", ".tsv", ".xlsx"):
        endings = ", ".join(form.suffixes[0] for form in FORMATS.values() if form.suffixes)
        raise SettingsError(f"{path} has no format of lineages; give a folder or a name that ends in one of {endings}")
    named = FORMATS.get(suffix.removeprefix("."))
    if named is not None and named.suffixes and not Path(path).exists():
        raise SettingsError(
            f"{path} ends in no known format; did you mean {Path(path).with_suffix(named.suffixes[0])}?"
        )
    near = difflib.get_close_matches(suffix, [end for form in FORMATS.values() for end in form.suffixes], 1, 0.75)
    if near and not Path(path).exists():
        raise SettingsError(f"{path} ends in no known format; did you mean {Path(path).with_suffix(near[0])}?")
    return FORMATS["folder"]


def read_lineage(path: PathText) -> Lineage:
    """Read a lineage; its format is told by the path.

    Parameters
    ----------
    path
        ``NAME.geff``, ``NAME.xml`` (TrackMate), ``NAME.ome.zarr`` (a label image), ``NAME.csv`` or ``NAME.parquet`` (a
        table of cells), or a folder: a result of ``track`` or one in the format of the Cell Tracking Challenge.

    Raises
    ------
    MissingInputError
        If the path does not exist.
    InputError
        If it cannot be read.

    Examples
    --------
    >>> from cell_tracker_gnn.io import read_lineage
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
    >>> folder = write_simulation(simulate(SimulationSettings(frames=3, cells=4, size=(64, 64))), "nuclei")
    >>> lineage = read_lineage(folder / "01_GT")
    >>> len(lineage.tracks)
    4
    """
    place = existing(path)
    form = format_of(place)
    if form.name == "folder" and is_zarr(place):
        form = FORMATS["geff" if (place / "nodes").is_dir() and (place / "edges").is_dir() else "ome-zarr"]
    if form.name == "folder" and not place.is_dir():
        raise InputError(
            f"{place} is a file of an unknown format; give a folder, .geff, .xml, .ome.zarr, .csv or .parquet"
        )
    return form.read(place)


def write_lineage(lineage: Lineage, path: PathText, *, overwrite: bool = False) -> None:
    """Write a lineage; its format is told by the path, see :func:`read_lineage`.

    Raises
    ------
    OutputError
        If the path exists and ``overwrite`` is False, or the lineage has no masks where the format needs them.

    Examples
    --------
    >>> from cell_tracker_gnn.io import read_lineage, write_lineage
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
    >>> folder = write_simulation(simulate(SimulationSettings(frames=3, cells=4, size=(64, 64))), "nuclei")
    >>> lineage = read_lineage(folder / "01_GT")
    >>> write_lineage(lineage, "tracks.csv")
    >>> write_lineage(lineage, "tracks.xml")
    >>> len(read_lineage("tracks.xml").links) == len(lineage.links)
    True
    """
    form = format_of(path)
    if form.name == "folder":
        write_result(lineage, path, overwrite=overwrite)
    else:
        form.write(lineage, path, overwrite=overwrite)


def losses(lineage: Lineage, form: Format) -> list[str]:
    """What a lineage has that a format cannot carry, in words."""
    kinds, scale = lineage.links.kind, lineage.cells.scale
    merged = int(np.isin(kinds, [KINDS.index("merge"), KINDS.index("split")]).sum())
    measured = not np.isnan(lineage.cells.axes).all() or not np.isnan(lineage.cells.intensity).all()
    present = {
        "labels": not np.array_equal(lineage.cells.label, lineage.track),
        "merges": merged > 0,
        "confidence": not np.isnan(lineage.links.probability).all(),
        "frames": _has_ends(lineage),
        "masks": lineage.movie is not None and lineage.movie.points is None,
        "scale": scale.is_known,
        "unit": scale.unit != "pixel",
        "interval": scale.interval_unit != "frame",
    }
    lost = [PROPERTIES[name] for name, there in present.items() if there and name not in form.carries]
    return lost + (
        ["measured axes and intensities"] if len(lineage.cells) and measured and form.name != "folder" else []
    )


def _has_ends(lineage: Lineage) -> bool:
    """Whether there are frames that a table of cells alone does not show."""
    return tuple(lineage.cells.numbers) != implied_numbers(lineage.cells.number)


def convert(
    source: PathText,
    target: PathText,
    *,
    masks: PathText | None = None,
    scale: Sequence[float] | None = None,
    unit: str | None = None,
    interval: float | None = None,
    ngff: str = "0.5",
    wide_labels: bool = False,
    overwrite: bool = False,
) -> tuple[Lineage, list[str]]:
    """Convert a lineage from one format to another, both told by their paths.

    Parameters
    ----------
    source, target
        See :func:`read_lineage`.
    masks
        Masks of the cells, of any source of :func:`~cell_tracker_gnn.io.open_movie`: those that were tracked, or
        tracked ones. A folder, an OME-Zarr and outlines in a TrackMate file need them, if ``source`` has none.
    scale, unit, interval
        Size of a pixel, its unit and the time between frames in seconds, in place of what ``source`` states.
    ngff
        Version of an OME-Zarr.
    wide_labels
        Write 32-bit masks into a folder, for more than 65,535 tracks.
    overwrite
        Replace a former ``target``.

    Returns
    -------
    lineage
        What was written.
    lost
        What ``source`` has and ``target`` cannot carry, in words.

    Raises
    ------
    InputError
        If ``source`` or ``masks`` cannot be used, or masks are needed and there are none.
    OutputError
        If ``target`` exists and ``overwrite`` is False, or cannot be written.
    SettingsError
        If the ending of ``target`` is unknown or ``scale`` does not fit.

    Examples
    --------
    >>> from cell_tracker_gnn.io import convert
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
    >>> folder = write_simulation(simulate(SimulationSettings(frames=3, cells=4, size=(64, 64))), "nuclei")
    >>> lineage, lost = convert(folder / "01_GT", "tracks.csv")
    >>> lost
    ['masks']
    """
    form = format_of(target)
    inputs = [path for path in (source, masks) if path is not None]
    (check_output if form.name == "folder" else check_new)(target, inputs, overwrite)
    lineage = rescaled(read_lineage(source), scale, unit, interval)
    if masks is not None:
        movie = open_movie(masks, scale=lineage.cells.scale.step if lineage.cells.scale.is_known else None)
        lineage = attach_masks(lineage, movie, source_name(masks))
    if lineage.movie is None and "masks" in form.carries:
        raise InputError(f"{source} has no masks, which {target} needs; give them with --masks")
    if form.name == "folder":
        write_result(replace(lineage, run=_run(lineage, source)), target, overwrite=overwrite, wide_labels=wide_labels)
    elif form.name == "geff":
        write_geff(lineage, target, labels=_linked(masks or source, target), overwrite=overwrite)
    elif form.name == "ome-zarr":
        write_label_image(lineage, target, version=ngff, overwrite=overwrite)
    else:
        write_lineage(lineage, target, overwrite=overwrite)
    return lineage, losses(lineage, form)


def rescaled(lineage: Lineage, scale: Sequence[float] | None, unit: str | None, interval: float | None) -> Lineage:
    """The lineage under the scale that was asked for; places in pixels stay."""
    if scale is None and unit is None and interval is None:
        return lineage
    chosen = choose_scale(scale, unit, lineage.cells.scale, lineage.cells.rank, interval=interval)
    movie = None if lineage.movie is None else replace(lineage.movie, scale=chosen)
    return replace(lineage, cells=replace(lineage.cells, scale=chosen), movie=movie)


def _run(lineage: Lineage, source: PathText) -> dict[str, object]:
    """What ``run.json`` says of a converted lineage: that of the run, where it was converted from."""
    kept = {name: value for name, value in lineage.run.items() if name not in ("movie", "result", "discs")}
    return {**kept, "converted_from": str(Path(source).absolute())}


def _linked(masks: PathText, target: PathText) -> tuple[str, str] | None:
    """Path of a label image in Zarr relative to a GEFF, with the node property that its values are."""
    place = expanded(masks)
    if not is_zarr(place) or (place / "nodes").is_dir():
        return None
    array = label_array(place.resolve())
    return Path(os.path.relpath(array, expanded(target).resolve())).as_posix(), "label"
