"""Tracks drawn over the images, as a PNG."""

from __future__ import annotations

import colorsys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cell_tracker_gnn.data import KINDS, Integers, Lineage, Movie
from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.features.regions import frame_levels
from cell_tracker_gnn.io.output import new_file

__all__ = ["draw_tracks", "write_picture"]

TAIL_FRAMES = 12
"""The path of a cell over so many past frames is drawn."""

SMALLEST_SIDE = 700
"""Small frames are enlarged to about this side, so that lines stay thin beside the cells."""

Color = tuple[int, int, int]


def draw_tracks(lineage: Lineage, *, frames: int = 3) -> Image.Image:
    """Outlines and tails coloured by family over a few frames side by side, the last one at the right.

    Parameters
    ----------
    lineage
        The result, with its movie; volumes are shown as their maximum along z.
    frames
        Number of frames to show, evenly spread over the movie; the last frame is always among them.
    """
    movie = lineage.movie
    if movie is None:
        raise InputError("the lineage carries no movie to draw on; track the masks again and draw that result")
    count = len(movie)
    chosen = sorted({round(i) for i in np.linspace(count - 1, min(TAIL_FRAMES, (count - 1) // 2), frames)})
    family = _families(lineage)
    panels = [_panel(lineage, movie, index, family) for index in chosen]
    gap = 8
    width = sum(p.width for p in panels) + gap * (len(panels) - 1)
    sheet = Image.new("RGB", (width, panels[0].height), "white")
    left = 0
    for panel in panels:
        sheet.paste(panel, (left, 0))
        left += panel.width + gap
    return sheet


def write_picture(picture: Image.Image, path: Path) -> None:
    """Write a PNG that appears under its name only when it is complete."""
    with new_file(path) as temporary:
        picture.save(temporary, format="PNG")


def _families(lineage: Lineage) -> Integers:
    """Number of the founder's track for each cell, shape (n,)."""
    founder = np.arange(len(lineage.tracks) + 1)
    # Parents begin earlier and so have smaller numbers: one pass in order reaches the founders.
    for track, parent in zip(lineage.tracks.track, lineage.tracks.parent, strict=True):
        if parent:
            founder[track] = founder[parent]
    return founder[lineage.track]


def _panel(lineage: Lineage, movie: Movie, index: int, family: Integers) -> Image.Image:
    mask = np.asarray(movie.masks[index])
    image = np.asarray(movie.images[index] if movie.images is not None else mask > 0)
    if mask.ndim == 3:
        mask, image = mask.max(axis=0), image.max(axis=0)
    zoom = max(1, round(SMALLEST_SIDE / max(image.shape)))
    gray = _enlarge(_gray(image), zoom)
    canvas = np.repeat(gray[:, :, None], 3, axis=2)
    rows = np.flatnonzero(lineage.cells.frame == index)
    large = _enlarge(mask, zoom)
    edge = _outlines(large)
    color = np.zeros((int(mask.max(initial=0)) + 1, 3), np.uint8)
    color[lineage.mark[rows]] = [_color(int(f)) for f in family[rows]] if len(rows) else color[:0]
    canvas[edge] = color[large[edge]]
    picture = Image.fromarray(canvas)
    pen = ImageDraw.Draw(picture)
    _draw_tails(pen, lineage, index, family, zoom)
    pen.text((8, 6), f"frame {movie.numbers[index]}", fill=(255, 255, 255))
    return picture


def _draw_tails(pen: ImageDraw.ImageDraw, lineage: Lineage, index: int, family: Integers, zoom: int) -> None:
    """The way of each cell of the frame, and of its ancestors, over the frames before."""
    cells, links = lineage.cells, lineage.links
    point = (lineage.centre[:, -2:] + 0.5) * zoom
    own = links.kind != KINDS.index("merge")
    source = dict(zip(links.target[own].tolist(), links.source[own].tolist(), strict=True))
    for row in np.flatnonzero(cells.frame == index).tolist():
        color, cell = _color(int(family[row])), row
        while cell in source and cells.frame[cell] > index - TAIL_FRAMES:
            before = source[cell]
            pen.line([tuple(point[before][::-1]), tuple(point[cell][::-1])], fill=color, width=2)
            cell = before


def _gray(image: NDArray[np.generic]) -> NDArray[np.uint8]:
    levels = frame_levels(image)
    level = np.nan_to_num((image.astype(np.float64) - levels.dark) / levels.span)
    return (np.clip(level, 0.0, 1.0) ** 0.7 * 200.0).astype(np.uint8)


def _enlarge(plane: NDArray[np.generic], zoom: int) -> NDArray[np.generic]:
    return plane.repeat(zoom, axis=0).repeat(zoom, axis=1)


def _outlines(mask: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Pixels of a cell with a neighbour of another label."""
    edge = np.zeros(mask.shape, bool)
    edge[1:] |= mask[1:] != mask[:-1]
    edge[:-1] |= mask[1:] != mask[:-1]
    edge[:, 1:] |= mask[:, 1:] != mask[:, :-1]
    edge[:, :-1] |= mask[:, 1:] != mask[:, :-1]
    return np.asarray(edge & (mask != 0))


def _color(number: int) -> Color:
    """A bright colour per number; the golden ratio keeps neighbours apart."""
    red, green, blue = colorsys.hsv_to_rgb((number * 0.618034) % 1.0, 0.75, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)
