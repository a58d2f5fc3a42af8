"""Writing a simulated movie as a folder in the layout of the Cell Tracking Challenge."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from cell_tracker_gnn.errors import OutputError
from cell_tracker_gnn.io import LineageTable
from cell_tracker_gnn.io.label_type import label_type
from cell_tracker_gnn.simulation.movie import Simulation

__all__ = ["write_simulation"]

RECORD = "simulation.json"


def write_simulation(simulation: Simulation, folder: str | Path, overwrite: bool = False) -> Path:
    """Write a movie with its true lineage and its damaged masks.

    ``01/tNNN.tif`` are the images, ``01_GT/TRA/man_trackNNN.tif`` and ``01_GT/SEG/man_segNNN.tif`` the true masks,
    ``01_GT/TRA/man_track.txt`` the lineage (label, begin, end, parent), ``01_ERR_SEG/maskNNN.tif`` the damaged masks
    with labels permuted in every frame, and ``simulation.json`` the settings. Frame numbers have three digits, or four
    and more if there are more than 1000 frames. TIFF files are compressed without loss.

    Parameters
    ----------
    simulation
        The movie; it is made while it is written.
    folder
        Where to write; it appears only when everything has been written.
    overwrite
        Whether an earlier simulation in ``folder`` is replaced.

    Returns
    -------
    The folder.

    Raises
    ------
    OutputError
        If the folder is not empty and ``overwrite`` is False or it holds something else than a simulation, or if it
        cannot be written.

    Examples
    --------
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
    >>> folder = write_simulation(simulate(SimulationSettings(frames=3, cells=4, size=(64, 64))), "nuclei")
    >>> sorted(path.name for path in folder.iterdir())
    ['01', '01_ERR_SEG', '01_GT', 'simulation.json']
    """
    target = Path(folder)
    _check(target, overwrite)
    part = target.with_name(f".{target.name}.part-{os.getpid()}")
    try:
        part.mkdir(parents=True)
        try:
            _write_into(part, simulation)
            _replace(part, target)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"the simulation cannot be written to {target} ({error}); choose another folder") from error
    return target


def _check(target: Path, overwrite: bool) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise OutputError(f"{target} is a file; give a folder for the simulation")
    if not any(target.iterdir()):
        return
    if not overwrite:
        raise OutputError(
            f"the folder {target} is not empty; give a new folder, or --overwrite to replace a former simulation"
        )
    if not (target / RECORD).is_file():
        raise OutputError(f"the folder {target} holds something else than a simulation; give a new folder")


def _replace(part: Path, target: Path) -> None:
    old = part.with_name(f"{part.name}-old")
    if target.exists():
        target.rename(old)
    part.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _write_into(part: Path, simulation: Simulation) -> None:
    images, tracking, segmentation, damaged = folders = [
        part / name for name in ("01", "01_GT/TRA", "01_GT/SEG", "01_ERR_SEG")
    ]
    for each in folders:
        each.mkdir(parents=True)
    digits = max(3, len(str(len(simulation) - 1)))
    for frame in simulation:
        number = f"{frame.number:0{digits}d}"
        _write_tiff(images / f"t{number}.tif", frame.image)
        _write_tiff(tracking / f"man_track{number}.tif", _as_labels(frame.mask))
        shutil.copyfile(tracking / f"man_track{number}.tif", segmentation / f"man_seg{number}.tif")
        _write_tiff(damaged / f"mask{number}.tif", _as_labels(simulation.damaged(frame)))
    tracks = simulation.tracks
    lineage = LineageTable(tracks.track, tracks.begin, tracks.end, tracks.parent)
    (tracking / "man_track.txt").write_text(lineage.text(), encoding="ascii")
    settings = json.dumps(simulation.settings.as_dict(), indent=2)
    (part / RECORD).write_text(settings + "\n", encoding="utf-8")


def _as_labels(mask: NDArray[np.integer]) -> NDArray[np.integer]:
    return mask.astype(label_type(int(mask.max(initial=0))))


def _write_tiff(path: Path, pixels: NDArray[np.generic]) -> None:
    tifffile.imwrite(path, pixels, compression="zlib", photometric="minisblack", metadata=None)
