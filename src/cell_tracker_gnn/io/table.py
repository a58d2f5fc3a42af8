"""Columnar tables on disk."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.errors import InputError, OutputError
from cell_tracker_gnn.io.output import new_file
from cell_tracker_gnn.io.paths import existing

__all__ = ["load_table", "read_table", "to_numpy", "write_table"]


def write_table(columns: Mapping[str, NDArray[Any]], path: str | PathLike[str]) -> None:
    """Write named columns as comma-separated values with a header line or as Parquet; the suffix tells the format.

    Numbers are written so that reading them gives the same value; in ``.csv`` NaN becomes an empty
    field.

    Parameters
    ----------
    columns
        Integer, floating-point or string arrays of one length, shape (n,).
    path
        The file, ``.csv`` or ``.parquet``.

    Raises
    ------
    OutputError
        If the suffix is unknown.
    OSError
        If the disk cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from cell_tracker_gnn.io import write_table
    >>> write_table({"t": np.array([0, 1]), "speed": np.array([np.nan, 0.5])}, "speed.csv")
    >>> print(Path("speed.csv").read_text())
    t,speed
    0,
    1,0.5
    <BLANKLINE>
    """
    import pyarrow as pa

    file = Path(path)
    if file.suffix.lower() not in (".csv", ".parquet"):
        raise OutputError(f"{file} has no known table format; give a name that ends in .csv or .parquet")
    as_text = file.suffix.lower() == ".csv"
    table = pa.table({name: _arrow_array(values, nan_as_null=as_text) for name, values in columns.items()})
    with new_file(file) as temporary:
        (_write_csv if as_text else _write_parquet)(table, temporary)


def _arrow_array(values: NDArray[Any], *, nan_as_null: bool) -> Any:
    """A pyarrow array from its buffers: ``pyarrow.array`` would import pandas wherever it is installed."""
    import pyarrow as pa

    known = ~np.ma.getmaskarray(values)
    plain = np.ascontiguousarray(np.ma.getdata(values))
    if plain.dtype.kind == "U":
        words = [word.encode() for word in plain.tolist()]
        ends = np.cumsum([0, *map(len, words)], dtype=np.int32)
        return pa.StringArray.from_buffers(len(words), pa.py_buffer(ends), pa.py_buffer(b"".join(words)))
    if plain.dtype.kind not in "iuf":
        return pa.array(values, from_pandas=nan_as_null)
    if nan_as_null and plain.dtype.kind == "f":
        known &= ~np.isnan(plain)
    valid = None if known.all() else pa.py_buffer(np.packbits(known, bitorder="little"))
    return pa.Array.from_buffers(pa.from_numpy_dtype(plain.dtype), len(plain), [valid, pa.py_buffer(plain)])


def _write_parquet(table: Any, path: Path) -> None:
    from pyarrow import parquet

    parquet.write_table(table, path)


def _write_csv(table: Any, path: Path) -> None:
    from pyarrow import csv

    # Quotes around every word would only be in the way of other programs.
    header = ",".join(table.column_names)
    text = {field.name for field in table.schema if str(field.type) in ("string", "large_string")}
    special = any(mark in word for name in text for word in table[name].to_pylist() for mark in ',"\r\n')
    style = "needed" if special or any(word == "" for name in text for word in table[name].to_pylist()) else "none"
    with path.open("wb") as stream:
        stream.write(f"{header}\n".encode())
        csv.write_csv(table, stream, csv.WriteOptions(include_header=False, quoting_style=style))


def read_table(path: str | PathLike[str]) -> dict[str, NDArray[Any]]:
    """Read the columns of a table: comma-separated values with a header line, or Parquet.

    In ``.csv``, columns of whole numbers become integers, of numbers and empty fields floats with NaN, others strings;
    all columns of a table without rows are floats.

    Parameters
    ----------
    path
        The file, ``.csv`` or ``.parquet``.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If it is not a table.

    Examples
    --------
    >>> import numpy as np
    >>> from cell_tracker_gnn.io import read_table, write_table
    >>> write_table({"t": np.array([0, 1]), "speed": np.array([np.nan, 0.5])}, "speed.parquet")
    >>> table = read_table("speed.parquet")
    >>> list(table), table["speed"]
    (['t', 'speed'], array([nan, 0.5]))
    """
    table = load_table(path)
    names = table.column_names
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise InputError(f"{path} has two columns {twice!r}; remove or rename the one that is not meant")
    return {name: to_numpy(table[name]) for name in names}


def load_table(path: str | PathLike[str]) -> Any:
    """Load a ``.csv`` or ``.parquet`` file as a :class:`pyarrow.Table`; empty fields are null.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If it is not a table.
    """
    import pyarrow as pa
    from pyarrow import csv, parquet

    file = existing(path)
    try:
        if file.suffix.lower() == ".parquet":
            table = parquet.read_table(file)
        else:
            options = csv.ConvertOptions(null_values=[""], strings_can_be_null=False)
            table = csv.read_csv(file, convert_options=options)
        named = zip(table.column_names, table.schema.types, strict=True)
        foreign = [name for name, kind in named if "binary" in str(kind)]
    except UnicodeDecodeError as error:
        raise InputError(f"the names of the columns of {file} are no UTF-8 text; save it as UTF-8") from error
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{file} cannot be read as a table ({error}); save it with commas") from error
    if foreign:
        raise InputError(f"the column {foreign[0]!r} of {file} is no UTF-8 text; save it as UTF-8")
    return table


def to_numpy(column: Any) -> NDArray[Any]:
    """One column of a pyarrow table as an array; null is NaN among numbers, a column of nulls only is all NaN."""
    if str(column.type) == "null":
        return np.full(len(column), np.nan)
    values: NDArray[Any] = column.to_numpy()
    return values.astype(np.str_) if values.dtype == object else values
