"""Time and memory of every stage against the number of detections, on movies drawn frame by frame while they are read.

    python benchmarks/scale.py [--detections 10000 100000 1000000] [--per-frame 250] [--output FILE]

Every movie is tracked in a process of its own: images and masks of 1024 x 1024 pixels, the bundled model, finished
pieces kept on disk as the command does, the result written. Times are those of the processor, without that of drawing
the frames. Memory is the largest resident memory during each stage (Linux only).
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 1024


@dataclass(frozen=True, eq=False)
class Garden:
    """Cells that swing about fixed places and divide in turn; one of two daughters dies before the other divides.

    Parameters
    ----------
    length
        Number of frames.
    cells
        Mean number of cells per frame.
    lit
        Whether frames are images instead of masks.
    clock
        Takes the processor time of drawing.
    """

    length: int
    cells: int
    lit: bool
    clock: list[float] = field(default_factory=lambda: [0.0])

    @property
    def numbers(self) -> tuple[int, ...]:
        """Number of each frame."""
        return tuple(range(self.length))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a frame, (y, x)."""
        return (SIDE, SIDE)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int, /) -> NDArray[Any]:
        begin = time.process_time()
        centre, axes, angle = self._discs(index)
        order = np.random.default_rng(index).permutation(len(centre)) + 1
        mask = np.zeros(self.shape, np.uint16)
        for (y, x), (a, b), turn, label in zip(centre, axes, angle, order, strict=True):
            cv2.ellipse(mask, (round(x), round(y)), (round(a), round(b)), turn, 0, 360, int(label), -1)
        picture = self._expose(mask, index) if self.lit else mask
        self.clock[0] += time.process_time() - begin
        return picture

    def _discs(self, t: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        rng = np.random.default_rng(0)
        side = round(np.sqrt(self.cells / 1.5))
        step = SIDE / side
        place = (np.stack(np.meshgrid(*[np.arange(side)] * 2), axis=-1).reshape(-1, 2) + 0.5) * step
        place = place + rng.uniform(-0.15, 0.15, place.shape) * step
        swing = rng.uniform(0.05, 0.15, place.shape) * t + rng.uniform(0, 6.28, place.shape)
        place += 0.15 * step * np.sin(swing)
        period, heading = rng.uniform(40, 80, len(place)), rng.uniform(0, np.pi, len(place))
        age = (t / period + rng.uniform(0, 1, len(place))) % 1.0
        apart = np.where(age < 0.5, 0.22 * np.maximum(0, 1 - 4 * age), 0.16 + 0.12 * (age - 0.5)) * step
        along = np.stack([np.sin(heading), np.cos(heading)], axis=1) * apart[:, None]
        second = age >= 0.5
        centre = np.concatenate([place + along, (place - along)[second]])
        radius = np.where(second, 0.13, 0.17 + 0.04 * age)
        radius = np.concatenate([radius, radius[second]]) * step
        return centre, np.stack([radius * 1.1, radius * 0.9], axis=1), np.degrees(np.r_[heading, heading[second]])

    @staticmethod
    def _expose(mask: NDArray[Any], t: int) -> NDArray[Any]:
        grain = np.random.default_rng(1).normal(0, 20, (SIDE, SIDE)).astype(np.float32)
        light = cv2.GaussianBlur((mask > 0).astype(np.float32), (0, 0), 2.0)
        return np.clip(100 + 700 * light + np.roll(grain, 37 * t), 0, 65535).astype(np.uint16)


class _Stages(logging.Handler):
    """Notes time and memory at the end of every stage that the pipeline logs."""

    def __init__(self, clock: list[float]) -> None:
        super().__init__(logging.INFO)
        self.clock, self.found = clock, {}
        self.begin()

    def begin(self) -> None:
        """Begin a stage."""
        self.cpu, self.drawn = time.process_time(), self.clock[0]
        Path("/proc/self/clear_refs").write_text("5")

    def end(self, stage: str) -> None:
        """End a stage, and begin the next one."""
        cpu, drawn = time.process_time() - self.cpu, self.clock[0] - self.drawn
        self.found[stage] = {"cpu_s": cpu - drawn, "peak_mb": _peak_memory()}
        self.begin()

    def emit(self, record: logging.LogRecord) -> None:
        """End the stage that a record tells of."""
        if "took" in record.msg and isinstance(record.args, tuple):
            self.end(str(record.args[0]))


def _peak_memory() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def run_one(frames: int, per_frame: int) -> dict[str, Any]:
    """Track one movie in this process."""
    from cell_tracker_gnn.data import Movie, Scale
    from cell_tracker_gnn.io import write_result
    from cell_tracker_gnn.model.weights import load_model
    from cell_tracker_gnn.pipeline import track_movie
    from cell_tracker_gnn.stages.store import FolderStore

    clock = [0.0]
    masks, images = (Garden(frames, per_frame, lit, clock) for lit in (False, True))
    model = load_model()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "work").mkdir()
        stages = _Stages(clock)
        logger = logging.getLogger("cell_tracker_gnn.pipeline")
        logger.setLevel(logging.INFO)
        logger.addHandler(stages)
        movie = Movie(masks, images, Scale.pixels(2))
        lineage = track_movie(movie, model, store=FolderStore(Path(folder) / "work"))
        write_result(lineage, Path(folder) / "result", wide_labels=True)
        stages.end("writing")
    return {
        "frames": frames,
        "cells": len(lineage.cells),
        "links": len(lineage.links),
        "tracks": len(lineage.tracks),
        "drawing_s": clock[0],
        "stages": stages.found,
    }


def slope(rows: list[dict[str, Any]]) -> float:
    """Slope of the logarithm of the time against that of the number of cells."""
    cells = np.log([row["cells"] for row in rows])
    seconds = np.log([sum(stage["cpu_s"] for stage in row["stages"].values()) for row in rows])
    return float(np.polyfit(cells, seconds, 1)[0]) if len(rows) > 1 else float("nan")


def table(rows: list[dict[str, Any]]) -> str:
    """The result as Markdown."""
    stages = list(rows[0]["stages"])
    head = ["cells", "frames", *(f"{name}: s, MB" for name in stages), "all: s", "cells per CPU-s", "peak MB"]
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    for row in rows:
        total = sum(stage["cpu_s"] for stage in row["stages"].values())
        each = [f"{row['stages'][name]['cpu_s']:.1f}, {row['stages'][name]['peak_mb']:.0f}" for name in stages]
        peak = max(stage["peak_mb"] for stage in row["stages"].values())
        cells = [f"{row['cells']:,}", f"{row['frames']:,}", *each]
        lines.append(" | ".join([*cells, f"{total:.0f}", f"{row['cells'] / total:.0f}", f"{peak:.0f}"]))
    return "\n".join(f"| {line} |" for line in lines) + f"\n\nLog-log slope of the time: {slope(rows):.2f}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detections", type=float, nargs="+", default=[1e4, 1e5, 1e6])
    parser.add_argument("--per-frame", type=int, default=250)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(run_one(options.one, options.per_frame)))
        return
    rows = []
    for detections in options.detections:
        frames = round(detections / options.per_frame)
        command = [sys.executable, __file__, "--one", str(frames), "--per-frame", str(options.per_frame)]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        print(json.dumps(rows[-1]), file=sys.stderr)
    text = table(rows)
    print(text)
    if options.output:
        options.output.write_text(text)


if __name__ == "__main__":
    main()
