"""A stage that moves out of real movies: LNK of every tracker in a window that wanders over the field.

    python benchmarks/moving_stage.py ../shared/data/Fluo-N2DL-HeLa/01 ../shared/data/Mouse-epidermis/01=20,40,80 \
        --model '=WORK/models/{data_set}.safetensors' --peers-python PYTHON --cache CACHE

The window is 0.6 of the field along y and x and moves by so many pixels between two frames, in a direction that changes
slowly; all cells seem to move the other way. Options as for ``accuracy.py``. Writes ``results/moving-stage.json``.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from rich.console import Console

from movies import Track, find_movie, read_lineage, write_lineage
from options import choose_trackers, tracker_options
from peers.common import numbered
from record import store
from scoring import score_all
from tables import avoidable, table
from trackers import Movie

WINDOW = 0.6
STEPS = (0, 30, 60)
TURN = 0.6
"""Standard deviation of the change of direction from frame to frame, in radians."""

Offsets = NDArray[np.int64]


def main() -> None:
    options = parse()
    trackers = choose_trackers(options)
    measured: dict[str, dict[int, object]] = {}
    for sequence, steps in options.sequences:
        for step in steps:
            with tempfile.TemporaryDirectory() as scratch:
                movie = pan(find_movie(sequence, None), step, options.seed, Path(scratch) / "panned")
                rows = score_all(trackers, movie, Path(scratch), options.cache)
            Console(width=160).print(table(f"{movie.name}, {step} pixels per frame", rows))
            measured.setdefault(movie.name, {})[step] = {
                name: {**asdict(row), "avoidable": avoidable(row, rows["oracle"])} for name, row in rows.items()
            }
    store(options, trackers, {"sequences": measured})


def parse() -> argparse.Namespace:
    parser = tracker_options(__doc__, "moving-stage.json")
    parser.add_argument(
        "sequences", nargs="+", type=_sequence, metavar="SEQUENCE[=STEP,STEP,...]", help="pixels per frame; 0, 30, 60"
    )
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_intermixed_args()


def _sequence(text: str) -> tuple[Path, tuple[int, ...]]:
    path, _, steps = text.partition("=")
    return Path(path), tuple(int(step) for step in steps.split(",")) if steps else STEPS


def pan(movie: Movie, step: float, seed: int, folder: Path) -> Movie:
    """The movie through a window that moves by ``step`` pixels per frame within the field."""
    masks, markers = numbered(movie.masks), numbered(movie.truth / "TRA")
    images = numbered(movie.images) if movie.images else {}
    numbers = list(masks)
    field = np.array(tifffile.imread(masks[numbers[0]]).shape[-2:])
    size = (WINDOW * field).astype(np.int64)
    offsets = wander(len(numbers), field - size, step, np.random.default_rng(seed))
    seen: dict[int, list[int]] = {}
    for place, (number, corner) in enumerate(zip(numbers, offsets, strict=True)):
        for kind, files in (("masks", masks), ("images", images), ("truth/TRA", markers)):
            if files:
                part = _cut(files[number], corner, size)
                _write(folder / kind / f"{'man_track' if 'TRA' in kind else 't'}{place:03d}.tif", part)
        for label in np.unique(part[part > 0]).tolist():
            seen.setdefault(label, []).append(place)
    first = numbers[0]
    rows = [(label, begin - first, end - first, parent) for label, begin, end, parent in read_lineage(movie.truth)]
    table, renamed = reappearances(rows, seen)
    write_lineage(folder / "truth", table)
    for label, place, new in renamed:
        path = folder / "truth/TRA" / f"man_track{place:03d}.tif"
        marker = tifffile.imread(path)
        marker[marker == label] = new
        _write(path, marker)
    shown = folder / "images" if images else None
    return replace(movie, masks=folder / "masks", images=shown, truth=folder / "truth")


def wander(frames: int, room: NDArray[np.int64], step: float, rng: np.random.Generator) -> Offsets:
    """Corners of a window that has so much room along y and x, shape (frames, 2)."""
    if step > room.max() / 2:
        raise SystemExit(f"steps of {step} pixels do not fit into the {room.max()} that the window can move; take less")
    corners, angle = [room / 2.0], rng.uniform(0.0, 2 * np.pi)
    while len(corners) < frames:
        turned = angle + rng.normal(0.0, TURN)
        corner = corners[-1] + step * np.array([np.sin(turned), np.cos(turned)])
        if np.all((corner >= 0) & (corner <= room)):
            corners.append(corner)
            angle = turned
        else:
            angle = rng.uniform(0.0, 2 * np.pi)
    return np.rint(corners).astype(np.int64)


def reappearances(rows: list[Track], seen: dict[int, list[int]]) -> tuple[list[Track], list[tuple[int, int, int]]]:
    """The lineage of what is seen, and (label, frame, new label) where a cell that had left is back: as another one."""
    runs = [(label, run) for label, *_ in rows if label in seen for run in _runs(seen[label])]
    fresh = iter(range(max(label for label, *_ in rows) + 1, 2**16))
    names: dict[tuple[int, int], int] = {}
    renamed = []
    for label, run in runs:
        names[label, run[0]] = label if (label, seen[label][0]) not in names else next(fresh)
        renamed += [(label, place, names[label, run[0]]) for place in run if names[label, run[0]] != label]
    last = {(label, run[-1]): names[label, run[0]] for label, run in runs}
    born = {label: (begin, parent) for label, begin, _, parent in rows}
    table = []
    for label, run in runs:
        begin, parent = born[label]
        mother = last.get((parent, run[0] - 1), 0) if run[0] == begin else 0
        table.append((names[label, run[0]], run[0], run[-1], mother))
    return table, renamed


def _runs(places: list[int]) -> Iterator[list[int]]:
    """Parts of a list of frames without a missing frame."""
    breaks = [index for index, (a, b) in enumerate(pairwise(places), start=1) if b - a > 1]
    for begin, end in pairwise([0, *breaks, len(places)]):
        yield places[begin:end]


def _cut(path: Path, corner: NDArray[np.int64], size: NDArray[np.int64]) -> NDArray[np.generic]:
    (y, x), (height, width) = corner, size
    return np.ascontiguousarray(tifffile.imread(path)[..., y : y + height, x : x + width])


def _write(path: Path, plane: NDArray[np.generic]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, plane, compression="zlib")


if __name__ == "__main__":
    main()
