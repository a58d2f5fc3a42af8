"""Leading the eye to a link: the frame, the middle of the view, and rings around its cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from napari.layers import Labels, Points
from napari.viewer import Viewer

from cell_tracker_gnn.data import Cells, Floats

__all__ = ["Focus"]

_NAME = "link in question"
_COLORS = ("#ff7a33", "#ffffff")
_RINGS = (1.4, 1.8)
"""Colour, and diameter in diameters of cells, of the rings around earlier and later cells."""

_CELL_PIXELS = 70
"""A cell is shown at least so large, in pixels of the screen."""


class Focus:
    """Shows one decision in a viewer.

    Parameters
    ----------
    viewer
        The viewer.
    """

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        # Since 0.9 napari keeps the camera elsewhere.
        self._camera = getattr(viewer, "scene", viewer).camera
        self._rings: Points | None = None

    def show(self, labels: Labels, cells: Cells, earlier: Sequence[int], later: Sequence[int]) -> None:
        """Go to the last of some cells and put rings around all of them, in all of their frames.

        Parameters
        ----------
        labels
            The layer of the tracked masks.
        cells
            The cells.
        earlier, later
            Rows of the cells that a link or a division leads from and to.
        """
        rows = [*earlier, *later]
        if not rows:
            return
        self.go_to(labels, np.array([cells.frame[rows[-1]], *cells.centroid[rows[-1]]]))
        size = float(np.median(cells.diameter)) / cells.scale.step[-1]
        self._zoom_to(size * float(labels.scale[-1]))
        frames = sorted({int(cells.frame[row]) for row in rows})
        rings = np.array([(frame, *cells.centroid[row]) for frame in frames for row in rows])
        self._draw(labels, rings, [place >= len(earlier) for _ in frames for place in range(len(rows))], size)

    def go_to(self, labels: Labels, point: Floats) -> None:
        """Show a point of a layer, (t, z, y, x) in pixels, in the middle."""
        world = labels.data_to_world(point)
        dims, first = self.viewer.dims, self.viewer.dims.ndim - labels.ndim
        for axis, value in enumerate(world):
            if axis + first not in dims.displayed:
                dims.set_point(axis + first, value)
        self._camera.center = tuple(world[axis - first] for axis in dims.displayed)

    def clear(self) -> None:
        """Take the rings away."""
        if self._rings is not None and self._rings in self.viewer.layers:
            self.viewer.layers.remove(self._rings)
        self._rings = None

    def _zoom_to(self, size: float) -> None:
        if size > 0:
            self._camera.zoom = max(self._camera.zoom, _CELL_PIXELS / size)

    def _draw(self, labels: Labels, rings: Floats, later: list[bool], size: float) -> None:
        sizes = [max(_RINGS[one] * size, 1.0) for one in later]
        colors = [_COLORS[one] for one in later]
        shown = self._rings
        if shown is not None and shown in self.viewer.layers and shown.ndim == labels.ndim:
            shown.data, shown.size, shown.border_color = rings, sizes, colors
            return
        active = self.viewer.layers.selection.active
        drawn = {"face_color": "transparent", "border_color": colors, "border_width": 0.05, "size": sizes}
        place = {"scale": labels.scale, "translate": labels.translate, "units": labels.units}
        self._rings = self.viewer.add_points(rings, name=_NAME, **drawn, **place)
        self._rings.editable = False
        self.viewer.layers.selection.active = active
