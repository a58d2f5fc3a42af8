"""Masks from images alone."""

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from cell_tracker_gnn import segment_movie
from cell_tracker_gnn.data import ArrayFrames
from cell_tracker_gnn.errors import SettingsError
from cell_tracker_gnn.evaluation.matching import match_frame
from cell_tracker_gnn.io import open_frames, write_result
from cell_tracker_gnn.pipeline import Tracker
from cell_tracker_gnn.segmentation.threshold import ThresholdSegmenter


def balls(
    shape: tuple[int, ...],
    centres: list[tuple[float, ...]],
    radius: float,
    light: list[float],
    *,
    step: tuple[float, ...] = (),
    noise: float = 5.0,
) -> tuple[NDArray[np.uint16], NDArray[np.int32]]:
    """An uneven background with bright discs or balls, and what is where."""
    step = step or (1.0,) * len(shape)
    grid = np.meshgrid(*[np.arange(n) * s for n, s in zip(shape, step, strict=True)], indexing="ij")
    masks = np.zeros(shape, np.int32)
    image = 100.0 + 40.0 * grid[-1] / (shape[-1] * step[-1])
    for label, (centre, bright) in enumerate(zip(centres, light, strict=True), 1):
        inside = sum((axis - c) ** 2 for axis, c in zip(grid, centre, strict=True)) <= radius**2
        masks[inside] = label
        image[inside] = image[inside] + bright
    rng = np.random.default_rng(3)
    return np.clip(image + rng.normal(0, noise, shape), 0, 65535).astype(np.uint16), masks


PLACES = [(30.0, 30.0), (30.0, 90.0), (80.0, 60.0), (130.0, 30.0), (130.0, 120.0), (60.0, 140.0)]


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.5])
def test_cells_of_any_size_and_brightness_are_found(factor: float) -> None:
    shape = (int(170 * factor), int(180 * factor))
    centres = [(y * factor, x * factor) for y, x in PLACES]
    image, truth = balls(shape, centres, 11.0 * factor, [60, 2000, 150, 400, 900, 5000])
    segment = ThresholdSegmenter.of(ArrayFrames([image]), (1.0, 1.0))
    assert segment.radius == pytest.approx(11.0 * factor, rel=0.25)
    match = match_frame(truth, segment(image))
    assert match.result_labels.tolist() == [1, 2, 3, 4, 5, 6]
    assert len(match.truth) == 6
    assert match.unique.all()
    assert match.overlap.min() > 0.7


def test_touching_cells_are_parted() -> None:
    centres = [(40.0, 40.0), (40.0, 59.0), (57.0, 50.0), (110.0, 110.0), (110.0, 40.0)]
    image, truth = balls((150, 150), centres, 10.0, [500, 300, 400, 500, 500])
    masks = ThresholdSegmenter.of(ArrayFrames([image]), (1.0, 1.0))(image)
    match = match_frame(truth, masks)
    assert len(match.result_labels) == 5
    assert match.unique.all()
    assert len(match.truth) == 5


def test_volumes_follow_the_scale() -> None:
    centres = [(20.0, 25.0, 25.0), (24.0, 60.0, 62.0), (20.0, 25.0, 70.0), (24.0, 66.0, 22.0)]
    step = (4.0, 1.0, 1.0)
    image, truth = balls((12, 90, 95), centres, 10.0, [300, 900, 500, 100], step=step)
    segment = ThresholdSegmenter.of(ArrayFrames([image]), (2.0, 0.5, 0.5))
    assert segment.step == step
    match = match_frame(truth, segment(image))
    assert len(match.result_labels) == 4
    assert len(match.truth) == 4
    assert match.overlap.min() > 0.6


@pytest.mark.parametrize("kind", ["constant", "noise", "slope", "nan"])
def test_frames_without_cells_stay_empty(kind: str) -> None:
    rng = np.random.default_rng(0)
    image = np.full((96, 96), 100.0)
    if kind == "noise":
        image = rng.normal(100, 10, image.shape)
    if kind == "slope":
        image = image + np.arange(96.0) + rng.normal(0, 2, image.shape)
    if kind == "nan":
        image[10:20] = np.nan
    segment = ThresholdSegmenter(10.0, (1.0, 1.0))
    assert not segment(image).any()


def test_haze_is_no_cell() -> None:
    image, truth = balls((200, 200), [(40.0, 40.0), (150.0, 40.0), (40.0, 150.0)], 10.0, [400, 400, 400])
    y, x = np.mgrid[:200, :200]
    haze = 120.0 * np.exp(-((y - 140) ** 2 + (x - 140) ** 2) / (2 * 30.0**2))
    masks = ThresholdSegmenter(10.0, (1.0, 1.0))((image + haze).astype(np.uint16))
    assert len(match_frame(truth, masks).truth) == 3
    assert masks.max() == 3


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for t in range(4):
        image, _ = balls((120, 120), [(30.0, 30.0 + 2 * t), (80.0, 70.0 - 3 * t)], 9.0, [400, 300])
        tifffile.imwrite(folder / f"t{t + 7:03d}.tif", image)
    return folder


def test_a_movie_becomes_masks_that_are_tracked_and_kept(images: Path, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    made = segment_movie(images, tmp_path / "made", progress=lambda done, total: steps.append((done, total)))
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert made.record["method"] == "threshold"
    assert made.open().numbers == (7, 8, 9, 10)
    lineage = Tracker.from_pretrained().track(made.open(), images)
    assert len(lineage.tracks) == 2
    for _ in range(2):
        write_result(made.recorded(lineage), tmp_path / "result", masks=made.masks, overwrite=True)
        kept = open_frames(tmp_path / "result" / "masks")
        np.testing.assert_array_equal(kept[3], made.open()[3])
    record = json.loads((tmp_path / "result" / "run.json").read_text("utf-8"))
    assert record["segmentation"] == {"method": "threshold", "radius": made.record["radius"], "masks": "masks"}
    assert "masks" not in record


def test_masks_of_a_former_result_go_and_those_of_the_user_stay(images: Path, tmp_path: Path) -> None:
    made = segment_movie(images, tmp_path / "made")
    lineage = Tracker.from_pretrained().track(made.open(), images)
    result = tmp_path / "result"
    write_result(lineage, result, masks=made.masks)
    write_result(lineage, result, overwrite=True)
    assert not (result / "masks").exists()
    (result / "masks").mkdir()
    (result / "masks" / "mask000.tif").touch()
    write_result(lineage, result, overwrite=True)
    assert (result / "masks" / "mask000.tif").is_file()


def test_finished_masks_are_not_made_again(images: Path, tmp_path: Path) -> None:
    segment_movie(images, tmp_path / "made")
    kept = np.zeros((120, 120), np.uint16)
    tifffile.imwrite(tmp_path / "made" / "mask008.tif", kept)
    (tmp_path / "made" / "mask009.tif").unlink()
    again = segment_movie(images, tmp_path / "made").open()
    assert not again[1].any()
    assert again[2].max() == 2


def fake(monkeypatch: pytest.MonkeyPatch, name: str, **members: object) -> None:
    package, models = ModuleType(name), ModuleType(f"{name}.models")
    for member, value in members.items():
        setattr(models, member, value)
    monkeypatch.setitem(sys.modules, name, package)
    monkeypatch.setitem(sys.modules, f"{name}.models", models)


def test_cellpose_is_called_if_it_is_there(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    class CellposeModel:
        def __init__(self, gpu: bool) -> None:
            seen["gpu"] = gpu

        def eval(self, image: NDArray[np.generic], **options: object) -> tuple[NDArray[np.int64], list[int], int]:
            seen["options"] = options
            return (image > 300).astype(np.int64), [], 0

    fake(monkeypatch, "cellpose", CellposeModel=CellposeModel)
    made = segment_movie(images, tmp_path / "flat", "cellpose", gpu=True)
    assert seen == {"gpu": True, "options": {}}
    assert made.record["method"] == "cellpose"
    assert set(np.unique(made.open()[0])) == {0, 1}
    segment_movie(np.zeros((1, 4, 8, 8)), tmp_path / "deep", "cellpose", scale=(2.0, 0.5, 0.5))
    assert seen == {"gpu": False, "options": {"do_3D": True, "z_axis": 0, "anisotropy": 4.0}}


def test_stardist_is_called_if_it_is_there(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class StarDist2D:
        @classmethod
        def from_pretrained(cls, name: str) -> "StarDist2D":
            assert name == "2D_versatile_fluo"
            return cls()

        def predict_instances(self, image: NDArray[np.float32]) -> tuple[NDArray[np.int32], dict[str, object]]:
            assert np.percentile(image, 99.8) == pytest.approx(1.0, abs=1e-3)
            return (image > 0.5).astype(np.int32), {}

    fake(monkeypatch, "stardist", StarDist2D=StarDist2D)
    made = segment_movie(images, tmp_path / "made", "stardist")
    assert set(np.unique(made.open()[0])) == {0, 1}
    with pytest.raises(SettingsError, match="volumes"):
        segment_movie(np.zeros((1, 4, 8, 8)), tmp_path / "deep", "stardist")


@pytest.mark.parametrize("method", ["cellpose", "stardist"])
def test_what_is_not_installed_is_named_with_the_command(
    method: str, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, method, None)
    monkeypatch.setitem(sys.modules, f"{method}.models", None)
    with pytest.raises(SettingsError, match=f"pip install {method}"):
        segment_movie(images, tmp_path / "made", method)
    assert not (tmp_path / "made").exists()


def test_an_unknown_segmenter_is_refused(images: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="threshold, cellpose, stardist"):
        segment_movie(images, tmp_path / "made", "magic")
