"""The best that the masks allow: links copied from the truth, consecutive frames only.

A cell keeps at most two daughters, as any tracker assumes; the few mothers of three or four in PhC-C2DL-PSC are faults
of the truth.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import tifffile

from cell_tracker_gnn.evaluation.matching import match_frame
from peers.common import Cell, Link, Sequence, main, numbered


def ancestors(sequence: Sequence) -> Iterator[tuple[Cell, list[Cell], dict[Cell, Cell]]]:
    """Each true cell that a mask shows, all its ancestors, nearest first, and the masks of all true cells."""
    if sequence.truth is None:
        sys.exit("needs the truth")
    rows = np.loadtxt(sequence.truth / "man_track.txt", dtype=np.int64, ndmin=2).tolist()
    markers = numbered(sequence.truth)
    number = {value: index for index, value in enumerate(markers)}
    shown = {}
    for index, path in enumerate(markers.values()):
        match = match_frame(tifffile.imread(path), sequence.mask(index))
        pairs = zip(match.truth[match.unique].tolist(), match.result[match.unique].tolist(), strict=True)
        shown.update({(index, true): (index, found) for true, found in pairs})
    before: dict[Cell, Cell] = {}
    last = {label: (number[end], label) for label, _, end, _ in rows}
    for label, begin, end, parent in rows:
        if parent:
            before[number[begin], label] = last[parent]
        before.update({(frame, label): (frame - 1, label) for frame in range(number[begin] + 1, number[end] + 1)})
    for cell in shown:
        line = [cell]
        while line[-1] in before:
            line.append(before[line[-1]])
        yield cell, line[1:], shown


def two_daughters(links: Iterable[Link]) -> Iterator[Link]:
    """Leave out the third and any further child of a cell."""
    children: Counter[Cell] = Counter()
    for source, target in links:
        children[source] += 1
        if children[source] <= 2:
            yield source, target


def link(sequence: Sequence) -> Iterator[Link]:
    return two_daughters(
        (shown[line[0]], shown[cell])
        for cell, line, shown in ancestors(sequence)
        if line and line[0] in shown and line[0][0] == cell[0] - 1
    )


if __name__ == "__main__":
    main(link)
