"""Figures and movie files of a result."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from cases import CASES
from cell_tracker_gnn import Lineage, Tracker
from cell_tracker_gnn.errors import CellTrackerError, InputError, OutputError, SettingsError
from cell_tracker_gnn.io import write_table
from cell_tracker_gnn.plots import plot_lineage, plot_reliability, plot_tracks, write_plot
from cell_tracker_gnn.report import clip
from cell_tracker_gnn.report.clip import write_clip
from cell_tracker_gnn.report.families import COLORS, color_of, families, founders


@pytest.fixture(scope="module")
def lineage() -> Lineage:
    case = CASES["division"]()
    return Tracker.from_pretrained().track(case.masks, case.images, scale=(0.5, 0.5))


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, case = tmp_path_factory.mktemp("result"), CASES["division"]()
    assert case.images is not None
    for name, planes in (("masks", case.masks.astype(np.uint16)), ("images", case.images)):
        (folder / name).mkdir()
        for index, plane in enumerate(planes):
            tifffile.imwrite(folder / name / f"t{index + 3:03d}.tif", plane)
    Tracker.from_pretrained().track(folder / "masks", folder / "images").write(folder / "result")
    return folder / "result"


def test_colours_are_those_of_the_page() -> None:
    page = Path(clip.__file__).parent / "page" / "view.js"
    assert f"const COLORS = {list(COLORS)};".replace("'", '"') in page.read_text("utf-8")
    assert color_of(len(COLORS)) == color_of(0) == (0xE6, 0x9F, 0)


def test_families_are_those_of_the_founders(lineage: Lineage) -> None:
    tracks = lineage.tracks
    born = tracks.parent > 0
    assert born.sum() == 2
    founder = founders(tracks)
    assert np.array_equal(founder[~born], tracks.track[~born])
    assert set(founder[born]) == set(tracks.parent[born])
    assert len(np.unique(families(lineage))) == 2


def test_the_tree_has_a_line_per_track_and_one_per_parent(lineage: Lineage) -> None:
    axes = plot_lineage(lineage)
    spans = [tuple(line.get_xdata()) for line in axes.lines if line.get_linestyle() == "-"]
    tracks = lineage.tracks
    expected = list(zip(tracks.begin.tolist(), tracks.end.tolist(), strict=True))
    expected += [(tracks.begin[i] - 1, tracks.begin[i]) for i in np.flatnonzero(tracks.parent).tolist()]
    assert sorted(spans) == sorted(expected)


def test_of_many_families_the_largest_are_drawn(lineage: Lineage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cell_tracker_gnn.plots.lineage.MOST_ROWS", 2)
    axes = plot_lineage(lineage)
    assert axes.get_title() == "1 largest of 2 families"
    assert len(axes.lines) == 3 + 2


def test_tracks_lie_in_units_of_the_scale(lineage: Lineage) -> None:
    assert lineage.movie is not None
    assert lineage.movie.images is not None
    axes = plot_tracks(lineage, lineage.movie.images[3], frame=3)
    assert axes.get_xlabel() == "x (µm)"
    ways = np.concatenate(
        [np.concatenate(lines.get_segments()) for lines in axes.collections[:2] if len(lines.get_paths())]
    )
    assert ways.max() < 32
    here = axes.collections[-1].get_offsets()
    assert np.allclose(here, lineage.cells.position[lineage.cells.frame == 3][:, ::-1])
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert plot_tracks(lineage).get_ylim()[0] > 0


def test_the_reliability_counts_links() -> None:
    probability = np.repeat([0.6, 0.96], 100)
    right = np.concatenate([np.arange(100) % 5 < 3, np.arange(100) % 25 < 24])
    axes = plot_reliability(probability, right)
    assert axes.get_title() == "200 links, 44 wrong, calibration error 0.0000"
    with pytest.raises(InputError, match="no judged link"):
        plot_reliability(probability[:0], right[:0])


@pytest.mark.parametrize(("kind", "ending"), [("lineage", "svg"), ("tracks", "png"), ("reliability", "pdf")])
def test_figures_are_written(kind: str, ending: str, result: Path, tmp_path: Path) -> None:
    file = tmp_path / f"figure.{ending}"
    truth = tmp_path / "01_GT" / "TRA"
    truth.mkdir(parents=True)
    for mask in result.glob("mask*.tif"):
        (truth / mask.name.replace("mask", "man_track")).write_bytes(mask.read_bytes())
    (truth / "man_track.txt").write_text((result / "res_track.txt").read_text())
    write_plot(result, kind, file, ground_truth=tmp_path / "01_GT")
    assert file.stat().st_size > 2000
    with pytest.raises(OutputError, match="exists already"):
        write_plot(result, kind, file, ground_truth=tmp_path / "01_GT")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["01_GT", file.name]


def test_refusals_say_what_to_do(result: Path, tmp_path: Path) -> None:
    refused: list[tuple[type[CellTrackerError], str, object]] = [
        (SettingsError, "ground-truth", lambda: write_plot(result, "reliability", tmp_path / "a.png")),
        (SettingsError, "end in one of", lambda: write_plot(result, "lineage", tmp_path / "a.gif")),
        (OutputError, "does not exist", lambda: write_plot(result, "lineage", tmp_path / "no" / "a.png")),
        (SettingsError, "webp or", lambda: write_clip(result, tmp_path / "a.avi")),
        (SettingsError, "per second", lambda: write_clip(result, tmp_path / "a.webp", rate=0)),
        (OutputError, "does not exist", lambda: write_clip(result, tmp_path / "no" / "a.webp")),
    ]
    for kind, words, act in refused:
        with pytest.raises(kind, match=words):
            act()  # type: ignore[operator]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", ["webp", "mp4"])
def test_a_movie_file_plays_all_frames(ending: str, result: Path, tmp_path: Path) -> None:
    file = tmp_path / f"movie.{ending}"
    write_clip(result, file, rate=5)
    if ending == "webp":
        with Image.open(file) as movie:
            frames = [np.asarray((movie.seek(i), movie.convert("RGB"))[1]) for i in range(movie.n_frames)]
            assert movie.info["duration"] == 200
    else:
        video, frames = cv2.VideoCapture(str(file)), []
        while (read := video.read())[0]:
            frames.append(read[1][:, :, ::-1])
        assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(5)
    assert len(frames) == 7
    assert frames[0].shape == (640, 640, 3)
    # Cells move, and their outlines are coloured.
    assert np.abs(frames[0].astype(int) - frames[-1]).mean() > 1
    assert (np.ptp(frames[3].astype(int), axis=2) > 60).sum() > 500
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    with pytest.raises(OutputError, match="exists already"):
        write_clip(result, file)


def test_large_frames_are_made_smaller(result: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip, "MOST_PIXELS", 1000)
    write_clip(result, tmp_path / "small.webp")
    with Image.open(tmp_path / "small.webp") as movie:
        assert movie.size == (32, 32)


def test_points_and_volumes_are_shown(tmp_path: Path) -> None:
    columns = {"t": np.repeat(np.arange(3), 2), "y": np.array([8.0, 30] * 3), "x": np.array([9.0, 31] * 3)}
    images = np.random.default_rng(0).integers(0, 200, (3, 40, 41)).astype(np.uint16)
    np.save(tmp_path / "images.npy", images)
    write_table(columns, tmp_path / "points.csv")
    Tracker.from_pretrained().track(tmp_path / "points.csv").write(tmp_path / "points")
    with pytest.raises(InputError, match="--images"):
        write_clip(tmp_path / "points", tmp_path / "points.webp")
    write_clip(tmp_path / "points", tmp_path / "points.webp", images=tmp_path / "images.npy")
    with Image.open(tmp_path / "points.webp") as movie:
        assert movie.n_frames == 3
    case = CASES["anisotropic_3d"]()
    Tracker.from_pretrained().track(case.masks, case.images, scale=case.step).write(tmp_path / "volumes")
    write_clip(tmp_path / "volumes", tmp_path / "volumes.mp4")
    assert cv2.VideoCapture(str(tmp_path / "volumes.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 5


def test_the_package_loads_neither_napari_nor_matplotlib() -> None:
    script = "import sys, cell_tracker_gnn.cli, cell_tracker_gnn.plots, cell_tracker_gnn.pipeline\n"
    script += "assert not {'napari', 'magicgui', 'qtpy', 'matplotlib'} & set(sys.modules), 'loaded'"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_missing_extra_is_said(lineage: Lineage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cell_tracker_gnn.io.optional.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"cell-tracker-gnn\[plots\]"):
        plot_lineage(lineage)
