"""Nearest neighbour: the parent of a cell is the cell of the frame before whose centre is nearest.

The distance may not exceed the median distance between neighbours. A parent keeps its two nearest children.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from scipy.spatial import cKDTree

from peers.common import Link, Sequence, main


def link(sequence: Sequence) -> Iterator[Link]:
    reach = sequence.neighbour_distance
    for frame, (before, after) in enumerate(zip(sequence.cells[:-1], sequence.cells[1:], strict=True)):
        if not before or not after:
            continue
        sources, targets = list(before), list(after)
        distance, nearest = cKDTree(list(before.values())).query(list(after.values()), distance_upper_bound=reach)
        children: Counter[int] = Counter()
        for row in np.argsort(distance, kind="stable"):
            if np.isfinite(distance[row]) and children[nearest[row]] < 2:
                children[nearest[row]] += 1
                yield (frame, sources[nearest[row]]), (frame + 1, targets[row])


if __name__ == "__main__":
    main(link)
