"""Points through the installed command: simulated in 2D and 3D, and one real recording."""

import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from cell_tracker_gnn import Tracker
from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
from installed_command import rows, run

REAL = Path(__file__).parents[3] / "shared" / "data" / "PhC-C2C12-points" / "090303-C2C12P7_F0002.csv"


def write_centroids(movie: Path, path: Path, *, lineage: bool = False) -> None:
    """Centroids of the true masks in random order; ids that mean nothing, or those of the tracks with their parents."""
    tracks = np.loadtxt(movie / "01_GT" / "TRA" / "man_track.txt", dtype=int, ndmin=2)
    parent = dict(zip(tracks[:, 0].tolist(), tracks[:, 3].tolist(), strict=True))
    lines, rank = [], 2
    for t, file in enumerate(sorted((movie / "01_GT" / "TRA").glob("*.tif"))):
        mask = tifffile.imread(file)
        labels, rank = np.unique(mask[mask > 0]), mask.ndim
        for label, centre in zip(labels.tolist(), ndimage.center_of_mass(mask > 0, mask, labels), strict=True):
            names = [label, parent[label]] if lineage else [1000 - label]
            lines.append([t, *map(float, centre), *names])
    order = np.random.default_rng(1).permutation(len(lines))
    header = ["t", *"zyx"[-rank:], "id", *(["parent"] if lineage else [])]
    path.write_text("\n".join([",".join(header), *(",".join(map(str, lines[i])) for i in order)]) + "\n")


def link_errors(result: Path, truth: Path) -> tuple[int, int]:
    """Wrong and missed links, and true ones, of a result whose ids are 1000 - label of the true mask."""
    tracks = np.loadtxt(truth / "01_GT" / "TRA" / "man_track.txt", dtype=int, ndmin=2)
    end = {label: stop for label, _, stop, _ in tracks.tolist()}
    true: set[tuple[int, ...]] = set()
    for label, begin, stop, parent in tracks.tolist():
        true |= {(t, label, t + 1, label) for t in range(begin, stop)}
        true |= {(end[parent], parent, begin, label)} if parent else set()
    found = {
        (int(r["frame_from"]), 1000 - int(r["label_from"]), int(r["frame_to"]), 1000 - int(r["label_to"]))
        for r in rows(result / "links.csv")
    }
    return len(true ^ found), len(true)


@pytest.fixture(scope="module", params=["nuclei", "nuclei3d"])
def movie(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param) / "movie"
    size = (200, 200) if request.param == "nuclei" else (16, 80, 80)
    write_simulation(simulate(SimulationSettings(kind=request.param, frames=8, cells=12, size=size, seed=3)), folder)
    write_centroids(folder, folder.parent / "points.csv")
    return folder


@pytest.mark.parametrize("images", [True, False])
def test_points_are_tracked_and_scored(images: bool, movie: Path, tmp_path: Path) -> None:
    points, result = movie.parent / "points.csv", tmp_path / "result"
    options = ["--images", movie / "01"] if images else []
    done = run("track", points, *options, "--scale", "4,1,1", "--output", result, "--draw")
    assert done.returncode == 0, done.stderr
    wrong, true = link_errors(result, movie)
    assert wrong <= 0.02 * true
    given = {(r["t"], r["id"]): [float(r[a]) for a in "zyx" if a in r] for r in rows(points)}
    cells = rows(result / "cells.csv")
    assert {(r["frame"], r["label"]): [float(r[a]) for a in "zyx" if a in r] for r in cells} == given
    assert len(cells) == len(given)
    assert "size" not in cells[0]
    assert ("intensity_mean" in cells[0]) == images
    assert json.loads((result / "run.json").read_text())["points"] == str(points.absolute())
    from ctc_metrics.scripts.validate import validate_sequence

    assert validate_sequence(str(result))["Valid"] == 1
    done = run("evaluate", result, movie / "01_GT", "--json", tmp_path / "scores.json")
    assert done.returncode == 0, done.stderr
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["DET"] > 0.97
    assert scores["wrong_links"] + scores["missed_links"] <= 0.02 * scores["links"]


def test_gaps_split_the_drawn_tracks_and_nothing_is_drawn_unasked(tmp_path: Path) -> None:
    way = [(t, 20 + 2 * t, 30 + t) for t in range(8)] + [(t, 70 - t, 60) for t in range(8) if t != 4]
    points = tmp_path / "points.csv"
    points.write_text("t,y,x\n" + "".join(f"{t},{y},{x}\n" for t, y, x in way))
    assert run("track", points, "--output", tmp_path / "plain").returncode == 0
    tables = {"links.csv", "cells.csv", "tracks.csv", "uncertain.csv", "summary.json", "run.json"}
    assert {p.name for p in (tmp_path / "plain").iterdir()} == tables
    assert run("track", points, "--output", tmp_path / "drawn", "--draw").returncode == 0
    links = rows(tmp_path / "drawn" / "links.csv")
    assert [r["kind"] for r in links].count("gap") == 1
    tracks = [list(map(int, line.split())) for line in (tmp_path / "drawn" / "res_track.txt").read_text().splitlines()]
    for label, begin, end, _ in tracks:
        for t in range(8):
            mask = tifffile.imread(tmp_path / "drawn" / f"mask{t:03d}.tif")
            assert (label in mask) == (begin <= t <= end)
    assert {int(r["label_to"]) for r in links} <= set(range(len(way)))


def test_training_on_points_with_lineage(tmp_path: Path) -> None:
    movie, model = tmp_path / "movie", tmp_path / "model"
    write_simulation(simulate(SimulationSettings(frames=20, cells=15, size=(200, 200), seed=5)), movie)
    write_centroids(movie, tmp_path / "train.csv", lineage=True)
    settings = ["epochs=1", "batches=3", "subsample=no"]
    done = run("train", tmp_path / "train.csv", "--images", movie / "01", "--output", model, *settings)
    assert done.returncode == 0, done.stderr
    done = run("track", tmp_path / "train.csv", "--model", model, "--output", tmp_path / "r")
    assert done.returncode == 0, done.stderr
    done = run("train", tmp_path / "train.csv", "--masks", movie / "01_GT", "--output", tmp_path / "other")
    assert done.returncode == 2
    assert "--masks" in done.stderr


def test_bad_points_get_one_sentence_and_write_nothing(movie: Path, tmp_path: Path) -> None:
    points, output = tmp_path / "points.csv", tmp_path / "out"
    points.write_text("t,z,y,x\n0,0,1,1\n1,0,900,1\n")
    for options, word in (
        (["--images", movie / "01"], "points.csv"),
        (["--min-size", 3], "--min-size"),
        (["--scale", "1,1"], "scale"),
    ):
        done = run("track", points, "--output", output, *options)
        assert done.returncode == 2
        assert word in done.stderr
        assert "Traceback" not in done.stderr
    assert not output.exists()


@pytest.mark.realdata
@pytest.mark.skipif(not REAL.is_file(), reason="the development data are not beside the checkout")
def test_real_points_are_linked_right() -> None:
    annotated = [r for r in rows(REAL) if int(r["t"]) < 610]
    columns = {name: np.array([int(r[name]) for r in annotated]) for name in ("t", "y", "x")}
    lineage = Tracker.from_pretrained().track(columns)
    track = [int(r["id"]) for r in annotated]
    label = lineage.cells.label
    found = set(zip(label[lineage.links.source].tolist(), label[lineage.links.target].tolist(), strict=True))
    true = set(_true_moves(columns["t"].tolist(), track))
    moves = {(a, b) for a, b in found if track[a] == track[b]}
    assert len(true - moves) <= 0.01 * len(true)
    assert len(found - true) <= 0.01 * len(true)


def _true_moves(frame: list[int], track: list[int]) -> Iterable[tuple[int, int]]:
    order = sorted(range(len(track)), key=lambda row: (track[row], frame[row]))
    return ((a, b) for a, b in pairwise(order) if track[a] == track[b])
