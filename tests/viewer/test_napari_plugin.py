"""The plugin in a real napari, on a virtual screen, by clicking through it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from cases import CASES
from cell_tracker_gnn import Lineage, Tracker
from cell_tracker_gnn.io import read_lineage
from cell_tracker_gnn.io.edits import read_edits
from cell_tracker_gnn.simulation import SimulationSettings, simulate

MISSING = [name for name in ("napari", "qtpy") if importlib.util.find_spec(name) is None]
if shutil.which("Xvfb") is None and not os.environ.get("DISPLAY"):
    MISSING.append("Xvfb")
pytestmark = [
    pytest.mark.napari,
    pytest.mark.skipif(bool(MISSING), reason=f"napari is not tested without {' and '.join(MISSING)}"),
    # napari's and Qt's own; ours are errors as everywhere.
    pytest.mark.filterwarnings("ignore", "error:::cell_tracker_gnn"),
]

SETTINGS = SimulationSettings(kind="nuclei", frames=8, size=(128, 128), cells=14, seed=3, missed=0.06, merged=0.03)


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A virtual screen where there is none, and napari without the settings of whoever runs this."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAPARI_CONFIG", str(tmp_path_factory.mktemp("napari") / "settings.yaml"))
        server = None
        if shutil.which("Xvfb") is not None:
            read, write = os.pipe()
            words = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1400x1000x24", "-nolisten", "tcp"]
            server = subprocess.Popen(words, pass_fds=[write], stderr=subprocess.DEVNULL)
            os.close(write)
            with os.fdopen(read) as number:
                patch.setenv("DISPLAY", f":{number.readline().strip()}")
            patch.setenv("QT_QPA_PLATFORM", "xcb")
        # Qt does not raise but ends the process where a library of the screen is missing.
        tried = [sys.executable, "-c", "from qtpy.QtWidgets import QApplication; QApplication([])"]
        found = subprocess.run(tried, check=False, capture_output=True, text=True)
        try:
            if found.returncode:
                pytest.skip(f"Qt shows nothing here: {found.stderr.strip().splitlines()[-1:]}")
            yield
        finally:
            if server is not None:
                server.terminate()
                server.wait()


@pytest.fixture(scope="module")
def one_viewer(screen: None) -> Iterator[Any]:
    import napari

    viewer = napari.Viewer()
    viewer.window._qt_window.resize(800, 600)
    yield viewer
    viewer.close()


@pytest.fixture
def viewer(one_viewer: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The empty viewer; an exception in a callback of Qt, which would end the process, fails the test."""
    raised: list[BaseException] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: raised.append(error))
    yield one_viewer
    one_viewer.window.remove_dock_widget("all")
    settle()
    one_viewer.layers.clear()
    settle()
    if raised:
        raise raised[0]


@pytest.fixture(scope="module")
def movie() -> tuple[np.ndarray, np.ndarray]:
    made = simulate(SETTINGS)
    frames = [(frame.image, made.damaged(frame)) for frame in made]
    images, masks = (np.stack(planes) for planes in zip(*frames, strict=True))
    return images, masks


@pytest.fixture(scope="module")
def lineage(movie: tuple[np.ndarray, np.ndarray]) -> Lineage:
    return Tracker.from_pretrained().track(movie[1], movie[0], scale=(0.5, 0.5))


@pytest.fixture(scope="module")
def result(movie: tuple[np.ndarray, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("result")
    for name, planes in zip(("images", "masks"), movie, strict=True):
        (folder / name).mkdir()
        for index, plane in enumerate(planes):
            tifffile.imwrite(folder / name / f"t{index + 5:03d}.tif", plane.astype(np.uint16))
    Tracker.from_pretrained().track(folder / "masks", folder / "images").write(folder / "result")
    return folder / "result"


def settle() -> None:
    """Let Qt do what it has put off."""
    from qtpy.QtCore import QEvent
    from qtpy.QtWidgets import QApplication

    for _ in range(5):
        QApplication.processEvents()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def until(holds: Callable[[], bool]) -> None:
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "nothing happened"
        QApplication.processEvents()
        time.sleep(0.02)


def dock(viewer: Any, name: str) -> Any:
    _, widget = viewer.window.add_plugin_dock_widget("cell-tracker-gnn", name)
    settle()
    return widget


def tracked(viewer: Any, movie: tuple[np.ndarray, np.ndarray]) -> Any:
    viewer.add_image(movie[0], name="nuclei", scale=(1, 0.5, 0.5))
    viewer.add_labels(movie[1].astype(np.int32), name="cells", scale=(1, 0.5, 0.5))
    widget = dock(viewer, "Track cells")
    widget.images.value = viewer.layers["nuclei"]
    widget.start.native.click()
    assert not widget.start.enabled
    assert widget.stop.enabled
    until(lambda: not widget.background.is_busy)
    return widget


def shown(viewer: Any, lineage: Lineage, name: str = "cells") -> None:
    from cell_tracker_gnn.napari.layers import layers_of
    from cell_tracker_gnn.napari.proofreading import Proofreading
    from cell_tracker_gnn.napari.tracking import show_layers

    show_layers(viewer, layers_of(Proofreading(lineage), name))


def click(widget: Any, name: str) -> None:
    assert widget.buttons[name].isEnabled(), name
    widget.buttons[name].click()
    settle()


def first(widget: Any, **what: Any) -> int:
    """Row of the first doubt of some kind."""
    return next(
        row for row, doubt in enumerate(widget.table.doubts) if all(getattr(doubt, n) == v for n, v in what.items())
    )


def test_the_manifest_is_valid_and_names_what_there_is(screen: None) -> None:
    from npe2 import PluginManifest

    manifest = PluginManifest.from_distribution("cell-tracker-gnn")
    manifest.validate_imports()
    assert manifest.display_name == "Cell tracker"


def test_a_movie_is_tracked_and_shown(viewer: Any, movie: tuple[np.ndarray, np.ndarray], lineage: Lineage) -> None:
    widget = tracked(viewer, movie)
    names = [layer.name for layer in viewer.layers]
    assert names == ["nuclei", "cells", "cells tracked", "cells tracks"]
    assert "probably wrong" in widget.message.value
    labels, tracks = viewer.layers["cells tracked"], viewer.layers["cells tracks"]
    assert len(tracks.data) == len(lineage.cells)
    assert np.array_equal(np.unique(labels.data)[1:], lineage.tracks.track)
    assert np.array_equal(labels.scale, [1, 0.5, 0.5])
    # A cell has one colour in both layers, that of its family.
    for row in (0, len(lineage.cells) - 1):
        of_label = labels.colormap.map(int(lineage.track[row]))
        of_track = tracks.track_colors[np.flatnonzero(tracks.properties["track_id"] == lineage.track[row])[0]]
        assert np.allclose(of_label[:3], of_track[:3], atol=0.01)
    widget.look.native.click()
    settle()
    assert any(type(one).__name__ == "DoubtsWidget" for one in viewer.window._qt_window.findChildren(object))


def test_tracking_is_cancelled(viewer: Any, movie: tuple[np.ndarray, np.ndarray]) -> None:
    viewer.add_labels(movie[1].astype(np.int32), name="cells")
    widget = dock(viewer, "Track cells")
    widget.start.native.click()
    widget.stop.native.click()
    until(lambda: not widget.background.is_busy)
    assert widget.message.value == "Cancelled."
    assert [layer.name for layer in viewer.layers] == ["cells"]
    assert widget.start.enabled


def test_what_cannot_be_tracked_is_said_in_a_sentence(viewer: Any, movie: tuple[np.ndarray, np.ndarray]) -> None:
    widget = dock(viewer, "Track cells")
    widget.start.native.click()
    assert "there are no masks" in widget.message.value
    viewer.add_labels(np.zeros((30, 30), np.int32), name="plane")
    widget.start.native.click()
    assert "plane has 2 axes" in widget.message.value
    viewer.layers.clear()
    viewer.add_labels(movie[1].astype(np.int32), name="cells")
    viewer.add_image(movie[0][:, :50], name="others")
    settle()
    widget.images.value = viewer.layers["others"]
    widget.start.native.click()
    until(lambda: not widget.background.is_busy)
    assert "shape" in widget.message.value
    assert len(viewer.layers) == 2


def test_doubts_are_looked_at_corrected_saved_and_obeyed(
    viewer: Any,
    movie: tuple[np.ndarray, np.ndarray],
    lineage: Lineage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from qtpy.QtWidgets import QFileDialog

    shown(viewer, lineage)
    widget = dock(viewer, "Doubtful links")
    assert widget.table.rowCount() == len(widget.proofreading.doubts) > 3
    row = first(widget, is_link=True)
    widget.table.selectRow(row)
    settle()
    doubt, cells = widget.table.doubts[row], widget.proofreading.lineage.cells
    assert viewer.dims.current_step[0] == cells.frame[doubt.target]
    assert np.allclose(getattr(viewer, "scene", viewer).camera.center[-2:], cells.position[doubt.target])
    assert "link in question" in viewer.layers
    click(widget, "Cut")
    assert widget.table.item(row, 4).text() == "cut"
    click(widget, "Undo")
    assert widget.table.item(row, 4).text() == ""
    click(widget, "Redo")
    assert len(widget.proofreading) == 1
    file = tmp_path / "edits.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(file), ""))
    click(widget, "Save…")
    (edit,) = read_edits(file).edits
    named = (
        cells.number[doubt.source],
        cells.label[doubt.source],
        cells.number[doubt.target],
        cells.label[doubt.target],
    )
    assert (edit.op, edit.frame_from, edit.label_from, edit.frame_to, edit.label_to) == ("cut", *named)
    click(widget, "Track again")
    until(lambda: not widget.background.is_busy)
    settle()
    again = widget.proofreading.lineage
    assert (doubt.source, doubt.target) not in set(zip(again.links.source, again.links.target, strict=True))
    obeyed = Tracker.from_pretrained().track(movie[1], movie[0], scale=(0.5, 0.5), fixed=file)
    assert np.array_equal(again.links.source, obeyed.links.source)
    assert np.array_equal(again.links.target, obeyed.links.target)
    assert "obeyed" in widget.message.text()
    assert "not saved" not in widget.message.text()
    click(widget, "Undo")
    assert not widget.proofreading.edits().edits


def test_a_cell_is_clicked_on_and_linked(viewer: Any, lineage: Lineage) -> None:
    from qtpy.QtCore import QPoint, Qt
    from qtpy.QtTest import QTest

    shown(viewer, lineage)
    widget = dock(viewer, "Doubtful links")
    found = widget.proofreading
    cells = found.lineage.cells
    click(widget, "Link of the cell")
    assert "click on one" in widget.message.text()
    other = int(np.flatnonzero(cells.frame == 4)[0])
    widget.focus.go_to(widget.labels, np.array([4.0, *cells.centroid[other]]))
    settle()
    canvas = viewer.window._qt_viewer.canvas.native
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)

    def click_on_the_middle() -> None:
        QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle)
        settle()

    click_on_the_middle()
    assert widget.labels.selected_label == found.lineage.track[other]
    click(widget, "Link of the cell")
    looked_at = widget.table.doubt
    assert looked_at.target == other
    # Back to the frame before, to another cell that the person takes for the parent.
    parent = next(row for row in np.flatnonzero(cells.frame == 3).tolist() if row != looked_at.source)
    widget.focus.go_to(widget.labels, np.array([3.0, *cells.centroid[parent]]))
    click_on_the_middle()
    click(widget, "Link to the cell")
    assert [(edit.op, edit.label_from) for edit in found.edits().edits] == [("add", cells.label[parent])]
    assert widget.table.item(widget.table.currentRow(), 4).text() == "relinked"
    click(widget, "Take back")
    assert not len(found)


def test_a_closed_window_leaves_the_viewer_alone(viewer: Any, lineage: Lineage) -> None:
    shown(viewer, lineage)
    widget = dock(viewer, "Doubtful links")
    widget.table.selectRow(0)
    callbacks = len(viewer.mouse_drag_callbacks)
    viewer.window.remove_dock_widget(widget)
    settle()
    assert len(viewer.mouse_drag_callbacks) == callbacks - 1
    assert "link in question" not in viewer.layers
    viewer.add_labels(np.zeros((3, 8, 8), np.int32))


def test_a_result_is_opened_corrected_and_written(viewer: Any, result: Path, tmp_path: Path) -> None:
    opened = viewer.open(result, plugin="cell-tracker-gnn")
    assert [layer.name for layer in opened] == ["images", "result tracked", "result tracks"]
    widget = dock(viewer, "Doubtful links")
    lineage = read_lineage(result)
    assert widget.table.rowCount() == len((result / "uncertain.csv").read_text().splitlines()) - 1
    widget.table.selectRow(first(widget, is_link=True))
    click(widget, "Confirm")
    widget.save(str(tmp_path / "edits.json"))
    # The hash is that of the masks on disk, numbered as the files are.
    again = Tracker.from_pretrained().track(
        result.parent / "masks", result.parent / "images", fixed=tmp_path / "edits.json"
    )
    assert len(again.cells) == len(lineage.cells)
    click(widget, "Track again")
    until(lambda: not widget.background.is_busy)
    settle()
    assert np.array_equal(widget.proofreading.lineage.links.target, again.links.target)
    widget.focus.clear()
    assert viewer.layers.save(str(tmp_path / "written"), plugin="cell-tracker-gnn")
    written = widget.proofreading.lineage
    assert np.array_equal(read_lineage(tmp_path / "written").links.target, written.links.target)


def test_layers_are_written_and_read_back(viewer: Any, tmp_path: Path) -> None:
    case = CASES["anisotropic_3d"]()
    lineage = Tracker.from_pretrained().track(case.masks, case.images, scale=case.step)
    shown(viewer, lineage)
    for path in ("folder", "tracks.geff"):
        what = viewer.layers if path == "folder" else viewer.layers[-1]
        saved = what.save(str(tmp_path / path), plugin="cell-tracker-gnn")
        assert saved == [str(tmp_path / path)]
        back = read_lineage(tmp_path / path)
        assert np.array_equal(back.links.target, lineage.links.target)
        assert np.allclose(back.links.probability, lineage.links.probability)
        assert np.allclose(back.cells.scale.step, lineage.cells.scale.step)
    # What a person has painted or linked is written as it is shown, without probabilities.
    viewer.layers[0].data[0][:] = 0
    viewer.layers.save(str(tmp_path / "painted"), plugin="cell-tracker-gnn")
    painted = read_lineage(tmp_path / "painted")
    assert len(painted.cells) == int((lineage.cells.frame > 0).sum())
    assert np.isnan(painted.links.probability).all()


def test_the_sample_is_a_movie_that_can_be_tracked(viewer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cell_tracker_gnn.napari.sample.DEMO", SETTINGS)
    viewer.open_sample("cell-tracker-gnn", "nuclei")
    images, masks = viewer.layers
    assert images.data.shape == masks.data.shape == (8, 128, 128)
    assert masks.data.max() > 0
