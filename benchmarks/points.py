"""Wrong and missed links where only points are known, with images and without, as a table.

    python benchmarks/points.py DATA/Fluo-N2DH-SIM+/01 points.csv --model '=WORK/models/{data_set}.safetensors'

A sequence gives the centroids of its masks (``01_ST/SEG``, else ``01_GT/TRA``) with the lineage of ``man_track.txt``, a
CSV file the columns ``t,[z],y,x,id,parent``. The tracker sees the coordinates only, in random order. A true link leads
from a point to the next one of its cell or to the first one of a daughter; wrong and missed are counted over all gaps.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from cell_tracker_gnn import Tracker
from cell_tracker_gnn.data import Cells, Integers, Lineage
from cell_tracker_gnn.features.anisotropy import with_assumed_scale
from cell_tracker_gnn.features.extract import extract_features
from cell_tracker_gnn.graph.labels import match_cells, true_links
from cell_tracker_gnn.io import (
    LineageTable,
    find_sequence,
    open_frames,
    open_movie,
    read_lineage_table,
    read_point_lineage,
    read_points,
)
from record import store

Link = tuple[int, int]


@dataclass(frozen=True)
class Case:
    """Points to track, their images and their true links as pairs of rows."""

    name: str
    data_set: str
    columns: dict[str, NDArray[np.generic]]
    images: Path | None
    scale: tuple[float, ...] | None
    truth: set[Link]


@dataclass(frozen=True)
class Row:
    """Links of one run."""

    cells: int
    links: int
    wrong: int
    missed: int
    cpu_seconds: float

    @property
    def share(self) -> float:
        """Wrong and missed links by those to find."""
        return (self.wrong + self.missed) / self.links


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sequences", nargs="+", type=Path)
    parser.add_argument("--model", action="append", default=[], metavar="NAME=PATH", help="a model, repeatable")
    parser.add_argument("--output", type=Path, help="also write the table as JSON")
    options = parser.parse_args()
    models = [entry.partition("=")[::2] for entry in options.model] or [("general", "general")]
    laid_out = Table("points", "images", "model", "cells", "links", "wrong", "missed", "share", "CPU s")
    kept = []
    for path in options.sequences:
        case = of_table(path) if path.is_file() else of_sequence(path)
        for name, model in models:
            for images in (case.images, None) if case.images else (None,):
                row = count(case, images, model.format(data_set=case.data_set))
                kept.append({"points": case.name, "images": images is not None, "model": name, **asdict(row)})
                values = (row.cells, row.links, row.wrong, row.missed, f"{row.share:.2%}", f"{row.cpu_seconds:.1f}")
                laid_out.add_row(case.name, "yes" if images else "no", name or "unseen", *map(str, values))
    Console(width=140).print(laid_out)
    if options.output:
        store(options, [], {"movies": kept})


def of_table(path: Path) -> Case:
    table = read_points(path)
    cells = np.arange(len(table))
    truth = links_of(table.number, cells, table.label, read_point_lineage(table))
    return Case(path.stem, path.stem, columns(table.number, table.position), None, None, truth)


def of_sequence(sequence: Path) -> Case:
    """Centroids of the masks as points; a mask that is no annotated cell is a point without true links."""
    paths = find_sequence(sequence)
    movie = with_assumed_scale(open_movie(paths.masks))
    cells, _ = extract_features(movie, max_gap=0)
    matched, track = match_cells(cells, movie.masks, open_frames(paths.markers))
    truth = links_of(cells.number, matched, track, read_lineage_table(paths.lineage))
    name = paths.name.replace("/", "-")
    return Case(name, name[:-3], columns(cells.number, cells.centroid), paths.images, steps(cells), truth)


def steps(cells: Cells) -> tuple[float, ...] | None:
    return cells.scale.step if cells.rank == 3 else None


def columns(number: Integers, position: NDArray[np.float64]) -> dict[str, NDArray[np.generic]]:
    return {
        "t": number,
        **dict(zip("zyx"[-position.shape[1] :], position.T, strict=True)),
        "id": np.arange(len(number)),
    }


def links_of(number: Integers, cell: Integers, track: Integers, lineage: LineageTable) -> set[Link]:
    """True links between the rows ``cell``, which are points of the tracks ``track``."""
    frame = np.unique(number, return_inverse=True)[1]
    numbered = _OnlyFrames(frame)
    truth = true_links(numbered, cell, track, lineage)  # type: ignore[arg-type]
    return set(zip(truth.source.tolist(), truth.target.tolist(), strict=True))


@dataclass(frozen=True)
class _OnlyFrames:
    """As much of the cells as true links need."""

    frame: Integers

    def __len__(self) -> int:
        return len(self.frame)


def count(case: Case, images: Path | None, model: str) -> Row:
    shuffled = np.random.default_rng(0).permutation(len(case.columns["t"]))
    points = {name: values[shuffled] for name, values in case.columns.items()}
    begin = time.process_time()
    lineage = Tracker.from_pretrained(model).track(points, images, scale=case.scale)
    cpu = time.process_time() - begin
    found = found_links(lineage)
    return Row(len(lineage.cells), len(case.truth), len(found - case.truth), len(case.truth - found), cpu)


def found_links(lineage: Lineage) -> set[Link]:
    label = lineage.cells.label
    ends = (label[lineage.links.source].tolist(), label[lineage.links.target].tolist())
    return set(zip(*ends, strict=True))


if __name__ == "__main__":
    main()
