"""Encoders of masked crops, patches and volumes: trained for a few steps and tracked with, through the command."""

import json
from pathlib import Path

import numpy as np
import pytest

from cell_tracker_gnn.io import read_table
from cell_tracker_gnn.model.weights import load_model
from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
from installed_command import refused, rows, run

DATA = Path(__file__).parents[3] / "shared" / "data"
QUICK = ("epochs=1", "batches=2", "embedding_epochs=1", "embedding_dim=16", "faults=no", "subsample=no")


def done(*arguments: object) -> str:
    finished = run(*arguments)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout + finished.stderr


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flat") / "movie"
    write_simulation(simulate(SimulationSettings(frames=10, cells=10, size=(140, 140), seed=2)), folder)
    return folder


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("volume") / "volume"
    settings = SimulationSettings(kind="nuclei3d", frames=8, cells=8, size=(12, 80, 80), seed=1)
    write_simulation(simulate(settings), folder)
    return folder


@pytest.fixture(scope="module")
def patch_model(movie: Path) -> Path:
    done("train", movie / "01", "--output", movie.parent / "patch", "crop=patch", *QUICK)
    return movie.parent / "patch"


@pytest.fixture(scope="module")
def volume_model(volume: Path) -> Path:
    done("train", volume / "01", "--output", volume.parent / "model", "--scale", "4,1,1", *QUICK)
    return volume.parent / "model"


def test_stages_one_by_one_give_a_model_and_stale_features_are_noticed(movie: Path, tmp_path: Path) -> None:
    model, data = tmp_path / "model", movie / "01"
    at = ("--output", model)
    done("train", data, *at, "--stage", "embedding", *QUICK)
    done("train", data, *at, "--stage", "features", *QUICK)
    table = read_table(model / "features" / "movie-01.cells.parquet")
    embeddings = [np.load(path) for path in (model / "features").glob("*.npy")]
    assert [rows.shape for rows in embeddings] == [(len(table["label"]), 16)]
    before = {path: path.read_bytes() for path in (model / "features").iterdir()}
    changed = (*QUICK, "max_gap=1")
    refused(run("train", data, *at, "--stage", "tracker", *changed), "movie/01", "max_gap", "--stage features")
    assert not (model / "model.safetensors").exists()
    done("train", data, *at, "--stage", "tracker", *QUICK)
    assert {path: path.read_bytes() for path in (model / "features").iterdir()} == before
    assert [path.name for path in model.rglob("*.safetensors")] == ["model.safetensors"]
    encoder = load_model(model).encoder
    assert encoder is not None
    assert (encoder.config.kind, encoder.config.crop, encoder.config.dim) == ("compact", "masked", 16)
    done("track", movie / "01_GT" / "TRA", "--images", data, "--model", model, "--output", tmp_path / "result")
    assert len(rows(tmp_path / "result" / "cells.csv")) == len(table["label"])


def test_patches_are_trained_and_tracked_with(movie: Path, patch_model: Path, tmp_path: Path) -> None:
    encoder = load_model(patch_model).encoder
    assert encoder is not None
    assert encoder.config.crop == "patch"
    done("track", movie / "01_GT" / "TRA", "--images", movie / "01", "--model", patch_model, "--output", tmp_path / "r")
    assert json.loads((tmp_path / "r" / "run.json").read_text())["result"]["links"] > 0


def test_volumes_are_trained_and_tracked_with(volume: Path, volume_model: Path, tmp_path: Path) -> None:
    encoder = load_model(volume_model).encoder
    assert encoder is not None
    assert encoder.config.rank == 3
    images = ("--images", volume / "01", "--scale", "4,1,1")
    done("track", volume / "01_GT" / "TRA", *images, "--model", volume_model, "--output", tmp_path / "r")
    assert "z" in rows(tmp_path / "r" / "cells.csv")[0]


real = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason="the development data are not beside the checkout"),
]


class TestRealData:
    pytestmark = real

    def test_volumes_with_images(self, volume_model: Path, tmp_path: Path) -> None:
        sequence = DATA / "Fluo-N3DH-CHO" / "02"
        images = ("--images", sequence, "--frames", "0:3", "--scale", "5,1,1")
        done("track", f"{sequence}_ERR_SEG", *images, "--model", volume_model, "--output", tmp_path / "r")
        assert "intensity_mean" in rows(tmp_path / "r" / "cells.csv")[0]

    def test_volumes_without_images(self, volume_model: Path, tmp_path: Path) -> None:
        masks = DATA / "Fluo-N3DH-CE" / "01_ST" / "SEG"
        done("track", masks, "--frames", "0:4", "--model", volume_model, "--output", tmp_path / "r")
        assert len(rows(tmp_path / "r" / "cells.csv")) > 0

    def test_patches_around_markers(self, patch_model: Path, tmp_path: Path) -> None:
        sequence = DATA / "Fluo-N2DH-GOWT1" / "01"
        images = ("--images", sequence, "--frames", "0:4")
        done("track", f"{sequence}_GT/TRA", *images, "--model", patch_model, "--output", tmp_path / "r")
        assert len(rows(tmp_path / "r" / "cells.csv")) > 40
