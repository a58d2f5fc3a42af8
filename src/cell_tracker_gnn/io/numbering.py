"""Frame numbers from file names: any number of digits, any first number."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from cell_tracker_gnn.errors import InputError

__all__ = ["check_span", "number_files"]

MOST_EMPTY = 100
"""More empty frames per frame with cells than this are no movie; and so many are always fine."""

_DIGITS = re.compile(r"([0-9]+)")
_TIME = re.compile(r"(?:^|[^a-z])(?:t|time|frame)[\s=_-]*$", re.IGNORECASE)


def number_files(paths: Iterable[Path]) -> list[tuple[int, Path]]:
    """Give the files of one movie their frame numbers and put them in order.

    The frame number is the one group of digits that differs among the names without their extension; when several
    differ, the one directly after a ``t`` (``t012``, ``_t0012``, ``T=3``). A single file has the last group of digits
    as its number, or 0 when there is none.

    Parameters
    ----------
    paths
        The files, one per frame, in any order.

    Returns
    -------
    list of (int, Path)
        Frame number and file, ordered by number.

    Raises
    ------
    InputError
        If the names do not tell which group of digits is the frame number, or two files have the same number.
    """
    files = sorted(paths)
    pieces = [_DIGITS.split(path.stem) for path in files]
    numbers = _numbers(files, pieces)
    ordered = sorted(zip(numbers, files, strict=True))
    if ordered and ordered[-1][0] >= 2**63:
        raise InputError(f"{ordered[-1][1]} has the frame number {ordered[-1][0]}, too large for one; rename the files")
    for (number, first), (other, second) in pairwise(ordered):
        if number == other:
            raise InputError(
                f"{first} and {second} both have frame number {number}; keep one file per frame in the folder"
            )
    return ordered


def check_span(first: int, last: int, step: int, known: int, where: str) -> None:
    """Refuse frame numbers that would make a movie of hardly anything but empty frames.

    Parameters
    ----------
    first, last, step
        Smallest and largest frame number, and the distance of frames.
    known
        Number of frames that hold something.
    where
        Name of the table in the message.

    Raises
    ------
    InputError
        If there would be more than :data:`MOST_EMPTY` empty frames for each frame that is known.
    """
    if (last - first) // step > MOST_EMPTY * known + MOST_EMPTY:
        raise InputError(
            f"t runs from {first} to {last} in {where}, but only {known} frames hold something; give frame "
            "numbers, not times"
        )


def _numbers(files: list[Path], pieces: list[list[str]]) -> list[int]:
    """Frame number of every file; ``pieces`` alternate between text and digits."""
    if len(files) <= 1:
        return [int(parts[-2]) if len(parts) > 1 else 0 for parts in pieces]
    if len({len(parts) for parts in pieces}) == 1:
        return _same_structure(files, pieces)
    marked = [_time_groups(parts) for parts in pieces]
    if all(len(groups) == 1 for groups in marked):
        return [int(parts[groups[0]]) for parts, groups in zip(pieces, marked, strict=True)]
    counts = [len(parts) for parts in pieces]
    other = next(i for i, count in enumerate(counts) if count != counts[0])
    raise InputError(
        f"the file names {files[0].name} and {files[other].name} in {files[0].parent} are built differently, so their "
        "frame numbers are unclear; rename them to one pattern such as t000.tif, t001.tif, or move one of them away"
    )


def _same_structure(files: list[Path], pieces: list[list[str]]) -> list[int]:
    """Frame numbers of names that all have the same number of digit groups."""
    groups = range(1, len(pieces[0]), 2)
    if not groups:
        raise InputError(
            f"the file names in {files[0].parent} hold no frame number ({files[0].name}, {files[1].name}); "
            "rename them to a pattern such as t000.tif, t001.tif"
        )
    values = {group: [int(parts[group]) for parts in pieces] for group in groups}
    varying = [group for group in groups if len(set(values[group])) > 1]
    if not varying:
        return values[groups[-1]]
    if len({tuple(values[group]) for group in varying}) == 1:
        return values[varying[0]]
    marked = [group for group in varying if all(group in _time_groups(parts) for parts in pieces)]
    if len(marked) != 1:
        candidates = ", ".join(f"{pieces[0][group]!r}" for group in varying)
        raise InputError(
            f"the numbers {candidates} in {files[0].name} all differ among the files of {files[0].parent}, so the "
            "frame number is unclear; put a t directly before it (t000.tif) or keep one position or channel per folder"
        )
    return values[marked[0]]


def _time_groups(parts: list[str]) -> list[int]:
    """Find the digit groups that follow a ``t``."""
    return [group for group in range(1, len(parts), 2) if _TIME.search(parts[group - 1])]
