"""What split masks cost a tracker that knows every identity, but not which half of a cell the truth marks.

    python benchmarks/split_floor.py ../shared/data/Fluo-N2DL-HeLa/01 ../shared/data/Fluo-N2DH-SIM+/01

The masks are those of ``damage.py``. ``limit`` is ``oracle-gaps``, which links the halves that hold the markers of the
truth; ``larger`` leads every cell through the larger of its halves. No tracker can be expected to be nearer to the
limit than that. Writes ``results/split-floor.json``.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from cell_tracker_gnn.evaluation import evaluate
from damage import Condition, spoil
from movies import find_movie
from peers.common import Cell, Link, Sequence, read_sequence, write_result
from peers.oracle import ancestors, two_daughters
from record import store
from trackers import Movie

SHARES = (0.02, 0.05, 0.1)

Shown = dict[Cell, Cell]
"""The mask that shows each true cell."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sequences", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "split-floor.json")
    options = parser.parse_args()
    measured = {}
    for path in options.sequences:
        movie = find_movie(path, None)
        for share in SHARES:
            with tempfile.TemporaryDirectory() as scratch:
                row = measured.setdefault(movie.name, {})[f"{share:.0%}"] = measure(movie, share, Path(scratch))
            print(movie.name, f"{share:.0%}", row)
    options.model = []
    store(options, [], {"sequences": measured})


def measure(movie: Movie, share: float, scratch: Path) -> dict[str, float | int | None]:
    """CHOTA of both, and how many true cells are marked in the half that is not the larger one."""
    clean = read_sequence(movie.masks, None, movie.truth / "TRA")
    spoilt = read_sequence(spoil(movie, Condition("split", share), scratch / "spoilt").masks, None, movie.truth / "TRA")
    lines = {cell: line for cell, line, _ in ancestors(clean)}
    marked, larger = _shown(spoilt), through_larger(_shown(clean), clean, spoilt)
    row: dict[str, float | int | None] = {}
    for name, shown in (("limit", marked), ("larger", larger)):
        write_result(spoilt, links(lines, shown), scratch / name)
        row[name] = evaluate(scratch / name, movie.truth)["CHOTA"]
    return row | {"marked elsewhere": sum(mask != marked.get(cell) for cell, mask in larger.items())}


def _shown(sequence: Sequence) -> Shown:
    return next(ancestors(sequence))[2]


def through_larger(shown: Shown, clean: Sequence, spoilt: Sequence) -> Shown:
    """The largest part that is left of the mask of each true cell."""
    largest: Shown = {}
    for frame in range(len(clean.masks)):
        whole, part = (sequence.mask(frame).astype(np.int64) for sequence in (clean, spoilt))
        width = int(part.max()) + 1
        shared = np.bincount((whole * width + part).ravel(), minlength=(int(whole.max()) + 1) * width)
        shared = shared.reshape(-1, width)[:, 1:]
        for label in np.flatnonzero(shared.any(axis=1)).tolist():
            largest[frame, label] = (frame, int(shared[label].argmax()) + 1)
    return {cell: largest[mask] for cell, mask in shown.items() if mask in largest}


def links(lines: dict[Cell, list[Cell]], shown: Shown) -> Iterable[Link]:
    """Each shown cell linked to its nearest shown ancestor."""

    def found() -> Iterator[Link]:
        for cell, line in lines.items():
            parent = next((one for one in line if one in shown), None)
            if parent is not None and cell in shown:
                yield shown[parent], shown[cell]

    return two_daughters(found())


if __name__ == "__main__":
    main()
