"""Our tracker and its peers on the same masks of the same movies, in one table.

    python benchmarks/accuracy.py ../shared/data/Fluo-N2DL-HeLa/01 ../shared/data/PhC-C2DH-U373/01 \
        --peers-python /tmp/peers/bin/python --cache /tmp/bench-cache --model new=models/new.safetensors

The packages of the peers are those of the extra ``bench``; where they contradict each other, give each its own Python
with ``--peers-python NAME=PATH``. ``avoidable`` are edge errors (EA + ED + EC) beyond those of the oracle on the same
masks; they, LNK and TRA are counted without links over missed frames, everything else with them.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from rich.console import Console

from movies import crop, find_movie
from options import choose_trackers, tracker_options
from record import store
from scoring import score_all
from tables import Results, avoidable, summary, table


def main() -> None:
    options = parse()
    trackers = choose_trackers(options)
    results: Results = {}
    for sequence in options.sequences:
        with tempfile.TemporaryDirectory() as scratch:
            movie = find_movie(sequence, options.masks)
            if options.frames:
                movie = crop(movie, options.frames, Path(scratch) / "crop")
            results[movie.name] = score_all(trackers, movie, Path(scratch), options.cache)
        Console(width=160).print(table(movie.name, results[movie.name]))
    Console(width=160).print(summary(results))
    sequences = {
        sequence: {name: {**row.__dict__, "avoidable": avoidable(row, rows["oracle"])} for name, row in rows.items()}
        for sequence, rows in results.items()
    }
    store(options, trackers, {"sequences": sequences})


def parse() -> argparse.Namespace:
    parser = tracker_options(__doc__, "accuracy.json")
    parser.add_argument("sequences", nargs="+", type=Path, help="such as ../shared/data/Fluo-N2DL-HeLa/01")
    parser.add_argument("--masks", help="folder of the masks, with {sequence} for the path of the sequence")
    parser.add_argument("--frames", help="A:B, indices from 0 or fractions such as 0.6:")
    return parser.parse_args()


if __name__ == "__main__":
    main()
