"""Drawing cells into one frame, each in its own bounding box; at a contested pixel the deeper cell wins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cell_tracker_gnn.data import Floats
from cell_tracker_gnn.simulation.population import Population

__all__ = ["Box", "Canvas", "body_field", "half_box"]

Box = tuple[slice, ...]
Plane = NDArray[np.float32]


class Canvas:
    """A label image under way.

    Parameters
    ----------
    shape
        Pixels of the frame, (z, y, x) or (y, x).
    step
        Length of a pixel along each axis, in pixels of x.
    cover
        Whether cells extend until they meet; otherwise they end at their outline.

    Attributes
    ----------
    mask
        Number of the cell of each pixel, 0 = background.
    """

    def __init__(self, shape: tuple[int, ...], step: tuple[float, ...], *, cover: bool = False) -> None:
        self._step = step
        self._depth: Plane = np.full(shape, np.inf if cover else 0.0, np.float32)
        self.mask: NDArray[np.int32] = np.zeros(shape, np.int32)

    def box(self, centre: Floats, half: Floats) -> Box | None:
        """Pixels within ``half`` of a centre (both (rank,), in pixels of x), or None if none is in the frame."""
        box = []
        for middle, reach, step, length in zip(centre, half, self._step, self.mask.shape, strict=True):
            first = max(int((middle - reach) / step), 0)
            last = min(int((middle + reach) / step) + 1, length)
            if first >= last:
                return None
            box.append(slice(first, last))
        return tuple(box)

    def offsets(self, box: Box, centre: Floats) -> list[Plane]:
        """Position of the box's pixels relative to a centre, one array per axis that broadcast together."""
        axes = [
            ((np.arange(s.start, s.stop) + 0.5) * step - middle).astype(np.float32)
            for s, step, middle in zip(box, self._step, centre, strict=True)
        ]
        return list(np.ix_(*axes))

    def put(self, number: int, box: Box, field: Plane) -> NDArray[np.bool_]:
        """Draw cell ``number`` with its signed distance ``field``, negative inside; return the pixels it has won."""
        depth = self._depth[box]
        won = np.asarray(field < depth)
        depth[won] = field[won]
        self.mask[box][won] = number
        return won

    def tidy(self, smallest: int) -> None:
        """Keep the largest connected piece of every cell, and nothing of a cell under ``smallest`` pixels."""
        structure = np.ones((3,) * self.mask.ndim, bool)
        for index, box in enumerate(ndimage.find_objects(self.mask)):
            if box is None:
                continue
            own = self.mask[box] == index + 1
            pieces, count = ndimage.label(own, structure)
            sizes = np.bincount(pieces.ravel())
            sizes[0] = 0
            keep = int(np.argmax(sizes))
            if sizes[keep] < smallest:
                self.mask[box][own] = 0
            elif count > 1:
                self.mask[box][own & (pieces != keep)] = 0

    def fill(self) -> None:
        """Give every background pixel to the nearest cell."""
        empty = self.mask == 0
        if empty.any() and not empty.all():
            nearest = ndimage.distance_transform_edt(
                empty, sampling=self._step, return_distances=False, return_indices=True
            )
            self.mask = self.mask[tuple(nearest)]


def half_box(cells: Population, roughness: float) -> Floats:
    """Half lengths of the boxes around all cells, shape (n, rank)."""
    ellipsoid = np.sqrt(np.sum((cells.frame * cells.axes[:, None, :]) ** 2, axis=2))
    return np.asarray(ellipsoid * (1 + roughness * cells.outline.shape[1]))


def body_field(
    axes: Floats, frame: Floats, outline: Floats, roughness: float, offsets: list[Plane]
) -> tuple[Plane, Plane]:
    """How deep pixels lie in a cell and where they are in its own coordinates.

    Parameters
    ----------
    axes, frame, outline
        One row of the properties of :class:`Population`.
    roughness
        Amplitude of each wave of the outline.
    offsets
        Pixel positions relative to the centre, see :meth:`Canvas.offsets`.

    Returns
    -------
    Signed distance from the outline, negative inside, in pixels of x, and the body coordinates with an additional last
    axis of length rank, in which the cell is about the unit ball.
    """
    to_body = (frame / axes).astype(np.float32)
    body = sum(offset[..., None] * row for offset, row in zip(offsets, to_body, strict=True))
    body = np.asarray(body, np.float32)
    length = np.sqrt(np.sum(body * body, axis=-1))
    direction = body / np.maximum(length, np.float32(1e-6))[..., None]
    waves = np.cos(direction @ outline[:, :-1].T.astype(np.float32) + outline[:, -1].astype(np.float32))
    edge = 1 + np.float32(roughness) * waves.sum(axis=-1)
    radius = np.float32(np.exp(np.mean(np.log(axes))))
    return (length / edge - 1) * radius, body
