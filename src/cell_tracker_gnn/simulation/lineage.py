"""From what is seen frame by frame to tracks: one label per cell for as long as it is in the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Tracks
from cell_tracker_gnn.simulation.world import Drawing

__all__ = ["Recorder"]


class Recorder:
    """Gives every cell in the picture its label and keeps the table of tracks.

    A cell that leaves and comes back is a new track without a parent. A division counts if the mother is in the picture
    and both daughters are in the next frame; if only one of them is, it goes on as its mother's track.
    """

    def __init__(self) -> None:
        self._frame = -1
        self._present: dict[int, int] = {}
        self._rows: list[list[int]] = []

    def label(self, drawing: Drawing) -> NDArray[np.int32]:
        """Mask of the next frame with the label of the track at every pixel, of the same shape as the drawing's."""
        self._frame += 1
        rows = np.flatnonzero(np.bincount(drawing.mask.ravel(), minlength=len(drawing.identity) + 1)[1:])
        identities, parents = drawing.identity[rows].tolist(), drawing.parent[rows].tolist()
        born = [parent for identity, parent in zip(identities, parents, strict=True) if identity not in self._present]
        present: dict[int, int] = {}
        for identity, parent in zip(identities, parents, strict=True):
            label = self._present.get(identity)
            if label is None and parent in self._present:
                mother = self._present[parent]
                label = self._begin(mother) if born.count(parent) == 2 else mother
            present[identity] = self._begin(0) if label is None else label
        for label in present.values():
            self._rows[label - 1][1] = self._frame
        self._present = present
        table = np.zeros(len(drawing.identity) + 1, np.int32)
        table[rows + 1] = [present[identity] for identity in identities]
        return np.asarray(table[drawing.mask])

    def _begin(self, parent: int) -> int:
        self._rows.append([self._frame, self._frame, parent])
        return len(self._rows)

    @property
    def tracks(self) -> Tracks:
        """The tracks so far, frames counted from 0."""
        rows = np.array(self._rows, np.int64).reshape(-1, 3)
        track = np.arange(1, len(rows) + 1, dtype=np.int64)
        return Tracks(track, rows[:, 0], rows[:, 1], rows[:, 2], track)
