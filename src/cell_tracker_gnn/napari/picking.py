"""Clicking on a cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from napari.layers import Labels
from napari.viewer import Viewer

from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.napari.proofreading import Proofreading

__all__ = ["Picker"]


class Picker:
    """Finds the cell of a tracked layer that a click without a drag meets, whichever layer is active.

    Parameters
    ----------
    viewer
        The viewer.
    labels
        Gives the layer; None where there is none.
    picked
        Called with the track number of a cell that was clicked on.
    """

    def __init__(self, viewer: Viewer, labels: Callable[[], Labels | None], picked: Callable[[int], None]) -> None:
        self.viewer, self._labels, self._picked = viewer, labels, picked
        self._cell: tuple[Labels, int, int] | None = None

    @property
    def frame(self) -> int:
        """Index of the frame that is shown."""
        labels = self._labels()
        if labels is None:
            return 0
        axis = self.viewer.dims.ndim - labels.ndim
        return round(float((self.viewer.dims.point[axis] - labels.translate[0]) / labels.scale[0]))

    def cell(self, proofreading: Proofreading) -> int:
        """Row of the cell that was clicked on last.

        Raises
        ------
        InputError
            If there is none.
        """
        layer, frame, track = self._cell or (None, 0, 0)
        found = proofreading.cell(frame, track) if layer is not None and layer is self._labels() else None
        if found is None:
            raise InputError("no cell is selected; click on one in the image")
        return found

    def begin(self) -> None:
        """Follow clicks from now on."""
        self.viewer.mouse_drag_callbacks.append(self._pick)

    def stop(self) -> None:
        """Leave clicks alone."""
        if self._pick in self.viewer.mouse_drag_callbacks:
            self.viewer.mouse_drag_callbacks.remove(self._pick)

    def _pick(self, viewer: Viewer, event: Any) -> Iterator[None]:
        """Follow the mouse from press to release, as napari asks for."""
        yield
        dragged = False
        while event.type == "mouse_move":
            dragged = True
            yield
        labels = self._labels()
        if dragged or labels is None:
            return
        view = {"view_direction": event.view_direction, "dims_displayed": event.dims_displayed}
        value = labels.get_value(event.position, world=True, **view)
        if value:
            labels.selected_label = int(value)
            self._cell = (labels, self.frame, int(value))
            self._picked(int(value))
