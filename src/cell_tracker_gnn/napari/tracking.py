"""The window that tracks the cells of a layer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from magicgui.widgets import (
    CheckBox,
    ComboBox,
    Container,
    FileEdit,
    FloatSpinBox,
    Label,
    ProgressBar,
    PushButton,
    SpinBox,
    create_widget,
)
from napari.layers import Image, Labels
from napari.viewer import Viewer

from cell_tracker_gnn.data import KINDS, ArrayFrames, Lineage
from cell_tracker_gnn.errors import CellTrackerError, InputError
from cell_tracker_gnn.model.weights import bundled_models
from cell_tracker_gnn.napari.background import Background
from cell_tracker_gnn.napari.layers import LayerData, layers_of
from cell_tracker_gnn.napari.proofreading import Proofreading
from cell_tracker_gnn.napari.sources import frames_of, path_of, place_of, step_of, unit_of
from cell_tracker_gnn.pipeline import Progress, Tracker
from cell_tracker_gnn.settings import TrackSettings

__all__ = ["TrackWidget", "show_layers"]

STAGES = {"features": "measuring cells", "network": "weighing links", "linking": "choosing links"}
"""What each stage is called for people."""


@dataclass(frozen=True, eq=False)
class _Task:
    """All that the thread needs."""

    masks: ArrayFrames
    images: ArrayFrames | None
    paths: dict[str, object]
    scale: tuple[float, ...] | None
    unit: str | None
    model: str | Path
    settings: TrackSettings

    def __call__(self, progress: Progress) -> Lineage:
        tracker = Tracker.from_pretrained(self.model, self.settings)
        lineage = tracker.track(self.masks, self.images, scale=self.scale, unit=self.unit, progress=progress)
        return replace(lineage, run={**lineage.run, **self.paths})


class TrackWidget(Container[Any]):
    """Track the cells of a labels layer, with or without its images.

    Parameters
    ----------
    napari_viewer
        Where the layers are and the result is shown.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        self.viewer = napari_viewer
        self.masks = create_widget(annotation=Labels, label="masks")
        self.images = create_widget(annotation=Image | None, label="images")
        self.model = ComboBox(label="model", choices=list(bundled_models()))
        self.model_file = FileEdit(label="or its file", mode="r", filter="*.safetensors", nullable=True)
        self.device = ComboBox(label="device", choices=["auto", "cpu", "cuda", "mps"])
        self.max_gap = SpinBox(label="largest gap", value=2, max=10, tooltip="Frames a cell may be missed.")
        self.max_move = FloatSpinBox(label="largest move", value=0, max=1e6, tooltip="Per frame; 0 finds it out.")
        self.divisions = CheckBox(text="cells divide", value=True)
        self.start = PushButton(text="Track")
        self.stop = PushButton(text="Cancel", enabled=False)
        self.look = PushButton(text="Look at doubtful links", enabled=False)
        self.bar, self.message = ProgressBar(value=0, max=1), Label(value="")
        options = [self.masks, self.images, self.model, self.model_file, self.device]
        options += [self.max_gap, self.max_move, self.divisions]
        buttons = Container(widgets=[self.start, self.stop], layout="horizontal", labels=False)
        super().__init__(widgets=[*options, buttons, self.bar, self.message, self.look])
        self.message.native.setWordWrap(True)
        self.background = Background()
        self.background.progressed.connect(self._show_progress)
        self.background.ended.connect(self._end)
        self.start.clicked.connect(self.run)
        self.stop.clicked.connect(self.background.cancel)
        self.look.clicked.connect(self._open_doubts)

    def run(self) -> None:
        """Begin to track; the layers appear when it is done."""
        # napari fills the lists when it next has time, which may be after this.
        self.reset_choices()
        try:
            task = self._task()
        except CellTrackerError as error:
            self.message.value = str(error)
            return
        masks = self.masks.value
        place = place_of(masks)
        self._set_busy(busy=True)
        self.message.value = "loading the model"
        self.background.start(task, lambda lineage: self._show(lineage, masks, place))

    def _task(self) -> _Task:
        masks, images = self.masks.value, self.images.value
        if masks is None:
            raise InputError("there are no masks; open or make a labels layer with the axes t, y, x or t, z, y, x")
        file = self.model_file.value
        named = {"masks": path_of(masks), "images": path_of(images) if images is not None else None}
        return _Task(
            masks=frames_of(masks),
            images=frames_of(images) if images is not None else None,
            paths={name: path for name, path in named.items() if path is not None},
            scale=step_of(masks),
            unit=unit_of(masks),
            model=self.model.value if file is None or file == Path() else file,
            settings=TrackSettings(
                max_gap=self.max_gap.value,
                max_move=self.max_move.value or None,
                divisions=self.divisions.value,
                device=self.device.value,
            ),
        )

    def _show(self, lineage: Lineage, masks: Labels, place: dict[str, Any]) -> None:
        show_layers(self.viewer, layers_of(Proofreading(lineage), masks.name, place))
        masks.visible = False
        self.look.enabled = True
        self.message.value = _sentence(lineage)

    def _show_progress(self, stage: str, done: int, total: int) -> None:
        self.message.value = STAGES.get(stage, stage)
        self.bar.max, self.bar.value = max(total, 1), done

    def _end(self, problem: str) -> None:
        self._set_busy(busy=False)
        self.bar.max, self.bar.value = 1, 0
        if problem:
            self.message.value = problem

    def _set_busy(self, *, busy: bool) -> None:
        self.start.enabled, self.stop.enabled = not busy, busy

    def _open_doubts(self) -> None:
        self.viewer.window.add_plugin_dock_widget("cell-tracker-gnn", "Doubtful links", tabify=True)


def show_layers(viewer: Viewer, layers: list[LayerData]) -> None:
    """Add layers in the place of former ones of the same names."""
    for _, options, _ in layers:
        if options["name"] in viewer.layers:
            viewer.layers.remove(options["name"])
    for data, options, kind in layers:
        getattr(viewer, f"add_{kind}")(data, **options)


def _sentence(lineage: Lineage) -> str:
    """What was found."""
    divisions = int((lineage.links.kind == KINDS.index("division")).sum()) // 2
    found = f"{len(lineage.cells)} cells in {len(lineage.tracks)} tracks, {divisions} divisions."
    links = lineage.summary.get("links")
    if not isinstance(links, dict):
        return found
    low, high = links["interval_90"]
    return f"{found} Of {links['count']} links, {low} to {high} are probably wrong."
