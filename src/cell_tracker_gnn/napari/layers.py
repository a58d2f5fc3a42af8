"""A lineage as layers: tracked masks and tracks in the colours of the families."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from napari.layers import Labels, Layer
from napari.utils.colormaps import Colormap, DirectLabelColormap
from numpy.typing import NDArray

from cell_tracker_gnn.data import Floats, Frames, Lineage
from cell_tracker_gnn.io.ctc import relabel_frame
from cell_tracker_gnn.io.graphs import napari_tracks
from cell_tracker_gnn.io.label_type import label_type
from cell_tracker_gnn.napari.proofreading import Proofreading
from cell_tracker_gnn.report.families import COLORS, color_of, families, founders

__all__ = ["LayerData", "layers_of", "proofreading_of", "tracked_layers"]

KEY = "cell-tracker-gnn"
"""Where the layers keep their lineage, in their metadata."""

LayerData: TypeAlias = tuple[Any, dict[str, Any], str]

_OPACITY = 0.4
_TAIL = 12


def proofreading_of(layer: Layer) -> Proofreading | None:
    """The lineage that a layer shows and its corrections, if it is one of ours."""
    found = layer.metadata.get(KEY)
    return found if isinstance(found, Proofreading) else None


def tracked_layers(layers: list[Layer]) -> list[Labels]:
    """Labels layers that show a lineage of ours."""
    return [layer for layer in layers if isinstance(layer, Labels) and proofreading_of(layer) is not None]


def layers_of(proofreading: Proofreading, name: str, place: dict[str, Any] | None = None) -> list[LayerData]:
    """Layers of a lineage: tracked labels, where it has masks, and tracks.

    Parameters
    ----------
    proofreading
        The lineage and its corrections.
    name
        Begin of the layers' names.
    place
        Scale, translation and units of the layers, axes t, (z,) y, x; those of the lineage when left out.
    """
    lineage = proofreading.lineage
    where = place or {"scale": (1.0, *lineage.cells.scale.step)}
    common = {**where, "metadata": {KEY: proofreading}}
    found: list[LayerData] = []
    if lineage.movie is not None:
        founder = founders(lineage.tracks)
        colors: dict[int | None, Any] = {None: np.zeros(4), 0: np.zeros(4)}
        for track, family in zip(lineage.tracks.track.tolist(), founder.tolist(), strict=True):
            colors[track] = np.array([*color_of(family), 255]) / 255
        shown = {"index": lineage.tracks.track, "lineage": founder, "parent": lineage.tracks.parent}
        drawn = {"opacity": _OPACITY, "colormap": DirectLabelColormap(color_dict=colors)}
        found.append(
            (
                tracked_labels(lineage, lineage.movie.masks),
                {"name": f"{name} tracked", "features": shown, **drawn, **common},
                "labels",
            )
        )
    data, graph, properties = napari_tracks(lineage)
    ways = {"graph": graph, "properties": _properties(lineage, properties), "tail_length": _TAIL, "tail_width": 2}
    coloured = {"color_by": "color", "colormaps_dict": {"color": _colormap()}, "blending": "translucent"}
    if len(data):
        found.append((data, {"name": f"{name} tracks", **ways, **coloured, **common}, "tracks"))
    return found


def tracked_labels(lineage: Lineage, masks: Frames) -> NDArray[Any]:
    """The masks with track numbers in the place of labels, shape (t, y, x) or (t, z, y, x)."""
    dtype = label_type(int(lineage.track.max(initial=0)))
    tracked = np.zeros((len(masks), *masks.shape), dtype)
    for index in range(len(masks)):
        tracked[index] = relabel_frame(lineage, masks, index, dtype)
    return tracked


def _properties(lineage: Lineage, properties: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Those of the tracks with the family, its colour, and no missing probability, which would spoil a colour map."""
    order = np.lexsort((lineage.cells.frame, lineage.track))
    family = families(lineage)[order]
    probability: Floats = properties["probability"]
    sure = np.where(np.isnan(probability), 1.0, probability)
    shade = (family % len(COLORS) + 0.5) / len(COLORS)
    return {**properties, "probability": sure, "lineage": family, "color": shade}


def _colormap() -> Colormap:
    """The colours of the families as steps from 0 to 1."""
    colors = [np.array([*color_of(i), 255]) / 255 for i in range(len(COLORS))]
    return Colormap(colors, controls=np.linspace(0, 1, len(COLORS) + 1), interpolation="zero", name="families")
