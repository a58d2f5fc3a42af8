"""Corrections of links on disk: a small JSON file, whose schema is published as ``docs/edits.schema.json``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from os import PathLike
from pathlib import Path

from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.io.output import write_json
from cell_tracker_gnn.io.paths import existing

__all__ = ["OPERATIONS", "Edit", "Edits", "parse_edits", "read_edits", "write_edits"]

OPERATIONS: tuple[str, ...] = ("confirm", "cut", "add")
"""What can be done to a link: it must be there (``confirm`` one that is shown, ``add`` another one) or must not."""

_VERSION = 1
_LARGEST = 2**53
"""Whole numbers up to here are exact in every reader of JSON."""


@dataclass(frozen=True)
class Edit:
    """One correction: a link between two cells by their frame numbers and labels in the input.

    Examples
    --------
    >>> from cell_tracker_gnn.io.edits import Edit
    >>> Edit("cut", frame_from=9, label_from=186, frame_to=10, label_to=188).op
    'cut'
    """

    op: str
    frame_from: int
    label_from: int
    frame_to: int
    label_to: int


@dataclass(frozen=True)
class Edits:
    """Corrections of one movie.

    Parameters
    ----------
    masks_sha256
        Hash of the masks that were looked at, as in ``run.json``, see
        :meth:`~cell_tracker_gnn.io.fingerprint.HashedFrames.sha256`.
    edits
        The corrections; a division is two links added from one cell.
    where
        The file they were read from, for error messages.

    Examples
    --------
    >>> import numpy as np
    >>> from cell_tracker_gnn import Tracker
    >>> from cell_tracker_gnn.io.edits import Edit, Edits
    >>> masks = np.zeros((2, 32, 32), int)
    >>> masks[0, 10:18, 10:18] = masks[1, 11:19, 10:18] = 5
    >>> tracker = Tracker.from_pretrained()
    >>> found = tracker.track(masks)
    >>> cut = Edits(found.run["masks_sha256"], (Edit("cut", 0, 5, 1, 5),))
    >>> len(found.links), len(tracker.track(masks, fixed=cut).links)
    (1, 0)
    """

    masks_sha256: str
    edits: tuple[Edit, ...]
    where: str = field(default="", compare=False, repr=False)

    def as_dict(self) -> dict[str, object]:
        """Content of the file, plain values."""
        return {"version": _VERSION, "masks_sha256": self.masks_sha256, "edits": [asdict(edit) for edit in self.edits]}


def read_edits(path: str | PathLike[str]) -> Edits:
    """Read a file of corrections.

    Parameters
    ----------
    path
        The file, as the report saves it.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If it is not such a file; the message names the edit, counted from 1.

    Examples
    --------
    >>> from pathlib import Path
    >>> from cell_tracker_gnn.io.edits import Edit, Edits, read_edits, write_edits
    >>> write_edits(Edits("0" * 64, (Edit("cut", 9, 186, 10, 188),)), Path("edits.json"))
    >>> len(read_edits("edits.json").edits)
    1
    """
    file = existing(path)
    try:
        content = json.loads(file.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{file} cannot be read as JSON ({error}); give the file that the report saved") from error
    return parse_edits(content, str(file))


def parse_edits(content: object, where: str) -> Edits:
    """Check plain values as in the file; ``where`` names them in messages.

    Parameters
    ----------
    content
        What a file of corrections holds, as JSON gives it.
    where
        Name for messages, usually the path.

    Raises
    ------
    InputError
        If they are not corrections.

    Examples
    --------
    >>> from cell_tracker_gnn.io.edits import parse_edits
    >>> row = {"op": "confirm", "frame_from": 3, "label_from": 24, "frame_to": 4, "label_to": 24}
    >>> edits = parse_edits({"version": 1, "masks_sha256": "0" * 64, "edits": [row]}, "edits.json")
    >>> edits.edits[0].label_to
    24
    """
    if not isinstance(content, Mapping) or not {"version", "masks_sha256", "edits"} <= content.keys():
        raise InputError(f"{where} holds no corrections (version, masks_sha256, edits); give the file of the report")
    if type(content["version"]) is not int or content["version"] != _VERSION:
        raise InputError(
            f"{where} is of version {content['version']!r}, but version {_VERSION} is understood; "
            "save the corrections again or update cell-tracker-gnn"
        )
    digest, rows = content["masks_sha256"], content["edits"]
    if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
        raise InputError(f"the masks_sha256 of {where} is not 64 hexadecimal digits; take it from run.json")
    if not isinstance(rows, list):
        raise InputError(f"the edits of {where} are no list; save the corrections again")
    _refuse_unknown(content, ("version", "masks_sha256", "edits"), where)
    edits = tuple(_edit(row, f"edit {place} of {where}") for place, row in enumerate(rows, start=1))
    return Edits(digest, edits, where)


def write_edits(edits: Edits, path: Path) -> None:
    """Write a file of corrections.

    Parameters
    ----------
    edits
        The corrections.
    path
        The file.

    Raises
    ------
    OutputError
        If it cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from cell_tracker_gnn.io.edits import Edit, Edits, write_edits
    >>> write_edits(Edits("0" * 64, (Edit("cut", 9, 186, 10, 188),)), Path("edits.json"))
    """
    write_json(edits.as_dict(), path)


def _edit(row: object, where: str) -> Edit:
    names = [column.name for column in fields(Edit)]
    if not isinstance(row, Mapping) or not set(names) <= row.keys():
        raise InputError(f"{where} lacks one of {', '.join(names)}; add it")
    _refuse_unknown(row, names, where)
    if row["op"] not in OPERATIONS:
        raise InputError(f"{where} has the op {row['op']!r}; write one of {', '.join(OPERATIONS)}")
    for name in names[1:]:
        if type(row[name]) is not int or not 0 <= row[name] < _LARGEST:
            raise InputError(f"{where} has {name} = {row[name]!r}; write a whole number, 0 or more")
    return Edit(**{name: row[name] for name in names})


def _refuse_unknown(row: Mapping[str, object], names: Iterable[str], where: str) -> None:
    unknown = sorted(set(map(str, row)) - set(names))
    if unknown:
        raise InputError(f"{where} has {', '.join(unknown)}, which means nothing here; remove it")
