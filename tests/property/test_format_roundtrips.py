"""What goes out comes back equal, format by format and property by property."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lineages import lineages

from cell_tracker_gnn.data import KINDS, Lineage
from cell_tracker_gnn.io.cell_table import read_cell_table, write_cell_table
from cell_tracker_gnn.io.geff import read_geff, write_geff
from cell_tracker_gnn.io.trackmate import write_trackmate
from cell_tracker_gnn.io.trackmate_reader import read_trackmate

MERGED = [KINDS.index("merge"), KINDS.index("split")]

Read = Callable[[Path], Lineage]
Write = Callable[[Lineage, Path], None]
WAYS: dict[str, tuple[Write, Read]] = {
    "r.geff": (write_geff, read_geff),
    "r.xml": (write_trackmate, read_trackmate),
    "r.csv": (write_cell_table, read_cell_table),
    "r.parquet": (write_cell_table, read_cell_table),
}


@pytest.mark.parametrize("name", WAYS)
def test_trip(name: str) -> None:
    write, read = WAYS[name]

    @settings(deadline=None, max_examples=25)
    @given(lineages(merges=name not in ("r.csv", "r.parquet")))
    def trip(lineage: Lineage) -> None:
        with TemporaryDirectory() as folder:
            write(lineage, Path(folder) / name)
            back = read(Path(folder) / name)
        same(lineage, back)

    trip()


def same(a: Lineage, b: Lineage) -> None:
    assert a.cells.number.tolist() == b.cells.number.tolist()
    assert a.cells.label.tolist() == b.cells.label.tolist()
    assert a.cells.size.tolist() == b.cells.size.tolist()
    np.testing.assert_allclose(a.cells.centroid, b.cells.centroid, atol=1e-9)
    np.testing.assert_allclose(a.cells.scale.step, b.cells.scale.step, rtol=1e-12)
    assert a.cells.scale.unit == b.cells.scale.unit
    assert a.cells.scale.interval == b.cells.scale.interval
    assert a.cells.scale.interval_unit == b.cells.scale.interval_unit
    assert a.track.tolist() == b.track.tolist()
    for name in ("track", "parent", "identity"):
        assert getattr(a.tracks, name).tolist() == getattr(b.tracks, name).tolist(), name
    for name in ("source", "target", "kind"):
        assert getattr(a.links, name).tolist() == getattr(b.links, name).tolist(), name
    np.testing.assert_array_equal(a.links.probability, b.links.probability)
    np.testing.assert_array_equal(a.links.margin, b.links.margin)
