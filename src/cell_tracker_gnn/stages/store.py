"""Where the finished pieces of a run are kept: in memory, or in a folder from which a run can be continued."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.errors import OutputError

__all__ = ["Arrays", "FolderStore", "MemoryStore", "Store"]

Arrays = dict[str, NDArray[Any]]


class Store(Protocol):
    """Pieces by name; a copy of the store in another process may keep pieces, too."""

    def has(self, name: str) -> bool:
        """Whether the piece is there."""
        ...

    def keep(self, name: str, arrays: Arrays) -> Arrays | None:
        """Keep a piece where it was computed; what is returned is for :meth:`take`."""
        ...

    def take(self, name: str, kept: Arrays | None) -> None:
        """Take what :meth:`keep` gave, perhaps in another process."""
        ...

    def load(self, name: str, keys: Iterable[str] | None = None) -> Arrays:
        """Some or all arrays of a piece."""
        ...

    def only(self, names: Iterable[str]) -> Self:
        """A store to send to another process, with no more than these pieces."""
        ...


@dataclass(frozen=True, eq=False)
class MemoryStore:
    """Pieces in memory."""

    pieces: dict[str, Arrays] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether the piece is there."""
        return name in self.pieces

    def keep(self, name: str, arrays: Arrays) -> Arrays | None:
        """Give the arrays back: this may be a copy of the store in another process."""
        return arrays

    def take(self, name: str, kept: Arrays | None) -> None:
        """Keep the arrays."""
        self.pieces[name] = kept or {}

    def load(self, name: str, keys: Iterable[str] | None = None) -> Arrays:
        """Some or all arrays of a piece."""
        piece = self.pieces[name]
        return piece if keys is None else {key: piece[key] for key in keys}

    def only(self, names: Iterable[str]) -> MemoryStore:
        """A store with no more than these pieces."""
        return MemoryStore({name: self.pieces[name] for name in names})


@dataclass(frozen=True)
class FolderStore:
    """Pieces as ``.npz`` files in a folder that all processes see.

    Parameters
    ----------
    folder
        The folder; it exists.
    """

    folder: Path

    def has(self, name: str) -> bool:
        """Whether the piece is there and complete."""
        path = self._path(name)
        # The directory of a zip file stands at its end, so a file that was cut off by a crash has none.
        return path.is_file() and zipfile.is_zipfile(path)

    def keep(self, name: str, arrays: Arrays) -> Arrays | None:
        """Write a piece; it appears under its name when it is complete.

        Raises
        ------
        OutputError
            If the disk cannot be written.
        """
        path = self._path(name)
        # Two processes may compute the same piece, where one was given up for lost.
        temporary = path.with_name(f".{name}.{uuid4().hex}.partial")
        try:
            with temporary.open("wb") as stream:
                np.savez(stream, allow_pickle=False, **arrays)
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise OutputError(
                f"{self.folder} cannot be written ({error}); free some space and continue with --resume"
            ) from error
        return None

    def take(self, name: str, kept: Arrays | None) -> None:
        """Nothing is left to do."""

    def load(self, name: str, keys: Iterable[str] | None = None) -> Arrays:
        """Some or all arrays of a piece.

        Raises
        ------
        OutputError
            If the file cannot be read.
        """
        path = self._path(name)
        try:
            with np.load(path, allow_pickle=False) as piece:
                return {key: piece[key] for key in (piece.files if keys is None else keys)}
        except Exception as error:
            # Bytes of a damaged archive make zlib, zipfile and numpy raise nearly anything.
            raise OutputError(f"{path} cannot be read ({error}); delete it and continue with --resume") from error

    def only(self, names: Iterable[str]) -> FolderStore:
        """The folder itself."""
        return self

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.npz"
