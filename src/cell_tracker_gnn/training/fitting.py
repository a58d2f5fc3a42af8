"""From prepared sequences to a model file: fit the network, calibrate."""

from __future__ import annotations

import copy
import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch.callbacks import Callback

from cell_tracker_gnn.embedding.encoder import Encoder
from cell_tracker_gnn.errors import OutputError, SettingsError
from cell_tracker_gnn.graph.edges import LINK_FEATURES
from cell_tracker_gnn.graph.neighbourhood import Neighbourhood
from cell_tracker_gnn.graph.nodes import CELL_FEATURES, measured_features
from cell_tracker_gnn.io import write_json
from cell_tracker_gnn.linking.costs import LinkCosts
from cell_tracker_gnn.model.infer import score_graph
from cell_tracker_gnn.model.paper import Network, PaperConfig, PaperNetwork
from cell_tracker_gnn.model.tracker import TrackerConfig, TrackerNetwork
from cell_tracker_gnn.model.weights import Model, save_model
from cell_tracker_gnn.training.confidence import fit_confidence, judge
from cell_tracker_gnn.training.errors_left import share_of_errors
from cell_tracker_gnn.training.examples import Example
from cell_tracker_gnn.training.finetune import PULL, keep_the_better
from cell_tracker_gnn.training.loggers import check_loggers, make_loggers
from cell_tracker_gnn.training.module import FitSettings
from cell_tracker_gnn.training.prepare import DAMAGED, LIGHT
from cell_tracker_gnn.training.settings import TrainSettings, suggest
from cell_tracker_gnn.training.splits import check_split, split_examples
from cell_tracker_gnn.training.tracker import fit_tracker, is_first_process
from cell_tracker_gnn.training.variants import Variant
from cell_tracker_gnn.training.watch import TrackingScores

__all__ = ["CALIBRATED", "calibration_parts", "check_fit", "fit_model", "work_folder"]

CALIBRATED = {
    Variant(): 1.0,
    Variant(2): 0.3,
    Variant(3, 1): 0.3,
    Variant(5): 0.3,
    Variant(faults=LIGHT, weight=DAMAGED): 0.3,
}
"""Variants (of any seed) on which probabilities are calibrated, and how much they count: masks are mostly good, and
every fifth frame shows how far the network can be trusted where frames are rare."""


def fit_model(
    examples: Sequence[Sequence[Example]],
    output: Path,
    settings: TrainSettings,
    *,
    encoder: Encoder | None = None,
    scores: Mapping[str, float] | None = None,
    device: torch.device | None = None,
    callbacks: Sequence[Callback] = (),
    start: Model | None = None,
    only_last: bool = False,
    resume: bool = False,
    neighbourhood: Neighbourhood = Neighbourhood(),
) -> Model:
    """Fit the network to prepared sequences and write the model file.

    Parameters
    ----------
    examples
        What :func:`~cell_tracker_gnn.training.prepare.prepare_sequence` gave for each sequence.
    output
        Folder of the model; checkpoints go into its folder ``work``, scores into ``logs``.
    settings
        Settings of the training.
    encoder, scores
        The encoder that embedded the cells, and its scores.
    device
        Where to compute; the CPU when left out.
    callbacks
        Further Lightning callbacks.
    start
        A model to improve; its weights are kept if the new ones are worse on the validation frames.
    only_last
        Change only the last layers of ``start``, those that classify. A few doubtful links, all of one part of a movie,
        say nothing about the rest of it: with all layers free the network forgets what it knew of denser frames
        (docs/tried.md).
    resume
        Go on after the last epoch that ended.
    neighbourhood
        Which candidate links the examples hold.
    """
    place = device or torch.device("cpu")
    training, validation = split_examples(examples, settings)
    torch.manual_seed(settings.seed)
    network = _network(settings, examples[0][0], neighbourhood) if start is None else _begun(start, only_last=only_last)
    fit = _fit_settings(settings, training)
    if start is not None:
        fit = replace(fit, scaled_by="", pull=PULL)
    logs = make_loggers(settings.loggers, output / "logs")
    drawn = Path(logs[0].log_dir or output / "logs") if logs and settings.pictures else None
    found = fit_tracker(
        network,
        training,
        validation,
        fit,
        folder=work_folder(output),
        accelerator={"cuda": "gpu"}.get(place.type, place.type),
        callbacks=[*callbacks, *_watch(validation, settings, drawn)],
        loggers=logs,
        resume=resume,
    )
    model = _finish(
        network,
        examples,
        validation=validation,
        settings=settings,
        scores={**(scores or {}), **found},
        start=start,
    )
    model = replace(model, encoder=encoder)
    if is_first_process():
        save_model(model, output / "model.safetensors")
        write_json(dict(model.card), output / "card.json")
    return model


def _begun(start: Model, *, only_last: bool) -> Network:
    """The network of a model to improve, of which all layers may change or only the last ones."""
    network = copy.deepcopy(start.network).train()
    if only_last:
        for name, weights in network.named_parameters():
            weights.requires_grad_(name.startswith("classify"))
    return network


def _watch(validation: Sequence[Example], settings: TrainSettings, folder: Path | None) -> list[Callback]:
    """What scores the tracks of the validation frames every so many epochs, drawing them into a folder."""
    if not settings.scores_every:
        return []
    return [TrackingScores(validation, every=settings.scores_every, max_gap=settings.max_gap, folder=folder)]


def _finish(
    network: Network,
    examples: Sequence[Sequence[Example]],
    *,
    validation: Sequence[Example],
    settings: TrainSettings,
    scores: Mapping[str, float],
    start: Model | None,
) -> Model:
    """The model of a fitted network: with costs, probabilities and a card; or the one it began with, if better."""
    # Costs chosen on validation frames are worse than the usual ones later in the same movies, too (docs/tried.md).
    costs = LinkCosts() if start is None else LinkCosts(**start.costs)
    if start is not None:
        # A few frames of training data say nothing about how often the model is right elsewhere.
        fitted = Model(network, costs=costs.as_dict(), confidence=start.confidence)
        kept, told = keep_the_better(start, fitted, validation, max_gap=settings.max_gap)
        card = _card(examples, settings, scores) | {"fine_tuning": told, "start": dict(start.card)}
        return replace(kept, card=card, name="", sha256="")
    confidence = fit_confidence(
        [
            judge(example, score_graph(network, example.graph), costs, max_gap=settings.max_gap, weight=weight)
            for variants in examples
            for example, weight in calibration_parts(variants, settings)
        ]
    )
    left = share_of_errors(network, validation, costs, max_gap=settings.max_gap)
    card = _card(examples, settings, {**scores, "validation_link_errors": left})
    return Model(network, None, costs.as_dict(), card, confidence=confidence.as_dict())


def check_fit(settings: TrainSettings, sequences: int) -> None:
    """Find out before hours of work whether a network can be fitted with these settings.

    Raises
    ------
    SettingsError
        If a feature or a logger is unknown, or the split needs more sequences.
    """
    check_loggers(settings.loggers)
    _without((), settings.leave_out)
    check_split(settings, sequences)


def work_folder(output: Path) -> Path:
    """The folder of what is only needed while a model is made.

    Raises
    ------
    OutputError
        If it cannot be made.
    """
    try:
        (output / "work").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{output} cannot be made ({error.strerror}); choose another --output") from error
    return output / "work"


def calibration_parts(
    found: Sequence[Example], settings: TrainSettings, share: float | None = None
) -> list[tuple[Example, float]]:
    """Variants of a sequence that probabilities are calibrated on, confined to its last part, with their weights.

    Parameters
    ----------
    found
        What :func:`~cell_tracker_gnn.training.prepare.prepare_sequence` gave for a sequence.
    settings
        Settings of the training.
    share
        Share of the frames, counted from the end; that of the validation when left out.
    """
    cut = 1.0 - (settings.validation if share is None else share)
    weights = [CALIBRATED.get(replace(example.variant, seed=0), 0.0) for example in found]
    weighted = ((example.part(cut, 1.0), weight) for example, weight in zip(found, weights, strict=True))
    return [(e, weight) for e, weight in weighted if weight and e.frames[1] - e.frames[0] >= 2]


def _network(settings: TrainSettings, example: Example, near: Neighbourhood) -> Network:
    if settings.preset == "paper":
        cells = example.graph.cells
        learned = cells.embedding.shape[1]
        measured = measured_features(cells).shape[1] - learned
        return PaperNetwork(
            PaperConfig(measured=measured, learned=learned, undirected=settings.undirected, neighbourhood=near)
        )
    shown = [_without(names, settings.leave_out) for names in (CELL_FEATURES, LINK_FEATURES)]
    return TrackerNetwork(
        TrackerConfig(
            width=settings.width,
            blocks=settings.blocks,
            cell_inputs=shown[0],
            link_inputs=shown[1],
            neighbourhood=near,
        )
    )


def _without(names: Sequence[str], left_out: str) -> tuple[str, ...]:
    unwanted = [name.strip() for name in left_out.split(",") if name.strip()]
    known = [*CELL_FEATURES, *LINK_FEATURES]
    for name in unwanted:
        if name not in known:
            raise SettingsError(f"leave_out names {name!r}, which is no feature; {suggest(name, known)}")
    return tuple(name for name in names if name not in unwanted)


def _fit_settings(settings: TrainSettings, training: Sequence[Example]) -> FitSettings:
    total = sum(len(e.positive) for e in training)
    links = int(np.clip(total // 4, 500, settings.batch_links))
    return FitSettings(
        epochs=settings.epochs,
        batches=settings.batches or int(np.clip(2 * total // links, 10, 100)),
        batch_links=links,
        shortest=settings.shortest,
        longest=settings.longest,
        stride=settings.stride,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        patience=settings.patience,
        clip=settings.clip,
        precision=settings.precision,
        devices=settings.devices,
        hide_images=0.0 if settings.preset == "paper" else 0.25,
        balanced=settings.preset == "paper",
        scaled_by=settings.scaled_by,
        seed=settings.seed,
    )


def _card(
    examples: Sequence[Sequence[Example]], settings: TrainSettings, scores: Mapping[str, float]
) -> dict[str, Any]:
    """What the model was made of: plain values for the header of its file."""
    data = [
        {
            "name": found[0].name,
            "frames": len(found[0].graph.cells.numbers),
            "cells": len(found[0].parent),
            "divisions": int(found[0].divides.sum()),
            "images": bool(np.isfinite(found[0].graph.cells.appearance).any()),
            "candidate_recall": found[0].recall,
        }
        for found in examples
    ]
    return {
        "version": version("cell-tracker-gnn"),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "settings": settings.as_dict(),
        "data": data,
        "scores": dict(scores),
    }
