"""Chunks of a Zarr array, looked at before they are decoded."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.io.damage import claims_too_much

if TYPE_CHECKING:
    import zarr

__all__ = ["check_arrays", "check_chunks"]

_HEADER = 16
"""Bytes of a Blosc header; the last four are the number of bytes of the whole chunk, little-endian."""


def check_chunks(array: zarr.Array[Any], key: Sequence[int | slice]) -> None:
    """Refuse Blosc chunks whose header states another length than their file has.

    The decoder believes the header and reads behind the end of the chunk, which ends the process.

    Parameters
    ----------
    array
        An array in a local folder. Chunks within shards cannot be looked at.
    key
        What is about to be read: a position or a full slice for each axis.

    Raises
    ------
    InputError
        If a chunk is cut off or damaged; the message names it.
    """
    root = getattr(array.store, "root", None)
    if root is None or array.shards is not None or not any(_is_blosc(codec) for codec in array.compressors):
        return
    counts = (range(-(-length // chunk)) for length, chunk in zip(array.shape, array.chunks, strict=True))
    places = ((range(part // chunk, part // chunk + 1) if isinstance(part, int) else count)
              for part, chunk, count in zip(key, array.chunks, counts, strict=True))  # fmt: skip
    for place in product(*places):
        # A chunk that was never written holds the fill value.
        file = Path(root) / array.path / array.metadata.encode_chunk_key(place)
        if file.is_file():
            _check_header(file)


def check_arrays(group: zarr.Group, path: Path) -> None:
    """Refuse a group, all of which is about to be read, if an array claims absurdly many values or has broken chunks.

    Parameters
    ----------
    group
        A group in a local folder.
    path
        That folder.

    Raises
    ------
    InputError
        If an array is damaged; the message names it.
    """
    import zarr

    for name, array in group.members(max_depth=None):
        if not isinstance(array, zarr.Array):
            continue
        files = [
            file for file in (path / name).rglob("*") if file.is_file() and not file.name.startswith((".z", "zarr."))
        ]
        if claims_too_much(array.nbytes, sum(file.stat().st_size for file in files)):
            raise InputError(f"{path / name} claims {array.nbytes} bytes, which it cannot hold; export {path} again")
        if array.shards is None and any(_is_blosc(codec) for codec in array.compressors):
            for file in files:
                _check_header(file)


def _check_header(file: Path) -> None:
    with file.open("rb") as stream:
        header = stream.read(_HEADER)
    if int.from_bytes(header[12:], "little") != file.stat().st_size:
        raise InputError(f"{file} is damaged or cut off; copy it again or export the array anew")


def _is_blosc(codec: object) -> bool:
    return "blosc" in type(codec).__name__.lower()
