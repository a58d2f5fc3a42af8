"""The exceptions of cell-tracker-gnn.

Every message says what is wrong, where, and what to do next, because the command line prints it as it is
and exits with code 2::

    CellTrackerError
    ├── InputError          the movie, the masks, the points or a result folder cannot be used
    │   ├── MissingInputError   a file or folder does not exist or is empty
    │   └── FrameMismatchError  images, masks or lineage do not belong to the same frames
    ├── OutputError         the result cannot be written where it was asked for
    ├── SettingsError       a setting is out of range or contradicts another one
    ├── ModelError          a model file is missing, broken, of another kind or from a newer version
    ├── WorkerError         a process that computes a part of the work died
    └── LinkingError        fixed and forbidden links contradict each other
"""

from __future__ import annotations

__all__ = [
    "CellTrackerError",
    "FrameMismatchError",
    "InputError",
    "LinkingError",
    "MissingInputError",
    "ModelError",
    "OutputError",
    "SettingsError",
    "WorkerError",
]


class CellTrackerError(Exception):
    """Base of every error this package raises on purpose.

    Examples
    --------
    >>> from cell_tracker_gnn import CellTrackerError, open_movie
    >>> try:
    ...     open_movie("no-such-folder")
    ... except CellTrackerError as error:
    ...     print(error)
    no-such-folder does not exist; check the path
    """


class InputError(CellTrackerError):
    """The movie, the masks, the points or a result folder cannot be used."""


class MissingInputError(InputError):
    """A file or folder does not exist or holds nothing usable."""


class FrameMismatchError(InputError):
    """Images, masks or lineage do not belong to the same frames."""


class OutputError(CellTrackerError):
    """The result cannot be written where it was asked for."""


class SettingsError(CellTrackerError):
    """A setting is out of range or contradicts another one."""


class ModelError(CellTrackerError):
    """A model file is missing, broken, of another kind or from a newer version."""


class WorkerError(CellTrackerError):
    """A process that computes a part of the work died."""


class LinkingError(CellTrackerError):
    """Fixed and forbidden links contradict each other."""
