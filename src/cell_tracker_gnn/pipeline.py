"""The whole path from masks to lineage on one screen."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from cell_tracker_gnn.data import Cells, Lineage, Movie, Points
from cell_tracker_gnn.embedding.encoder import Encoder, embed
from cell_tracker_gnn.errors import SettingsError
from cell_tracker_gnn.features.anisotropy import with_assumed_scale
from cell_tracker_gnn.features.cutting import CropCutter
from cell_tracker_gnn.features.extract import Embed, extract_features
from cell_tracker_gnn.graph.build import Graph, build_graph
from cell_tracker_gnn.io import PointSource, Source, is_points, open_movie, open_points
from cell_tracker_gnn.io.edits import Edits, read_edits
from cell_tracker_gnn.io.fingerprint import HashedFrames, movie_sha256
from cell_tracker_gnn.linking.confidence import Confidence
from cell_tracker_gnn.linking.corrections import check_masks, resolve_edits
from cell_tracker_gnn.linking.costs import LinkCosts, LinkRewards, link_rewards
from cell_tracker_gnn.linking.evidence import gather_decisions
from cell_tracker_gnn.linking.greedy import solve_greedy
from cell_tracker_gnn.linking.match import solve_exact
from cell_tracker_gnn.linking.merges import find_passages
from cell_tracker_gnn.linking.summary import rate_lineage
from cell_tracker_gnn.model.infer import Scores, score_graph
from cell_tracker_gnn.model.weights import Model, load_model
from cell_tracker_gnn.settings import TrackSettings

__all__ = ["Progress", "Tracker", "choose_device", "choose_links", "embedder", "reward_links", "track_movie"]

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
    ) -> Lineage:
        """Track masks or points, with or without their images.

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
        """
        edits = read_edits(fixed) if isinstance(fixed, (str, PathLike)) else fixed
        open_input, kind = (open_points, "points") if is_points(masks) else (open_movie, "masks")
        movie = open_input(
            masks, images, axes=axes, channel=channel, frames=frames, scale=scale, unit=unit, interval=interval
        )
        paths = {kind: masks, "images": images}
        inputs = {name: str(Path(p).absolute()) for name, p in paths.items() if isinstance(p, (str, PathLike))}
        lineage = track_movie(movie, self.model, self.settings, fixed=edits, progress=progress)
        choices = {name: value for name, value in (("axes", axes), ("channel", channel)) if value is not None}
        return replace(lineage, run={**lineage.run, **inputs, **choices})


def track_movie(
    movie: Movie,
    model: Model,
    settings: TrackSettings = TrackSettings(),
    *,
    fixed: Edits | None = None,
    progress: Progress | None = None,
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

    Raises
    ------
    SettingsError
        If the device is not there, or a smallest size is asked of points.
    InputError
        If the corrections were made on other masks.
    LinkingError
        If corrections contradict each other.
    """
    if movie.points is not None and settings.min_size:
        raise SettingsError("points have no size; leave --min-size away")
    report = progress or (lambda stage, done, total: None)
    movie = with_assumed_scale(replace(movie, masks=HashedFrames(movie.masks)))
    device = choose_device(settings.device)
    with _timed("features"):
        cells, movement = extract_features(
            movie,
            max_gap=settings.max_gap,
            min_size=settings.min_size,
            embed=embedder(model.encoder, movie, device, flips=settings.flips),
            progress=lambda index: report("features", index + 1, len(movie)),
        )
        masks_sha256 = movie_sha256(movie)
    corrections = None
    if fixed is not None:
        check_masks(fixed, masks_sha256)
        corrections = resolve_edits(fixed.edits, _as_given(cells, movie.points), divisions=settings.divisions)
    with _timed("graph"):
        graph = build_graph(
            cells, movement, max_gap=settings.max_gap, max_move=settings.max_move, describe=model.network.describe
        )
    with _timed("network"):
        scores = score_graph(model.network, graph, device=device)
        report("network", 1, 1)
    with _timed("linking"):
        if corrections is not None:
            graph, scores = corrections.add_candidates(graph, scores)
        rewards = reward_links(graph, scores, LinkCosts(**model.costs))
        if corrections is not None:
            rewards = corrections.constrain(graph, rewards)
        chosen = choose_links(graph, rewards, settings)
        merged = settings.max_gap > 0 and movie.points is None
        held = {"fixed": rewards.fixed, "forbidden": rewards.forbidden}
        passages = find_passages(graph, scores.link, chosen, merged=merged, **held)
        report("linking", 1, 1)
    with _timed("confidence"):
        rewards = rewards.without(passages.dropped)
        decisions = gather_decisions(graph, scores, rewards, passages.chosen, divisions=settings.divisions)
        run: dict[str, object] = {
            "version": version("cell-tracker-gnn"),
            "model": {"name": model.name, "sha256": model.sha256},
            "settings": settings.as_dict(),
            "masks_sha256": masks_sha256,
            "edits": [] if fixed is None else fixed.as_dict()["edits"],
        }
        confidence = Confidence.from_dict(model.confidence)
        lineage = rate_lineage(graph, scores.link, passages, decisions, confidence, movie=movie, run=run)
    return replace(lineage, cells=_as_given(lineage.cells, movie.points))


def _as_given(cells: Cells, points: Points | None) -> Cells:
    """The cells under the labels and the coordinates of the points that they were drawn for, if they were."""
    if points is None:
        return cells
    return replace(cells, label=points.label, centroid=points.position, scale=points.scale)


def reward_links(graph: Graph, scores: Scores, costs: LinkCosts) -> LinkRewards:
    """The objective of the linking."""
    candidates = graph.candidates
    came_in = graph.came_in[candidates.target]
    return link_rewards(scores.link, candidates.ahead, cells=len(graph.cells), costs=costs, came_in=came_in)


def choose_links(graph: Graph, rewards: LinkRewards, settings: TrackSettings) -> NDArray[np.bool_]:
    """The best set of links under the settings, shape (m,)."""
    solve = solve_exact if settings.linker == "exact" else solve_greedy
    return solve(
        graph.candidates.source,
        graph.candidates.target,
        rewards.reward,
        cells=len(graph.cells),
        divisions=settings.divisions,
        **rewards.as_arguments(),
    )


def choose_device(name: str) -> torch.device:
    """The device to compute on; never falls back silently.

    Raises
    ------
    SettingsError
        If the device does not exist on this machine.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, number = name.partition(":")
    present = {
        "cpu": not number,
        "cuda": torch.cuda.is_available() and int(number if number.isdigit() else 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available() and not number,
    }
    if kind not in present or (number and not number.isdigit()):
        raise SettingsError(f"the device {name!r} is unknown; choose auto, cpu, cuda, cuda:N or mps")
    if not present[kind]:
        raise SettingsError(f"the device {name!r} is not available on this machine; use --device auto or cpu")
    return torch.device(name)


def embedder(encoder: Encoder | None, movie: Movie, device: torch.device, *, flips: bool = False) -> Embed | None:
    """How the cells of a movie are embedded, or None without encoder, without images or for another rank.

    Crops are cut in the way that the encoder was trained on; points are embedded by patches only.
    """
    if encoder is None or movie.images is None or encoder.config.rank != movie.rank:
        return None
    if movie.points is not None and encoder.config.crop != "patch":
        return None
    cutter = CropCutter.of(movie, mode=encoder.config.crop, size=encoder.config.size)
    return Embed(cutter, partial(embed, encoder.to(device), flips=flips))


@contextmanager
def _timed(stage: str) -> Iterator[None]:
    begin, begin_cpu = time.perf_counter(), time.process_time()
    yield
    _log.info("%s took %.2f s, %.2f s of CPU", stage, time.perf_counter() - begin, time.process_time() - begin_cpu)
