"""Tracked layers as files."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import ArrayFrames, Lineage, Scale
from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.io import write_lineage
from cell_tracker_gnn.io.cell_graph import CellGraph, assemble
from cell_tracker_gnn.io.cell_table import links_of_tracks
from cell_tracker_gnn.io.graphs import napari_tracks
from cell_tracker_gnn.io.measured_tracks import lineage_of_masks
from cell_tracker_gnn.napari.layers import KEY, LayerData, tracked_labels
from cell_tracker_gnn.napari.proofreading import Proofreading

__all__ = ["write_movie", "write_tracks"]


def write_movie(path: str, layers: list[LayerData]) -> list[str]:
    """Write a labels and a tracks layer as a folder; images beside them are left out.

    Layers that nobody has changed since they were tracked are written with everything that is known of them; of others,
    what they show: labels are track numbers, and the graph of the tracks names their parents.

    Raises
    ------
    InputError
        If the labels are no movie.
    OutputError
        If the path exists or cannot be written.
    """
    found = {kind: (np.asarray(data), options) for data, options, kind in layers}
    labels, (data, options) = found["labels"][0], found["tracks"]
    write_lineage(_unchanged(data, labels, options) or _of_labels(labels, options), path)
    return [path]


def write_tracks(path: str, data: NDArray[Any], options: dict[str, Any]) -> list[str]:
    """Write a tracks layer alone as GEFF, TrackMate XML or a table, told by the ending; see :func:`write_movie`.

    Raises
    ------
    InputError
        If the tracks contradict themselves.
    OutputError
        If the path exists or cannot be written.
    """
    write_lineage(_unchanged(data, None, options) or _of_tracks(data, options), path)
    return [path]


def _unchanged(data: NDArray[Any], labels: NDArray[Any] | None, options: dict[str, Any]) -> Lineage | None:
    """The lineage that the layers came from, if they still show it."""
    known = options.get("metadata", {}).get(KEY)
    if not isinstance(known, Proofreading):
        return None
    lineage = known.lineage
    rows, graph, _ = napari_tracks(lineage)
    same = np.array_equal(rows, data) and {k: list(v) for k, v in options.get("graph", {}).items()} == graph
    if labels is not None:
        movie = lineage.movie
        same = same and movie is not None and np.array_equal(tracked_labels(lineage, movie.masks), labels)
    return lineage if same else None


def _of_labels(labels: NDArray[Any], options: dict[str, Any]) -> Lineage:
    if labels.ndim not in (3, 4):
        raise InputError(f"the labels have {labels.ndim} axes; a lineage needs a movie with the axes t, (z,) y, x")
    return lineage_of_masks(ArrayFrames(labels), _parents(options), {}, _scale(options, labels.ndim - 1), "the labels")


def _of_tracks(data: NDArray[Any], options: dict[str, Any]) -> Lineage:
    track, number = data[:, 0].astype(np.int64), data[:, 1].astype(np.int64)
    parents = _parents(options)
    parent = np.array([parents.get(own, 0) for own in track.tolist()], np.int64)
    source, target = links_of_tracks(number, track, parent)
    place, scale = data[:, 2:].astype(np.float64), _scale(options, data.shape[1] - 2)
    graph = CellGraph(number=number, place=place, scale=scale, source=source, target=target, label=track)
    return assemble(graph, "the tracks")


def _parents(options: dict[str, Any]) -> dict[int, int]:
    """Parent of each track; of several, where masks merge, the first one."""
    return {int(track): int(np.ravel(parents)[0]) for track, parents in options.get("graph", {}).items()}


def _scale(options: dict[str, Any], rank: int) -> Scale:
    return Scale(tuple(float(abs(length)) for length in options["scale"][-rank:]))
