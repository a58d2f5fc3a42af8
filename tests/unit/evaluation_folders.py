"""Small results and truths on disk: cells are squares of nine pixels on a line, told apart by their slot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tifffile

Tracks = Mapping[int, tuple[int, list[int], int]]
"""First frame, slot in each frame and parent (0 for none) of every track by label."""

SLOTS = 8

TRUTH: Tracks = {1: (0, [0] * 6, 0), 2: (0, [2] * 3, 0), 3: (3, [3] * 3, 2), 4: (3, [5] * 3, 2)}
"""One cell that stays and one that divides between frames 2 and 3, in six frames."""


def write_truth(folder: Path, tracks: Tracks = TRUTH, **options: int) -> Path:
    write_tracks(folder / "TRA", tracks, "man_track", **options)
    return folder


def write_result(folder: Path, tracks: Tracks, **options: int) -> Path:
    write_tracks(folder, tracks, "mask", **options)
    return folder


def write_tracks(
    folder: Path, tracks: Tracks, stem: str, *, frames: int = 6, first: int = 0, digits: int = 3, rank: int = 2
) -> None:
    folder.mkdir(parents=True)
    for frame in range(frames):
        image = draw({label: slots[frame - begin] for label, (begin, slots, _) in tracks.items()
                      if begin <= frame < begin + len(slots)}, rank)  # fmt: skip
        tifffile.imwrite(folder / f"{stem}{frame + first:0{digits}}.tif", image, compression="zlib")
    rows = [
        f"{label} {begin + first} {begin + first + len(slots) - 1} {parent}\n"
        for label, (begin, slots, parent) in tracks.items()
    ]
    name = "man_track.txt" if stem == "man_track" else "res_track.txt"
    (folder / name).write_text("".join(rows))


def draw(slots: Mapping[int, int], rank: int = 2) -> np.ndarray:
    """Label image of cells in their slots."""
    image = np.zeros((5,) * (rank - 1) + (5 * SLOTS,), np.uint16)
    for label, slot in slots.items():
        image[(slice(1, 4),) * (rank - 1) + (slice(5 * slot + 1, 5 * slot + 4),)] = label
    return image
