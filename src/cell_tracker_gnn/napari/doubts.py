"""The window that goes through doubtful links and collects corrections."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari.layers import Labels
from napari.viewer import Viewer
from qtpy.QtWidgets import QComboBox, QFileDialog, QGridLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from cell_tracker_gnn.data import Lineage
from cell_tracker_gnn.errors import CellTrackerError
from cell_tracker_gnn.io.edits import read_edits, write_edits
from cell_tracker_gnn.napari.again import TrackAgain
from cell_tracker_gnn.napari.background import Background
from cell_tracker_gnn.napari.focus import Focus
from cell_tracker_gnn.napari.layers import layers_of, proofreading_of, tracked_layers
from cell_tracker_gnn.napari.picking import Picker
from cell_tracker_gnn.napari.proofreading import Proofreading
from cell_tracker_gnn.napari.sources import place_of
from cell_tracker_gnn.napari.table import DoubtsTable
from cell_tracker_gnn.napari.tracking import STAGES, show_layers

__all__ = ["DoubtsWidget"]

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
        self.layer, self.table, self.bar, self.message = QComboBox(), DoubtsTable(), QProgressBar(), QLabel(_HELP)
        self.picker = Picker(napari_viewer, lambda: self.labels, self._say_picked)
        self.buttons: dict[str, QPushButton] = {}
        self._shown: Proofreading | None = None
        self._build()
        self.background.progressed.connect(self._show_progress)
        self.background.ended.connect(self._end)
        self.layer.currentIndexChanged.connect(lambda _: self.refresh())
        self.table.itemSelectionChanged.connect(self._go)

    @property
    def labels(self) -> Labels | None:
        """The tracked layer that is looked at."""
        return next((one for one in tracked_layers(self.viewer.layers) if one.name == self.layer.currentText()), None)

    @property
    def proofreading(self) -> Proofreading | None:
        """Its lineage and corrections."""
        return None if self.labels is None else proofreading_of(self.labels)

    def refresh(self) -> None:
        """Show the doubts of the layer anew."""
        self._shown = self.proofreading
        self.table.show_doubts(self._shown)
        self.focus.clear()
        self._enable()

    def save(self, path: str) -> None:
        """Write the corrections into a file."""
        found = self.proofreading
        if found is not None:
            write_edits(found.edits(), Path(path))
            found.mark_saved()
            self._say(f"They are in {path}.")

    def load(self, path: str) -> None:
        """Take the corrections of a file."""
        if self.proofreading is not None:
            self.proofreading.load(read_edits(path))
            self._after_change()

    def track_again(self) -> None:
        """Find the best lineage that obeys the corrections, in a thread."""
        labels, found = self.labels, self.proofreading
        if labels is None or found is None:
            return
        place, name = place_of(labels), labels.name.removesuffix(" tracked")

        def show(lineage: Lineage) -> None:
            renewed = Proofreading(lineage)
            renewed.go_on_from(found)
            show_layers(self.viewer, layers_of(renewed, name, place))

        self.background.start(TrackAgain(found.lineage, found.edits()), show)
        self._enable()

    def showEvent(self, event: Any) -> None:  # noqa: N802
        """Follow layers and clicks while the window is seen."""
        super().showEvent(event)
        for changed in self._changes:
            changed.connect(self._list_layers)
        self.picker.begin()
        self._list_layers()

    def hideEvent(self, event: Any) -> None:  # noqa: N802
        """Leave the viewer as it was; napari only hides what is closed."""
        super().hideEvent(event)
        for changed in self._changes:
            changed.disconnect(self._list_layers)
        self.picker.stop()
        self.focus.clear()

    @property
    def _changes(self) -> tuple[Any, Any]:
        return self.viewer.layers.events.inserted, self.viewer.layers.events.removed

    def _build(self) -> None:
        layout, grid = QVBoxLayout(self), QGridLayout()
        self.message.setWordWrap(True)
        self.bar.setMaximum(1)
        actions: tuple[tuple[str, str, Callable[[], Any]], ...] = (
            ("Confirm", "The link is right", lambda: self._correct("confirm")),
            ("Cut", "The link is wrong; of a division, the less probable one", lambda: self._correct("cut")),
            ("Take back", "Leave it to the tracker", lambda: self._correct("take_back")),
            ("Link to the cell", "Link to the cell that was clicked on instead", lambda: self._link("relink")),
            ("Add as daughter", "The cell that was clicked on is a daughter, too", lambda: self._link("add_daughter")),
            ("Link of the cell", "Look at the link into the cell that was clicked on", self._look_at_cell),
            ("Undo", "Take the last step back", lambda: self._step("undo")),
            ("Redo", "Do again what was taken back", lambda: self._step("redo")),
            ("Open…", "Take corrections from a file", self._ask_and_load),
            ("Save…", "Save the corrections, for 'track --fixed' too", self._ask_and_save),
            ("Track again", "Decide everything else anew", lambda: self._try(self.track_again)),
            ("Cancel", "Stop tracking", self.background.cancel),
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

    def _list_layers(self, _: Any = None) -> None:
        names = [layer.name for layer in tracked_layers(self.viewer.layers)]
        current = self.layer.currentText()
        self.layer.blockSignals(True)
        self.layer.clear()
        self.layer.addItems(names)
        self.layer.setCurrentIndex(names.index(current) if current in names else len(names) - 1)
        self.layer.blockSignals(False)
        if self._shown is not self.proofreading:
            self.refresh()

    def _go(self) -> None:
        labels, found, doubt = self.labels, self.proofreading, self.table.doubt
        if labels is not None and found is not None and doubt is not None:
            self.focus.show(labels, found.lineage.cells, *found.ends(doubt))
            self._say(_RINGS)
        self._enable()

    def _correct(self, action: str) -> None:
        found, doubt = self.proofreading, self.table.doubt
        if found is not None and doubt is not None and self._try(lambda: getattr(found, action)(doubt)):
            self._after_change()
            if action != "take_back":
                self.table.go_on()

    def _link(self, action: str) -> None:
        found, doubt = self.proofreading, self.table.doubt
        if found is None or doubt is None:
            self._say("First select what is wrong in the list, or look at the link of a cell.")
        elif self._try(lambda: getattr(found, action)(doubt, self.picker.cell(found))):
            self._after_change()

    def _look_at_cell(self) -> None:
        found = self.proofreading
        if found is not None:
            self._try(lambda: self.table.go_to(found.doubt_of_cell(self.picker.cell(found)), found))

    def _step(self, action: str) -> None:
        if self.proofreading is not None:
            getattr(self.proofreading, action)()
            self._after_change()

    def _after_change(self) -> None:
        if self.proofreading is not None:
            self.table.mark(self.proofreading)
        self._say("")
        self._enable()

    def _enable(self) -> None:
        found, doubt, busy = self.proofreading, self.table.doubt, self.background.is_busy
        there = found is not None
        linked = found is not None and doubt is not None and bool(found.links(doubt))
        states = {
            "Confirm": linked,
            "Cut": linked,
            "Take back": found is not None and doubt is not None and bool(found.of(doubt)),
            "Link to the cell": doubt is not None,
            "Add as daughter": doubt is not None and doubt.source is not None,
            "Link of the cell": there,
            "Undo": found is not None and found.can_undo,
            "Redo": found is not None and found.can_redo,
            "Open…": there,
            "Save…": there,
            "Track again": there and not busy,
            "Cancel": busy,
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

    def _say_picked(self, track: int) -> None:
        found = self.proofreading
        if found is not None:
            self._say(f"Cell of track {track} in frame {found.lineage.cells.numbers[self.picker.frame]}.")

    def _say(self, sentence: str) -> None:
        """Show a sentence, and how many corrections there are."""
        found = self.proofreading
        count, unsaved = (0, False) if found is None else (len(found), not found.is_saved)
        named = f"{count} correction{'s' if count != 1 else ''}"
        status = f"{named}{', not saved' if unsaved else ''}. " if count or unsaved else ""
        self.message.setText(status + (sentence or (_HELP if not status else "")))
