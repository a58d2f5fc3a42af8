"""Cells as a table, one row each, whose columns are the fields of a dataclass, and the numbers that they are given."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Integers

__all__ = ["Identities", "Rows"]


class Identities:
    """Numbers 1, 2, 3, ... for cells, none of them twice."""

    def __init__(self) -> None:
        self._given = 0

    def give(self, count: int) -> Integers:
        """The next numbers, shape (count,)."""
        self._given += count
        return np.arange(self._given - count + 1, self._given + 1, dtype=np.int64)


@dataclass(eq=False)
class Rows:
    """Cells, one row each.

    Parameters
    ----------
    identity, parent
        Number of the cell and of its mother (or 0), shape (n,).
    """

    identity: Integers
    parent: Integers

    def __len__(self) -> int:
        return len(self.identity)

    def take(self, rows: NDArray[np.generic]) -> Self:
        """Take the rows chosen by an index or boolean array."""
        return type(self)(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def joined(self, other: Self) -> Self:
        """Join these rows and those of ``other``."""
        rows = {f.name: np.concatenate([getattr(self, f.name), getattr(other, f.name)]) for f in fields(self)}
        return type(self)(**rows)
