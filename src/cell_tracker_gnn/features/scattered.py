"""Labels that lie in several pieces: each is tracked as one cell, but the user should know."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Cells, Integers, Movie

__all__ = ["find_scattered", "warn_of_scattered"]

SUSPECT = 1.2
"""Cells whose ellipse of the same moments is larger than they are by this factor may be in pieces, or bent."""

MOST_SUSPECTS = 200
"""So many cells are looked at, the worst first: of bent cells there may be thousands."""

_log = logging.getLogger(__name__)


def warn_of_scattered(movie: Movie, cells: Cells) -> None:
    """Log one warning if labels of a movie lie in separate pieces.

    Parameters
    ----------
    movie
        The movie; only the frames with suspicious cells are read.
    cells
        All its cells.
    """
    if movie.points is not None:
        return
    rows = find_scattered(movie, cells)
    if len(rows):
        first = rows[0]
        _log.warning(
            "%d label%s in separate pieces, the first one label %d in frame %d of the masks; each is tracked as one "
            "cell with all its pixels; if that is wrong, label the pieces apart and track again",
            len(rows), " lies" if len(rows) == 1 else "s lie", cells.label[first], cells.number[first],
        )  # fmt: skip


def find_scattered(movie: Movie, cells: Cells) -> Integers:
    """Rows of the cells that are in pieces which do not even touch at a corner, found where these are well apart.

    Parameters
    ----------
    movie, cells
        See :func:`warn_of_scattered`.

    Returns
    -------
    ndarray of int64
        Rows in order, shape (k,).
    """
    if not len(cells):
        return np.zeros(0, np.int64)
    unit_ball = np.pi / 4.0 if cells.rank == 2 else np.pi / 6.0
    ratio = unit_ball * np.prod(cells.axes, axis=1) / cells.volume
    suspects = np.argsort(-ratio, kind="stable")[:MOST_SUSPECTS]
    suspects = np.sort(suspects[ratio[suspects] > SUSPECT])
    found = []
    for index in np.unique(cells.frame[suspects]).tolist():
        masks = movie.masks[index]
        found += [row for row in suspects[cells.frame[suspects] == index].tolist() if _in_pieces(masks, cells, row)]
    return np.array(found, np.int64)


def _in_pieces(masks: NDArray[np.generic], cells: Cells, row: int) -> bool:
    from scipy import ndimage

    rank = cells.rank
    corner, end = cells.box[row, :rank], cells.box[row, rank:]
    crop = masks[tuple(slice(a, b) for a, b in zip(corner, end, strict=True))] == cells.label[row]
    return bool(ndimage.label(crop, np.ones((3,) * rank))[1] > 1)
