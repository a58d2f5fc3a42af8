"""laptrack with splitting and gap closing.

Its own default cutoff of 15 pixels fits one cell size only, so the largest step is the median distance between
neighbours, squared as its metric wants it; everything else is its default. Merges are off by default.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from laptrack import LapTrack

from peers.common import Link, Sequence, main


def link(sequence: Sequence) -> Iterator[Link]:
    cutoff = sequence.neighbour_distance**2
    rank = next(len(centre) for frame in sequence.cells for centre in frame.values())
    labels = [list(frame) for frame in sequence.cells]
    points = [np.array(list(frame.values())).reshape(-1, rank) for frame in sequence.cells]
    tree = LapTrack(cutoff=cutoff, gap_closing_cutoff=cutoff, splitting_cutoff=cutoff).predict(points)
    for (first, source), (second, target) in tree.edges:
        yield (first, labels[first][source]), (second, labels[second][target])


if __name__ == "__main__":
    main(link)
