"""Writing without harm: temporary names, no overwriting of inputs or of folders that are not ours."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

from cell_tracker_gnn.errors import InputError, ModelError, OutputError, SettingsError
from cell_tracker_gnn.io.paths import expanded

__all__ = [
    "check_new",
    "check_output",
    "copy_masks",
    "new_file",
    "new_folder",
    "partial_folder",
    "resolved",
    "result_folder",
    "work_folder",
    "write_json",
]

_MARKER = ".cell-tracker-gnn"
_WORK = "work"
_OUR_FOLDERS = (".geff", ".zarr")
_ZARR_SIGNS = ("zarr.json", ".zgroup", ".zattrs")
_SIGNS = ("run.json", "res_track.txt")
_OURS = re.compile(
    r"mask[0-9]+\.tif|res_track\.txt|(links|cells|tracks|uncertain|msd)\.(csv|parquet)|(run|summary)\.json"
    r"|tracks\.(xml|geff|ome\.zarr)|" + re.escape(_MARKER)
)


def check_output(
    path: str | PathLike[str], inputs: Iterable[str | PathLike[str] | None] = (), overwrite: bool = False
) -> None:
    """Find out before hours of work whether a result may be written to ``path``; nothing is changed.

    Parameters
    ----------
    path
        Folder of the result.
    inputs
        Files and folders that were read; None is skipped.
    overwrite
        Whether a former result in ``path`` may be replaced.

    Raises
    ------
    OutputError
        If ``path`` is a file, holds something, is an input or overlaps with one, or cannot be written.

    Examples
    --------
    >>> from cell_tracker_gnn.io import check_output
    >>> check_output("result", inputs=["masks"])
    >>> check_output("masks", inputs=["masks"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    cell_tracker_gnn.errors.OutputError: ...masks is the input itself; give another folder for the result
    """
    target = resolved(path)
    for source in inputs:
        if source is not None:
            _check_apart(target, resolved(source))
    if target.exists() and not target.is_dir():
        raise OutputError(f"{target} is a file; give a folder for the result")
    if target.is_dir() and any(target.iterdir()):
        if not overwrite:
            raise OutputError(f"{target} is not empty; give another folder, or --overwrite to replace a former result")
        if not any((target / name).is_file() for name in _SIGNS):
            raise OutputError(f"{target} does not look like a former result, so it is left alone; give another folder")
    for leftover in (partial_folder(target), _replaced(target)):
        if leftover.exists() and not (leftover / _MARKER).is_file():
            raise OutputError(f"{leftover} is in the way and is not ours to delete; move it away and run again")
    parent = next(folder for folder in target.parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"{target} cannot be written because {parent} is read-only; give another folder")


@contextmanager
def result_folder(
    path: str | PathLike[str], inputs: Iterable[str | PathLike[str] | None] = (), overwrite: bool = False
) -> Iterator[Path]:
    """Yield a folder ``PATH.partial`` to write into; it becomes ``path`` when the block ends without an error.

    A stale one of a crashed run is removed, but for the finished pieces of this run in it (:func:`work_folder`), which
    are removed at the end. What a replaced result held beside our own files is kept.

    Raises
    ------
    OutputError
        If ``path`` is refused by :func:`check_output` or the disk cannot be written.
    """
    target = resolved(path)
    partial = partial_folder(target)
    try:
        _finish_replacement(target)
        check_output(path, inputs, overwrite)
        _clear(partial)
        partial.mkdir(parents=True, exist_ok=True)
        (partial / _MARKER).touch()
        try:
            yield partial
        except OutputError as error:
            _clear(partial)
            raise OutputError(f"{error}{_hint(partial)}") from error
        except BaseException:
            _clear(partial)
            raise
        shutil.rmtree(partial / _WORK, ignore_errors=True)
        _install(partial, target)
    except OSError as error:
        advice = f"free some space or give another folder{_hint(partial)}"
        raise OutputError(f"{target} cannot be written ({error}); {advice}") from error


def _hint(partial: Path) -> str:
    """What else to do where pieces of a run are kept."""
    return "; what was computed is kept for --resume" if (partial / _WORK).is_dir() else ""


@contextmanager
def work_folder(path: str | PathLike[str], *, fresh: bool) -> Iterator[Path]:
    """Yield the folder ``PATH.partial/work`` for the finished pieces of a run that will write its result to ``path``.

    It stays when the block ends, so that a run that was broken off can be continued, unless the input or the settings
    turn out to be unusable.

    Parameters
    ----------
    path
        Folder of the result, see :func:`check_output`.
    fresh
        Whether pieces of a former run are removed.

    Raises
    ------
    OutputError
        If the disk cannot be written.

    Examples
    --------
    >>> from cell_tracker_gnn.io import work_folder
    >>> with work_folder("result", fresh=True) as folder:
    ...     print(folder.relative_to(folder.parents[1]).as_posix())
    result.partial/work
    """
    partial = partial_folder(resolved(path))
    begun = partial.exists()
    try:
        if fresh and begun:
            shutil.rmtree(partial)
        (partial / _WORK).mkdir(parents=True, exist_ok=True)
        (partial / _MARKER).touch()
    except OSError as error:
        raise OutputError(f"{partial} cannot be written ({error}); free some space or choose another folder") from error
    try:
        yield partial / _WORK
    except (InputError, SettingsError, ModelError):
        if fresh or not begun:
            shutil.rmtree(partial, ignore_errors=True)
        raise


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside ``path`` to write to; it becomes ``path`` when the block ends without an error."""
    temporary = path.with_name(f".{path.name}.partial")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_new(
    path: str | PathLike[str], inputs: Iterable[str | PathLike[str] | None] = (), overwrite: bool = False
) -> None:
    """Find out whether one file, or one folder such as a Zarr, may be written to ``path``; nothing is changed.

    Raises
    ------
    OutputError
        If ``path`` exists and ``overwrite`` is False, is or overlaps with an input, or is a folder that is no Zarr.
    """
    target = resolved(path)
    for source in inputs:
        if source is not None:
            _check_apart(target, resolved(source))
    if target.exists() and not overwrite:
        raise OutputError(f"{target} exists already; give another name, or --overwrite to replace it")
    if target.is_dir() and not any((target / name).is_file() for name in _ZARR_SIGNS):
        raise OutputError(f"{target} is a folder that holds something else, so it is left alone; give another name")


@contextmanager
def new_folder(path: str | PathLike[str], overwrite: bool = False) -> Iterator[Path]:
    """Yield a path to write a Zarr to, in a folder ``PATH.partial``; it becomes ``path`` when the block ends well.

    Raises
    ------
    OutputError
        If ``path`` is refused by :func:`check_new` or the disk cannot be written.
    """
    check_new(path, overwrite=overwrite)
    target = resolved(path)
    partial = partial_folder(target)
    try:
        if partial.exists():
            if not (partial / _MARKER).is_file():
                raise OutputError(f"{partial} is in the way and is not ours to delete; move it away and run again")
            shutil.rmtree(partial)
        partial.mkdir(parents=True)
        (partial / _MARKER).touch()
        try:
            yield partial / target.name
            if target.is_dir():
                shutil.rmtree(target)
            (partial / target.name).rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"{target} cannot be written ({error}); free some space or give another place") from error


def copy_masks(masks: Path, folder: Path) -> None:
    """Copy the masks that a run has made of its images into ``folder/masks``, marked as ours to replace."""
    target = folder / "masks"
    target.mkdir()
    (target / _MARKER).touch()
    for file in sorted(masks.glob("mask*.tif")):
        shutil.copyfile(file, target / file.name)


def write_json(values: Mapping[str, object], path: Path) -> None:
    """Write plain values as strict JSON, complete or not at all.

    Parameters
    ----------
    values
        What to write; NaN and infinity are refused.
    path
        The file.

    Raises
    ------
    OutputError
        If the file cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from cell_tracker_gnn.io import write_json
    >>> write_json({"links": 8518}, Path("scores.json"))
    """
    try:
        with new_file(path) as temporary:
            text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
            temporary.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}); choose another place") from error


def _clear(partial: Path) -> None:
    """Remove what a run has written, but for its finished pieces."""
    if not (partial / _WORK).is_dir():
        shutil.rmtree(partial, ignore_errors=True)
        return
    for entry in partial.iterdir():
        if entry.name not in (_WORK, _MARKER):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _install(partial: Path, target: Path) -> None:
    """Put the finished folder in its place."""
    if target.is_dir():
        (target / _MARKER).touch()
        target.rename(_replaced(target))
    partial.rename(target)
    _finish_replacement(target)
    (target / _MARKER).unlink()


def _finish_replacement(target: Path) -> None:
    """Clear away the replaced result, or bring it back if a crash came before the new one was in place."""
    replaced = _replaced(target)
    if not (replaced / _MARKER).is_file():
        return
    if target.exists():
        _remove_ours(replaced, target)
    else:
        replaced.rename(target)


def _remove_ours(replaced: Path, heir: Path) -> None:
    """Delete a former result; files of the user beside it move to ``heir``."""
    for entry in replaced.iterdir():
        if _OURS.fullmatch(entry.name) and entry.is_file():
            entry.unlink()
        elif _is_our_folder(entry) and not entry.is_symlink():
            shutil.rmtree(entry)
        elif not (heir / entry.name).exists():
            entry.rename(heir / entry.name)
    replaced.rmdir()


def _is_our_folder(entry: Path) -> bool:
    named = _OURS.fullmatch(entry.name) is not None and entry.suffix in _OUR_FOLDERS
    return named or (entry / _MARKER).is_file()


def _check_apart(target: Path, source: Path) -> None:
    if target == source:
        raise OutputError(f"{target} is the input itself; give another folder for the result")
    if source in target.parents:
        raise OutputError(f"{target} lies inside the input {source}; give a folder outside it")
    if target in source.parents and target.exists():
        raise OutputError(f"{target} contains the input {source}; give a new folder, for example {target / 'result'}")


def resolved(path: str | PathLike[str]) -> Path:
    """The place that a path leads to in the end."""
    # Not Path.resolve, which raises where links lead in a circle.
    return Path(os.path.realpath(expanded(path)))


def partial_folder(target: Path) -> Path:
    """Where the result of a resolved path lies as long as it is not finished."""
    return target.with_name(target.name + ".partial")


def _replaced(target: Path) -> Path:
    return target.with_name(target.name + ".replaced")
