"""Valid files of every format that is read, and who reads them: what ``fuzz.py`` damages."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cell_tracker_gnn.errors import CellTrackerError

__all__ = ["READERS", "Reader"]

NO_UUID = "urn:uuid:00000000-0000-0000-0000-000000000000"
"""In the place of a random one, so that a number always means the same file."""


@dataclass(frozen=True)
class Reader:
    """What is damaged and who reads it.

    Parameters
    ----------
    make
        Writes valid files into a folder.
    read
        Reads them all.
    text
        Whether words and lines may be changed as well as bytes.
    """

    make: Callable[[Path], None]
    read: Callable[[Path], object]
    text: bool = False


def masks(frames: int = 4) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """A small movie: a cell that divides and one that is missed once."""
    stack = np.zeros((frames, 40, 40), np.uint16)
    for t in range(frames):
        stack[t, 4 + t : 10 + t, 4:10] = 1
        if t != 2:
            stack[t, 20:26, 20 + t : 26 + t] = 2
        if t > 1:
            stack[t, 14 + t : 19 + t, 4:10] = 3
    return stack


def lineage() -> Any:
    """A lineage of it that needs no model."""
    from cell_tracker_gnn.data import ArrayFrames, Scale
    from cell_tracker_gnn.io.measured_tracks import lineage_of_masks

    return lineage_of_masks(ArrayFrames(masks()), {3: 0}, {}, Scale((0.5, 0.5), "µm", 300.0, "s"), "movie")


def _read_movie(*names: str, **options: Any) -> Callable[[Path], object]:
    def read(folder: Path) -> object:
        from cell_tracker_gnn.io import open_movie

        paths = [folder / name for name in names]
        movie = open_movie(*paths, **options)
        return [(movie.masks[i], movie.images and movie.images[i]) for i in range(min(len(movie), 8))]

    return read


def _tiff_folder(folder: Path) -> None:
    import tifffile

    stack = masks()
    for name in ("masks", "images"):
        (folder / name).mkdir()
    for t, frame in enumerate(stack):
        ways: tuple[dict[str, Any], ...] = ({}, {"compression": "zlib"}, {"compression": "lzw"}, {"tile": (16, 16)})
        tifffile.imwrite(folder / "masks" / f"mask{t:03d}.tif", frame, **ways[t])
        tags: dict[str, Any] = {
            "ome": True,
            "metadata": {"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "UUID": NO_UUID},
        }
        tifffile.imwrite(folder / "images" / f"t{t:03d}.tif", frame * 100, **(tags if t == 0 else {}))


def _tiff_stack(folder: Path) -> None:
    import tifffile

    tifffile.imwrite(folder / "masks.tif", masks(), imagej=True, metadata={"axes": "TYX", "finterval": 5})
    tifffile.imwrite(
        folder / "images.tif", masks(), ome=True, metadata={"axes": "TYX", "UUID": NO_UUID}, compression="zlib"
    )


def _npy(folder: Path) -> None:
    np.save(folder / "masks.npy", masks())


def _zarr(folder: Path) -> None:
    from cell_tracker_gnn.io.label_image import write_label_image

    for version in ("0.4", "0.5"):
        write_label_image(lineage(), folder / f"{version}.ome.zarr", version=version)


def _read_zarr(folder: Path) -> object:
    from cell_tracker_gnn.io.label_image import read_label_image

    outcome: object = None
    error: CellTrackerError | None = None
    for version in ("0.4", "0.5"):
        path = folder / f"{version}.ome.zarr"
        for read in (lambda _, name=path.name: _read_movie(name)(folder), read_label_image):
            try:
                outcome = read(path)
            except CellTrackerError as refused:
                error = refused
    if error is not None:
        raise error
    return outcome


def _ctc(folder: Path, *, make: bool = False) -> None:
    from cell_tracker_gnn.io import write_ctc

    if make:
        folder.mkdir(parents=True)
    write_ctc(lineage(), folder)


def _read_table(folder: Path) -> object:
    from cell_tracker_gnn.io import read_lineage_table

    return read_lineage_table(folder / "res_track.txt")


def _read_ctc(folder: Path) -> object:
    from cell_tracker_gnn.io import read_lineage

    return read_lineage(folder)


def _result(folder: Path) -> None:
    from cell_tracker_gnn.io import write_result

    write_result(lineage(), folder / "result")
    # Only the tables and records are damaged here, the masks elsewhere.
    for path in (folder / "result").glob("mask*.tif"):
        (folder / ".kept").mkdir(exist_ok=True)
        path.rename(folder / ".kept" / path.name)


def _read_result(folder: Path) -> object:
    from cell_tracker_gnn.io import read_lineage
    from cell_tracker_gnn.report.html import write_report

    for path in (folder / ".kept").iterdir():
        target = folder / "result" / path.name
        if not target.exists():
            os.link(path, target)
    error: CellTrackerError | None = None
    for read in (read_lineage, lambda path: write_report(path, folder / "report.html")):
        try:
            read(folder / "result")
        except CellTrackerError as refused:
            error = refused
    page = folder / "report.html"
    if page.exists():
        if "<script>alert" in page.read_text("utf-8"):
            raise AssertionError("a script of the result became part of the page")
        page.unlink()
    if error is not None:
        raise error
    return None


def _points(suffix: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        from cell_tracker_gnn.io.table import write_table

        rng = np.random.default_rng(0)
        t = np.repeat(np.arange(5), 6)
        columns = {"t": t, "y": rng.uniform(0, 50, 30), "x": rng.uniform(0, 50, 30), "id": np.tile(np.arange(6), 5)}
        write_table(columns | {"parent": np.zeros(30, np.int64)}, folder / f"points{suffix}")

    return make


def _read_points(suffix: str) -> Callable[[Path], object]:
    def read(folder: Path) -> object:
        from cell_tracker_gnn.io import open_points

        movie = open_points(folder / f"points{suffix}")
        return [movie.masks[i] for i in range(min(len(movie), 4))]

    return read


def _read_point_lineage(folder: Path) -> object:
    from cell_tracker_gnn.io import read_point_lineage, read_points

    return read_point_lineage(read_points(folder / "points.csv"))


def _truth(folder: Path) -> None:
    _ctc(folder / "result", make=True)
    _ctc(folder / "01_GT" / "TRA", make=True)
    for path in (folder / "01_GT" / "TRA").iterdir():
        path.rename(path.with_name(path.name.replace("mask", "man_track").replace("res_track", "man_track")))


def _evaluate(folder: Path) -> object:
    from cell_tracker_gnn.evaluation import evaluate

    return evaluate(folder / "result", folder / "01_GT")


def _edits(folder: Path) -> None:
    from cell_tracker_gnn.io.edits import Edit, Edits, write_edits

    write_edits(Edits("a" * 64, (Edit("cut", 0, 1, 1, 2), Edit("add", 3, 1, 4, 1))), folder / "edits.json")


def _read_edits(folder: Path) -> object:
    from cell_tracker_gnn.io.edits import read_edits

    return read_edits(folder / "edits.json")


def _written(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        from cell_tracker_gnn.io import write_lineage

        write_lineage(lineage(), folder / name)

    return make


def _read_written(name: str) -> Callable[[Path], object]:
    def read(folder: Path) -> object:
        from cell_tracker_gnn.io import read_lineage

        return read_lineage(folder / name)

    return read


def _model(folder: Path) -> None:
    import torch

    from cell_tracker_gnn.model.tracker import TrackerConfig, TrackerNetwork
    from cell_tracker_gnn.model.weights import Model, save_model

    torch.manual_seed(0)
    network = TrackerNetwork(TrackerConfig(width=4, blocks=1, heads=1))
    save_model(Model(network, card={"scores": {}, "data": []}), folder / "model.safetensors")


def _read_model(folder: Path) -> object:
    from cell_tracker_gnn.model.description import describe_model

    described = describe_model(folder / "model.safetensors")
    return described.summary(), described.rows()


def _settings(folder: Path) -> None:
    lines = ("trainer.epochs=20", "embedding=no", "encoder=compact", "crop=masked", "batches=5", "logger=none")
    (folder / "settings.txt").write_text("\n".join((*lines, "experiment=paper-2d", "batch_links=100")))


def _read_settings(folder: Path) -> object:
    from cell_tracker_gnn.training.configure import configure

    return configure((folder / "settings.txt").read_bytes().decode("utf-8", "replace").split("\n"))


def _pieces(folder: Path) -> None:
    from cell_tracker_gnn.stages.record import begin_folder

    store = begin_folder(folder / "work", {"version": ["0", 1], "inputs": {"masks": ["a", "b"]}, "frames": "f"})
    store.keep("features-0", {"digest": np.zeros(4, np.uint8), "counts": np.arange(5)})


def _read_pieces(folder: Path) -> object:
    from cell_tracker_gnn.stages.record import begin_folder

    made_of = dict.fromkeys(("model", "device", "settings"), "")
    store = begin_folder(folder / "work", {"version": ["0", 1], "inputs": {}, "frames": "f", **made_of})
    return store.load("features-0") if store.has("features-0") else None


def _read_piece(folder: Path) -> object:
    from cell_tracker_gnn.stages.store import FolderStore

    store = FolderStore(folder / "work")
    return store.load("features-0") if store.has("features-0") else None


READERS: dict[str, Reader] = {
    "tiff": Reader(_tiff_folder, _read_movie("masks", "images")),
    "tiff-stack": Reader(_tiff_stack, _read_movie("masks.tif", "images.tif")),
    "npy": Reader(_npy, _read_movie("masks.npy")),
    "zarr": Reader(_zarr, _read_zarr, text=True),
    "track-table": Reader(_ctc, _read_table, text=True),
    "ctc": Reader(_ctc, _read_ctc, text=True),
    "result": Reader(_result, _read_result, text=True),
    "points-csv": Reader(_points(".csv"), _read_points(".csv"), text=True),
    "points-parquet": Reader(_points(".parquet"), _read_points(".parquet")),
    "point-lineage": Reader(_points(".csv"), _read_point_lineage, text=True),
    "evaluate": Reader(_truth, _evaluate, text=True),
    "edits": Reader(_edits, _read_edits, text=True),
    "trackmate": Reader(_written("tracks.xml"), _read_written("tracks.xml"), text=True),
    "geff": Reader(_written("tracks.geff"), _read_written("tracks.geff"), text=True),
    "cells-csv": Reader(_written("tracks.csv"), _read_written("tracks.csv"), text=True),
    "cells-parquet": Reader(_written("tracks.parquet"), _read_written("tracks.parquet")),
    "model": Reader(_model, _read_model, text=True),
    "settings": Reader(_settings, _read_settings, text=True),
    "pieces": Reader(_pieces, _read_pieces, text=True),
    "piece": Reader(_pieces, _read_piece),
}
"""All readers of files that a user may give or that may lie around from before."""
