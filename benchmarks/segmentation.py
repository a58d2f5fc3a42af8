"""From raw images alone: masks by ``track --segment``, scored beside the oracle on the same masks.

    python benchmarks/segmentation.py ../shared/data/Fluo-N2DL-HeLa/01=25 ../shared/data/Fluo-N2DH-GOWT1/01=50

The number is the width of the border, in pixels, in which the challenge does not annotate cells: masks that lie in it
altogether are left out of everything but the row ``raw images``, which is the plain result of the one command. The
bundled model is used, which may have learned from a sequence.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import tifffile
from rich.console import Console

from cell_tracker_gnn.evaluation import evaluate
from movies import find_movie, with_masks
from options import choose_trackers, tracker_options
from record import store
from scoring import Row, score_all
from tables import avoidable, table
from trackers import COMMAND, Movie, run

MASKS = ("DET", "SEG", "FN", "FP", "NS")


def main() -> None:
    parser = tracker_options(__doc__, "segmentation.json")
    parser.add_argument("sequences", nargs="+", help="SEQUENCE[=BORDER], such as ../shared/data/Fluo-N2DL-HeLa/01=25")
    parser.add_argument("--segment", default="threshold", help="threshold, cellpose or stardist")
    options = parser.parse_args()
    trackers = choose_trackers(options)
    console, measured = Console(width=160), {}
    for entry in options.sequences:
        place, _, border = entry.partition("=")
        with tempfile.TemporaryDirectory() as scratch:
            movie = find_movie(Path(place), None)
            raw = from_images(movie, options.segment, Path(scratch) / "raw")
            inside = in_field(movie, Path(scratch) / "raw" / "masks", int(border or 0), Path(scratch) / "inside")
            rows = score_all(trackers, inside, Path(scratch), options.cache)
        console.print(table(movie.name, rows))
        found = {name: next(iter(rows.values())).scores.get(name) for name in MASKS}
        console.print({"masks": found, "raw images": {name: raw.scores.get(name) for name in (*MASKS, "TRA", "LNK")}})
        kept = {name: {**row.__dict__, "avoidable": avoidable(row, rows["oracle"])} for name, row in rows.items()}
        measured[movie.name] = {"masks": found, "raw images": raw.__dict__, "trackers": kept}
    store(options, trackers, {"sequences": measured})


def from_images(movie: Movie, segment: str, out: Path) -> Row:
    """Track images by the installed command and score the result as it is."""
    line = [str(COMMAND), "track", "--images", str(movie.images), "--segment", segment, "--output", str(out)]
    ended = run(line)
    if ended.problem:
        raise SystemExit(f"{' '.join(line)}: {ended.problem}")
    return Row(evaluate(out, movie.truth), {}, ended.cpu_seconds, "")


def in_field(movie: Movie, masks: Path, border: int, folder: Path) -> Movie:
    """The movie with the masks that reach into the field in which cells are annotated."""

    def inside(number: int, path: Path) -> np.ndarray:
        labels = tifffile.imread(masks / f"mask{number:03d}.tif")
        field = labels[(slice(border, -border or None),) * labels.ndim]
        return np.where(np.isin(labels, np.unique(field)), labels, 0)

    return with_masks(movie, inside, folder)


if __name__ == "__main__":
    main()
