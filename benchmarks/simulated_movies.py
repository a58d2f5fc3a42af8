"""Simulated movies for the training of the bundled model: kinds of cells and of motion that real ones lack."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from cell_tracker_gnn import simulation
from cell_tracker_gnn.errors import SettingsError
from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation

DRAWN = {"epithelium": 40, "nuclei": 40, "fast": 16, "bacteria": 24, "nuclei3d": 8}
"""Number of small movies of each kind whose settings are drawn at random (domain randomisation, Tobin et al. 2017)."""

FEW = {"nuclei": 12, "fast": 8, "bacteria": 4}
"""Number of tiny ones: a handful of cells in a handful of frames, where nothing tells what is usual."""

UNSEEN = {"epithelium": 5, "nuclei": 5, "fast": 5, "bacteria": 6, "nuclei3d": 2}
"""Number of those that no model is trained on, which probabilities are calibrated on."""

CHOSEN = {
    "epithelium-1": SimulationSettings("epithelium", 24, (400, 400), 260, seed=11, division_rate=3.0, motion=1.5),
    "epithelium-2": SimulationSettings(
        "epithelium", 24, (460, 460), 300, seed=12, division_rate=6.0, death_rate=8.0, motion=2.5, border=True
    ),
    "epithelium-3": SimulationSettings(
        "epithelium", 24, (360, 360), 160, seed=13, division_rate=8.0, motion=4.0, drift=2.0, variety=0.4, unrest=0.08
    ),
    "epithelium-4": SimulationSettings(
        "epithelium",
        24,
        (460, 460),
        300,
        seed=14,
        division_rate=6.0,
        death_rate=40.0,
        motion=3.0,
        variety=0.4,
        unrest=0.15,
    ),
    "epithelium-5": SimulationSettings(
        "epithelium",
        16,
        (500, 500),
        250,
        seed=15,
        division_rate=8.0,
        death_rate=60.0,
        motion=5.0,
        variety=0.8,
        unrest=0.2,
    ),
    "bacteria-1": SimulationSettings("bacteria", 50, cells=120, seed=21),
    "bacteria-2": SimulationSettings("bacteria", 40, cells=150, seed=22, motion=2.0, drift=1.0, jump=25.0),
    "bacteria-3": SimulationSettings("bacteria", 36, cells=100, seed=23, motion=5.0, division_rate=3.5, jump=30.0),
    "fast-1": SimulationSettings("fast", 40, cells=60, seed=31, variety=0.8, division_rate=2.0, unrest=0.05),
    "fast-2": SimulationSettings("fast", 40, cells=120, seed=32, motion=1.4, drift=4.0),
    "fast-3": SimulationSettings("fast", 40, cells=25, seed=33, motion=0.7, variety=1.2, division_rate=2.0, unrest=0.1),
    "fast-4": SimulationSettings("fast", 50, (500, 500), 90, seed=34, motion=1.2, division_rate=2.0, variety=0.4),
    "nuclei-1": SimulationSettings(
        "nuclei", 50, (512, 512), 90, seed=41, motion=2.0, division_rate=2.0, death_rate=4.0, variety=0.7, unrest=0.05
    ),
    "nuclei-2": SimulationSettings("nuclei", 40, (700, 700), 250, seed=42, drift=3.0, jump=40.0),
    "nuclei-3": SimulationSettings("nuclei", 50, (600, 600), 110, seed=43, division_rate=3.0, variety=1.3, unrest=0.1),
    "nuclei-4": SimulationSettings(
        "nuclei", 40, (500, 500), 160, seed=44, division_rate=4.0, death_rate=4.0, motion=1.5, variety=1.0, unrest=0.15
    ),
    "nuclei3d-1": SimulationSettings("nuclei3d", 30, (24, 160, 160), 50, seed=51, motion=2.0, division_rate=2.0),
    "nuclei3d-2": SimulationSettings(
        "nuclei3d", 30, (24, 180, 180), 70, seed=52, division_rate=3.0, variety=0.8, unrest=0.08
    ),
}
"""Movies with settings chosen for what each shows."""


def written_movies(work: Path) -> list[Path]:
    """Sequences of the simulated movies to learn from, written where they are missing."""
    return _written(CHOSEN | drawn_movies(), work)


def written_unseen(work: Path) -> list[Path]:
    """Sequences of the simulated movies that no model learns from, written where they are missing."""
    return _written(unseen_movies(), work)


def _written(movies: dict[str, SimulationSettings], work: Path) -> list[Path]:
    """Sequences in a folder of ``work`` that is named by the code that makes them, so that none is older than it."""
    files = sorted([*Path(simulation.__file__).parent.glob("*.py"), Path(__file__)])
    folder = work / f"simulated-{hashlib.sha256(b''.join(f.read_bytes() for f in files)).hexdigest()[:8]}"
    return [written(settings, folder / name) / "01" for name, settings in movies.items()]


def written(settings: SimulationSettings, folder: Path) -> Path:
    """Folder of a movie, which is written where it is missing."""
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        write_simulation(simulate(settings), folder)
    return folder


def drawn_movies() -> dict[str, SimulationSettings]:
    """The movies whose settings are drawn, always the same ones."""
    rng = np.random.default_rng(2022)
    movies = {}
    for few, numbers in enumerate((DRAWN, FEW)):
        for index, (kind, number) in enumerate(numbers.items()):
            for k in range(number):
                name = f"{kind}-{'few' if few else 'drawn'}-{k + 1}"
                movies[name] = _fitting(kind, rng, few=bool(few), seed=5000 + 1000 * few + 100 * index + k)
    return movies


def unseen_movies() -> dict[str, SimulationSettings]:
    """Movies drawn like those that are learned from, which are not, always the same ones."""
    rng = np.random.default_rng(777)
    names = [(kind, k) for kind, number in UNSEEN.items() for k in range(number)]
    return {
        f"{kind}-unseen-{k + 1}": _fitting(kind, rng, few=False, seed=9000 + index)
        for index, (kind, k) in enumerate(names)
    }


def _fitting(kind: str, rng: np.random.Generator, *, few: bool, seed: int) -> SimulationSettings:
    """Settings of a kind, drawn until the cells fit into their field."""
    while True:
        try:
            return SimulationSettings(seed=seed, **draw(kind, rng, few=few))
        except SettingsError:
            continue


def draw(kind: str, rng: np.random.Generator, *, few: bool = False) -> dict[str, Any]:
    """Random settings of one movie but for its seed; of few cells and frames or of many."""

    def log_uniform(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    def sometimes(share: float) -> bool:
        return bool(rng.random() < share)

    packed, rods = kind == "epithelium", kind == "bacteria"
    drawn: dict[str, Any] = {"kind": kind}
    # Rates and speeds are those of a step: with more of them between two frames a frame sees about as much.
    steps = drawn["every"] = int(log_uniform(1, 7)) if packed else int(rng.integers(2, 5)) if sometimes(0.3) else 1
    drawn["drift"] = log_uniform(0.5, 6.0) / steps if sometimes(0.4) else 0.0
    drawn["jump"] = log_uniform(10.0, 50.0) if sometimes(0.25) else 0.0
    drawn["division_rate"] = log_uniform(0.5, 8.0 if packed else 5.0) / steps
    drawn["death_rate"] = log_uniform(0.5, 60.0 if packed else 12.0) / steps
    drawn["motion"] = log_uniform(*{"fast": (0.5, 1.6), "nuclei3d": (0.5, 4.0)}.get(kind, (0.5, 6.0))) / steps
    drawn["frames"] = int(rng.integers(*((12, 26) if kind in ("epithelium", "nuclei3d") else (20, 45))))
    if few:
        drawn["frames"] = int(rng.integers(2, 13))
    drawn["whole"] = sometimes(0.5 if packed else 0.2)
    if rods:
        return drawn | {"cells": int(log_uniform(*((2, 16) if few else (30, 140))))}
    drawn["variety"] = float(rng.uniform(0.0, 1.3))
    drawn["unrest"] = float(rng.uniform(0.0, 0.2))
    many = {"epithelium": (60, 320), "nuclei": (12, 260)}.get(kind, (15, 120))
    cells = drawn["cells"] = int(log_uniform(*((1, 14) if few else many)))
    if kind == "nuclei3d":
        side = int(rng.uniform(130, 190))
        return drawn | {"size": (int(rng.integers(12, 28)), side, side), "anisotropy": float(rng.uniform(1.0, 5.0))}
    # Pixels of a side per cell in a row.
    room = rng.uniform(*{"epithelium": (20, 34), "nuclei": (28, 70)}.get(kind, (35, 60)))
    if not packed and sometimes(0.5):
        drawn["diameter"] = log_uniform(5.0, 16.0)
        room = drawn["diameter"] * rng.uniform(1.3, 5.0)
    side = max(int(np.sqrt(cells) * room), 160)
    return drawn | {"size": (side, side), "border": packed and sometimes(0.4)}
