"""The lineage of tracked masks: cells measured frame by frame, links from track numbers and parents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Floats, Frames, Integers, Lineage, Movie, Scale
from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.io.cell_graph import CellGraph, assemble
from cell_tracker_gnn.io.cell_table import kinds_of_tracks, links_of_tracks
from cell_tracker_gnn.io.checks import CheckedMasks

__all__ = ["attach_masks", "lineage_of_masks", "measure_labels"]


def measure_labels(masks: NDArray[np.generic]) -> tuple[Integers, Floats, Integers]:
    """Labels of a label image, their centres in pixels, shape (n, rank), and their numbers of pixels."""
    pixels = np.nonzero(masks)
    label, inverse, size = np.unique(masks[pixels], return_inverse=True, return_counts=True)
    sums = [np.bincount(inverse, weights=axis, minlength=len(label)) for axis in pixels]
    return label.astype(np.int64), np.stack(sums, axis=1) / np.maximum(size, 1)[:, None], size.astype(np.int64)


def lineage_of_masks(
    masks: Frames, parents: Mapping[int, int], identities: Mapping[int, int], scale: Scale, where: str
) -> Lineage:
    """Lineage of masks whose labels are track numbers.

    Parameters
    ----------
    masks
        The masks; each frame is read once.
    parents
        Parent of each track; none where it is not named.
    identities
        Identity of each track; where it is not named, an only child that begins after a missed frame continues its
        parent, and every other track is a cell of its own.
    scale
        Physical size of a pixel.
    where
        Name of the masks in error messages.

    Raises
    ------
    InputError
        If the masks cannot be read.
    """
    checked = CheckedMasks(masks, where)
    found = [measure_labels(checked[index]) for index in range(len(checked))]
    frame = np.repeat(np.arange(len(checked)), [len(label) for label, _, _ in found])
    rank = len(checked.shape)
    track = np.concatenate([label for label, _, _ in found] or [np.zeros(0, np.int64)])
    parent = np.array([parents.get(label, 0) for label in track.tolist()], np.int64)
    source, target = links_of_tracks(frame, track, parent)
    identity = _identity(frame, track, source, target, identities)
    graph = CellGraph(
        number=np.asarray(checked.numbers, np.int64)[frame],
        place=np.concatenate([centre for _, centre, _ in found] or [np.zeros((0, rank))]),
        scale=scale,
        source=source,
        target=target,
        label=track,
        track=track,
        parent=parent,
        identity=identity,
        size=np.concatenate([size for _, _, size in found] or [np.zeros(0, np.int64)]),
        kind=kinds_of_tracks(frame, identity, source, target),
        numbers=tuple(checked.numbers),
        shape=tuple(checked.shape),
    )
    return replace(assemble(graph, where), movie=Movie(checked, None, scale))


def _identity(
    frame: Integers, track: Integers, source: Integers, target: Integers, identities: Mapping[int, int]
) -> Integers:
    """Identity of the track of each cell."""
    born = track[source] != track[target]
    mothers, counts = np.unique(track[source[born]], return_counts=True)
    children = dict(zip(mothers.tolist(), counts.tolist(), strict=True))
    known = dict(identities)
    # A parent ends before its child begins, so in order of time its identity is known first.
    for i in np.flatnonzero(born)[np.argsort(frame[target[born]], kind="stable")].tolist():
        mother, child = int(track[source[i]]), int(track[target[i]])
        goes_on = children[mother] == 1 and frame[target[i]] - frame[source[i]] > 1
        known.setdefault(child, known.get(mother, mother) if goes_on else child)
    return np.array([known.get(label, label) for label in track.tolist()], np.int64)


def attach_masks(lineage: Lineage, movie: Movie, where: str) -> Lineage:
    """The lineage with the masks of its cells, which are found by label, by track number or by place.

    What is the same for most cells, the label or the track number at the centre of the cell, tells which of the two the
    masks carry; where neither does, each cell is the label at its centre. Labels, centres, sizes and shape become those
    of the masks, and the scale, where the lineage has none.

    Parameters
    ----------
    lineage
        A lineage whose places are in pixels of the masks.
    movie
        The masks, read frame by frame.
    where
        Their name in error messages.

    Raises
    ------
    InputError
        If a cell has no mask, two cells share one, or frames are missing.
    """
    cells, rank = lineage.cells, movie.rank
    if rank != cells.rank:
        raise InputError(
            f"the masks {where} are {rank}D and the lineage is {cells.rank}D; give the masks it was made of"
        )
    missing = sorted(set(cells.number.tolist()) - set(movie.numbers))
    if missing:
        raise InputError(f"the masks {where} lack frame {missing[0]} of the lineage; give masks of all its frames")
    found = [measure_labels(movie.masks[index]) for index in range(len(movie))]
    frame = np.searchsorted(np.asarray(movie.numbers), cells.number)
    here = _at_centres(lineage, movie, frame)
    candidates = (cells.label, lineage.track)
    agreement = [int((values == here).sum()) for values in candidates]
    present = [_present(values, frame, found) for values in candidates]
    best = int(np.argmax(agreement))
    label = candidates[best] if present[best].all() and 2 * agreement[best] >= len(cells) else here
    _check_masks(label, frame, cells.number, where)
    place, size = cells.centroid.copy(), cells.size.copy()
    for index in np.unique(frame).tolist():
        rows = np.flatnonzero(frame == index)
        labels, centres, sizes = found[index]
        at = np.searchsorted(labels, label[rows])
        place[rows], size[rows] = centres[at], sizes[at]
    scale = cells.scale if cells.scale.is_known else movie.scale
    order = np.lexsort((label, frame))
    back = np.argsort(order)
    renewed = replace(
        cells, frame=frame, label=label, centroid=place, size=size, numbers=tuple(movie.numbers), shape=movie.shape,
        scale=scale,
    ).select(order)  # fmt: skip
    links, tracks, numbers = lineage.links, lineage.tracks, np.asarray(cells.numbers, np.int64)
    links = replace(links, source=back[links.source], target=back[links.target])
    by_end = np.lexsort((links.target, links.source))
    links = type(links)(
        *(getattr(links, name)[by_end] for name in ("source", "target", "kind", "probability", "margin"))
    )
    begin, end = (np.searchsorted(np.asarray(movie.numbers), numbers[side]) for side in (tracks.begin, tracks.end))
    return replace(
        lineage,
        cells=renewed,
        links=links,
        track=lineage.track[order],
        tracks=replace(tracks, begin=begin, end=end),
        movie=replace(movie, scale=scale),
    )


def _at_centres(lineage: Lineage, movie: Movie, frame: Integers) -> Integers:
    """Label of the masks at the centre of each cell, shape (n,)."""
    pixel = np.clip(np.rint(lineage.cells.centroid), 0, np.array(movie.shape) - 1).astype(np.int64)
    here = np.zeros(len(frame), np.int64)
    for index in np.unique(frame).tolist():
        rows = np.flatnonzero(frame == index)
        here[rows] = movie.masks[index][tuple(pixel[rows].T)]
    return here


def _present(label: Integers, frame: Integers, found: list[tuple[Integers, Floats, Integers]]) -> NDArray[np.bool_]:
    present = np.zeros(len(label), np.bool_)
    for index in np.unique(frame).tolist():
        rows = frame == index
        present[rows] = np.isin(label[rows], found[index][0])
    return present


def _check_masks(label: Integers, frame: Integers, number: Integers, where: str) -> None:
    if (label == 0).any():
        lost = int(np.argmax(label == 0))
        raise InputError(
            f"a cell of frame {number[lost]} has no mask in {where}; give the masks the lineage was made of"
        )
    order = np.lexsort((label, frame))
    twice = (np.diff(label[order]) == 0) & (np.diff(frame[order]) == 0)
    if twice.any():
        cell = order[int(np.argmax(twice))]
        raise InputError(
            f"two cells of frame {number[cell]} lie in one mask of {where}, label {label[cell]}; give the masks the "
            "lineage was made of"
        )
