"""Points instead of masks: a table with the columns ``t, [z], y, x[, id[, parent]]``."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Floats, Integers
from cell_tracker_gnn.errors import InputError, MissingInputError
from cell_tracker_gnn.io.table import load_table, to_numpy

__all__ = ["PointSource", "PointTable", "is_points", "read_points"]

PointSource: TypeAlias = Any
"""A ``.csv`` or ``.parquet`` file, a mapping of columns, a structured array, or a pyarrow, pandas or polars table."""

_SUFFIXES = (".csv", ".parquet")
_SYNONYMS = {"t": ("frame", "time", "timepoint"), "id": ("label", "track")}
_LARGEST_WHOLE = 2.0**53


@dataclass(frozen=True, eq=False)
class PointTable:
    """One row per point, in the order of the input.

    Parameters
    ----------
    number
        Frame number, shape (n,).
    position
        Coordinates, shape (n, rank), (z, y, x).
    identifier
        The column ``id``, shape (n,), or None.
    parent
        The column ``parent``, shape (n,), 0 for none; None when there is no such column.
    source
        Name in error messages.

    Examples
    --------
    >>> from cell_tracker_gnn.io import read_points
    >>> table = read_points({"t": [0, 0, 1], "z": [1, 2, 1], "y": [5, 9, 5], "x": [5, 9, 6], "id": [7, 8, 7]})
    >>> table.position.shape, table.number.tolist(), table.identifier.tolist()
    ((3, 3), [0, 0, 1], [7, 8, 7])
    """

    number: Integers
    position: Floats
    identifier: Integers | None
    parent: Integers | None
    source: str

    def __len__(self) -> int:
        return len(self.number)

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return int(self.position.shape[1])

    @property
    def label(self) -> Integers:
        """The ``id``, or the number of the row, counted from 0, where there is none, shape (n,)."""
        return np.arange(len(self)) if self.identifier is None else self.identifier

    def select(self, chosen: NDArray[np.generic]) -> PointTable:
        """Rows chosen by an index or boolean array; without a column ``id`` they keep their row numbers as ids."""
        parent = None if self.parent is None else self.parent[chosen]
        return PointTable(self.number[chosen], self.position[chosen], self.label[chosen], parent, self.source)


def is_points(source: object) -> bool:
    """Whether a source is a table of points rather than masks, told by its kind and the suffix of a path.

    Examples
    --------
    >>> from cell_tracker_gnn.io import is_points
    >>> is_points("cells.csv"), is_points({"t": [0], "y": [1], "x": [1]}), is_points("masks")
    (True, True, False)
    """
    if isinstance(source, (str, PathLike)):
        return Path(source).suffix.lower() in _SUFFIXES and not Path(source).is_dir()
    if isinstance(source, np.ndarray):
        return source.dtype.names is not None
    return isinstance(source, Mapping) or hasattr(source, "column_names") or hasattr(source, "columns")


def read_points(source: PointSource) -> PointTable:
    r"""Read a table of points; columns are told by their names, in any order and case, others are ignored.

    Parameters
    ----------
    source
        See :data:`PointSource`. ``t`` is the frame number, ``z, y, x`` are coordinates in any unit, ``id`` is a whole
        number that is unique within a frame, ``parent`` (for training) is an ``id``; empty, 0 and -1 are no parent.

    Raises
    ------
    MissingInputError
        If the file does not exist or there are no points.
    InputError
        If a column is missing or a value cannot be used; the message names row (counted from 0) and frame.

    Examples
    --------
    >>> from pathlib import Path
    >>> from cell_tracker_gnn.io import read_points
    >>> _ = Path("cells.csv").write_text("x,y,t\n5.5,4,0\n6.5,4,1\n")
    >>> read_points("cells.csv").position.tolist()
    [[4.0, 5.5], [4.0, 6.5]]
    """
    where = str(source) if isinstance(source, (str, PathLike)) else "the table of points"
    columns, read = _columns(source, where)
    for name in ("t", "y", "x"):
        if name not in columns:
            raise InputError(f"{where} has no column {name!r}; {_remedy(name, list(columns))}")
    found = {name: read(columns[name]) for name in ("t", "z", "y", "x", "id", "parent") if name in columns}
    if not len(found["t"]):
        raise MissingInputError(f"{where} holds no points; give at least one row")
    number = _whole(found["t"], "t", where)
    if (number < 0).any():
        row = int(np.argmax(number < 0))
        raise InputError(f"t is {number[row]} in row {row} of {where}; frames count from 0, so shift them")
    axes = [name for name in "zyx" if name in found and not _empty(found[name])]
    position = np.stack([_finite(found[name], name, number, where) for name in axes], axis=1)
    identifier = _whole(found["id"], "id", where) if "id" in found and not _empty(found["id"]) else None
    if identifier is not None:
        _check_unique(number, identifier, where)
    return PointTable(number, position, identifier, _parents(found.get("parent"), where), where)


def _columns(source: PointSource, where: str) -> tuple[dict[str, Any], Callable[[Any], NDArray[Any]]]:
    """Key of each column by its name in lower case, and how to read a column by its key."""
    if isinstance(source, (str, PathLike)):
        source = load_table(source)
    names: list[Any]
    if hasattr(source, "column_names"):
        names = list(source.column_names)
        keys: list[Any] = list(range(len(names)))

        def read(key: Any) -> NDArray[Any]:
            return to_numpy(source.column(key))
    else:
        by_name: Any = source.dtype.names if isinstance(source, np.ndarray) else getattr(source, "columns", source)
        names = keys = list(by_name)

        def read(key: Any) -> NDArray[Any]:
            return np.asarray(source[key])

    columns: dict[str, Any] = {}
    for name, key in zip(names, keys, strict=True):
        plain = str(name).strip().lower()
        if plain in columns and plain in ("t", "z", "y", "x", "id", "parent"):
            raise InputError(f"{where} has two columns {plain!r}; rename the one that is not meant")
        columns[plain] = key
    return columns, read


def _remedy(name: str, columns: list[str]) -> str:
    known = [column for column in columns if column in _SYNONYMS.get(name, ())]
    near = known or difflib.get_close_matches(name, [c for c in columns if c not in "tzyx"], n=1, cutoff=0.25)
    listed = f"its columns are {', '.join(columns)}" if columns else "it has no columns"
    return f"{listed}; rename {near[0]!r} to {name!r} if that is it" if near else f"{listed}; name one of them {name!r}"


def _empty(column: NDArray[Any]) -> bool:
    return column.dtype.kind == "f" and bool(np.isnan(column).all())


def _numbers(column: NDArray[Any], name: str, where: str) -> Floats:
    """A column as floating-point numbers."""
    if column.ndim != 1:
        raise InputError(f"the column {name!r} of {where} has shape {column.shape}; give one number per row")
    if column.dtype.kind == "O":
        try:
            return column.astype(np.float64)
        except (TypeError, ValueError):
            column = column.astype(np.str_)
    if column.dtype.kind not in "iuf":
        row = next((i for i, value in enumerate(column.tolist()) if not _is_number(value)), 0)
        raise InputError(f"{name} is {str(column[row])!r} in row {row} of {where}; give numbers")
    return column.astype(np.float64)


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def _whole(column: NDArray[Any], name: str, where: str) -> Integers:
    if column.dtype.kind in "iu" and column.ndim == 1 and column.max(initial=0) < 2**63:
        return column.astype(np.int64)
    value = _numbers(column, name, where)
    wrong = ~(np.isfinite(value) & (value == np.round(value)) & (np.abs(value) < _LARGEST_WHOLE))
    if wrong.any():
        row = int(np.argmax(wrong))
        what = "empty" if np.isnan(value[row]) else f"{value[row]:g}"
        raise InputError(f"{name} is {what} in row {row} of {where}; give whole numbers")
    return value.astype(np.int64)


def _finite(column: NDArray[Any], name: str, number: Integers, where: str) -> Floats:
    value = _numbers(column, name, where)
    if not np.isfinite(value).all():
        row = int(np.argmin(np.isfinite(value)))
        what = "empty" if np.isnan(value[row]) else "infinite"
        raise InputError(f"{name} is {what} in row {row} (frame {number[row]}) of {where}; correct or remove the row")
    return value


def _parents(column: NDArray[Any] | None, where: str) -> Integers | None:
    if column is None:
        return None
    if column.dtype.kind not in "iu":
        value = _numbers(column, "parent", where)
        column = np.where(np.isnan(value), 0.0, value)
    return np.maximum(_whole(column, "parent", where), 0)


def _check_unique(number: Integers, identifier: Integers, where: str) -> None:
    order = np.lexsort((identifier, number))
    same = (np.diff(number[order]) == 0) & (np.diff(identifier[order]) == 0)
    if same.any():
        first, second = order[np.argmax(same)], order[np.argmax(same) + 1]
        raise InputError(
            f"the id {identifier[first]} stands twice in frame {number[first]} of {where}, in rows {first} and "
            f"{second}; give every point of a frame its own id"
        )
