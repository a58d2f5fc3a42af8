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

from cell_tracker_gnn.data import Lineage, Movie
from cell_tracker_gnn.embedding.encoder import Encoder, embed
from cell_tracker_gnn.errors import SettingsError
from cell_tracker_gnn.features.anisotropy import with_assumed_scale
from cell_tracker_gnn.features.cutting import CropCutter
from cell_tracker_gnn.features.extract import Embed, extract_features
from cell_tracker_gnn.graph.build import Graph, build_graph
from cell_tracker_gnn.io import Source, open_movie
from cell_tracker_gnn.linking.costs import LinkCosts, link_rewards
from cell_tracker_gnn.linking.greedy import solve_greedy
from cell_tracker_gnn.linking.lineage import build_lineage
from cell_tracker_gnn.linking.match import solve_exact
from cell_tracker_gnn.model.infer import Scores, score_graph
from cell_tracker_gnn.model.weights import Model, load_model
from cell_tracker_gnn.settings import TrackSettings

__all__ = ["Progress", "Tracker", "choose_device", "choose_links", "embedder", "track_movie"]

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
        masks: Source,
        images: Source | None = None,
        *,
        axes: str | None = None,
        channel: int | None = None,
        frames: str | None = None,
        scale: Sequence[float] | None = None,
        unit: str | None = None,
        progress: Progress | None = None,
    ) -> Lineage:
        """Track masks, with or without their images.

        Parameters
        ----------
        masks, images, axes, channel, frames, scale, unit
            See :func:`~cell_tracker_gnn.io.open_movie`.
        progress
            Called as the work goes on.
        """
        movie = open_movie(masks, images, axes=axes, channel=channel, frames=frames, scale=scale, unit=unit)
        paths = {"masks": masks, "images": images}
        inputs = {name: str(Path(p).absolute()) for name, p in paths.items() if isinstance(p, (str, PathLike))}
        lineage = track_movie(movie, self.model, self.settings, progress=progress)
        return replace(lineage, run={**lineage.run, **inputs})


def track_movie(
    movie: Movie, model: Model, settings: TrackSettings = TrackSettings(), *, progress: Progress | None = None
) -> Lineage:
    """Features, graph, network and linking of one movie.

    Parameters
    ----------
    movie
        Masks with or without images.
    model
        The trained model.
    settings
        Settings of the run.
    progress
        Called as the work goes on.
    """
    report = progress or (lambda stage, done, total: None)
    movie = with_assumed_scale(movie)
    device = choose_device(settings.device)
    with _timed("features"):
        cells, movement = extract_features(
            movie,
            max_gap=settings.max_gap,
            min_size=settings.min_size,
            embed=embedder(model.encoder, movie, device),
            progress=lambda index: report("features", index + 1, len(movie)),
        )
    with _timed("graph"):
        graph = build_graph(
            cells, movement, max_gap=settings.max_gap, max_move=settings.max_move, describe=model.network.describe
        )
    with _timed("network"):
        scores = score_graph(model.network, graph, device=device)
        report("network", 1, 1)
    with _timed("linking"):
        chosen = choose_links(graph, scores, LinkCosts(**model.costs), settings)
        report("linking", 1, 1)
        probability = 1.0 / (1.0 + np.exp(-np.clip(scores.link, -50.0, 50.0)))
        run: dict[str, object] = {
            "version": version("cell-tracker-gnn"),
            "model": {"name": model.name, "sha256": model.sha256},
            "settings": settings.as_dict(),
        }
        candidates = graph.candidates
        return build_lineage(cells, candidates.source, candidates.target, probability, chosen, movie=movie, run=run)


def choose_links(graph: Graph, scores: Scores, costs: LinkCosts, settings: TrackSettings) -> NDArray[np.bool_]:
    """The best set of links under the settings, shape (m,)."""
    solve = solve_exact if settings.linker == "exact" else solve_greedy
    rewards = link_rewards(scores.link, graph.candidates.ahead, cells=len(graph.cells), costs=costs)
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


def embedder(encoder: Encoder | None, movie: Movie, device: torch.device) -> Embed | None:
    """How the cells of a movie are embedded, or None without encoder, without images or for another rank.

    Crops are cut in the way that the encoder was trained on.
    """
    if encoder is None or movie.images is None or encoder.config.rank != movie.rank:
        return None
    cutter = CropCutter.of(movie, mode=encoder.config.crop, size=encoder.config.size)
    return Embed(cutter, partial(embed, encoder.to(device)))


@contextmanager
def _timed(stage: str) -> Iterator[None]:
    begin, begin_cpu = time.perf_counter(), time.process_time()
    yield
    _log.info("%s took %.2f s, %.2f s of CPU", stage, time.perf_counter() - begin, time.process_time() - begin_cpu)
