"""The chain of directories in a TIFF file, one per page, followed before anything else is read."""

from __future__ import annotations

import struct
from io import BufferedReader
from pathlib import Path

from cell_tracker_gnn.errors import InputError

__all__ = ["check_directories"]

_COUNT, _OFFSET, _ENTRY, _FIRST = {42: "H", 43: "Q"}, {42: "I", 43: "Q"}, {42: 12, 43: 20}, {42: 4, 43: 8}
"""By version (classic, BigTIFF): type of the number of entries and of an offset, bytes of an entry, the first offset's
place."""


def check_directories(path: Path) -> None:
    """Refuse a file whose pages lead back to a former one, which would be read without end.

    Anything else that is wrong with the file is left to the library.

    Raises
    ------
    InputError
        If the chain is a ring.
    """
    with path.open("rb") as file:
        order = {b"II": "<", b"MM": ">"}.get(file.read(2))
        if order is None:
            return
        version = _read(file, order + "H")
        if version is None or version not in _COUNT:
            return
        count, offset = order + _COUNT[version], order + _OFFSET[version]
        file.seek(_FIRST[version])
        place, size, seen = _read(file, offset), path.stat().st_size, set[int]()
        while place:
            if place in seen:
                raise InputError(f"{path} is damaged, its pages form a ring; copy it again or export it anew")
            seen.add(place)
            file.seek(min(place, size))
            entries = _read(file, count)
            if entries is None:
                return
            file.seek(min(place + struct.calcsize(count) + entries * _ENTRY[version], size))
            place = _read(file, offset)


def _read(file: BufferedReader, layout: str) -> int | None:
    """One whole number; None where the file ends."""
    data = file.read(struct.calcsize(layout))
    return int(struct.unpack(layout, data)[0]) if len(data) == struct.calcsize(layout) else None
