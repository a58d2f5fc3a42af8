"""Tables of tracks as the Cell Tracking Challenge writes them: one line ``L B E P`` per track."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from cell_tracker_gnn.data import Integers
from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.io.paths import existing

__all__ = ["LineageTable", "read_lineage_table"]


@dataclass(frozen=True, eq=False)
class LineageTable:
    """One row per track, in the order of the file.

    Parameters
    ----------
    label
        Label of the track in the masks, shape (k,).
    begin, end
        Number of its first and of its last frame, as in the file names, shape (k,).
    parent
        Label of the parent or 0, shape (k,).

    Examples
    --------
    >>> import numpy as np
    >>> from cell_tracker_gnn.io import LineageTable
    >>> table = LineageTable(np.array([1, 2]), np.array([0, 3]), np.array([2, 9]), parent=np.array([0, 1]))
    >>> len(table)
    2
    """

    label: Integers
    begin: Integers
    end: Integers
    parent: Integers

    def __len__(self) -> int:
        return len(self.label)

    def text(self) -> str:
        """The content of the file, a line per track."""
        rows = zip(self.label, self.begin, self.end, self.parent, strict=True)
        return "".join(f"{label} {begin} {end} {parent}\n" for label, begin, end, parent in rows)


def read_lineage_table(path: str | PathLike[str]) -> LineageTable:
    r"""Read ``man_track.txt`` or ``res_track.txt``; an empty file is a table without tracks.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    LineageTable
        Its rows; every parent is a row that ended before its child begins.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If a line is not four whole numbers or contradicts the others; the message names the line.

    Examples
    --------
    >>> from pathlib import Path
    >>> from cell_tracker_gnn.io import read_lineage_table
    >>> _ = Path("man_track.txt").write_text("1 0 2 0\n2 3 9 1\n3 3 9 1\n")
    >>> read_lineage_table("man_track.txt").parent.tolist()
    [0, 1, 1]
    """
    file = existing(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read as text ({error}); give man_track.txt or res_track.txt") from error
    lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    rows = [_row(words, file, number) for number, words in lines]
    _check_family(rows, [number for number, _ in lines], file)
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return LineageTable(table[:, 0], table[:, 1], table[:, 2], table[:, 3])


def _row(words: list[str], file: Path, line: int) -> tuple[int, int, int, int]:
    """Label, begin, end and parent of one line."""
    try:
        label, begin, end, parent = (int(word) for word in words)
    except ValueError:
        raise InputError(
            f"{file}, line {line}: {' '.join(words)!r} is not four whole numbers; write label, begin, end and parent"
        ) from None
    if label < 1 or begin < 0 or parent < 0 or max(label, end, parent) >= 2**63:
        raise InputError(f"{file}, line {line}: labels count from 1, frames and parents from 0; correct the line")
    if begin > end:
        raise InputError(f"{file}, line {line}: track {label} begins in frame {begin}, after its end {end}; correct it")
    return label, begin, end, parent


def _check_family(rows: list[tuple[int, int, int, int]], lines: list[int], file: Path) -> None:
    """Refuse duplicate labels and parents that are unknown or end too late; so there is no cycle either."""
    place: dict[int, int] = {}
    for i, (label, *_) in enumerate(rows):
        if label in place:
            raise InputError(
                f"{file}, line {lines[i]}: track {label} already stands in line {lines[place[label]]}; "
                "give every track one line"
            )
        place[label] = i
    for line, (label, begin, _, parent) in zip(lines, rows, strict=True):
        if parent == 0:
            continue
        if parent not in place:
            raise InputError(
                f"{file}, line {line}: track {label} has the parent {parent}, which has no line; add it or write 0"
            )
        parent_end = rows[place[parent]][2]
        if parent == label or parent_end >= begin:
            raise InputError(
                f"{file}, line {line}: track {label} begins in frame {begin}, but its parent {parent} ends in frame "
                f"{parent_end}, which must be earlier; correct the line"
            )
