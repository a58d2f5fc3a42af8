"""The best that the masks allow when identities continue over missed cells: links copied from the truth."""

from __future__ import annotations

from collections.abc import Iterator

from peers.common import Link, Sequence, main
from peers.oracle import ancestors, two_daughters


def link(sequence: Sequence) -> Iterator[Link]:
    nearest = (
        (next((ancestor for ancestor in line if ancestor in shown), None), cell, shown)
        for cell, line, shown in ancestors(sequence)
    )
    return two_daughters((shown[ancestor], shown[cell]) for ancestor, cell, shown in nearest if ancestor is not None)


if __name__ == "__main__":
    main(link)
