"""The window that goes through doubtful links and collects corrections."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari.layers import Labels
from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from cell_tracker_gnn.data import Lineage
from cell_tracker_gnn.errors import CellTrackerError, InputError
from cell_tracker_gnn.io.edits import read_edits, write_edits
from cell_tracker_gnn.napari.again import TrackAgain
from cell_tracker_gnn.napari.background import Background
from cell_tracker_gnn.napari.focus import Focus
from cell_tracker_gnn.napari.layers import layers_of, proofreading_of, tracked_layers
from cell_tracker_gnn.napari.proofreading import Doubt, Proofreading
from cell_tracker_gnn.napari.sources import place_of
from cell_tracker_gnn.napari.tracking import STAGES, show_layers

__all__ = ["DoubtsWidget"]

_COLUMNS = ("right", "what", "frame", "track", "done")
_DONE = {"confirm": "confirmed", "cut": "cut", "add": "added", "relinked": "relinked", "": ""}
_RINGS = "The orange ring is where the cell comes from, the white one where it goes."
_HELP = (
    "Select a doubt, or click on a cell in the image and ask for its link. To relink, go to the frame of the right "
    "cell (with the slider), click on that cell, and press the button."
)


class DoubtsWidget(QWidget):
    """A list of doubts, the most doubtful one first, and buttons to correct them.

    Parameters
    ----------
    napari_viewer
        Where the tracked layers are.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer, self.focus, self.background = napari_viewer, Focus(napari_viewer), Background()
        self.layer, self.table, self.bar = QComboBox(), QTableWidget(0, len(_COLUMNS)), QProgressBar()
        self.message = QLabel(_HELP)
        self.buttons: dict[str, QPushButton] = {}
        self._doubts: list[Doubt] = []
        self._build()
        self.background.progressed.connect(self._show_progress)
        self.background.ended.connect(self._end)
        self.layer.currentIndexChanged.connect(lambda _: self.refresh())
        self.table.itemSelectionChanged.connect(self._go)
        for event in (napari_viewer.layers.events.inserted, napari_viewer.layers.events.removed):
            event.connect(self._list_layers)
        napari_viewer.mouse_drag_callbacks.append(self._pick)
        self._list_layers()

    @property
    def labels(self) -> Labels | None:
        """The tracked layer that is looked at."""
        return next((one for one in tracked_layers(self.viewer.layers) if one.name == self.layer.currentText()), None)

    @property
    def proofreading(self) -> Proofreading | None:
        """Its lineage and corrections."""
        return None if self.labels is None else proofreading_of(self.labels)

    @property
    def doubt(self) -> Doubt | None:
        """The doubt that is selected."""
        row = self.table.currentRow()
        return self._doubts[row] if 0 <= row < len(self._doubts) and self.table.selectedItems() else None

    def refresh(self) -> None:
        """Show the doubts of the layer anew."""
        found = self.proofreading
        self._doubts = list(found.doubts) if found is not None else []
        self.table.blockSignals(True)
        self.table.clearSelection()
        self.table.setRowCount(len(self._doubts))
        for row, doubt in enumerate(self._doubts):
            self._fill(row, doubt)
        self.table.resizeColumnsToContents()
        self.table.blockSignals(False)
        self.focus.clear()
        self._enable()

    def save(self, path: str) -> None:
        """Write the corrections into a file."""
        found = self.proofreading
        if found is not None:
            write_edits(found.edits(), Path(path))
            found.mark_saved()
            self._say(f"{len(found)} corrections are in {path}.")

    def load(self, path: str) -> None:
        """Take the corrections of a file."""
        if self.proofreading is not None:
            self.proofreading.load(read_edits(path))
            self._after_change(f"{len(self.proofreading)} corrections from {path}.")

    def track_again(self) -> None:
        """Find the best lineage that obeys the corrections, in a thread."""
        labels, found = self.labels, self.proofreading
        if labels is None or found is None:
            return
        task, place, name = TrackAgain(found.lineage, found.edits()), place_of(labels), labels.name
        self.buttons["Cancel"].setEnabled(True)
        self.buttons["Track again"].setEnabled(False)

        def show(lineage: Lineage) -> None:
            renewed = Proofreading(lineage)
            renewed.go_on_from(found)
            show_layers(self.viewer, layers_of(renewed, _base(name), place))

        self.background.start(task, show)

    def closeEvent(self, event: Any) -> None:  # noqa: N802
        """Leave the viewer as it was."""
        self.focus.clear()
        if self._pick in self.viewer.mouse_drag_callbacks:
            self.viewer.mouse_drag_callbacks.remove(self._pick)
        super().closeEvent(event)

    def _build(self) -> None:
        layout, grid = QVBoxLayout(self), QGridLayout()
        self.table.setHorizontalHeaderLabels(_COLUMNS)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.setMinimumHeight(160)
        self.message.setWordWrap(True)
        self.bar.setMaximum(1)
        actions: tuple[tuple[str, str, Callable[[], None]], ...] = (
            ("Confirm", "The link is right", lambda: self._correct("confirm")),
            ("Cut", "The link is wrong; of a division, the less probable one", lambda: self._correct("cut")),
            ("Take back", "Leave it to the tracker", lambda: self._correct("take_back")),
            ("Link to the cell", "Link to the cell that was clicked on instead", lambda: self._link("relink")),
            ("Add as daughter", "The cell that was clicked on is a daughter, too", lambda: self._link("add_daughter")),
            ("Link of the cell", "Look at the link into the cell that was clicked on", self._look_at_cell),
            ("Undo", "", lambda: self._step("undo")),
            ("Redo", "", lambda: self._step("redo")),
            ("Open…", "Take corrections from a file", self._ask_and_load),
            ("Save…", "Save the corrections, for 'track --fixed' too", self._ask_and_save),
            ("Track again", "Decide everything else anew", lambda: self._try(self.track_again)),
            ("Cancel", "", self.background.cancel),
        )
        for place, (name, tip, act) in enumerate(actions):
            button = QPushButton(name)
            button.setToolTip(tip)
            button.clicked.connect(lambda _=False, act=act: act())
            grid.addWidget(button, place // 3, place % 3)
            self.buttons[name] = button
        layout.addWidget(self.layer)
        layout.addWidget(self.table, 1)
        layout.addLayout(grid)
        layout.addWidget(self.bar)
        layout.addWidget(self.message)

    def _fill(self, row: int, doubt: Doubt) -> None:
        found = self.proofreading
        if found is None:
            return
        cells, track = found.lineage.cells, found.lineage.track
        ends = [end for end in (doubt.source, doubt.target) if end is not None]
        tracks = list(dict.fromkeys(str(track[end]) for end in ends))
        right = "" if math.isnan(doubt.probability) else f"{doubt.probability:.0%}"
        words = (
            right,
            doubt.kind,
            str(cells.number[ends[-1]]) if ends else "",
            " → ".join(tracks),
            _DONE[found.of(doubt)],
        )
        for column, word in enumerate(words):
            item = QTableWidgetItem(word)
            if column in (0, 2):
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.table.setItem(row, column, item)

    def _list_layers(self, _: Any = None) -> None:
        names = [layer.name for layer in tracked_layers(self.viewer.layers)]
        self.layer.blockSignals(True)
        self.layer.clear()
        self.layer.addItems(names)
        # The newest one is what somebody has just asked for.
        self.layer.setCurrentIndex(len(names) - 1)
        self.layer.blockSignals(False)
        if getattr(self, "_shown", None) is not self.proofreading:
            self._shown = self.proofreading
            self.refresh()

    def _go(self) -> None:
        labels, found, doubt = self.labels, self.proofreading, self.doubt
        if labels is not None and found is not None and doubt is not None:
            self.focus.show(labels, found.lineage.cells, *found.ends(doubt))
            self._say(_RINGS)
        self._enable()

    def _pick(self, viewer: Viewer, event: Any) -> Any:
        """Select the cell under a click that is no drag."""
        yield
        dragged = False
        while event.type == "mouse_move":
            dragged = True
            yield
        labels = self.labels
        if dragged or labels is None:
            return
        value = labels.get_value(
            event.position, view_direction=event.view_direction, dims_displayed=event.dims_displayed, world=True
        )
        if value:
            labels.selected_label = int(value)
            self._say(f"Cell of track {int(value)} in frame {self._number()}.")

    def _frame(self) -> int:
        """Index of the frame that is shown."""
        labels = self.labels
        if labels is None:
            return 0
        axis = self.viewer.dims.ndim - labels.ndim
        return round((self.viewer.dims.point[axis] - labels.translate[0]) / labels.scale[0])

    def _number(self) -> int:
        """Number of that frame in the input."""
        found = self.proofreading
        return found.lineage.cells.numbers[self._frame()] if found is not None else 0

    def _selected_cell(self) -> int:
        labels, found = self.labels, self.proofreading
        cell = None
        if labels is not None and found is not None:
            cell = found.cell(self._frame(), int(labels.selected_label))
        if labels is None or cell is None:
            raise InputError("no cell of this frame is selected; click on one in the image")
        return cell

    def _correct(self, action: str) -> None:
        found, doubt = self.proofreading, self.doubt
        if found is not None and doubt is not None:
            done = self._try(lambda: getattr(found, action)(doubt))
            if done:
                self._after_change("")
                self._select(self.table.currentRow() + (action != "take_back"))

    def _link(self, action: str) -> None:
        found, doubt = self.proofreading, self.doubt
        if found is None or doubt is None:
            self._say("First select what is wrong in the list, or look at the link of a cell.")
        elif self._try(lambda: getattr(found, action)(doubt, self._selected_cell())):
            self._after_change("")

    def _look_at_cell(self) -> None:
        def look() -> None:
            found, cell = self.proofreading, self._selected_cell()
            if found is None:
                return
            doubt = found.doubt_of_cell(cell)
            known = [(one.source, one.target) for one in self._doubts]
            if (doubt.source, doubt.target) not in known:
                self._doubts.insert(0, doubt)
                self.table.insertRow(0)
                self._fill(0, doubt)
                known.insert(0, (doubt.source, doubt.target))
            self._select(known.index((doubt.source, doubt.target)))

        self._try(look)

    def _step(self, action: str) -> None:
        if self.proofreading is not None:
            getattr(self.proofreading, action)()
            self._after_change("")

    def _select(self, row: int) -> None:
        if 0 <= row < len(self._doubts):
            self.table.selectRow(row)

    def _after_change(self, message: str) -> None:
        for row, doubt in enumerate(self._doubts):
            found = self.proofreading
            if found is not None:
                self.table.item(row, len(_COLUMNS) - 1).setText(_DONE[found.of(doubt)])
        self._say(message)
        self._enable()

    def _enable(self) -> None:
        found, doubt = self.proofreading, self.doubt
        there, chosen = found is not None, doubt is not None
        linked = found is not None and doubt is not None and bool(found.links(doubt))
        states = {
            "Confirm": linked,
            "Cut": linked,
            "Take back": found is not None and doubt is not None and bool(found.of(doubt)),
            "Link to the cell": chosen,
            "Add as daughter": doubt is not None and doubt.source is not None,
            "Link of the cell": there,
            "Undo": found is not None and found.can_undo,
            "Redo": found is not None and found.can_redo,
            "Open…": there,
            "Save…": there,
            "Track again": there and not self.background.is_busy,
            "Cancel": self.background.is_busy,
        }
        for name, enabled in states.items():
            self.buttons[name].setEnabled(enabled)

    def _ask_and_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the corrections", "edits.json", "Corrections (*.json)")
        if path:
            self._try(lambda: self.save(path))

    def _ask_and_load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Take corrections", "", "Corrections (*.json)")
        if path:
            self._try(lambda: self.load(path))

    def _try(self, act: Callable[[], Any]) -> bool:
        """Do something; an error of ours becomes a sentence."""
        try:
            act()
        except CellTrackerError as error:
            self._say(str(error))
            return False
        return True

    def _show_progress(self, stage: str, done: int, total: int) -> None:
        self.bar.setMaximum(max(total, 1))
        self.bar.setValue(done)
        self._say(STAGES.get(stage, stage))

    def _end(self, problem: str) -> None:
        self.bar.setMaximum(1)
        self.bar.setValue(0)
        self._say(problem or "Tracked again; the corrections are obeyed.")
        self._enable()

    def _say(self, sentence: str) -> None:
        found = self.proofreading
        count = len(found) if found is not None else 0
        unsaved = "" if found is None or found.is_saved else ", not saved"
        status = f"{count} corrections{unsaved}. " if count or unsaved else ""
        self.message.setText(status + (sentence or (_HELP if not count else "")))


def _base(name: str) -> str:
    """Begin of the layers' names."""
    return name.removesuffix(" tracked")
