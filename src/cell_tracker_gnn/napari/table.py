"""The table of doubts."""

from __future__ import annotations

import math

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QTableWidget, QTableWidgetItem

from cell_tracker_gnn.napari.proofreading import Doubt, Proofreading

__all__ = ["DoubtsTable"]

_COLUMNS = ("right", "what", "frame", "track", "done")
_NUMBERS = (0, 2)
_DONE = {"confirm": "confirmed", "cut": "cut", "add": "added", "relinked": "relinked", "": ""}
_HEIGHT = 160


class DoubtsTable(QTableWidget):
    """A row per doubt: how probably the decision is right, what it is, where, and what was done to it."""

    def __init__(self) -> None:
        super().__init__(0, len(_COLUMNS))
        self.doubts: list[Doubt] = []
        self.setHorizontalHeaderLabels(_COLUMNS)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.verticalHeader().hide()
        self.horizontalHeader().setStretchLastSection(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumHeight(_HEIGHT)

    @property
    def doubt(self) -> Doubt | None:
        """The doubt that is selected."""
        row = self.currentRow()
        return self.doubts[row] if 0 <= row < len(self.doubts) and self.selectedItems() else None

    def show_doubts(self, proofreading: Proofreading | None) -> None:
        """Show all doubts of a lineage, with none of them selected."""
        self.doubts = list(proofreading.doubts) if proofreading is not None else []
        self.blockSignals(True)
        self.clearSelection()
        self.setRowCount(len(self.doubts))
        if proofreading is not None:
            for row, doubt in enumerate(self.doubts):
                self._fill(row, doubt, proofreading)
        self.resizeColumnsToContents()
        self.blockSignals(False)

    def mark(self, proofreading: Proofreading) -> None:
        """Show anew what was done to the doubts."""
        for row, doubt in enumerate(self.doubts):
            self.item(row, len(_COLUMNS) - 1).setText(_DONE[proofreading.of(doubt)])

    def go_to(self, doubt: Doubt, proofreading: Proofreading) -> None:
        """Select the row of the same cells; put one on top if there is none."""
        known = [(one.source, one.target) for one in self.doubts]
        if (doubt.source, doubt.target) not in known:
            self.doubts.insert(0, doubt)
            self.insertRow(0)
            self._fill(0, doubt, proofreading)
            known.insert(0, (doubt.source, doubt.target))
        self.selectRow(known.index((doubt.source, doubt.target)))

    def go_on(self) -> None:
        """Select the next row."""
        if self.currentRow() + 1 < len(self.doubts):
            self.selectRow(self.currentRow() + 1)

    def _fill(self, row: int, doubt: Doubt, proofreading: Proofreading) -> None:
        cells, track = proofreading.lineage.cells, proofreading.lineage.track
        ends = [end for end in (doubt.source, doubt.target) if end is not None]
        tracks = " → ".join(dict.fromkeys(str(track[end]) for end in ends))
        right = "" if math.isnan(doubt.probability) else f"{doubt.probability:.0%}"
        frame = str(cells.number[ends[-1]]) if ends else ""
        for column, word in enumerate((right, doubt.kind, frame, tracks, _DONE[proofreading.of(doubt)])):
            item = QTableWidgetItem(word)
            if column in _NUMBERS:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.setItem(row, column, item)
