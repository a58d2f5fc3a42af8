"""The pieces of work: features of a range of frames, and log-odds of a group of time windows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from dataclasses import replace as with_changes
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Cells, Movie, Scale
from cell_tracker_gnn.features.cutting import CropCutter
from cell_tracker_gnn.features.extract import Embed, extract_parts
from cell_tracker_gnn.features.movement import Movement
from cell_tracker_gnn.features.parts import FeaturePart, join_parts
from cell_tracker_gnn.features.walk import FrameWalk
from cell_tracker_gnn.graph.windows import WindowGroup
from cell_tracker_gnn.io.fingerprint import HashedFrames
from cell_tracker_gnn.settings import TrackSettings
from cell_tracker_gnn.stages.store import Arrays, Store

if TYPE_CHECKING:
    from cell_tracker_gnn.model.weights import Model

__all__ = ["Job", "Piece", "frame_ranges", "measure", "measure_in_turn", "piece_name", "weigh"]

SHORTEST, LONGEST = 16, 32
"""Frames of a range at most, in short and in long movies: few enough to share the work out and to be held, many enough
that the frames read twice cost little."""

Range = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Job:
    """What every piece of a run needs to know.

    Parameters
    ----------
    movie, model
        Give the movie and the model when they are called.
    settings
        Settings of the run.
    span
        Missed frames that the candidate links span: those of cells that come back compete even where they are left out
        of the lineage, see :func:`~cell_tracker_gnn.pipeline.leave_out_gaps`.
    device
        Name of the device.
    numbers, shape, scale
        Of the movie.
    factor
        See :func:`~cell_tracker_gnn.features.walk.first_factor`; None where one walk sees the first frames first.
    cutter
        Cuts the crops to embed, or None where cells are not embedded.
    """

    movie: Callable[[], Movie]
    model: Callable[[], Model]
    settings: TrackSettings
    span: int
    device: str
    numbers: tuple[int, ...]
    shape: tuple[int, ...]
    scale: Scale
    factor: int | None
    cutter: CropCutter | None


def frame_ranges(frames: int) -> list[Range]:
    """First and one past the last frame of ranges of about equal length, which never depend on who computes them."""
    length = min(max(SHORTEST, frames // SHORTEST), LONGEST)
    bound = np.linspace(0, frames, -(-frames // length) + 1).round().astype(int).tolist()
    return list(pairwise(bound))


def piece_name(stage: str, begin: int) -> str:
    """Name of a stored piece: ``features`` of a range or ``windows`` of a group, by its first frame."""
    return f"{stage}-{begin:07d}"


def measure(job: Job, store: Store, frames: Range, first: int = 0) -> Arrays | None:
    """Measure a range of frames.

    Parameters
    ----------
    job
        The job; its movie may begin at the frame ``first`` of the whole one.
    store
        Where the features are kept.
    frames
        The range.
    first
        First frame of the job's movie.
    """
    (arrays,) = _measured(job, [(frames[0] - first, frames[1] - first)])
    return store.keep(piece_name("features", frames[0]), arrays)


def measure_in_turn(
    job: Job, store: Store, ranges: Iterable[Range], progress: Callable[[int], None] | None = None
) -> None:
    """Measure ranges of frames one after the other, reading the frames between them only once."""
    ranges = list(ranges)
    for frames, arrays in zip(ranges, _measured(job, ranges, progress), strict=True):
        name = piece_name("features", frames[0])
        store.take(name, store.keep(name, arrays))


def _measured(
    job: Job, ranges: Sequence[Range], progress: Callable[[int], None] | None = None
) -> Iterator[dict[str, NDArray[Any]]]:
    """What is stored of each range: its features and, of masks, the ``digest`` of each frame."""
    movie = with_changes(job.movie(), scale=job.scale)
    hashed = HashedFrames(movie.masks) if movie.points is None else None
    if hashed is not None:
        movie = with_changes(movie, masks=hashed)
    walk = FrameWalk(movie, min_size=job.settings.min_size, factor=job.factor)
    parts = extract_parts(walk, ranges, max_gap=job.span, embed=_embed(job), progress=progress)
    for frames, part in zip(ranges, parts, strict=True):
        yield part.arrays() | ({"digest": hashed.digests(*frames)} if hashed is not None else {})


def _embed(job: Job) -> Embed | None:
    """How the job embeds cells; torch is loaded only if it does."""
    if job.cutter is None:
        return None
    from cell_tracker_gnn.embedding.device import choose_device
    from cell_tracker_gnn.stages.embedding import embed_with

    encoder = job.model().encoder
    return (
        None
        if encoder is None
        else embed_with(encoder, job.cutter, choose_device(job.device), flips=job.settings.flips)
    )


@dataclass(frozen=True)
class Piece:
    """A group of windows and where it lies in the movie.

    Parameters
    ----------
    group
        The windows.
    ranges
        Ranges of frames that hold all frames that must be seen.
    first_row
        Row of the first of the group's cells among those of the movie.
    """

    group: WindowGroup
    ranges: tuple[Range, ...]
    first_row: int


def weigh(job: Job, store: Store, piece: Piece) -> Arrays | None:
    """Find and weigh the candidate links within a group of windows.

    The arrays that are kept hold one row per link with its two ends in the group: ``source`` and ``target`` (rows among
    all cells of the movie), ``ahead``, ``shared``, ``link`` and ``link_seen``; and one row per cell of the group:
    ``came_in``, ``cell`` and ``cell_seen``; see :class:`~cell_tracker_gnn.model.infer.WindowSums`.
    """
    from cell_tracker_gnn.embedding.device import choose_device
    from cell_tracker_gnn.graph.build import build_graph
    from cell_tracker_gnn.model.infer import score_windows

    group, network = piece.group, job.model().network
    cells, movement = _seen(job, store, piece)
    graph = build_graph(
        cells,
        movement,
        max_gap=job.span,
        max_move=job.settings.max_move,
        describe=network.describe,
        first_frame=group.seen[0],
    )
    bounds = [(begin - group.seen[0], end - group.seen[0]) for begin, end in group.bounds]
    sums = score_windows(network, graph, bounds, device=choose_device(job.device))
    first, last = np.searchsorted(cells.frame, (bounds[0][0], bounds[-1][1]))
    candidates = graph.candidates
    inside = (candidates.source >= first) & (candidates.target < last)
    links = {name: getattr(candidates, name)[inside] for name in ("source", "target", "ahead", "shared")}
    for end in ("source", "target"):
        links[end] += piece.first_row - first
    weights = {"link": sums.link[inside], "link_seen": sums.link_seen[inside]}
    of_cells = {"came_in": graph.came_in, "cell": sums.cell, "cell_seen": sums.cell_seen}
    arrays = links | weights | {name: values[first:last] for name, values in of_cells.items()}
    return store.keep(piece_name("windows", group.begin), arrays)


def _seen(job: Job, store: Store, piece: Piece) -> tuple[Cells, Movement]:
    """Cells and movement of the frames that a group must see."""
    low, high = piece.group.seen
    parts = []
    for begin, end in piece.ranges:
        arrays = store.load(piece_name("features", begin))
        part = FeaturePart.of(arrays, numbers=job.numbers[begin:end], shape=job.shape, scale=job.scale)
        parts.append(part.between(max(low - begin, 0), min(high, end) - begin))
    return join_parts(parts, numbers=job.numbers[low:high], shape=job.shape, scale=job.scale)
