"""Pictures of the simulated kinds for the documents: frames of each side by side, families outlined in their colour.

python benchmarks/pictures.py docs/figures/simulated.png
"""

from __future__ import annotations

import argparse
import colorsys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cell_tracker_gnn.simulation import SimulationSettings, simulate

MOVIES = (
    SimulationSettings("nuclei", 21, (240, 240), 30, seed=1, division_rate=3.0, variety=0.8),
    SimulationSettings("nuclei3d", 21, (16, 128, 128), 30, seed=1, division_rate=3.0),
    SimulationSettings("bacteria", 41, (240, 240), 70, seed=1),
    SimulationSettings("epithelium", 21, (240, 240), 90, seed=1, division_rate=3.0),
    SimulationSettings("fast", 21, (240, 240), 20, seed=1),
)
SHOWN = (0.0, 0.5, 0.55, 1.0)
SIDE = 240

Picture = NDArray[np.uint8]


def family_colors(parent: dict[int, int]) -> dict[int, tuple[int, int, int]]:
    """Colour of each track, that of its first ancestor."""

    def root(track: int) -> int:
        while parent.get(track, 0):
            track = parent[track]
        return track

    hues = {track: (0.618 * root(track)) % 1.0 for track in parent}
    return {track: tuple(int(255 * c) for c in colorsys.hsv_to_rgb(hue, 0.8, 1.0)) for track, hue in hues.items()}


def draw(image: NDArray[np.generic], mask: NDArray[np.integer], colors: dict[int, tuple[int, int, int]]) -> Picture:
    """One frame with outlines; volumes as maximum projections."""
    plane, labels = (image.max(axis=0), mask.max(axis=0)) if image.ndim == 3 else (image, mask)
    low, high = np.percentile(plane, [1, 99.8])
    gray = np.clip((plane - low) / max(high - low, 1), 0, 1) * 255
    picture = np.repeat(gray[:, :, None], 3, axis=2).astype(np.uint8)
    inside = np.pad(labels, 1, mode="edge")
    same = np.ones(labels.shape, bool)
    for shift in ((0, 1), (2, 1), (1, 0), (1, 2)):
        same &= inside[shift[0] : shift[0] + labels.shape[0], shift[1] : shift[1] + labels.shape[1]] == labels
    for label in np.unique(labels[labels > 0]):
        picture[(labels == label) & ~same] = colors[int(label)]
    return np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def strip(settings: SimulationSettings) -> Picture:
    """Frames of one movie side by side."""
    simulation = simulate(settings)
    frames = list(simulation)
    tracks = simulation.tracks
    colors = family_colors(dict(zip(tracks.track.tolist(), tracks.parent.tolist(), strict=True)))
    chosen = [round(share * (settings.frames - 1)) for share in SHOWN]
    row = np.concatenate([draw(frames[i].image, frames[i].mask, colors) for i in chosen], axis=1)
    labelled = Image.fromarray(row)
    pen = ImageDraw.Draw(labelled)
    for place, index in enumerate(chosen):
        pen.text(
            (place * SIDE + 6, 4), f"{settings.kind}, frame {index}", fill="white", stroke_width=2, stroke_fill="black"
        )
    return np.asarray(labelled)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path)
    arguments = parser.parse_args()
    arguments.picture.parent.mkdir(parents=True, exist_ok=True)
    rows = np.concatenate([strip(settings) for settings in MOVIES])
    Image.fromarray(rows).quantize(128).save(arguments.picture, optimize=True)


if __name__ == "__main__":
    main()
