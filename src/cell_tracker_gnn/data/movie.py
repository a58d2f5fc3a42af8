"""What is tracked: masks, images and points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cell_tracker_gnn.data.arrays import Floats, Integers
from cell_tracker_gnn.data.frames import Frames
from cell_tracker_gnn.data.scale import Scale

__all__ = ["Movie", "Points"]


@dataclass(frozen=True, eq=False)
class Points:
    """Centres of the cells of a movie without masks, ordered by frame and then by place.

    In each frame the first point has label 1 in the movie's masks, the second one label 2, and so on.

    Parameters
    ----------
    frame
        Index of the frame in the movie (0, 1, 2, ...), shape (n,).
    centre
        Place in the frames of the movie, in pixels, shape (n, rank), (z, y, x).
    label
        The ``id`` in the input, or the number of the row, shape (n,).
    position
        Coordinates as in the input, shape (n, rank), (z, y, x).
    scale
        Physical size of one unit of ``position``.
    spacing
        Usual distance between neighbours, in units of ``scale``.

    Examples
    --------
    >>> from cell_tracker_gnn.io import open_points
    >>> points = open_points({"t": [0, 0, 1], "y": [5.0, 30.0, 6.0], "x": [5.0, 40.0, 5.0]}).points
    >>> points.frame.tolist(), points.label.tolist(), points.rows(1)
    ([0, 0, 1], [0, 1, 2], slice(2, 3, None))
    """

    frame: Integers
    centre: Floats
    label: Integers
    position: Floats
    scale: Scale
    spacing: float

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def mark(self) -> Integers:
        """Label of each point in the movie's masks, shape (n,)."""
        return np.arange(len(self)) - np.searchsorted(self.frame, self.frame) + 1

    def rows(self, index: int) -> slice:
        """Rows of the points of one frame."""
        first, last = np.searchsorted(self.frame, [index, index + 1])
        return slice(int(first), int(last))


@dataclass(frozen=True, eq=False)
class Movie:
    """Instance masks with their images, frame by frame, both lazy.

    Parameters
    ----------
    masks
        Label images, 0 = background; a label need not mean the same cell in another frame.
    images
        Intensity images of the same frame numbers and shape, or None.
    scale
        Physical size of a pixel.
    points
        The points that the masks stand for, if they are discs around points; None for masks of cells.

    Examples
    --------
    >>> import numpy as np
    >>> from cell_tracker_gnn import Movie, Scale
    >>> from cell_tracker_gnn.data import ArrayFrames
    >>> masks = np.zeros((3, 64, 48), np.int64)
    >>> movie = Movie(ArrayFrames(masks), images=None, scale=Scale((0.5, 0.5), unit="µm"))
    >>> len(movie), movie.shape, movie.rank, movie.numbers
    (3, (64, 48), 2, (0, 1, 2))
    """

    masks: Frames
    images: Frames | None
    scale: Scale
    points: Points | None = None

    @property
    def numbers(self) -> tuple[int, ...]:
        """Frame numbers as in the input."""
        return self.masks.numbers

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one frame, (y, x) or (z, y, x)."""
        return self.masks.shape

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return self.scale.rank

    def __len__(self) -> int:
        return len(self.masks)
