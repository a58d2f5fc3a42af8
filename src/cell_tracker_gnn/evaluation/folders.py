"""The folder of a result, or what to do with what was given in its place."""

from __future__ import annotations

from pathlib import Path

from cell_tracker_gnn.errors import MissingInputError
from cell_tracker_gnn.io.formats import FORMATS

__all__ = ["check_result_folder"]


def check_result_folder(result: Path) -> None:
    """Refuse what is no folder, or the folder of another format.

    Raises
    ------
    MissingInputError
        With the way to a result folder.
    """
    if not result.exists():
        raise MissingInputError(f"the result folder {result} does not exist; give the folder that `track` wrote")
    if result.is_file() and (result.parent / "res_track.txt").is_file():
        raise MissingInputError(f"{result} is a file of a result; give its folder {result.parent}")
    other = any(result.suffix.lower() in form.suffixes for form in FORMATS.values())
    if other and not (result / "res_track.txt").is_file():
        command = f"cell-tracker-gnn convert {result} {result.stem} --masks MASKS"
        raise MissingInputError(f"{result} is no result folder; make one of it: {command}")
    if not result.is_dir():
        raise MissingInputError(f"{result} is a file, no result folder; give the folder that `track` wrote")
