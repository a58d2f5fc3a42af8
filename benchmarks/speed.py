"""Speed of `track` and of the peers on the same masks, of its stages, and of what they must at least cost.

    python benchmarks/speed.py --work WORK --trackers ours,laptrack,overlap,nearest --peers-python PYTHON

simulates the movie (90 frames of 1024 x 1024, about 335 nuclei in each, with images) into WORK when it is not there.
Everything is CPU time, user and system, of whole processes with one thread each, imports included, because wall time
says little on a machine that does something else. Every round runs all trackers once; medians of the rounds are
reported. Only ours reads the images.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median

import tifffile

from linking import KINDS, measure_linking, verify_linking
from options import choose_trackers, tracker_options
from reading import measure_reading
from record import store
from speed_tables import describe
from trackers import COMMAND, HERE, Movie, Tracker

FRAMES, SIZE, CELLS = 90, "1024,1024", 325
STAGE = re.compile(r"^(\w+) took [\d.]+ s, ([\d.]+) s of CPU", re.MULTILINE)
STARTING = "import gc; gc.disable(); from cell_tracker_gnn.pipeline import Tracker; Tracker.from_pretrained()"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}

Rows = dict[str, dict[str, float]]


def main() -> None:
    options = parse()
    os.environ.update(ONE_THREAD)
    movie = simulated(options.work)
    cells = count_cells(movie)
    trackers = [tracker for tracker in choose_trackers(options) if tracker.name != "oracle"]
    rounds = [measure_round(trackers, movie, options.work / "out") for _ in range(options.rounds)]
    rows = {name: medians([one[name] for one in rounds]) for name in rounds[0]}
    measured = {
        "movie": {"frames": FRAMES, "size": SIZE, "cells": cells},
        "cost": rows,
        "reading": medians([measure_reading(movie) for _ in range(options.rounds)]),
        "linking": {kind: medians([measure_linking(kind) for _ in range(options.rounds)]) for kind in KINDS},
        "linking_verified": verify_linking(),
        "rounds": options.rounds,
    }
    store(options, trackers, measured)
    document = options.output.with_suffix(".md")
    document.write_text(describe(json.loads(options.output.read_text("utf-8"))), "utf-8")
    print(document.read_text("utf-8"))


def parse() -> argparse.Namespace:
    parser = tracker_options(__doc__, "speed.json")
    parser.add_argument("--work", type=Path, required=True, help="folder for the movie and the results")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def simulated(work: Path) -> Movie:
    """The movie that is tracked, simulated when it is not there."""
    folder = (work / "movie").absolute()
    if not folder.is_dir():
        line = [str(COMMAND), "simulate", str(folder), "--frames", str(FRAMES), "--size", SIZE, "--cells", str(CELLS)]
        subprocess.run(line, check=True)
    return Movie("simulated", "simulated-01", folder / "01_ERR_SEG", folder / "01", folder / "01_GT")


def count_cells(movie: Movie) -> int:
    masks = (tifffile.imread(path) for path in sorted(movie.masks.glob("*.tif")))
    return sum(len(set(mask.ravel().tolist()) - {0}) for mask in masks)


def measure_round(trackers: list[Tracker], movie: Movie, out: Path) -> Rows:
    """CPU seconds and peak memory of every tracker, and CPU seconds of our stages."""
    rows: Rows = {}
    for tracker in trackers:
        shutil.rmtree(out, ignore_errors=True)
        line = tracker.command(movie, out, True)
        is_ours = line[0] == str(COMMAND)
        rows[tracker.name], text = measure([line[0], "-v", *line[1:]] if is_ours else line)
        if is_ours:
            stages = {name: float(seconds) for name, seconds in STAGE.findall(text)}
            stages["starting"] = measure([sys.executable, "-c", STARTING])[0]["cpu"]
            stages["opening and writing"] = rows[tracker.name]["cpu"] - sum(stages.values())
            rows[tracker.name] |= {f"stage {name}": seconds for name, seconds in stages.items()}
    return rows


def measure(line: list[str]) -> tuple[dict[str, float], str]:
    """CPU seconds and peak memory in MB of one process and its children, and what it said."""
    with subprocess.Popen(line, cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        text = process.stderr.read() if process.stderr else ""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(line)} failed: {text}")
    return {"cpu": used.ru_utime + used.ru_stime, "memory": used.ru_maxrss / 1024}, text


def medians(rows: list[dict[str, float]]) -> dict[str, float]:
    values = defaultdict(list)
    for row in rows:
        for name, value in row.items():
            values[name].append(value)
    return {name: round(median(found), 4) for name, found in values.items()}


if __name__ == "__main__":
    main()
