"""The whole path from masks to lineage on one screen."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Cells, Lineage, Movie, Points
from cell_tracker_gnn.embedding.device import choose_device
from cell_tracker_gnn.errors import SettingsError
from cell_tracker_gnn.features.scattered import warn_of_scattered
from cell_tracker_gnn.graph.build import Graph
from cell_tracker_gnn.graph.scores import Scores
from cell_tracker_gnn.io import PointSource, Source
from cell_tracker_gnn.io.edits import Edits, read_edits
from cell_tracker_gnn.linking.confidence import Confidence
from cell_tracker_gnn.linking.corrections import Corrections, check_masks, resolve_edits
from cell_tracker_gnn.linking.costs import LinkCosts, LinkRewards, link_rewards
from cell_tracker_gnn.linking.evidence import gather_decisions
from cell_tracker_gnn.linking.greedy import solve_greedy
from cell_tracker_gnn.linking.halves import join_halves
from cell_tracker_gnn.linking.match import solve_exact
from cell_tracker_gnn.linking.merges import Passages, find_passages
from cell_tracker_gnn.linking.problem import LinkProblem
from cell_tracker_gnn.linking.summary import rate_lineage
from cell_tracker_gnn.linking.walk import Walk
from cell_tracker_gnn.model.weights import Model, load_model
from cell_tracker_gnn.settings import TrackSettings
from cell_tracker_gnn.stages.executors import choose_workers, limit_threads, process_pool, thread_pool
from cell_tracker_gnn.stages.jobs import frame_ranges
from cell_tracker_gnn.stages.record import begin_folder, run_record
from cell_tracker_gnn.stages.run import Run, begin_run
from cell_tracker_gnn.stages.sources import Opening
from cell_tracker_gnn.stages.store import MemoryStore, Store

__all__ = ["Progress", "Tracker", "choose_links", "leave_out_gaps", "link_cells", "reward_links", "track_movie"]

SHARE_OF_HEAD, LEAST_OF_HEAD = 0.5, -3.0
"""How much of a mother's own log-odds of dividing counts against the cost of a second child, beside what the two links
say, and the least that they are taken for: below, they only say that a division would be an unusual one. All of them
lose such divisions, none of them makes daughters of cells that come in (docs/tried.md)."""

Progress = Callable[[str, int, int], None]
"""Called with the stage, how much of it is done and how much there is."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Tracker:
    """A trained model with the settings to use it.

    Parameters
    ----------
    model
        The model.
    settings
        Settings of a run.

    Examples
    --------
    >>> import numpy as np
    >>> from cell_tracker_gnn import Tracker
    >>> masks = np.zeros((3, 64, 64), int)
    >>> masks[0, 10:20, 10:20] = masks[1, 12:22, 11:21] = masks[2, 13:23, 13:23] = 7
    >>> lineage = Tracker.from_pretrained().track(masks)
    >>> len(lineage.cells), len(lineage.links), len(lineage.tracks)
    (3, 2, 1)
    """

    model: Model
    settings: TrackSettings = TrackSettings()

    @classmethod
    def from_pretrained(cls, name: str | Path = "general", settings: TrackSettings | None = None) -> Self:
        """Load a bundled model by its name or a model file by its path."""
        return cls(load_model(name), settings or TrackSettings())

    def track(
        self,
        masks: Source | PointSource,
        images: Source | None = None,
        *,
        axes: str | None = None,
        channel: int | None = None,
        frames: str | None = None,
        scale: Sequence[float] | None = None,
        unit: str | None = None,
        interval: float | None = None,
        fixed: Edits | str | PathLike[str] | None = None,
        progress: Progress | None = None,
        executor: Executor | None = None,
        workers: int | None = 1,
        threads: int | None = None,
        work: str | PathLike[str] | None = None,
    ) -> Lineage:
        """Track masks or points, with or without their images.

        The lineage is the same whoever computes it. Its cells come without their embeddings.

        Parameters
        ----------
        masks, images, axes, channel, frames, scale, unit, interval
            See :func:`~cell_tracker_gnn.io.open_movie`. A table (a ``.csv`` or ``.parquet`` file, a mapping of columns,
            a data frame) with the columns ``t, [z], y, x[, id]`` in the place of masks is one of points, see
            :func:`~cell_tracker_gnn.io.open_points`.
        fixed
            Corrections that the lineage has to obey, see :class:`~cell_tracker_gnn.io.edits.Edits`, or their file.
        progress
            Called as the work goes on.
        executor
            Computes ranges of frames and time windows: any executor of :mod:`concurrent.futures`, a dask client's too.
            The workers must see the files of the movie, the model and ``work``.
        workers
            Processes to start where there is no executor: 1 for none, None for one per core if the movie is large. They
            import the calling script anew, which must guard what it does by ``if __name__ == "__main__"``. Threads
            share a movie that lies in memory.
        threads
            Threads of each process; the cores are shared out when left out.
        work
            A folder in which finished pieces are kept, and found again if they are of the same run; memory when left
            out. The inputs and the model must lie on disk.
        """
        opening = Opening(masks, images, axes, channel, frames, _given(scale), unit, interval)
        edits = read_edits(fixed) if isinstance(fixed, (str, PathLike)) else fixed
        with self._begin(opening, executor, workers, threads, work) as run:
            lineage = _finish(run, self.model, edits, progress)
        inputs = {name: str(path) for name, path in opening.inputs.items()}
        choices = {name: value for name, value in (("axes", axes), ("channel", channel)) if value is not None}
        return replace(lineage, run={**lineage.run, **inputs, **choices})

    def measure(
        self,
        masks: Source | PointSource,
        images: Source | None = None,
        *,
        part: tuple[int, int],
        work: str | PathLike[str],
        axes: str | None = None,
        channel: int | None = None,
        frames: str | None = None,
        scale: Sequence[float] | None = None,
        unit: str | None = None,
        interval: float | None = None,
        progress: Progress | None = None,
        executor: Executor | None = None,
        workers: int | None = 1,
        threads: int | None = None,
    ) -> None:
        """Only measure one of several parts of the frames of a movie, so that many jobs can do it.

        Parameters
        ----------
        part
            ``(i, n)``: the ``i``-th of ``n`` parts, counted from 1.
        work
            Folder in which all jobs keep what they have measured, for :meth:`track`.
        masks, images, axes, channel, frames, scale, unit, interval, progress, executor, workers, threads
            See :meth:`track`.
        """
        opening = Opening(masks, images, axes, channel, frames, _given(scale), unit, interval)
        report = progress or _silent
        with self._begin(opening, executor, workers, threads, work) as run, _timed("features"):
            run.measure(lambda done: report("features", done, run.frames_of(part)), part)

    @contextmanager
    def _begin(
        self,
        opening: Opening,
        executor: Executor | None,
        workers: int | None,
        threads: int | None,
        work: str | PathLike[str] | None,
    ) -> Iterator[Run]:
        """A run with everything it needs: the opened movie, a store, and workers where they are worth it."""
        movie, device = opening.open(), choose_device(self.settings.device)
        store: Store = MemoryStore()
        if work is not None:
            if not (opening.on_disk and self.model.sha256):
                raise SettingsError("pieces are kept only of a movie and a model on disk; save them, or give no folder")
            made_of = run_record(opening, movie, model=self.model.sha256, settings=self.settings, device=str(device))
            store = begin_folder(Path(work), made_of)
        with ExitStack() as stack:
            if executor is None:
                pixels = float(len(movie)) * math.prod(movie.shape)
                number = choose_workers(workers, pixels=pixels, pieces=len(frame_ranges(len(movie))))
                if threads is not None:
                    limit_threads(threads)
                if number > 1:
                    pool = process_pool if opening.on_disk else thread_pool
                    executor = stack.enter_context(pool(number, threads))
            yield begin_run(movie, self.model, self.settings, store=store, executor=executor, opening=opening)


def _given(scale: Sequence[float] | None) -> tuple[float, ...] | None:
    return tuple(scale) if scale is not None else None


def track_movie(
    movie: Movie,
    model: Model,
    settings: TrackSettings = TrackSettings(),
    *,
    fixed: Edits | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
    store: Store | None = None,
) -> Lineage:
    """Features, graph, network and linking of one movie.

    Parameters
    ----------
    movie
        Masks or points, with or without images.
    model
        The trained model.
    settings
        Settings of the run.
    fixed
        Corrections that the lineage has to obey.
    progress
        Called as the work goes on.
    executor
        Computes ranges of frames and time windows; this process when left out. Frames are sent to other processes.
    store
        Where these are kept when they are finished; those that it holds already are not computed again.

    Raises
    ------
    SettingsError
        If the device is not there, or a smallest size is asked of points.
    InputError
        If the corrections were made on other masks.
    LinkingError
        If corrections contradict each other.
    WorkerError
        If a process that computes died.
    """
    run = begin_run(movie, model, settings, store=store or MemoryStore(), executor=executor)
    return _finish(run, model, fixed, progress)


def _finish(run: Run, model: Model, fixed: Edits | None, progress: Progress | None) -> Lineage:
    """All that a run lacks, up to the lineage."""
    report, movie, settings = progress or _silent, run.movie, run.job.settings
    with _timed("features"):
        run.measure(lambda done: report("features", done, len(movie)))
        masks_sha256 = run.masks_sha256()
    if fixed is not None:
        check_masks(fixed, masks_sha256)
    with _timed("network"):
        run.weigh(lambda done, total: report("network", done, total))
        graph, scores = run.stitch()
    warn_of_scattered(movie, graph.cells)
    with _timed("linking"):
        corrections = None
        if fixed is not None:
            cells = _as_given(graph.cells, movie.points)
            corrections = resolve_edits(fixed.edits, cells, divisions=settings.divisions)
            graph, scores = corrections.add_candidates(graph, scores)
        costs, merged = LinkCosts(**model.costs), movie.points is None
        passages, rewards = link_cells(graph, scores, costs, settings, corrections=corrections, merged=merged)
        report("linking", 1, 1)
    with _timed("confidence"):
        decisions = gather_decisions(graph, scores, rewards, passages.chosen, divisions=settings.divisions)
        record: dict[str, object] = {
            "version": version("cell-tracker-gnn"),
            "model": {"name": model.name, "sha256": model.sha256},
            "settings": settings.as_dict(),
            "masks_sha256": masks_sha256,
            "edits": [] if fixed is None else fixed.as_dict()["edits"],
        }
        confidence = Confidence.from_dict(model.confidence)
        lineage = rate_lineage(graph, scores.link, passages, decisions, confidence, movie=movie, run=record)
    return replace(lineage, cells=_as_given(lineage.cells, movie.points))


def _silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody wants to know."""


def _as_given(cells: Cells, points: Points | None) -> Cells:
    """The cells under the labels and the coordinates of the points that they were drawn for, if they were."""
    if points is None:
        return cells
    return replace(cells, label=points.label, centroid=points.position, scale=points.scale)


def link_cells(
    graph: Graph,
    scores: Scores,
    costs: LinkCosts,
    settings: TrackSettings,
    *,
    corrections: Corrections | None = None,
    merged: bool = True,
) -> tuple[Passages, LinkRewards]:
    """The chosen links and the objective that they are the best for.

    Parameters
    ----------
    graph, scores
        The candidate links and what the network says.
    costs, settings
        Linking costs and settings of the run.
    corrections
        What the lineage has to obey.
    merged
        Whether cells may go on after a mask that they shared, where gaps are wanted at all.
    """
    rewards = reward_links(graph, scores, costs)
    if corrections is not None:
        rewards = corrections.constrain(graph, rewards)
    rewards = leave_out_gaps(graph, rewards, settings)
    chosen = choose_links(graph, rewards, settings)
    held = {"fixed": rewards.fixed, "forbidden": rewards.forbidden}
    passages = find_passages(graph, scores.link, chosen, merged=merged and settings.max_gap > 0, **held)
    return passages, rewards.without(passages.dropped)


def reward_links(graph: Graph, scores: Scores, costs: LinkCosts) -> LinkRewards:
    """The objective of the linking."""
    candidates = graph.candidates
    return link_rewards(
        scores.link,
        candidates.ahead,
        cells=len(graph.cells),
        costs=costs,
        divides=SHARE_OF_HEAD * np.maximum(scores.divides, LEAST_OF_HEAD),
        came_in=graph.came_in[candidates.target],
    )


def leave_out_gaps(graph: Graph, rewards: LinkRewards, settings: TrackSettings) -> LinkRewards:
    """The same objective without links over more missed frames than ``max_gap``.

    A cell that comes back after missed frames has no parent in the frame before, but a neighbour there that it would
    be taken for a daughter of. So all links compete first, and the cells that come back over too many frames begin,
    but not those that were there in two masks. Fixed links stay.
    """
    candidates = graph.candidates
    beyond = candidates.ahead > settings.max_gap + 1
    if not beyond.any():
        return rewards
    chosen = choose_links(graph, rewards, settings)
    walk = Walk.along(graph, chosen, fixed=rewards.fixed, forbidden=rewards.forbidden)
    chosen = join_halves(walk).chosen
    forbidden = beyond | np.isin(candidates.target, candidates.target[chosen & beyond])
    if rewards.fixed is not None:
        forbidden &= ~rewards.fixed
    if rewards.forbidden is not None:
        forbidden |= rewards.forbidden
    return replace(rewards, forbidden=forbidden)


def choose_links(graph: Graph, rewards: LinkRewards, settings: TrackSettings) -> NDArray[np.bool_]:
    """The best set of links under the settings, shape (m,)."""
    solve = solve_exact if settings.linker == "exact" else solve_greedy
    problem = LinkProblem.pose(
        graph.candidates.source,
        graph.candidates.target,
        rewards.reward,
        cells=len(graph.cells),
        divisions=settings.divisions,
        **rewards.as_arguments(),
    )
    return solve(problem)


@contextmanager
def _timed(stage: str) -> Iterator[None]:
    begin, begin_cpu = time.perf_counter(), time.process_time()
    yield
    _log.info("%s took %.2f s, %.2f s of CPU", stage, time.perf_counter() - begin, time.process_time() - begin_cpu)
