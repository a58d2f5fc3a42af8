"""Faster motion out of real movies: LNK of every tracker on every 1st, 2nd, 3rd and 5th frame.

    python benchmarks/subsampling.py ../shared/data/Fluo-N2DL-HeLa/01 --model '=WORK/models/{data_set}.safetensors' \
        --trees 'WORK/models/{data_set}.joblib' --peers-python PYTHON --cache CACHE

Options as for ``accuracy.py``. Writes ``results/subsampling.json`` and, where matplotlib is installed, the figure
``docs/figures/subsampling.svg``.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from figures import FIGURES, Curves, draw_if_possible
from movies import crop, find_movie, subsample
from options import choose_trackers, tracker_options
from record import store
from scoring import Row, score_all
from tables import avoidable, table

Measured = dict[str, dict[int, dict[str, Row]]]
"""Rows by sequence, by step and by tracker."""


def main() -> None:
    options = parse()
    trackers = choose_trackers(options)
    measured: Measured = {}
    for sequence in options.sequences:
        whole = find_movie(sequence, options.masks)
        for every in options.every:
            with tempfile.TemporaryDirectory() as scratch:
                movie = crop(whole, options.frames, Path(scratch) / "crop") if options.frames else whole
                movie = subsample(movie, every, Path(scratch) / "subsampled")
                rows = score_all(trackers, movie, Path(scratch), options.cache)
            measured.setdefault(whole.name, {})[every] = rows
            Console(width=160).print(table(f"{whole.name}, every {every}", rows))
    figure = {"x": "every n-th frame", "y": "LNK", "curves": curves(measured)}
    store(options, trackers, {"sequences": content(measured), "figure": figure})
    draw_if_possible(figure, FIGURES / f"{options.output.stem}.svg")


def parse() -> argparse.Namespace:
    parser = tracker_options(__doc__, "subsampling.json")
    parser.add_argument("sequences", nargs="+", type=Path, help="such as ../shared/data/Fluo-N2DL-HeLa/01")
    parser.add_argument("--every", nargs="+", type=int, default=[1, 2, 3, 5], metavar="N", help="every how many frames")
    parser.add_argument("--masks", help="folder of the masks, with {sequence} for the path of the sequence")
    parser.add_argument("--frames", help="A:B, indices from 0 or fractions such as 0.6:, before sub-sampling")
    return parser.parse_intermixed_args()


def curves(measured: Measured) -> Curves:
    """LNK of every tracker over the steps, one panel for each sequence."""
    panels: Curves = {}
    for sequence, steps in measured.items():
        panel = panels.setdefault(sequence, {})
        for every, rows in steps.items():
            for name, row in rows.items():
                lnk = row.without_gaps.get("LNK")
                if lnk is not None and name != "oracle-gaps":
                    panel.setdefault(name, []).append((every, lnk))
    return panels


def content(measured: Measured) -> dict[str, object]:
    return {
        sequence: {
            every: {name: {**asdict(row), "avoidable": avoidable(row, rows["oracle"])} for name, row in rows.items()}
            for every, rows in steps.items()
        }
        for sequence, steps in measured.items()
    }


if __name__ == "__main__":
    main()
