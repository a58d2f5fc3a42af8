"""Training from annotated sequences to a model file."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch.callbacks import Callback

from cell_tracker_gnn.embedding.device import choose_device
from cell_tracker_gnn.embedding.encoder import Encoder
from cell_tracker_gnn.errors import InputError, OutputError, SettingsError
from cell_tracker_gnn.graph.nodes import measured_features
from cell_tracker_gnn.io import write_json
from cell_tracker_gnn.model.infer import score_graph
from cell_tracker_gnn.model.paper import Network, PaperConfig, PaperNetwork
from cell_tracker_gnn.model.tracker import TrackerConfig, TrackerNetwork
from cell_tracker_gnn.model.weights import Model, save_model
from cell_tracker_gnn.pipeline import Progress
from cell_tracker_gnn.training.calibrate import choose_costs
from cell_tracker_gnn.training.confidence import fit_confidence, judge
from cell_tracker_gnn.training.encoder import ENCODER, read_encoder, train_sequence_encoder, write_encoder
from cell_tracker_gnn.training.examples import Example, TrainingSequence, Variant
from cell_tracker_gnn.training.prepare import DAMAGED, LIGHT, open_sequence, prepare_sequence, sequence_features
from cell_tracker_gnn.training.settings import STAGES, TrainSettings
from cell_tracker_gnn.training.store import FeatureStore
from cell_tracker_gnn.training.tracker import FitSettings, fit_tracker

__all__ = ["calibration_parts", "fit_model", "train"]

CALIBRATED = {Variant(): 1.0, Variant(2): 1.0, Variant(faults=LIGHT, weight=DAMAGED): 0.3}
"""Variants (of any seed) on which probabilities are calibrated, and how much they count: masks are mostly good."""

PathText = str | PathLike[str]


def train(
    data: Sequence[PathText],
    output: PathText,
    settings: TrainSettings = TrainSettings(),
    *,
    stage: str | None = None,
    features: PathText | None = None,
    images: PathText | None = None,
    masks: PathText | None = None,
    lineage: PathText | None = None,
    scale: Sequence[float] | None = None,
    device: str = "auto",
    report: Progress | None = None,
    callbacks: Sequence[Callback] = (),
) -> Model | None:
    """Train a model on annotated sequences and write ``OUTPUT/model.safetensors``.

    Parameters
    ----------
    data
        CTC sequences such as ``Fluo-N2DL-HeLa/01``, or tables of points with lineage.
    output
        Folder of the model; the encoder, checkpoints and logs go into its folder ``work``.
    settings
        Settings of the training.
    stage
        Only this stage: ``"embedding"`` trains the encoder, ``"features"`` measures and embeds the cells and stores
        them, ``"tracker"`` trains the network on what is stored. All in one go when left out.
    features
        Folder of the stored features, see :mod:`~cell_tracker_gnn.training.store`; ``OUTPUT/features`` for a single
        stage when left out, while a whole run then stores nothing.
    images, masks, lineage
        Other places of the parts of a single sequence.
    scale
        Size of a pixel along (z, y, x) or (y, x), for all sequences.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or ``"mps"``.
    report
        Called with the stage, how much of it is done and how much there is.
    callbacks
        Further Lightning callbacks for the tracker's training.

    Returns
    -------
    Model or None
        None after the stages before the tracker.

    Raises
    ------
    InputError
        If a sequence cannot be used, or what an earlier stage makes is missing or stale.
    SettingsError
        If the stage is unknown or the encoder of an earlier stage was trained with other settings.
    OutputError
        If the folder cannot be written.
    """
    report = report or (lambda stage, done, total: None)
    if stage not in (None, *STAGES):
        raise SettingsError(f"the stage {stage!r} is unknown; choose one of {', '.join(STAGES)}")
    place = choose_device(device)
    sequences = [open_sequence(d, images=images, masks=masks, lineage=lineage, scale=scale) for d in data]
    kept = _work_folder(Path(output)) / ENCODER
    store = None if stage is None and features is None else FeatureStore(Path(features or Path(output) / "features"))
    if store is not None:
        _check_names(sequences)
    torch.manual_seed(settings.seed)
    if stage in (None, "embedding"):
        encoder, scores = _train_encoder(sequences, settings, place, report, kept, required=stage is not None)
    else:
        encoder, scores = read_encoder(kept, settings)
    if stage == "embedding":
        return None
    examples = []
    for done, sequence in enumerate(sequences):
        report("graphs", done, len(sequences))
        if stage == "features":
            sequence_features(sequence, settings, encoder, device=place, store=store)
        else:
            computes = stage is None
            examples.append(prepare_sequence(sequence, settings, encoder, device=place, store=store, compute=computes))
    report("graphs", len(sequences), len(sequences))
    if stage == "features":
        return None
    return fit_model(
        examples, Path(output), settings, encoder=encoder, scores=scores, device=place, callbacks=callbacks
    )


def _train_encoder(
    sequences: Sequence[TrainingSequence],
    settings: TrainSettings,
    device: torch.device,
    report: Progress,
    path: Path,
    *,
    required: bool,
) -> tuple[Encoder | None, dict[str, float]]:
    """Train an encoder, if the settings want one, and keep it in ``path``."""
    encoder, scores = train_sequence_encoder(sequences, settings, device, report) if settings.embedding else (None, {})
    if encoder is not None:
        write_encoder(encoder, scores, settings, path)
    elif required:
        raise InputError("no encoder can be trained on these sequences; give longer ones with images, or embedding=no")
    return encoder, scores


def _check_names(sequences: Sequence[TrainingSequence]) -> None:
    """The store tells sequences apart by their names."""
    names = [sequence.name for sequence in sequences]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"two sequences are called {', '.join(twice)}; rename a folder, as features are kept by name")


def fit_model(
    examples: Sequence[Sequence[Example]],
    output: Path,
    settings: TrainSettings,
    *,
    encoder: Encoder | None = None,
    scores: Mapping[str, float] | None = None,
    device: torch.device | None = None,
    callbacks: Sequence[Callback] = (),
) -> Model:
    """Fit the network to prepared sequences, choose the linking costs and write the model file.

    Parameters
    ----------
    examples
        What :func:`~cell_tracker_gnn.training.prepare.prepare_sequence` gave for each sequence.
    output
        Folder of the model.
    settings
        Settings of the training.
    encoder, scores
        The encoder that embedded the cells, and its scores.
    device
        Where to compute; the CPU when left out.
    callbacks
        Further Lightning callbacks.
    """
    folder = _work_folder(output)
    place = device or torch.device("cpu")
    training, validation = _split(examples, settings)
    torch.manual_seed(settings.seed)
    network = _network(settings, examples[0][0])
    found = fit_tracker(
        network,
        training,
        validation,
        _fit_settings(settings, training),
        folder=folder,
        accelerator={"cuda": "gpu"}.get(place.type, place.type),
        callbacks=callbacks,
    )
    costs, errors = choose_costs(network, validation, max_gap=settings.max_gap, calibrate=settings.calibrate)
    confidence = fit_confidence(
        [
            judge(example, score_graph(network, example.graph), costs, max_gap=settings.max_gap, weight=weight)
            for variants in examples
            for example, weight in calibration_parts(variants, settings)
        ]
    )
    card = _card(examples, settings, {**(scores or {}), **found, **errors})
    model = Model(network, encoder, costs.as_dict(), card, confidence=confidence.as_dict())
    save_model(model, output / "model.safetensors")
    write_json(card, output / "card.json")
    return model


def _work_folder(output: Path) -> Path:
    try:
        (output / "work").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{output} cannot be made ({error.strerror}); choose another --output") from error
    return output / "work"


def _split(examples: Sequence[Sequence[Example]], settings: TrainSettings) -> tuple[list[Example], list[Example]]:
    """All variants of the first part of each sequence for training, the last part as it is for validation."""
    cut = 1.0 - settings.validation
    training = [example.part(0.0, cut) for found in examples for example in found]
    validation = [found[0].part(cut, 1.0) for found in examples]
    usable = [e for e in validation if e.frames[1] - e.frames[0] >= 2]
    return training, usable or [found[0] for found in examples]


def calibration_parts(
    found: Sequence[Example], settings: TrainSettings, share: float | None = None
) -> list[tuple[Example, float]]:
    """Variants of a sequence that probabilities are calibrated on, confined to its last part, with their weights.

    Parameters
    ----------
    found
        What :func:`prepare_sequence` gave for a sequence.
    settings
        Settings of the training.
    share
        Share of the frames, counted from the end; that of the validation when left out.
    """
    cut = 1.0 - (settings.validation if share is None else share)
    weights = [CALIBRATED.get(replace(example.variant, seed=0), 0.0) for example in found]
    weighted = ((example.part(cut, 1.0), weight) for example, weight in zip(found, weights, strict=True))
    return [(e, weight) for e, weight in weighted if weight and e.frames[1] - e.frames[0] >= 2]


def _network(settings: TrainSettings, example: Example) -> Network:
    if settings.preset == "paper":
        cells = example.graph.cells
        learned = cells.embedding.shape[1]
        return PaperNetwork(PaperConfig(measured=measured_features(cells).shape[1] - learned, learned=learned))
    return TrackerNetwork(TrackerConfig(width=settings.width, blocks=settings.blocks))


def _fit_settings(settings: TrainSettings, training: Sequence[Example]) -> FitSettings:
    total = sum(len(e.positive) for e in training)
    links = int(np.clip(total // 4, 500, settings.batch_links))
    return FitSettings(
        epochs=settings.epochs,
        batches=settings.batches or int(np.clip(2 * total // links, 10, 100)),
        batch_links=links,
        learning_rate=settings.learning_rate,
        patience=settings.patience,
        hide_images=0.0 if settings.preset == "paper" else 0.25,
        balanced=settings.preset == "paper",
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
