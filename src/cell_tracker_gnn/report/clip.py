"""A result as a movie file: outlines and tails over the images, as animated WebP or MP4."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from os import PathLike
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from cell_tracker_gnn.data import Frames, Lineage, Movie
from cell_tracker_gnn.errors import InputError, OutputError, SettingsError
from cell_tracker_gnn.io import read_lineage
from cell_tracker_gnn.io.discs import DiscFrames
from cell_tracker_gnn.io.output import check_new, new_file
from cell_tracker_gnn.io.paths import expanded
from cell_tracker_gnn.report.drawing import SMALLEST_SIDE, Brush
from cell_tracker_gnn.report.images import find_images
from cell_tracker_gnn.report.pictures import movie_levels

__all__ = ["SUFFIXES", "shown_movie", "write_clip"]

SUFFIXES: tuple[str, ...] = (".webp", ".mp4")

MOST_PIXELS = 640_000
"""Pixels of the largest frame."""

ALL_PIXELS = 64_000_000
"""Pixels of all frames of a WebP, which are in memory together and make a file of some 10 MB."""

_CODECS: tuple[str, ...] = ("vp09", "mp4v")
"""VP9 plays in browsers; where it cannot be written, MPEG-4."""

_QUALITY = 80
_RADIUS = 4

Progress = Callable[[str, int, int], None]


def write_clip(
    result: str | PathLike[str],
    output: str | PathLike[str],
    *,
    images: str | PathLike[str] | None = None,
    rate: float = 10.0,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write a result as a movie file that any browser plays.

    Frames of more than 640,000 pixels are made smaller, those of a long WebP so that all have 64 million pixels
    together; volumes are shown as their maximum along z, points as discs.

    Parameters
    ----------
    result
        A result folder or any other format of :func:`~cell_tracker_gnn.io.read_lineage`.
    output
        ``NAME.webp`` or ``NAME.mp4``.
    images
        The images that were tracked; left out, those that ``run.json`` names are taken if they are still there.
    rate
        Frames per second.
    overwrite
        Replace a former file.
    progress
        Called with the stage, how much of it is done and how much there is.

    Raises
    ------
    InputError
        If the result or the images cannot be used, or there is nothing to draw on.
    OutputError
        If the file exists and ``overwrite`` is False, or cannot be written.
    SettingsError
        If the name ends otherwise, or the rate is not positive.
    """
    path, report = expanded(output), progress or (lambda stage, done, total: None)
    if path.suffix.lower() not in SUFFIXES:
        raise SettingsError(f"{path} is no name of a movie; let it end in {' or '.join(SUFFIXES)}")
    if not 0 < rate <= 100:
        raise SettingsError(f"{rate} frames per second cannot be shown; give a number from 1 to 100")
    check_new(path, [result, *([] if images is None else [images])], overwrite)
    if not path.parent.is_dir():
        raise OutputError(f"the folder {path.parent} of the movie does not exist; make it first")
    lineage = read_lineage(result)
    movie = shown_movie(lineage, images, str(result))
    levels = movie_levels(movie.images) if movie.images is not None else None
    brush = Brush(lineage, movie, _zoom(movie, path.suffix.lower()), levels)

    def pictures() -> Iterator[Image.Image]:
        for index in range(len(movie)):
            yield brush.draw(index)
            report("drawing", index + 1, len(movie))

    try:
        with new_file(path) as temporary:
            (_write_webp if path.suffix.lower() == ".webp" else _write_mp4)(pictures(), temporary, rate)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error}); choose another place") from error


def shown_movie(lineage: Lineage, images: str | PathLike[str] | None, where: str) -> Movie:
    """The movie to draw a lineage on, with its images where they are known.

    Raises
    ------
    InputError
        If the lineage has no masks and there are no images, or images that were named cannot be used.
    """
    cells, known = lineage.cells, lineage.movie
    if not len(cells.numbers):
        raise InputError(f"{where} has no frame, so there is nothing to draw")
    opened = find_images(lineage.run, tuple(cells.numbers), None if known is None else known.shape, images)
    if known is not None:
        return replace(known, images=opened)
    if opened is None:
        raise InputError(f"{where} has no masks; name the images to draw on with --images")
    return Movie(_discs(lineage, opened), opened, cells.scale)


def _discs(lineage: Lineage, images: Frames) -> Frames:
    """Discs under the labels of cells that have no masks, on the images of the result."""
    cells = lineage.cells
    if cells.rank != len(images.shape):
        raise InputError(f"the images are {len(images.shape)}D and the result {cells.rank}D; give those of the result")
    inside = np.clip(cells.centroid, 0, np.array(images.shape) - 1)
    radius = [_RADIUS * cells.scale.step[-1] / step for step in cells.scale.step]
    return DiscFrames(tuple(cells.numbers), tuple(images.shape), cells.frame, inside, cells.label, radius)


def _zoom(movie: Movie, suffix: str) -> float:
    height, width = movie.shape[-2:]
    most = MOST_PIXELS if suffix == ".mp4" else min(MOST_PIXELS, ALL_PIXELS / len(movie))
    zoom = float(np.sqrt(most / (height * width)))
    return zoom if zoom < 1 else float(max(1, min(int(zoom), SMALLEST_SIDE // max(height, width))))


def _write_webp(pictures: Iterator[Image.Image], path: Path, rate: float) -> None:
    first = next(pictures)
    shown = round(1000 / rate)
    first.save(
        path, format="WEBP", save_all=True, append_images=pictures, duration=shown, loop=0, quality=_QUALITY, method=2
    )


def _write_mp4(pictures: Iterator[Image.Image], path: Path, rate: float) -> None:
    first = next(pictures)
    # The codecs halve the colours, so sides must be even; and the writer tells the format by the ending.
    width, height = (length // 2 * 2 for length in first.size)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        file = Path(folder) / "clip.mp4"
        writer = _open_writer(file, rate, (width, height))
        for picture in chain([first], pictures):
            writer.write(np.ascontiguousarray(np.asarray(picture)[:height, :width, ::-1]))
        writer.release()
        shutil.move(file, path)


def _open_writer(file: Path, rate: float, size: tuple[int, int]) -> cv2.VideoWriter:
    for codec in _CODECS:
        writer = cv2.VideoWriter(str(file), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), rate, size)
        if writer.isOpened():
            return writer
    raise OutputError("this build of OpenCV writes no MP4; let the name end in .webp")
