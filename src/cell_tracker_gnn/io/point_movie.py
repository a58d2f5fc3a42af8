"""Opening a movie of points: each becomes a small disc in a lazy label image, the k-th of a frame with label k."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from cell_tracker_gnn.data import Frames, Lineage, Movie, Points, Scale
from cell_tracker_gnn.errors import FrameMismatchError, InputError, MissingInputError
from cell_tracker_gnn.io.checks import CheckedImages
from cell_tracker_gnn.io.discs import DiscFrames
from cell_tracker_gnn.io.grid import (
    DRAWN_SHARE,
    PointGrid,
    disc_diameter,
    fit_grid,
    image_grid,
    input_grid,
    usual_spacing,
)
from cell_tracker_gnn.io.movie import Source, has_numbers, open_frames, source_name, stated_scale
from cell_tracker_gnn.io.numbering import check_span
from cell_tracker_gnn.io.pairing import SelectedFrames, select, select_places
from cell_tracker_gnn.io.points import PointSource, PointTable, read_points
from cell_tracker_gnn.io.scale import choose_scale

__all__ = ["draw_points", "open_points", "tracked_frames"]

FEWEST_STEPPED = 2
"""More frames than these must be there before their numbers can show a step."""

_log = logging.getLogger(__name__)


def open_points(
    points: PointSource | PointTable,
    images: Source | None = None,
    *,
    axes: str | None = None,
    channel: int | None = None,
    frames: str | None = None,
    scale: Sequence[float] | None = None,
    unit: str | None = None,
    interval: float | None = None,
) -> Movie:
    """Open points and, if there are any, their images as one movie.

    With images, coordinates are pixels of the images: 0 is the centre of the first one. Without images they are in any
    unit, the canvas is fitted to them, and frames without a point between the first and the last one are empty; where
    all of three or more frame numbers are multiples of a step apart (0, 5, 10), the frames in between do not exist.

    Parameters
    ----------
    points
        The points, see :func:`~cell_tracker_gnn.io.points.read_points`.
    images
        Intensity images, or None; a stack of as many frames as the points span takes the frame numbers of the points.
    axes, channel
        Of the images, see :func:`~cell_tracker_gnn.io.open_frames`.
    frames
        ``"A:B"``: frame numbers of the input from A to B, B excluded.
    scale
        Length of a unit of the coordinates along (z, y, x) or (y, x).
    unit
        Unit of ``scale``.
    interval
        Time between two frames in seconds.

    Raises
    ------
    MissingInputError
        If a path does not exist or no points or frames remain.
    FrameMismatchError
        If a point lies outside the images or in a frame without image.
    InputError
        If the points or the images cannot be used.
    SettingsError
        If ``axes``, ``frames`` or ``scale`` is not understood.

    Examples
    --------
    >>> from cell_tracker_gnn.io import open_points
    >>> movie = open_points({"t": [0, 0, 1], "y": [5.0, 30.0, 6.0], "x": [5.0, 40.0, 5.0]}, scale=(0.5, 0.5))
    >>> len(movie), movie.points.position.shape, movie.points.scale.step
    (2, (3, 2), (0.5, 0.5))
    """
    table = points if isinstance(points, PointTable) else read_points(points)
    opened = None
    if images is not None:
        opened = _open_images(table, images, axes, channel)
        _check_inside(table, opened)
    numbers = opened.numbers if opened is not None else _numbers(table)
    if frames is not None:
        numbers = tuple(numbers[place] for place in select_places(numbers, frames, table.source))
        opened = select(opened, frames, source_name(images)) if opened is not None else None
        table = table.select(np.isin(table.number, numbers))
        if not len(table):
            raise MissingInputError(f"{table.source} has no point in the frames {frames}; choose others")
    known = choose_scale(scale, unit, stated_scale(images), table.rank, interval=interval)
    if table.rank == 3 and not known.is_known:
        _log.warning("no scale is known: z is taken in the same unit as y and x; give --scale Z,Y,X if it is not")
    return _assemble(table, opened, known, tuple(numbers))


def draw_points(lineage: Lineage) -> tuple[DiscFrames, PointGrid]:
    """Discs to write as the CTC result of a lineage of points, and their grid.

    That is the grid of the images, or of the coordinates where these can well be pixels, or the one that was tracked
    on. Labels are those of ``lineage.mark``.

    Raises
    ------
    InputError
        If the lineage is not one of points.
    """
    movie = lineage.movie
    if movie is None or movie.points is None:
        raise InputError("the lineage is not one of points, so there are no discs to draw; write its masks")
    points, on_image = movie.points, movie.images is not None
    grid = image_grid(movie.shape) if on_image else input_grid(points)
    if grid is None:
        pixel = np.asarray(movie.scale.step) / points.scale.step
        grid = PointGrid(points.position[0] - points.centre[0] * pixel, pixel, movie.shape)
    diameter = disc_diameter(points.spacing, points.scale, share=DRAWN_SHARE, on_image=on_image)
    radius = grid.radius(diameter, points.scale)
    return DiscFrames(movie.numbers, grid.shape, points.frame, grid.centre(points.position), points.mark, radius), grid


def tracked_frames(movie: Movie, lineage: Lineage) -> tuple[Frames, Scale]:
    """The masks to write as a result, those of the movie or discs of its points, and the size of their pixels."""
    if movie.points is None:
        return movie.masks, movie.scale
    discs, grid = draw_points(lineage)
    return discs, grid.scale(movie.points.scale)


def _open_images(table: PointTable, images: Source, axes: str | None, channel: int | None) -> Frames:
    """Images under the frame numbers of the points, if they have none of their own and are as many."""
    opened = open_frames(images, axes=axes, channel=channel)
    opened = CheckedImages(opened, source_name(images), opened.shape)
    _ = opened[0]
    first, last = int(table.number.min()), int(table.number.max())
    if not has_numbers(opened, images) and len(opened) == last - first + 1:
        return SelectedFrames(opened, tuple(range(len(opened))), tuple(range(first, last + 1)))
    return opened


def _check_inside(table: PointTable, images: Frames) -> None:
    """Refuse points that are not on an image, naming the first one."""
    where, rank = table.source, len(images.shape)
    if table.rank != rank:
        advice = "remove the column z" if rank == 2 else "add a column z"
        raise FrameMismatchError(f"{where} has {table.rank}D points, but the images are {rank}D; {advice}")
    foreign = ~np.isin(table.number, images.numbers)
    if foreign.any():
        row = int(np.argmax(foreign))
        raise FrameMismatchError(
            f"row {row} of {where} lies in frame {table.number[row]}, which has no image; the images are numbered "
            f"{images.numbers[0]} to {images.numbers[-1]}, so correct t or choose frames with --frames A:B"
        )
    pixel = np.floor(table.position + 0.5)
    outside = ~np.all((pixel >= 0) & (pixel < images.shape), axis=1)
    if outside.any():
        row = int(np.argmax(outside))
        place = ", ".join(f"{name} = {value:g}" for name, value in zip("zyx"[-rank:], table.position[row], strict=True))
        raise FrameMismatchError(
            f"row {row} of {where} (frame {table.number[row]}) lies at {place}, outside the images of shape "
            f"{images.shape}; coordinates must be pixels of the images, {', '.join('zyx'[-rank:])} counted from 0"
        )


def _numbers(table: PointTable) -> tuple[int, ...]:
    """Frame numbers of a movie that is known by its points only."""
    known = np.unique(table.number)
    first, last = int(known[0]), int(known[-1])
    step = int(np.gcd.reduce(np.diff(known))) if len(known) > FEWEST_STEPPED else 1
    if step > 1:
        _log.warning("all frame numbers are %d apart: they are taken as consecutive frames", step)
    check_span(first, last, step, len(known), table.source)
    return tuple(range(first, last + 1, step))


def _assemble(table: PointTable, images: Frames | None, scale: Scale, numbers: tuple[int, ...]) -> Movie:
    """Movie of the points of a table that lie in the frames of these numbers."""
    # By place within a frame: neither the order of the rows nor the ids can tell who is who.
    order = np.lexsort((table.label, *table.position.T[::-1], table.number))
    table = table.select(order)
    frame = np.searchsorted(numbers, table.number)
    spacing = usual_spacing(frame, table.position * scale.step)
    diameter = disc_diameter(spacing, scale, on_image=images is not None)
    most = int(np.bincount(frame).max())
    if images is not None:
        grid = image_grid(images.shape)
        if most > np.prod(grid.shape):
            raise InputError(f"{table.source} has {most} points in a frame of {np.prod(grid.shape)} pixels; thin them")
    else:
        grid = fit_grid(table.position, scale, diameter, most)
    points = Points(frame, grid.centre(table.position), table.label, table.position, scale, spacing)
    discs = DiscFrames(numbers, grid.shape, frame, points.centre, points.mark, grid.radius(diameter, scale))
    return Movie(discs, images, grid.scale(scale), points)
