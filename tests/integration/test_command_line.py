"""The installed command, end to end."""

import gc
import importlib
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cell_tracker_gnn.cli.track import quick_imports
from cell_tracker_gnn.io import open_frames
from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
from installed_command import refused, rows, run


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "movie"
    write_simulation(simulate(SimulationSettings(frames=14, cells=14, size=(200, 200), seed=3, missed=0.02)), folder)
    return folder


@pytest.fixture(scope="module")
def result(movie: Path) -> Path:
    folder = movie.parent / "result"
    done = run("track", movie / "01_ERR_SEG", "--images", movie / "01", "--output", folder)
    assert done.returncode == 0, done.stderr
    assert "tracks" in done.stdout
    return folder


def test_help_and_import_load_no_torch() -> None:
    code = (
        "import sys; sys.argv = ['cell-tracker-gnn', '--help']\n"
        "import cell_tracker_gnn, cell_tracker_gnn.cli as cli\n"
        "try: cli.main()\nexcept SystemExit: pass\n"
        "assert 'torch' not in sys.modules and 'scipy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("verb", ["track", "train", "evaluate", "simulate", "demo"])
def test_every_verb_has_help(verb: str) -> None:
    done = run(verb, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_result_keeps_every_pixel_and_describes_every_link(movie: Path, result: Path) -> None:
    names = {p.name for p in result.iterdir()}
    assert {"res_track.txt", "links.csv", "cells.csv", "tracks.csv", "run.json", "mask000.tif"} <= names
    for index in range(14):
        before = tifffile.imread(movie / "01_ERR_SEG" / f"mask{index:03d}.tif")
        np.testing.assert_array_equal(tifffile.imread(result / f"mask{index:03d}.tif") > 0, before > 0)
    links = rows(result / "links.csv")
    assert list(links[0])[:8] == [
        "frame_from", "label_from", "frame_to", "label_to", "track_from", "track_to", "kind", "probability",
    ]  # fmt: skip
    assert all(0.0 <= float(link["probability"]) <= 1.0 for link in links)
    assert {link["kind"] for link in links} <= {"move", "gap", "division"}
    record = json.loads((result / "run.json").read_text())
    assert record["model"]["name"] == "general"
    assert record["settings"]["max_gap"] == 2
    assert Path(record["masks"]) == (movie / "01_ERR_SEG").absolute()


def test_result_is_valid_by_the_rules_of_the_challenge(result: Path) -> None:
    from ctc_metrics.scripts.validate import validate_sequence

    assert validate_sequence(str(result))["Valid"] == 1


def test_simulated_nuclei_are_tracked_well(movie: Path, result: Path, tmp_path: Path) -> None:
    done = run("evaluate", result, movie / "01_GT", "--json", tmp_path / "scores.json")
    assert done.returncode == 0, done.stderr
    scores = json.loads((tmp_path / "scores.json").read_text())
    # The masks miss 2 % of the cells, which limits LNK; of the links that are there hardly any may be wrong.
    assert scores["wrong_links"] + scores["missed_links"] <= 0.01 * scores["links"]
    assert scores["CHOTA"] > 0.85
    for name in ("TRA", "DET", "CT", "TF", "EA", "ED", "EC", "division_f1", "identity_switches"):
        assert name in scores


def test_tracking_twice_gives_the_same_bytes(movie: Path, result: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    assert run("track", movie / "01_ERR_SEG", "--images", movie / "01", "--output", again).returncode == 0
    for path in result.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name


def test_options_are_honoured(movie: Path, tmp_path: Path) -> None:
    options = ["--max-gap", 0, "--no-divisions", "--linker", "greedy", "--min-size", 20, "--frames", "2:9"]
    done = run("track", movie / "01_ERR_SEG", "--output", tmp_path / "r", *options)
    assert done.returncode == 0, done.stderr
    assert {link["kind"] for link in rows(tmp_path / "r" / "links.csv")} == {"move"}
    cells = rows(tmp_path / "r" / "cells.csv")
    assert min(int(c["size"]) for c in cells) >= 20
    assert {int(c["frame"]) for c in cells} == set(range(2, 9))


def test_images_alone_are_segmented_and_tracked(movie: Path, tmp_path: Path) -> None:
    images, output = movie / "01", tmp_path / "r"
    done = run("track", "--images", images, "--segment", "threshold", "--frames", "2:12", "--output", output)
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r"]
    tracked, made = (open_frames(folder) for folder in (output, output / "masks"))
    assert tracked.numbers == made.numbers == tuple(range(2, 12))
    np.testing.assert_array_equal(tracked[4] > 0, made[4] > 0)
    record = json.loads((output / "run.json").read_text())
    assert record["segmentation"]["method"] == "threshold"
    assert Path(record["images"]) == images.absolute()
    cells = rows(output / "cells.csv")
    assert {int(c["label"]) for c in cells if c["frame"] == "6"} == set(np.unique(made[4]).tolist()) - {0}
    done = run("measure", output, "--images", images)
    assert done.returncode == 0, done.stderr
    assert "intensity_mean_0" in rows(tmp_path / "r-measured" / "cells.csv")[0]


def test_masks_or_a_segmenter_are_needed(movie: Path, tmp_path: Path) -> None:
    images, output = movie / "01", tmp_path / "out"
    refused(run("track", "--images", images, "--output", output), "--segment threshold")
    refused(run("track", "--segment", "threshold", "--output", output), "--images")
    refused(run("track", images, "--segment", "threshold", "--output", output), "--images")
    both = run("track", movie / "01_ERR_SEG", "--images", images, "--segment", "threshold", "--output", output)
    refused(both, "either MASKS or --segment")
    refused(run("track", "--images", images, "--segment", "treshold", "--output", output), "threshold")
    refused(run("track", "--images", movie / "011", "--segment", "threshold", "--output", output), "01")
    assert not list(tmp_path.iterdir())


def test_volumes_are_tracked(tmp_path: Path) -> None:
    movie = tmp_path / "movie"
    write_simulation(simulate(SimulationSettings(kind="nuclei3d", frames=6, cells=8, size=(12, 80, 80), seed=1)), movie)
    done = run("track", movie / "01_ERR_SEG", "--images", movie / "01", "--scale", "4,1,1", "--output", tmp_path / "r")
    assert done.returncode == 0, done.stderr
    assert "z" in rows(tmp_path / "r" / "cells.csv")[0]
    assert run("evaluate", tmp_path / "r", movie / "01_GT").returncode == 0


def test_bad_input_gets_one_sentence_and_writes_nothing(movie: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    masks, images = movie / "01_ERR_SEG", movie / "01"
    empty, few, small, floats = (tmp_path / name for name in ("empty", "few", "small", "floats"))
    for folder in (empty, few, small, floats):
        folder.mkdir()
    for index in range(14):
        image = tifffile.imread(images / f"t{index:03d}.tif")
        tifffile.imwrite(small / f"t{index:03d}.tif", image[:50])
        tifffile.imwrite(floats / f"t{index:03d}.tif", image.astype(np.float32))
        if index < 12:
            tifffile.imwrite(few / f"t{index:03d}.tif", image)
    refused(run("track", masks.parent / "01_ERR_SEGG", "--output", output), "01_ERR_SEG")
    refused(run("track", empty, "--output", output), "empty")
    refused(run("track", masks, "--images", few, "--output", output), "12", "13")
    refused(run("track", masks, "--images", small, "--output", output), "(50, 200)")
    refused(run("track", floats, "--output", output), "integer")
    refused(run("track", images, "--output", output), "image")
    refused(run("track", masks, "--output", masks), "input")
    refused(run("track", masks, "--output", output, "--model", "genral"), "general")
    refused(run("track", masks, "--output", output, "--max-gap", "99"), "max_gap")
    refused(run("track", masks, "--output", output, "--device", "cuda:77"), "cuda:77")
    refused(run("track", masks, "--output", output, "--linker", "exakt"), "exact")
    refused(run("trak", masks, "--output", output), "track")
    refused(run("track", masks), "--output")
    assert not output.exists()
    assert not output.with_name("out.partial").exists()


def test_existing_result_is_kept_unless_asked(movie: Path, result: Path) -> None:
    before = (result / "links.csv").read_bytes()
    refused(run("track", movie / "01_ERR_SEG", "--output", result), "--overwrite")
    assert (result / "links.csv").read_bytes() == before


@pytest.mark.parametrize("kind", ["no cell", "one frame", "empty frame"])
def test_sparse_movies_are_fine(kind: str, tmp_path: Path) -> None:
    masks = np.zeros((1 if kind == "one frame" else 5, 60, 60), np.uint16)
    if kind != "no cell":
        for t in range(len(masks)):
            masks[t, 10 + t : 20 + t, 10:20] = t + 1
            masks[t, 40:50, 30 + t : 40 + t] = 20 - t
    if kind == "empty frame":
        masks[2] = 0
    (tmp_path / "masks").mkdir()
    for t, mask in enumerate(masks):
        tifffile.imwrite(tmp_path / "masks" / f"m{t:04d}.tif", mask)
    done = run("track", tmp_path / "masks", "--output", tmp_path / "r")
    assert done.returncode == 0, done.stderr
    expected = {"no cell": 0, "one frame": 0, "empty frame": 6}[kind]
    assert len(rows(tmp_path / "r" / "links.csv")) == expected
    assert ("no cell was found" in done.stderr) == (kind == "no cell")


def test_dark_cells_get_a_hint_and_slices_one_warning(movie: Path, tmp_path: Path) -> None:
    bright = np.stack([tifffile.imread(path) for path in sorted((movie / "01").glob("*.tif"))[:4]])
    tifffile.imwrite(tmp_path / "dark.tif", bright.max() - bright, imagej=True, metadata={"axes": "ZYX"})
    output = ("--segment", "threshold", "--output", tmp_path / "r")
    done = run("track", "--images", tmp_path / "dark.tif", *output)
    assert done.returncode == 0, done.stderr
    assert "invert" in done.stderr
    assert "--channel" in done.stderr
    assert done.stderr.count("has no time axis") == 1
    done = run("track", movie / "01_ERR_SEG", "--min-size", 10**6, "--output", tmp_path / "large")
    assert "--min-size" in done.stderr


def test_training_on_a_small_sequence_gives_a_model_that_tracks(tmp_path: Path) -> None:
    movie, model = tmp_path / "movie", tmp_path / "model"
    write_simulation(simulate(SimulationSettings(frames=30, cells=15, size=(200, 200), seed=5)), movie)
    settings = ["epochs=2", "batches=5", "embedding_epochs=1", "faults=no", "subsample=no"]
    done = run("train", movie / "01", "--output", model, *settings)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["average", "wrong", "Model"]
    assert [p.name for p in model.rglob("*.safetensors")] == ["model.safetensors"]
    masks, images = movie / "01_ERR_SEG", movie / "01"
    done = run("track", masks, "--images", images, "--model", model, "--output", tmp_path / "r")
    assert done.returncode == 0, done.stderr
    refused(run("train", movie / "01", "--output", model), "--overwrite")
    refused(run("train", movie / "01", "--output", tmp_path / "m2", "epoch=3"), "epochs")
    refused(run("train", movie / "01", "--output", tmp_path / "m2", "epochs=many"), "epochs")
    refused(run("train", movie / "01", "--output", tmp_path / "m2", "--epochs", 3), "epochs=...")
    refused(run("train", movie / "01", "--output", tmp_path / "m2", "--max-gap", 3), "max_gap=...")
    refused(run("train", movie / "01", "--output", tmp_path / "m2", "--overwrit"), "--overwrite")
    refused(run("train", movie / "02", "--output", tmp_path / "m2"), "02")


def test_models_are_listed_described_and_refused(tmp_path: Path) -> None:
    listed = run("models")
    assert listed.returncode == 0, listed.stderr
    assert "general" in listed.stdout
    described = run("models", "general")
    assert "Fluo-N2DL-HeLa/01" in described.stdout
    assert "whole" in described.stdout
    (tmp_path / "broken.safetensors").write_bytes(b"no model")
    refused(run("models", tmp_path / "broken.safetensors"), "broken.safetensors", "not a readable model file")
    refused(run("models", "genral"), "did you mean 'general'")


def test_paper_preset_trains_and_tracks(tmp_path: Path) -> None:
    movie, model = tmp_path / "movie", tmp_path / "model"
    write_simulation(simulate(SimulationSettings(frames=12, cells=10, size=(160, 160), seed=6)), movie)
    settings = ["preset=paper", "epochs=1", "batches=3", "embedding_epochs=1", "faults=no", "subsample=no"]
    assert run("train", movie / "01", "--output", model, *settings).returncode == 0
    done = run("track", movie / "01_ERR_SEG", "--images", movie / "01", "--model", model, "--output", tmp_path / "r")
    assert done.returncode == 0, done.stderr


def test_garbage_is_collected_again_after_an_import_that_fails() -> None:
    with pytest.raises(ImportError), quick_imports():
        importlib.import_module("no_such_module" if not gc.isenabled() else "sys")
    assert gc.isenabled()
    gc.unfreeze()


def test_formats_and_convert(movie: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("track", movie / "01_ERR_SEG", "--output", out, "--format", "ctc,geff,trackmate,ome-zarr",
               "--scale", "0.5,0.25", "--interval", "5min")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {"tracks.geff", "tracks.xml", "tracks.ome.zarr", "res_track.txt"} <= {path.name for path in out.iterdir()}
    stated = json.loads((out / "run.json").read_text())["movie"]
    assert (stated["scale"], stated["unit"], stated["interval"], stated["interval_unit"]) == (
        [0.5, 0.25],
        "µm",
        300,
        "s",
    )
    steps = [out / "tracks.xml", tmp_path / "a.parquet", tmp_path / "a.geff", tmp_path / "again"]
    for source, target in pairwise(steps):
        extra = ["--masks", movie / "01_ERR_SEG"] if target.suffix == "" else []
        done = run("convert", source, target, *extra)
        assert done.returncode == 0, done.stderr
    assert "Nothing is lost" in done.stdout
    assert (tmp_path / "again" / "res_track.txt").read_text() == (out / "res_track.txt").read_text()
    done = run("track", out / "tracks.ome.zarr", "--output", tmp_path / "zarr")
    assert done.returncode == 0, done.stderr
    stated = json.loads((tmp_path / "zarr" / "run.json").read_text())["movie"]
    assert (stated["scale"], stated["interval"]) == ([0.5, 0.25], 300)
    refused(run("convert", out / "tracks.xml", tmp_path / "nowhere"), "has no masks", "--masks")
    refused(run("convert", tmp_path / "a.gef", tmp_path / "b.xml"), "did you mean")
    refused(run("track", movie / "01_ERR_SEG", "--output", tmp_path / "x", "--format", "gef"), "did you mean geff")
    refused(
        run("track", movie / "01_ERR_SEG", "--output", tmp_path / "x", "--interval", "soon"), "not understood", "5min"
    )
