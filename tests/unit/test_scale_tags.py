"""Scale and interval in the tags of TIFF files, with all the units that programs write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from cell_tracker_gnn.data import Scale
from cell_tracker_gnn.io import open_movie, open_points, read_scale

MASKS = np.zeros((3, 4, 8, 10), np.uint16)
MASKS[:, :, 2:5, 3:6] = 1


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"X": (0.5, "µm"), "Y": (0.5, "µm"), "Z": (2.0, "µm")}, Scale((2.0, 0.5, 0.5), "µm")),
        ({"X": (500.0, "nm"), "Y": (0.5, "µm"), "Z": (0.002, "mm")}, Scale((2000.0, 500.0, 500.0), "nm")),
        ({"X": (1.0, "pixel"), "Y": (1.0, "pixel"), "Z": (3.0, "pixel")}, Scale((3.0, 1.0, 1.0), "pixel")),
        ({"X": (0.5, "µm"), "Y": (0.5, "µm"), "Z": (2.0, "reference frame")}, Scale((0.5, 0.5), "µm")),
    ],
)
def test_ome_units_of_each_axis(tmp_path: Path, sizes: dict[str, tuple[float, str]], expected: Scale) -> None:
    metadata: dict[str, Any] = {"axes": "TZYX", "TimeIncrement": 5.0, "TimeIncrementUnit": "min"}
    for axis, (length, unit) in sizes.items():
        metadata |= {f"PhysicalSize{axis}": length, f"PhysicalSize{axis}Unit": unit}
    tifffile.imwrite(tmp_path / "a.ome.tif", MASKS, metadata=metadata)
    assert read_scale(tmp_path / "a.ome.tif") == Scale(expected.step, expected.unit, 300.0, "s")


def test_an_interval_without_lengths(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "m.ome.tif", MASKS[:, 0], metadata={"axes": "TYX", "TimeIncrement": 2.0})
    assert open_movie(tmp_path / "m.ome.tif").scale == Scale((1.0, 1.0), "pixel", 2.0, "s")
    sized = {"axes": "TYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    tifffile.imwrite(tmp_path / "i.ome.tif", MASKS[:, 0], metadata=sized)
    both = open_movie(tmp_path / "m.ome.tif", tmp_path / "i.ome.tif")
    assert both.scale == Scale((0.5, 0.5), "µm", 2.0, "s")


def test_imagej(tmp_path: Path) -> None:
    metadata = {"axes": "TZYX", "unit": "um", "spacing": 3.0, "finterval": 0.5, "tunit": "min"}
    tifffile.imwrite(tmp_path / "a.tif", MASKS, imagej=True, resolution=(4, 4), metadata=metadata)
    assert open_movie(tmp_path / "a.tif").scale == Scale((3.0, 0.25, 0.25), "µm", 30.0, "s")


def test_points_take_an_interval() -> None:
    movie = open_points({"t": [0, 1], "y": [1.0, 2.0], "x": [1.0, 2.0]}, scale=(1, 1), interval=9.0)
    assert movie.points is not None
    assert movie.points.scale == Scale((1.0, 1.0), "µm", 9.0, "s")
    assert movie.scale.interval == 9.0
