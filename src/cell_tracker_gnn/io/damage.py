"""Whatever damaged or foreign content makes our own readers raise, told as one sentence that names the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike

from cell_tracker_gnn.errors import CellTrackerError, InputError

__all__ = ["claims_too_much", "damage_as_error"]

_SMALL, _MOST_SQUEEZED = 2**28, 100_000
"""Bytes that an array may always claim, and how many per byte on disk: no compression makes more of one."""


def claims_too_much(claimed: int, stored: int) -> bool:
    """Whether a header claims more bytes of values than so many bytes on disk can hold."""
    return claimed > max(_SMALL, _MOST_SQUEEZED * stored)


@contextmanager
def damage_as_error(path: str | PathLike[str], remedy: str = "restore it or make it again") -> Iterator[None]:
    """Turn an unexpected error while ``path`` is read into an InputError.

    The usual faults have sentences of their own; this is for all others: a column that is gone, a word where a number
    should be, a number that no array can hold.

    Parameters
    ----------
    path
        The file or folder.
    remedy
        What the user should do.

    Raises
    ------
    InputError
        In the place of any error that is not one of ours.
    """
    try:
        yield
    except CellTrackerError:
        raise
    except KeyError as error:
        raise InputError(f"{path} lacks {error}; {remedy}") from error
    except Exception as error:
        # Bytes and words that nobody foresaw make numpy, JSON and our own arithmetic raise nearly anything.
        reason = str(error).strip().splitlines()
        told = f"{type(error).__name__}: {reason[0][:200]}" if reason else type(error).__name__
        raise InputError(f"{path} cannot be read ({told}); {remedy}") from error
