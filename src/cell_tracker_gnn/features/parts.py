"""The features of a range of frames, and how those of many ranges become the features of a movie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Cells, Floats, Integers, Scale
from cell_tracker_gnn.features.movement import Meeting, Movement
from cell_tracker_gnn.features.regions import FrameCells, join_frames

__all__ = ["FeaturePart", "collect_part", "join_parts"]

CELL_COLUMNS: tuple[str, ...] = tuple(f.name for f in fields(Cells) if f.name not in ("numbers", "shape", "scale"))
"""The arrays of :class:`~cell_tracker_gnn.data.Cells`."""


@dataclass(frozen=True, eq=False)
class FeaturePart:
    """Cells of a range of frames and where they are expected in the frames that follow, also beyond the range.

    Parameters
    ----------
    cells
        The cells; frames are counted from the beginning of the range.
    drift, flow
        Expected displacement of each cell 1, 2, ... frames later, in pixels, shape (gaps, n, rank).
    source
        Row in ``cells`` of each mask that meets another one, shape (k,).
    ahead
        Frames from there to the other one, shape (k,).
    target
        Row of the other one within its own frame, shape (k,).
    shared
        Share of the source's mask that lands on the target after drift and after flow, shape (k, 2).
    """

    cells: Cells
    drift: Floats
    flow: Floats
    source: Integers
    ahead: Integers
    target: Integers
    shared: Floats

    @property
    def counts(self) -> Integers:
        """Number of cells of each frame, shape (frames,)."""
        return np.bincount(self.cells.frame, minlength=len(self.cells.numbers))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All numbers by name, to be stored."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "cells"}
        return own | {f"cells.{name}": getattr(self.cells, name) for name in CELL_COLUMNS}

    @classmethod
    def of(
        cls, arrays: Mapping[str, NDArray[Any]], *, numbers: tuple[int, ...], shape: tuple[int, ...], scale: Scale
    ) -> Self:
        """What :meth:`arrays` gave, with the frame numbers of the range, the shape of a frame and the scale."""
        cells = {name: arrays[f"cells.{name}"] for name in CELL_COLUMNS}
        own = {f.name: arrays[f.name] for f in fields(cls) if f.name != "cells"}
        return cls(cells=Cells(**cells, numbers=numbers, shape=shape, scale=scale), **own)

    def between(self, begin: int, end: int) -> Self:
        """The part of the frames ``begin`` .. ``end`` - 1, counted from the beginning of the range."""
        first, last = np.searchsorted(self.cells.frame, (begin, end))
        if (first, last) == (0, len(self.cells)) and (begin, end) == (0, len(self.cells.numbers)):
            return self
        rows, met = slice(first, last), (self.source >= first) & (self.source < last)
        cells = {name: getattr(self.cells, name)[rows] for name in CELL_COLUMNS}
        cells["frame"] = cells["frame"] - begin
        return type(self)(
            Cells(**cells, numbers=self.cells.numbers[begin:end], shape=self.cells.shape, scale=self.cells.scale),
            self.drift[:, rows],
            self.flow[:, rows],
            self.source[met] - first,
            self.ahead[met],
            self.target[met],
            self.shared[met],
        )


def collect_part(
    frames: Sequence[FrameCells],
    embedding: NDArray[np.float32] | None,
    meetings: Mapping[tuple[int, int], Meeting],
    *,
    gaps: int,
    numbers: tuple[int, ...],
    shape: tuple[int, ...],
    scale: Scale,
) -> FeaturePart:
    """The part of some consecutive frames.

    Parameters
    ----------
    frames, embedding
        The cells of each frame and the embeddings of all of them.
    meetings
        Meeting of each frame, counted from the first one, with the one 1, 2, ... frames later.
    gaps
        Largest number of frames ahead.
    numbers, shape, scale
        Of the frames.
    """
    cells = join_frames(frames, embedding, numbers=numbers, shape=shape, scale=scale)
    first = np.r_[0, np.cumsum([len(frame) for frame in frames])].astype(np.int64)
    drift, flow = np.zeros((2, gaps, len(cells), scale.rank))
    none = np.zeros(0, np.int64)
    source, steps, target, shared = [none], [none], [none], [np.zeros((0, 2))]
    for (frame, ahead), meeting in sorted(meetings.items()):
        rows = slice(first[frame], first[frame + 1])
        drift[ahead - 1, rows], flow[ahead - 1, rows] = meeting.drift, meeting.flow
        source.append(meeting.source + first[frame])
        steps.append(np.full(len(meeting.source), ahead))
        target.append(meeting.target)
        shared.append(meeting.shared)
    return FeaturePart(
        cells,
        drift,
        flow,
        np.concatenate(source),
        np.concatenate(steps),
        np.concatenate(target),
        np.concatenate(shared),
    )


def join_parts(
    parts: Sequence[FeaturePart], *, numbers: tuple[int, ...], shape: tuple[int, ...], scale: Scale
) -> tuple[Cells, Movement]:
    """Cells and movement of consecutive parts, without what leads beyond the last one.

    Parameters
    ----------
    parts
        The parts, in the order of time.
    numbers, shape, scale
        Of all their frames.
    """
    counts = np.concatenate([part.counts for part in parts])
    first = np.r_[0, np.cumsum(counts)].astype(np.int64)
    columns = {name: np.concatenate([getattr(part.cells, name) for part in parts]) for name in CELL_COLUMNS}
    columns["frame"] = np.repeat(np.arange(len(counts)), counts)
    cells = Cells(**columns, numbers=numbers, shape=shape, scale=scale)
    begin = first[np.cumsum([0, *(len(part.cells.numbers) for part in parts)])]
    source = np.concatenate([part.source + row for part, row in zip(parts, begin, strict=False)])
    frame = cells.frame[source] + np.concatenate([part.ahead for part in parts])
    inside = frame < len(counts)
    target = np.concatenate([part.target for part in parts])[inside] + first[frame[inside]]
    shared = np.concatenate([part.shared for part in parts])[inside]
    drift, flow = (np.concatenate([getattr(part, name) for part in parts], axis=1) for name in ("drift", "flow"))
    return cells, Movement(drift, flow, source[inside], target, shared)
