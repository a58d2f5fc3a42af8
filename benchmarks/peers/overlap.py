"""Mask overlap: the parent of a cell is the cell of the frame before that it overlaps most, in pixels.

A cell chosen by two or more divides. A cell that overlaps nothing begins a track. No settings.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from peers.common import Link, Sequence, main


def link(sequence: Sequence) -> Iterator[Link]:
    before = sequence.mask(0)
    for frame in range(1, len(sequence.masks)):
        after = sequence.mask(frame)
        both = (before != 0) & (after != 0)
        width = int(before.max()) + 1
        pairs, shared = np.unique(after[both].astype(np.int64) * width + before[both], return_counts=True)
        best: dict[int, tuple[int, int]] = {}
        for pair, size in zip(pairs.tolist(), shared.tolist(), strict=True):
            target, source = divmod(pair, width)
            best[target] = max(best.get(target, (0, 0)), (size, source))
        yield from (((frame - 1, source), (frame, target)) for target, (_, source) in best.items())
        before = after


if __name__ == "__main__":
    main(link)
