from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cell_tracker_gnn.io import read_table, write_table

integers = st.integers(-(2**63), 2**63 - 1)
floats = st.floats(allow_infinity=False)
words = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=8).map(lambda word: "w" + word)
rows = st.lists(st.tuples(integers, floats, words), min_size=1, max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows)
def test_numbers_and_words_round_trip(tmp_path: Path, rows: list[tuple[int, float, str]]) -> None:
    labels, values, kinds = zip(*rows, strict=True)
    columns = {"label": np.array(labels), "value": np.array(values), "kind": np.array(kinds)}
    write_table(columns, tmp_path / "table.csv")
    read = read_table(tmp_path / "table.csv")
    assert list(read) == list(columns)
    assert read["label"].tolist() == list(labels)
    assert read["kind"].tolist() == columns["kind"].tolist()
    for value, expected in zip(read["value"].tolist(), values, strict=True):
        assert value == expected or (math.isnan(value) and math.isnan(expected))


def test_no_rows(tmp_path: Path) -> None:
    write_table({"a": np.zeros(0, np.int64), "kind": np.array([], dtype="<U8")}, tmp_path / "t.csv")
    assert {name: len(values) for name, values in read_table(tmp_path / "t.csv").items()} == {"a": 0, "kind": 0}


@pytest.mark.parametrize("words", [["", "a"], ["a,b", 'q"'], ["a\nb", "c"]])
def test_awkward_words(tmp_path: Path, words: list[str]) -> None:
    write_table({"n": np.arange(2), "word": np.array(words)}, tmp_path / "t.csv")
    assert read_table(tmp_path / "t.csv")["word"].tolist() == words


def test_missing_values_of_masked_columns_are_empty(tmp_path: Path) -> None:
    write_table({"n": np.ma.masked_array([1, 2, 3], [False, True, False])}, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text().splitlines() == ["n", "1", "", "3"]


def test_pandas_is_not_imported(tmp_path: Path) -> None:
    code = (
        "import sys, numpy as np; from cell_tracker_gnn.io import write_table;"
        f"write_table({{'a': np.arange(2.0), 'b': np.array(['x', 'y'])}}, {str(tmp_path / 't.csv')!r});"
        "sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
