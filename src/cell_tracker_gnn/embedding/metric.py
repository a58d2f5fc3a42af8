"""Metric learning: crops of the same cell come close, crops of its neighbours go apart."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cell_tracker_gnn.data import Integers
from cell_tracker_gnn.embedding.augment import augment
from cell_tracker_gnn.embedding.encoder import Encoder, EncoderConfig, embed
from cell_tracker_gnn.embedding.identities import LabelledCrops, draw_batches, split_identities
from cell_tracker_gnn.embedding.losses import MetricLoss, metric_loss
from cell_tracker_gnn.embedding.retrieval import SCORES, retrieval_scores
from cell_tracker_gnn.errors import SettingsError

__all__ = ["COLLAPSED", "EncoderSettings", "train_encoder"]

_log = logging.getLogger(__name__)

COLLAPSED = 0.95
"""An embedding is called collapsed if different cells have a higher mean cosine similarity than this."""

FEWEST_BATCHES = 25
"""Batches of an epoch at least: with fewer, the score of a few validation cells stops the training by chance."""

VALIDATED = 3_000
"""At most this many crops of each movie, of its last frames, are searched after each epoch."""


@dataclass(frozen=True)
class EncoderSettings:
    """Settings of the training of an encoder.

    Parameters
    ----------
    kind
        Kind of the encoder, see :class:`~cell_tracker_gnn.embedding.encoder.EncoderConfig`.
    crop
        How the crops were cut.
    dim
        Length of the embedding.
    loss
        Name of the loss, see :func:`~cell_tracker_gnn.embedding.losses.metric_loss`.
    epochs
        Largest number of epochs; an epoch shows about as many crops as there are, at most ``crops``.
    crops
        Most crops per epoch.
    patience
        Epochs without a better validation score after which training stops.
    together
        Neighbouring cells per batch.
    views
        Crops per cell.
    window
        Frames before and after the drawn one from which the crops of a cell are taken.
    learning_rate, weight_decay
        Of Adam; the rate falls along a cosine.
    validation
        Share of the identities for validation.
    seed
        Seed of weights, batches and changes.

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    kind: str = "compact"
    crop: str = "masked"
    dim: int = 128
    loss: str = "multi-similarity"
    epochs: int = 20
    crops: int = 40_000
    patience: int = 5
    together: int = 32
    views: int = 4
    window: int = 2
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    validation: float = 0.2
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("dim", "epochs", "crops", "patience", "window"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} of the encoder is {getattr(self, name)}; give 1 or more")
        for name in ("together", "views"):
            if getattr(self, name) < 2:
                raise SettingsError(f"{name} of the encoder is {getattr(self, name)}; give 2 or more")
        if not 0.0 < self.validation < 1.0:
            raise SettingsError(f"the validation share of the encoder is {self.validation}; give a share below 1")
        if self.learning_rate <= 0 or self.weight_decay < 0:
            raise SettingsError("the learning rate of the encoder must be positive and its weight decay 0 or more")


def train_encoder(
    movies: Sequence[LabelledCrops],
    settings: EncoderSettings | None = None,
    *,
    device: torch.device | str = "cpu",
    report: Callable[[int, dict[str, float]], None] | None = None,
) -> tuple[Encoder, dict[str, float]]:
    """Train an encoder by metric learning.

    Identities are split into training and validation. The encoder of the epoch that best finds the validation cells
    again (MAP@R) is kept.

    Parameters
    ----------
    movies
        Crops of each movie with identity, frame and position; all of one shape.
    settings
        The settings; the defaults when left out.
    device
        Where to train.
    report
        Called after each epoch with its number and scores.

    Returns
    -------
    encoder
        On the CPU, in evaluation mode.
    scores
        On validation cells, see :func:`~cell_tracker_gnn.embedding.retrieval.retrieval_scores`, the ``epoch`` and
        ``collapsed`` (0 or 1).

    Raises
    ------
    InputError
        If there are too few cells that are seen twice.
    """
    settings = settings or EncoderSettings()
    rng = np.random.default_rng(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    training, validation = split_identities(movies, settings.validation, rng)
    encoder = _untrained(movies[0].crops.shape, settings).to(device)
    tested = [movie.last(VALIDATED) for movie in movies]
    loss = metric_loss(settings.loss)
    batches = _batches_per_epoch(movies, training, settings)
    optimizer = torch.optim.Adam(encoder.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _rate(settings.epochs * batches))
    best, best_weights = {"map_at_r": -1.0, "epoch": 0.0}, copy.deepcopy(encoder.state_dict())
    for epoch in range(1, settings.epochs + 1):
        encoder.train()
        losses = [
            _step(encoder, loss, optimizer, schedule, _batch(movies[movie], rows, settings, device, generator))
            for movie, rows in draw_batches(
                movies,
                training,
                count=batches,
                together=settings.together,
                views=settings.views,
                window=settings.window,
                rng=rng,
            )
        ]
        scores = {**_validate(encoder, tested, validation), "loss": float(np.mean(losses)), "epoch": float(epoch)}
        _log.info("encoder epoch %d: %s", epoch, scores)
        if report is not None:
            report(epoch, scores)
        if scores["map_at_r"] > best["map_at_r"]:
            best, best_weights = scores, copy.deepcopy(encoder.state_dict())
        elif epoch - best["epoch"] >= settings.patience:
            break
    encoder.load_state_dict(best_weights)
    return encoder.cpu().eval(), _warn_if_collapsed(best)


def _untrained(shape: tuple[int, ...], settings: EncoderSettings) -> Encoder:
    """An encoder of crops of this shape, with the weights of the seed."""
    config = EncoderConfig(len(shape) - 2, shape[-1], settings.dim, kind=settings.kind, crop=settings.crop)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return Encoder(config)


def _rate(steps: int) -> Callable[[int], float]:
    """Share of the learning rate at each step: a linear rise over the first tenth, then half a cosine down to 0."""
    return lambda step: min(1.0, (step + 1) / (0.1 * steps)) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / steps)))


def _batches_per_epoch(movies: Sequence[LabelledCrops], training: Sequence[Integers], settings: EncoderSettings) -> int:
    crops = sum(int(np.isin(movie.identity, own).sum()) for movie, own in zip(movies, training, strict=True))
    return max(FEWEST_BATCHES, min(crops, settings.crops) // (settings.together * settings.views))


def _batch(
    movie: LabelledCrops,
    rows: Integers,
    settings: EncoderSettings,
    device: torch.device | str,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    crops = torch.from_numpy(movie.crops[rows].astype(np.float32)).to(device)
    crops = augment(crops, generator, masked=settings.crop != "patch")
    return crops, torch.arange(len(rows), device=device) // settings.views


def _step(
    encoder: Encoder,
    loss: MetricLoss,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    batch: tuple[Tensor, Tensor],
) -> float:
    """Take one step; returns the loss."""
    crops, identity = batch
    value = loss(encoder(crops), identity)
    optimizer.zero_grad()
    value.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    schedule.step()
    return float(value.detach())


def _validate(encoder: Encoder, movies: Sequence[LabelledCrops], validation: Sequence[Integers]) -> dict[str, float]:
    """Scores over all movies, each weighted by its number of searches."""
    parts = [
        retrieval_scores(movie, embed(encoder, movie.crops), own)
        for movie, own in zip(movies, validation, strict=True)
        if len(own)
    ]
    parts = [part for part in parts if part["queries"]]
    weights = [part["queries"] for part in parts]
    # A movie without a search within one frame has no score of it.
    return {
        name: float(np.average(np.nan_to_num([part[name] for part in parts]), weights=weights)) if parts else 0.0
        for name in SCORES
    }


def _warn_if_collapsed(scores: dict[str, float]) -> dict[str, float]:
    collapsed = scores["different_cosine"] > COLLAPSED
    if collapsed:
        _log.warning(
            "the embedding has collapsed: different cells have a mean cosine similarity of %.3f and cannot be told "
            "apart by it; train on images with more contrast, for longer, or without an embedding",
            scores["different_cosine"],
        )
    return {**scores, "collapsed": float(collapsed)}
