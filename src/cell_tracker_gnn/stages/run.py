"""The stages of one run, as far as pieces can be computed apart: measured ranges of frames, weighed time windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from cell_tracker_gnn.data import Integers, Movie
from cell_tracker_gnn.embedding.device import choose_device
from cell_tracker_gnn.errors import SettingsError
from cell_tracker_gnn.features.anisotropy import with_assumed_scale
from cell_tracker_gnn.features.walk import first_factor
from cell_tracker_gnn.graph.build import Graph
from cell_tracker_gnn.graph.scores import Scores
from cell_tracker_gnn.graph.windows import WindowGroup, group_windows
from cell_tracker_gnn.io.fingerprint import join_digests, movie_sha256
from cell_tracker_gnn.model.weights import Model, bundled_models, model_path
from cell_tracker_gnn.settings import TrackSettings
from cell_tracker_gnn.stages.embedding import choose_cutter
from cell_tracker_gnn.stages.executors import work_through
from cell_tracker_gnn.stages.jobs import Job, Piece, Range, frame_ranges, measure, measure_in_turn, piece_name, weigh
from cell_tracker_gnn.stages.sources import Given, NamedModel, Opening, cut_movie
from cell_tracker_gnn.stages.stitch import count_cells, stitch_cells, stitch_windows
from cell_tracker_gnn.stages.store import MemoryStore, Store

__all__ = ["Run", "begin_run"]

MANY, FEW = 1000, 16
"""Pieces that are handed over at a time: few where frames or features must be held and sent."""


@dataclass(frozen=True, eq=False)
class Run:
    """One run on its way from frames to weighed links.

    Parameters
    ----------
    movie
        The movie, with its scale.
    job
        What every piece needs to know.
    store
        Where pieces are kept.
    executor
        Who computes them; this process, one after the other, where there is none.
    remote
        Whether the executor is another process.
    """

    movie: Movie
    job: Job
    store: Store
    executor: Executor | None
    remote: bool

    @property
    def ranges(self) -> list[Range]:
        """The ranges of frames of the first stage."""
        return frame_ranges(len(self.movie))

    def measure(self, progress: Callable[[int], None], share: tuple[int, int] | None = None) -> None:
        """Measure the ranges of frames that the store lacks.

        Parameters
        ----------
        progress
            Called with the number of frames that are done.
        share
            ``(i, n)``: only the ``i``-th of ``n`` shares of the frames, counted from 1.
        """
        missing = [piece for piece in self._share(share) if not self.store.has(piece_name("features", piece[0]))]
        done = self.frames_of(share) - sum(end - begin for begin, end in missing)
        if not missing:
            return
        if self.executor is None:
            # One walk from the first frame on finds out on its way how much to reduce the frames.
            job = self.job if missing == self.ranges[: len(missing)] else self._with_factor()
            count = iter(range(done + 1, len(self.movie) + 1))
            measure_in_turn(job, self.store, missing, lambda _: progress(next(count)))
            return
        calls = self._measurements(missing)
        for call, kept in work_through(self.executor, measure, calls, at_once=FEW if self._sends_frames else MANY):
            begin, end = call[2]
            self.store.take(piece_name("features", begin), kept)
            done += end - begin
            progress(done)

    def frames_of(self, share: tuple[int, int] | None = None) -> int:
        """Number of frames of a share, see :meth:`measure`."""
        return sum(end - begin for begin, end in self._share(share))

    def weigh(self, progress: Callable[[int, int], None]) -> None:
        """Weigh the groups of windows that the store lacks; ``progress`` is told how many of how many are done."""
        pieces = self._pieces()
        missing = [piece for piece in pieces if not self.store.has(piece_name("windows", piece.group.begin))]
        done = len(pieces) - len(missing)
        at_once = FEW if isinstance(self.store, MemoryStore) else MANY
        for call, kept in work_through(self.executor, weigh, self._weighings(missing), at_once=at_once):
            self.store.take(piece_name("windows", call[2].group.begin), kept)
            done += 1
            progress(done, len(pieces))

    def stitch(self) -> tuple[Graph, Scores]:
        """The cells and candidate links of the whole movie, when every piece is there."""
        cells = stitch_cells(self.job, self.store, self.ranges)
        return stitch_windows(cells, self.store, self._groups)

    def masks_sha256(self) -> str:
        """Hash of all masks or points, see :func:`~cell_tracker_gnn.io.fingerprint.movie_sha256`."""
        if self.movie.points is not None:
            return movie_sha256(self.movie)
        names = (piece_name("features", begin) for begin, _ in self.ranges)
        return join_digests(self.store.load(name, ["digest"])["digest"] for name in names)

    @cached_property
    def _counts(self) -> Integers:
        """Number of cells of each frame, once all are measured."""
        return count_cells(self.store, self.ranges)

    @cached_property
    def _groups(self) -> list[WindowGroup]:
        return group_windows(self._counts, max_gap=self.job.span)

    @property
    def _sends_frames(self) -> bool:
        return self.remote and isinstance(self.job.movie, Given) and self.movie.points is None

    def _with_factor(self) -> Job:
        return replace(self.job, factor=first_factor(self.movie, min_size=self.job.settings.min_size))

    def _share(self, share: tuple[int, int] | None) -> list[Range]:
        if share is None:
            return self.ranges
        bound = np.linspace(0, len(self.ranges), share[1] + 1).round().astype(int)
        return self.ranges[bound[share[0] - 1] : bound[share[0]]]

    def _measurements(self, ranges: Sequence[Range]) -> Iterator[tuple[Job, Store, Range, int]]:
        job, first = self._with_factor(), 0
        store = self.store.only([]) if self.remote else self.store
        for begin, end in ranges:
            if self._sends_frames:
                last = min(end + job.span + 1, len(self.movie))
                job, first = replace(job, movie=Given(cut_movie(self.movie, begin, last))), begin
            yield job, store, (begin, end), first

    def _weighings(self, pieces: Sequence[Piece]) -> Iterator[tuple[Job, Store, Piece]]:
        job = replace(self.job, movie=_no_movie) if self._sends_frames else self.job
        for piece in pieces:
            names = [piece_name("features", begin) for begin, _ in piece.ranges]
            yield job, self.store.only(names) if self.remote else self.store, piece

    def _pieces(self) -> list[Piece]:
        total = np.r_[0, np.cumsum(self._counts)]
        pieces = []
        for group in self._groups:
            low, high = group.seen
            needed = tuple((begin, end) for begin, end in self.ranges if begin < high and end > low)
            pieces.append(Piece(group, needed, int(total[group.begin])))
        return pieces


def begin_run(
    movie: Movie,
    model: Model,
    settings: TrackSettings,
    *,
    store: Store,
    executor: Executor | None = None,
    opening: Opening | None = None,
) -> Run:
    """Find out what all pieces of a run must know, and how other processes get it.

    Parameters
    ----------
    movie, model, settings
        What is tracked, and how.
    store
        Where pieces are kept.
    executor
        Who computes them.
    opening
        What the movie was opened from, if that lies on disk.

    Raises
    ------
    SettingsError
        If the device is not there, or a smallest size is asked of points.
    """
    if movie.points is not None and settings.min_size:
        raise SettingsError("points have no size; leave --min-size away")
    movie = with_assumed_scale(movie)
    remote = executor is not None and not isinstance(executor, ThreadPoolExecutor)
    opened_there = remote and opening is not None and opening.on_disk
    job = Job(
        movie=opening.for_workers() if opening is not None and opened_there else Given(movie),
        model=_for_workers(model) if remote else Given(model),
        settings=settings,
        span=settings.span(model.max_gap),
        device=str(choose_device(settings.device)),
        numbers=tuple(movie.numbers),
        shape=movie.shape,
        scale=movie.scale,
        factor=None,
        cutter=choose_cutter(model.encoder, movie),
    )
    return Run(movie, job, store, executor, remote)


def _no_movie() -> Movie:
    """Stands for the movie where the features are all that is needed."""
    raise AssertionError("windows are weighed without the frames")


def _for_workers(model: Model) -> Given[Model] | NamedModel:
    """The model by its name or path, if it came from a file."""
    if not model.sha256:
        return Given(model)
    name = model.name if model.name in bundled_models() else str(model_path(model.name).absolute())
    return NamedModel(name, model.sha256)
