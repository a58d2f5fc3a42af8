"""Imperfect masks: CHOTA of every tracker against missing, merged and split masks, and on those of a plain segmenter.

    python benchmarks/damage.py ../shared/data/Fluo-N2DL-HeLa/01 ../shared/data/Fluo-N2DH-SIM+/01 \
        --model '=WORK/models/{data_set}.safetensors' --trees 'WORK/models/{data_set}.joblib' \
        --peers-python PYTHON --cache CACHE

Options as for ``accuracy.py``. Each fault comes alone, in 0, 2, 5 and 10 % of the cells of every frame; the masks are
the same in every run. CHOTA, TRA and divisions are those of the default settings, which close gaps; the limit is
``oracle-gaps``, which links the same masks by the truth. Writes ``results/damage.json`` and, where matplotlib is
installed, the figure ``docs/figures/damage.svg``.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import tifffile
from rich.console import Console
from rich.table import Table

from cell_tracker_gnn.evaluation.table import format_score
from cell_tracker_gnn.simulation.damage import damage
from cell_tracker_gnn.training.segmenter import segment
from figures import FIGURES, Curves, draw_if_possible
from movies import crop, find_movie, with_masks
from options import choose_trackers, tracker_options
from peers.common import numbered
from record import store
from scoring import Row, score_all
from trackers import ORACLES, Movie

KINDS = ("missed", "merged", "split")
SEED = 1
LIMIT = "oracle-gaps"
MEASURES = ("CHOTA", "LNK", "TRA", "division_precision", "division_recall")


@dataclass(frozen=True)
class Condition:
    """What the masks of a movie are: ``kind`` is a fault, ``clean`` or ``segmenter``."""

    kind: str
    share: float = 0.0

    @property
    def name(self) -> str:
        """How tables call it."""
        return f"{self.kind} {self.share:.0%}" if self.share else self.kind


CLEAN, SEGMENTER = Condition("clean"), Condition("segmenter")

Measured = dict[str, dict[Condition, dict[str, Row]]]
"""Rows by sequence, by condition and by tracker."""


def main() -> None:
    options = parse()
    trackers = choose_trackers(options, LIMIT)
    measured: Measured = {}
    for sequence in options.sequences:
        whole = find_movie(sequence, options.masks)
        for condition in conditions(options, whole):
            with tempfile.TemporaryDirectory() as scratch:
                movie = crop(whole, options.frames, Path(scratch) / "crop") if options.frames else whole
                movie = spoil(movie, condition, Path(scratch) / "spoilt")
                rows = score_all(trackers, movie, Path(scratch), options.cache)
            measured.setdefault(whole.name, {})[condition] = rows
            Console(width=160).print(table(f"{whole.name}, {condition.name}", rows))
    Console(width=160).print(distances(measured))
    segmented, names = on_segmenter(measured)
    figure = {
        "x": "% of the cells",
        "y": "CHOTA",
        "curves": curves(measured) | segmented,
        "ticks": dict.fromkeys(segmented, names),
    }
    store(options, trackers, {"seed": SEED, "sequences": content(measured), "figure": figure})
    draw_if_possible(figure, FIGURES / f"{options.output.stem}.svg")


def parse() -> argparse.Namespace:
    parser = tracker_options(__doc__, "damage.json")
    parser.add_argument("sequences", nargs="+", type=Path, help="such as ../shared/data/Fluo-N2DL-HeLa/01")
    parser.add_argument("--percent", nargs="+", type=float, default=[2, 5, 10], help="of the cells with each fault")
    parser.add_argument("--masks", help="folder of the masks, with {sequence} for the path of the sequence")
    parser.add_argument("--frames", help="A:B, indices from 0 or fractions such as 0.6:")
    return parser.parse_intermixed_args()


def conditions(options: argparse.Namespace, movie: Movie) -> Iterator[Condition]:
    yield CLEAN
    yield from (Condition(kind, percent / 100) for kind in KINDS for percent in options.percent)
    if movie.images:
        yield SEGMENTER


def spoil(movie: Movie, condition: Condition, folder: Path) -> Movie:
    """The movie with the masks of a condition, the same ones in every run."""
    if condition == CLEAN:
        return movie
    if condition == SEGMENTER and movie.images:
        images = numbered(movie.images)
        return with_masks(movie, lambda number, _: segment(tifffile.imread(images[number])), folder)
    faults = {condition.kind: condition.share}
    return with_masks(
        movie,
        lambda number, path: damage(tifffile.imread(path), np.random.default_rng((SEED, number)), **faults),
        folder,
    )


def values(row: Row) -> dict[str, float | None]:
    """The measures of a row, LNK as everywhere without links over missed frames."""
    return {name: (row.without_gaps if name == "LNK" else row.scores).get(name) for name in MEASURES}


def to_limit(rows: dict[str, Row], name: str) -> float | None:
    """How much CHOTA a tracker is below the limit of the same masks."""
    limit, reached = (rows[which].scores.get("CHOTA") for which in (LIMIT, name))
    return None if limit is None or reached is None else limit - reached


def table(title: str, rows: dict[str, Row]) -> Table:
    laid_out = Table("tracker", "to limit", *(name.replace("_", " ") for name in MEASURES), "CPU s", title=title)
    for column in laid_out.columns[1:]:
        column.justify = "right"
    for name, row in rows.items():
        numbers = [to_limit(rows, name), *values(row).values()]
        laid_out.add_row(name, *(format_score(number) for number in numbers), f"{row.cpu_seconds:.0f}")
    laid_out.caption = "\n".join(f"{name}: {row.problem}" for name, row in rows.items() if row.problem)
    return laid_out


def distances(measured: Measured) -> Table:
    """Distance to the limit of ours and of the best peer under every condition, and their ratio."""
    laid_out = Table("CHOTA to the limit", "ours", "best peer", "which", "ratio")
    for column in laid_out.columns[1:]:
        column.justify = "right"
    for sequence, spoilt in measured.items():
        for condition, rows in spoilt.items():
            known = {name: gap for name in rows if (gap := to_limit(rows, name)) is not None}
            ours = {name: gap for name, gap in known.items() if name.startswith("ours")}
            peers = {name: gap for name, gap in known.items() if name not in {*ours, *ORACLES, "trees"}}
            best = min(peers, key=peers.__getitem__, default=None)
            for name, gap in ours.items():
                other = peers[best] if best else None
                title = f"{sequence}, {condition.name}{name.removeprefix('ours')}"
                ratio = gap / other if other else None
                laid_out.add_row(
                    title, format_score(gap), format_score(other), best or "-", "-" if ratio is None else f"{ratio:.2f}"
                )
        laid_out.add_section()
    return laid_out


def curves(measured: Measured) -> Curves:
    """CHOTA of every tracker against the share of each fault, one panel for each sequence and fault."""
    panels: Curves = {}
    for sequence, spoilt in measured.items():
        for kind in KINDS:
            for condition, rows in spoilt.items():
                if condition.kind in ("clean", kind):
                    _add_points(panels.setdefault(f"{sequence}: {kind}", {}), 100 * condition.share, rows)
    return panels


def on_segmenter(measured: Measured) -> tuple[Curves, list[str]]:
    """CHOTA of every tracker on the masks of the segmenter in one panel, and the sequences in their order."""
    segmented = {
        name: rows for name, spoilt in measured.items() for condition, rows in spoilt.items() if condition == SEGMENTER
    }
    panel: dict[str, list[tuple[float, float]]] = {}
    for place, rows in enumerate(segmented.values()):
        _add_points(panel, place, rows)
    return ({"masks of a segmenter": panel} if panel else {}), list(segmented)


def _add_points(panel: dict[str, list[tuple[float, float]]], x: float, rows: dict[str, Row]) -> None:
    for name, row in rows.items():
        chota = row.scores.get("CHOTA")
        if chota is not None and name != "oracle":
            panel.setdefault(name, []).append((x, chota))


def content(measured: Measured) -> dict[str, object]:
    return {
        sequence: {
            condition.name: {name: {**asdict(row), "to_limit": to_limit(rows, name)} for name, row in rows.items()}
            for condition, rows in spoilt.items()
        }
        for sequence, spoilt in measured.items()
    }


if __name__ == "__main__":
    main()
