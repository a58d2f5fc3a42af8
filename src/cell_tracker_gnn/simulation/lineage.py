"""From what is seen frame by frame to tracks: one label per cell for as long as it is in the picture."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Tracks
from cell_tracker_gnn.simulation.rows import Rows
from cell_tracker_gnn.simulation.world import Drawing

__all__ = ["Recorder"]


class Recorder:
    """Gives every cell in the picture its label and keeps the table of tracks.

    A cell that leaves and comes back is a new track without a parent. A division counts if the mother is in the picture
    and both daughters (or daughters of theirs, where they divide between two frames) are in the next frame; if only one
    of them is, it goes on as its mother's track.
    """

    def __init__(self) -> None:
        self._frame = -1
        self._present: dict[int, int] = {}
        self._mothers: dict[int, int] = {}
        self._rows: list[list[int]] = []

    def meet(self, cells: Rows) -> None:
        """Remember whose daughters the living cells are; to be called after every step between two frames."""
        children = cells.parent > 0
        self._mothers.update(zip(cells.identity[children].tolist(), cells.parent[children].tolist(), strict=True))

    def label(self, drawing: Drawing) -> NDArray[np.int32]:
        """Mask of the next frame with the label of the track at every pixel, of the same shape as the drawing's."""
        self._frame += 1
        rows = np.flatnonzero(np.bincount(drawing.mask.ravel(), minlength=len(drawing.identity) + 1)[1:])
        identities = drawing.identity[rows].tolist()
        ancestors = {identity: self._ancestor(identity) for identity in identities}
        born = Counter(ancestors.values())
        present: dict[int, int] = {}
        for identity, ancestor in ancestors.items():
            label = self._present.get(ancestor)
            if label is not None and ancestor != identity and born[ancestor] > 1:
                label = self._begin(label)
            present[identity] = self._begin(0) if label is None else label
        for label in present.values():
            self._rows[label - 1][1] = self._frame
        self._present, self._mothers = present, {}
        table = np.zeros(len(drawing.identity) + 1, np.int32)
        table[rows + 1] = [present[identity] for identity in identities]
        return np.asarray(table[drawing.mask])

    def _ancestor(self, identity: int) -> int:
        """The cell itself if it was seen in the frame before, else its nearest ancestor that was, else 0."""
        while identity and identity not in self._present:
            identity = self._mothers.get(identity, 0)
        return identity

    def _begin(self, parent: int) -> int:
        self._rows.append([self._frame, self._frame, parent])
        return len(self._rows)

    @property
    def tracks(self) -> Tracks:
        """The tracks so far, frames counted from 0."""
        rows = np.array(self._rows, np.int64).reshape(-1, 3)
        track = np.arange(1, len(rows) + 1, dtype=np.int64)
        return Tracks(track, rows[:, 0], rows[:, 1], rows[:, 2], track)
