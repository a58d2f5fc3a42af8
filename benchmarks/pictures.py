"""Pictures of the simulated kinds for the documents: frames of each side by side, as movies of results are drawn.

python benchmarks/pictures.py docs/figures/simulated.png
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cell_tracker_gnn.io import read_lineage
from cell_tracker_gnn.report.clip import shown_movie
from cell_tracker_gnn.report.drawing import Brush
from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation

MOVIES = (
    SimulationSettings("nuclei", 21, (240, 240), 30, seed=1, division_rate=3.0, variety=0.8),
    SimulationSettings("nuclei3d", 21, (16, 128, 128), 30, seed=1, division_rate=3.0),
    SimulationSettings("bacteria", 41, (240, 240), 70, seed=1),
    SimulationSettings("epithelium", 21, (240, 240), 90, seed=1, division_rate=3.0),
    SimulationSettings("fast", 21, (240, 240), 20, seed=1),
)
SHOWN = (0.0, 0.5, 0.55, 1.0)
SIDE = 240
LETTERS = 15

Picture = NDArray[np.uint8]


def strip(settings: SimulationSettings, folder: Path) -> Picture:
    """Frames of one movie side by side."""
    write_simulation(simulate(settings), folder)
    lineage = read_lineage(folder / "01_GT" / "TRA")
    movie = shown_movie(lineage, folder / "01", settings.kind)
    brush = Brush(lineage, movie, zoom=round(SIDE / movie.shape[-1]))
    chosen = [round(share * (settings.frames - 1)) for share in SHOWN]
    panels = [brush.draw(index).resize((SIDE, SIDE), Image.Resampling.LANCZOS) for index in chosen]
    place, font = (8, SIDE - 2 * LETTERS), ImageFont.load_default(LETTERS)
    ImageDraw.Draw(panels[0]).text(place, settings.kind, "white", font, stroke_width=2, stroke_fill="black")
    return np.concatenate(panels, axis=1)


def write_small(picture: Image.Image, path: Path) -> None:
    """Write a PNG of 256 colours; the octree keeps those of thin lines, which other ways mix with the ground."""
    picture.quantize(256, Image.Quantize.FASTOCTREE).save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path)
    arguments = parser.parse_args()
    arguments.picture.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        rows = np.concatenate([strip(settings, Path(folder) / settings.kind) for settings in MOVIES])
    write_small(Image.fromarray(rows), arguments.picture)


if __name__ == "__main__":
    main()
