"""Measurements against values known by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from test_io_result import no_cells

from cell_tracker_gnn.data import ArrayFrames, Lineage, Movie, Scale
from cell_tracker_gnn.errors import FrameMismatchError, OutputError
from cell_tracker_gnn.io import read_table, write_lineage, write_result
from cell_tracker_gnn.io.cell_graph import blank_cells
from cell_tracker_gnn.linking.lineage import build_lineage
from cell_tracker_gnn.measurement import COLUMNS, measure
from cell_tracker_gnn.measuring import measure_result
from lineages import lineages


def family() -> Lineage:
    """A cell that moves, divides, and one of whose daughters is missed once and divides again; 2 pixels are 1 µm."""
    rows = [
        (0, 10, 10),
        (1, 10, 14),
        (2, 6, 14),
        (2, 14, 14),
        (3, 14, 18),
        (4, 6, 20),
        (4, 14, 22),
        (5, 3, 20),
        (5, 9, 20),
    ]
    links = [(0, 1), (1, 2), (1, 3), (3, 4), (2, 5), (4, 6), (5, 7), (5, 8)]
    masks = np.zeros((6, 20, 24), np.int32)
    for label, (t, y, x) in enumerate(rows, start=1):
        masks[t, y - 1 : y + 2, x - 1 : x + 2] = label
    scale = Scale((0.5, 0.5), "µm", 10.0, "s")
    frame, y, x = np.array(rows).T
    centre = np.stack([y, x], axis=1).astype(float)
    cells = blank_cells(frame, np.arange(1, 10), centre, numbers=(5, 6, 7, 8, 9, 10), shape=(20, 24), scale=scale)
    lineage = build_lineage(cells, *np.array(links).T, np.ones(len(links)), np.ones(len(links), bool))
    return replace(lineage, movie=Movie(ArrayFrames(masks, cells.numbers), None, scale))


def test_values_known_by_hand() -> None:
    lineage = family()
    image = ArrayFrames([np.full((20, 24), 10.0 * (t + 1)) for t in range(6)], lineage.cells.numbers)
    found = measure(lineage, [image])
    cells, tracks = found.cells, found.tracks
    assert cells["frame"].tolist() == [5, 6, 7, 7, 8, 9, 9, 10, 10]
    assert cells["time"].tolist() == [50, 60, 70, 70, 80, 90, 90, 100, 100]
    assert cells["y"].tolist()[:2] == [5.0, 5.0]
    np.testing.assert_allclose(cells["step"], [np.nan, 2, np.nan, np.nan, 2, 3, 2, np.nan, np.nan])
    np.testing.assert_allclose(cells["speed"][5], 3 / 20)
    assert cells["generation"].tolist() == [0, 0, 1, 1, 1, 1, 1, 2, 2]
    assert set(cells["lineage"].tolist()) == {1}
    assert cells["area"].tolist() == [9 / 4] * 9
    assert cells["touches_border"].tolist() == [0, 0, 0, 0, 0, 0, 1, 0, 0]
    assert cells["intensity_mean_0"].tolist() == [10, 20, 30, 30, 40, 50, 50, 60, 60]
    assert cells["intensity_sum_0"][6] == 450
    np.testing.assert_allclose(cells["major_axis"][0], 4 * np.sqrt(2 / 3) * 0.5)
    number = tracks["cell"].tolist()
    assert number == [1, 2, 3, 5, 6]
    assert tracks["parent"].tolist() == [0, 1, 1, 2, 2]
    assert tracks["sister"].tolist() == [0, 3, 2, 6, 5]
    assert tracks["birth"].tolist() == ["movie", "division", "division", "division", "division"]
    assert tracks["death"].tolist() == ["division", "division", "border", "movie", "movie"]
    np.testing.assert_allclose(tracks["cycle"], [np.nan, 30, np.nan, np.nan, np.nan])
    np.testing.assert_allclose(tracks["path"], [2, 3, 4, 0, 0])
    np.testing.assert_allclose(tracks["directness"], [1, 1, 1, np.nan, np.nan])
    np.testing.assert_allclose(tracks["mean_speed"], [0.2, 0.15, 0.2, np.nan, np.nan])
    np.testing.assert_allclose(tracks["max_speed"], [0.2, 0.15, 0.2, np.nan, np.nan])
    np.testing.assert_allclose(tracks["mean_area"], [2.25] * 5)
    assert (found.msd["cell"].tolist(), found.msd["pairs"].tolist()) == ([0, 1, 3], [3, 1, 2])
    assert found.msd["msd"].tolist() == [4, 4, 4]


def test_every_column_is_documented() -> None:
    known = {name.strip() for names in COLUMNS for name in names.split(",")}
    image = ArrayFrames([np.zeros((20, 24))] * 6, family().cells.numbers)
    found = measure(family(), [image])
    for table in (found.cells, found.tracks, found.msd):
        names = {name[:-1] + "C" if name.startswith("intensity") else name for name in table}
        assert names <= known
    text = (Path(__file__).parents[2] / "docs" / "measurements.md").read_text("utf-8")
    for names, words in COLUMNS.items():
        assert f"| `{names}` | {words} |" in text, f"| `{names}` | {words} |"


@settings(deadline=None, max_examples=30)
@given(lineages())
def test_properties(lineage: Lineage) -> None:
    found = measure(lineage)
    cells, tracks = found.cells, found.tracks
    assert len(cells["frame"]) == len(lineage.cells)
    assert sorted(set(cells["cell"].tolist())) == tracks["cell"].tolist()
    directness = tracks["directness"][np.isfinite(tracks["directness"])]
    assert np.all((directness >= 0) & (directness <= 1 + 1e-9))
    volume = cells["area" if lineage.cells.rank == 2 else "volume"]
    np.testing.assert_allclose(volume, lineage.cells.volume)
    for child, parent in zip(range(len(tracks["cell"])), tracks["parent"].tolist(), strict=True):
        if parent:
            mother = tracks["cell"].tolist().index(parent)
            assert tracks["end"][mother] < tracks["begin"][child]
            assert tracks["death"][mother] == "division"
            assert tracks["lineage"][mother] == tracks["lineage"][child]


def test_from_disk(tmp_path: Path) -> None:
    lineage = family()
    write_result(lineage, tmp_path / "result")
    write_lineage(lineage, tmp_path / "a.geff")
    measure_result(tmp_path / "result", tmp_path / "m")
    again = measure_result(tmp_path / "a.geff", tmp_path / "n", masks=tmp_path / "result", suffix="parquet")
    first = read_table(tmp_path / "m" / "tracks.csv")
    for name, values in read_table(tmp_path / "n" / "tracks.parquet").items():
        np.testing.assert_array_equal(values, first[name])
    assert len(again.cells["frame"]) == 9
    bare = measure_result(tmp_path / "a.geff", tmp_path / "b", interval=60.0)
    assert "area" not in bare.cells
    assert bare.cells["time"][0] == 300.0
    run = json.loads((tmp_path / "m" / "run.json").read_text())
    assert run["units"]["speed"] == "µm/s"
    with pytest.raises(OutputError, match="is not empty"):
        measure_result(tmp_path / "result", tmp_path / "m")
    measure_result(tmp_path / "result", tmp_path / "m", overwrite=True)


def test_channels(tmp_path: Path) -> None:
    import zarr

    lineage = family()
    write_result(lineage, tmp_path / "result")
    root = zarr.open_group(tmp_path / "i.ome.zarr", mode="w", zarr_format=2)
    levels = np.arange(2)[None, :, None, None] + np.zeros((6, 2, 20, 24))
    root.create_array("0", data=levels)
    root.attrs["multiscales"] = [{"axes": ["t", "c", "y", "x"], "datasets": [{"path": "0"}]}]
    source = [tmp_path / "i.ome.zarr"]
    found = measure_result(tmp_path / "result", tmp_path / "m", images=source, channels=(0, 1))
    assert set(found.cells["intensity_mean_0"].tolist()) == {0.0}
    assert set(found.cells["intensity_mean_1"].tolist()) == {1.0}
    np.save(tmp_path / "short.npy", np.zeros((5, 20, 24)))
    with pytest.raises(FrameMismatchError, match="give the images that were tracked"):
        measure_result(tmp_path / "result", tmp_path / "x", images=[tmp_path / "short.npy"])


def test_no_cells() -> None:
    found = measure(no_cells())
    assert all(len(values) == 0 for table in (found.cells, found.tracks, found.msd) for values in table.values())
