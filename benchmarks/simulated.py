"""Kinds of movies that no data set has, simulated with settings that were not trained on.

    python benchmarks/simulated.py --work WORK --peers-python PYTHON --cache CACHE

Options as for ``accuracy.py``. The movies are written into ``WORK/held-out`` once; their seeds, numbers of cells,
speeds, drifts and jumps are none of those in ``simulated_movies.py``. Writes ``results/simulated.json``.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from cell_tracker_gnn.simulation import SimulationSettings
from movies import find_movie
from options import choose_trackers, tracker_options
from record import store
from scoring import score_all
from simulated_movies import written
from tables import Results, avoidable, summary, table

HELD_OUT = {
    "bacteria-1": SimulationSettings("bacteria", 30, cells=90, seed=1021, motion=4.0, division_rate=4.0),
    "bacteria-2": SimulationSettings(
        "bacteria", 30, (320, 320), 150, seed=1022, diameter=7.0, motion=3.0, drift=2.0, jump=15.0
    ),
    "bacteria-3": SimulationSettings("bacteria", 25, cells=120, seed=1024, motion=4.0, jump=35.0, division_rate=4.0),
    "fast-1": SimulationSettings("fast", 30, cells=80, seed=1031, motion=1.1, variety=0.5),
    "fast-2": SimulationSettings("fast", 30, cells=45, seed=1032, motion=0.9, variety=1.0, division_rate=3.0),
    "fast-3": SimulationSettings("fast", 30, (360, 360), 150, seed=1033, drift=2.0),
    "nuclei3d-1": SimulationSettings(
        "nuclei3d", 16, (20, 140, 140), 40, seed=1051, motion=1.5, division_rate=2.5, variety=0.5, drift=1.0
    ),
    "epithelium-1": SimulationSettings(
        "epithelium", 16, (320, 320), 150, seed=2011, motion=3.0, division_rate=5.0, variety=0.6
    ),
    "epithelium-2": SimulationSettings(
        "epithelium", 16, (380, 300), 180, seed=2012, motion=1.0, division_rate=4.0, drift=1.5, border=True, variety=0.2
    ),
}
"""Bacteria are quick and their stage jumps, so that mask overlap fails as it does in real micro-colonies; fast cells
move one to three diameters per frame, with an own velocity on top of the common flow."""

GOALS = {"bacteria": 0.97, "fast": 0.97}
"""LNK that every movie of the kind should reach."""


def main() -> None:
    options = parse()
    trackers = choose_trackers(options)
    results: Results = {}
    for name in options.movies:
        movie = find_movie(written(HELD_OUT[name], options.work / "held-out" / name) / "01", None)
        with tempfile.TemporaryDirectory() as scratch:
            results[name] = score_all(trackers, movie, Path(scratch), options.cache)
        Console(width=160).print(table(name, results[name]))
    Console(width=160).print(summary(results))
    report_goals(results)
    movies = {
        name: {
            "settings": HELD_OUT[name].as_dict(),
            "trackers": {
                each: {**asdict(row), "avoidable": avoidable(row, rows["oracle"])} for each, row in rows.items()
            },
        }
        for name, rows in results.items()
    }
    store(options, trackers, {"movies": movies})


def parse() -> argparse.Namespace:
    parser = tracker_options(__doc__, "simulated.json")
    parser.add_argument("--work", type=Path, required=True, help="folder for the simulated movies")
    parser.add_argument("--movies", nargs="+", choices=HELD_OUT, default=list(HELD_OUT), help="all when left out")
    return parser.parse_args()


def report_goals(results: Results) -> None:
    """Say for each movie with a goal whether ours reaches it."""
    for movie, rows in results.items():
        goal = GOALS.get(movie.partition("-")[0])
        for name, row in rows.items():
            lnk = row.without_gaps.get("LNK")
            if goal is not None and lnk is not None and name.startswith("ours"):
                print(f"{movie}: LNK of {name} is {lnk:.4f}, goal {goal}: {'reached' if lnk >= goal else 'missed'}")


if __name__ == "__main__":
    main()
