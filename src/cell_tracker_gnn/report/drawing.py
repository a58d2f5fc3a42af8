"""Outlines and tails drawn over the images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cell_tracker_gnn.data import KINDS, Integers, Lineage, Movie
from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.features.regions import Levels, frame_levels
from cell_tracker_gnn.io.output import new_file
from cell_tracker_gnn.report.families import color_of, families

__all__ = ["Brush", "draw_tracks", "write_picture"]

TAIL_FRAMES = 12
"""The path of a cell over so many past frames is drawn."""

SMALLEST_SIDE = 700
"""Small frames are enlarged to about this side, so that lines stay thin beside the cells."""

_LETTERS = 15
"""Height of letters, in pixels."""


@dataclass(frozen=True, eq=False)
class Brush:
    """Draws frames of a lineage.

    Parameters
    ----------
    lineage
        The result.
    movie
        Its masks, under the labels of its cells, with or without images; volumes are shown as their maximum along z.
    zoom
        Pixels of the picture per pixel of the movie: a whole number or less than 1.
    levels
        Dark and bright level of the images; None takes those of each frame.
    """

    lineage: Lineage
    movie: Movie
    zoom: float
    levels: Levels | None = None

    @cached_property
    def family(self) -> Integers:
        """Number of the founder's track for each cell, shape (n,)."""
        return families(self.lineage)

    @cached_property
    def before(self) -> dict[int, int]:
        """The cell that each cell comes from, as rows."""
        links = self.lineage.links
        own = links.kind != KINDS.index("merge")
        return dict(zip(links.target[own].tolist(), links.source[own].tolist(), strict=True))

    def draw(self, index: int) -> Image.Image:
        """The frame of this index, with outlines and tails in the colours of the families."""
        movie, lineage = self.movie, self.lineage
        mask = np.asarray(movie.masks[index])
        image = np.asarray(movie.images[index] if movie.images is not None else mask > 0)
        if mask.ndim == 3:
            mask, image = mask.max(axis=0), image.max(axis=0)
        gray = _resize(_gray(image, self.levels), self.zoom, cv2.INTER_AREA)
        canvas = np.repeat(gray[:, :, None], 3, axis=2)
        label, place = np.unique(mask, return_inverse=True)
        rows = np.arange(*np.searchsorted(lineage.cells.frame, [index, index + 1]))
        color = np.full((len(label), 3), 128, np.uint8)
        color[np.searchsorted(label, lineage.mark[rows])] = [color_of(int(f)) for f in self.family[rows]] or color[:0]
        large = _resize(place.reshape(mask.shape).astype(np.float32), self.zoom, cv2.INTER_NEAREST).astype(np.int64)
        edge = _outlines(large, label)
        canvas[edge] = color[large[edge]]
        picture = Image.fromarray(canvas)
        pen = ImageDraw.Draw(picture)
        self._draw_tails(pen, rows, index)
        pen.text((8, 6), f"frame {movie.numbers[index]}", (255, 255, 255), ImageFont.load_default(_LETTERS))
        return picture

    def _draw_tails(self, pen: ImageDraw.ImageDraw, rows: Integers, index: int) -> None:
        """The way of each cell of the frame, and of its ancestors, over the frames before."""
        cells, source = self.lineage.cells, self.before
        point = (self.lineage.centre[:, -2:] + 0.5) * self.zoom
        for row in rows.tolist():
            color, cell = color_of(int(self.family[row])), row
            while cell in source and cells.frame[cell] > index - TAIL_FRAMES:
                before = source[cell]
                pen.line([tuple(point[before][::-1]), tuple(point[cell][::-1])], fill=color, width=2)
                cell = before


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
    brush = Brush(lineage, movie, zoom=max(1, round(SMALLEST_SIDE / max(movie.shape[-2:]))))
    panels = [brush.draw(index) for index in chosen]
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


def _gray(image: NDArray[np.generic], levels: Levels | None) -> NDArray[np.uint8]:
    levels = levels or frame_levels(image)
    level = np.nan_to_num((image.astype(np.float64) - levels.dark) / levels.span)
    return (np.clip(level, 0.0, 1.0) ** 0.7 * 200.0).astype(np.uint8)


def _resize(plane: NDArray[np.generic], zoom: float, interpolation: int) -> NDArray[np.generic]:
    if zoom >= 1:
        return plane.repeat(round(zoom), axis=0).repeat(round(zoom), axis=1)
    height, width = (max(1, round(length * zoom)) for length in plane.shape)
    return np.asarray(cv2.resize(plane, (width, height), interpolation=interpolation))


def _outlines(place: Integers, label: Integers) -> NDArray[np.bool_]:
    """Pixels of a cell with a neighbour of another label; ``place`` are indices of ``label``."""
    edge = np.zeros(place.shape, bool)
    edge[1:] |= place[1:] != place[:-1]
    edge[:-1] |= place[1:] != place[:-1]
    edge[:, 1:] |= place[:, 1:] != place[:, :-1]
    edge[:, :-1] |= place[:, 1:] != place[:, :-1]
    return np.asarray(edge & (label[place] != 0))
