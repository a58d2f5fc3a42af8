"""A lineage as the evaluation needs it: frames as indices, children, identities over gaps, divisions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from cell_tracker_gnn.data import Integers
from cell_tracker_gnn.errors import FrameMismatchError, InputError
from cell_tracker_gnn.io import LineageTable

__all__ = ["CheckedLineage"]


@dataclass(frozen=True, eq=False)
class CheckedLineage:
    """Tracks that fit their masks.

    Parameters
    ----------
    rows
        Label, begin, end, parent (0 for none) of each track, shape (k, 4); begin and end are indices of frames
        (0, 1, 2, ...), not numbers in file names.
    """

    rows: Integers

    @classmethod
    def from_table(
        cls, table: LineageTable, numbers: Sequence[int], labels: Sequence[Integers], path: Path
    ) -> CheckedLineage:
        """Turn frame numbers into indices and make sure that table and masks agree.

        Parameters
        ----------
        table
            Tracks as read from ``path``.
        numbers
            Frame number of each frame.
        labels
            Labels in the mask of each frame.
        path
            Where the table was read from, for messages.

        Raises
        ------
        InputError
            If the table is empty, a mask holds a label that is not in the table or a track is missing in a mask.
        FrameMismatchError
            If a track begins or ends in a frame that does not exist.
        """
        if not len(table):
            raise InputError(f"{path} lists no track, so there is nothing to evaluate; check that any cell was found")
        index = {number: position for position, number in enumerate(numbers)}
        for number in np.union1d(table.begin, table.end).tolist():
            if number not in index:
                raise FrameMismatchError(
                    f"{path} has a track that begins or ends in frame {number}, but there is no mask of that number; "
                    "give the masks that belong to this table"
                )
        begin, end = ([index[number] for number in column.tolist()] for column in (table.begin, table.end))
        lineage = cls(np.column_stack([table.label, begin, end, table.parent]).astype(np.int64))
        lineage._check_masks(labels, numbers, path)
        return lineage

    @cached_property
    def span(self) -> dict[int, tuple[int, int]]:
        """First and last frame index of every track."""
        return {label: (begin, end) for label, begin, end, _ in self.rows.tolist()}

    @cached_property
    def children(self) -> dict[int, list[int]]:
        """Labels of the children of every track that has any."""
        found: dict[int, list[int]] = defaultdict(list)
        for label, _, _, parent in self.rows.tolist():
            if parent:
                found[parent].append(label)
        return dict(found)

    @cached_property
    def divisions(self) -> dict[int, list[int]]:
        """Labels of the daughters of every mother, two or more each."""
        return {parent: children for parent, children in self.children.items() if len(children) > 1}

    @cached_property
    def identity(self) -> dict[int, int]:
        """Label of the first track of the same cell: a single child continues its parent, daughters are new cells."""
        single = {children[0]: parent for parent, children in self.children.items() if len(children) == 1}
        found: dict[int, int] = {}
        for label, _, _, _ in sorted(self.rows.tolist(), key=lambda row: row[1]):
            parent = single.get(label)
            found[label] = label if parent is None else found[parent]
        return found

    def _check_masks(self, labels: Sequence[Integers], numbers: Sequence[int], path: Path) -> None:
        for index, present in enumerate(labels):
            expected = self.rows[(self.rows[:, 1] <= index) & (index <= self.rows[:, 2]), 0]
            extra, missing = np.setdiff1d(present, expected), np.setdiff1d(expected, present)
            if len(extra):
                raise InputError(
                    f"label {extra[0]} is in the mask of frame {numbers[index]} but {path} has no such track there; "
                    "write masks and table again from the same run"
                )
            if len(missing):
                raise InputError(
                    f"{path} lists track {missing[0]} in frame {numbers[index]} but the mask has no such label; "
                    "split the track where the cell is missing and name the first part as parent of the second"
                )
