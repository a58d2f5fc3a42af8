"""Training from annotated sequences to a model file."""

from __future__ import annotations

import logging
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

from cell_tracker_gnn.embedding.encoder import Encoder
from cell_tracker_gnn.errors import InputError, OutputError, SettingsError
from cell_tracker_gnn.features.anisotropy import with_assumed_scale
from cell_tracker_gnn.features.extract import Embed
from cell_tracker_gnn.graph.nodes import measured_features
from cell_tracker_gnn.io import find_sequence, is_points, open_frames, open_movie, read_lineage_table, write_json
from cell_tracker_gnn.io.grid import TRACKED_SHARE
from cell_tracker_gnn.model.infer import score_graph
from cell_tracker_gnn.model.paper import Network, PaperConfig, PaperNetwork
from cell_tracker_gnn.model.tracker import TrackerConfig, TrackerNetwork
from cell_tracker_gnn.model.weights import Model, save_model
from cell_tracker_gnn.pipeline import Progress, choose_device, embedder
from cell_tracker_gnn.training.calibrate import choose_costs
from cell_tracker_gnn.training.confidence import fit_confidence, judge
from cell_tracker_gnn.training.encoder import train_sequence_encoder
from cell_tracker_gnn.training.examples import Example, Faults, TrainingSequence, Variant, prepare_example
from cell_tracker_gnn.training.points import open_point_sequence
from cell_tracker_gnn.training.segmenter import segment
from cell_tracker_gnn.training.settings import TrainSettings
from cell_tracker_gnn.training.tracker import FitSettings, fit_tracker

__all__ = ["calibration_parts", "fit_model", "open_sequence", "prepare_sequence", "train", "variants_of"]

FINDS = 0.8
"""Cells that the plain segmenter must find, and pieces that must be cells, as a harmonic mean, to learn from it."""

FEWEST_FRAMES = 6
"""Sub-sampled variants of fewer frames teach nothing about time."""

LIGHT = Faults(missed=0.05, merged=0.02, split=0.02, spurious=0.02, jitter=0.3)
HEAVY = Faults(missed=0.02, merged=0.05, split=0.04, spurious=0.03, jitter=0.3)
SHAKY = Faults(jitter=0.7)
SPARSE = Faults(missed=0.03, spurious=0.02)

DAMAGED, AS_POINTS = 0.35, 0.35
"""Weights of damaged masks and of points: more of them cost certainty about divisions on good masks (docs/tried.md)."""

CALIBRATED = {Variant(): 1.0, Variant(2): 1.0, Variant(faults=LIGHT, weight=DAMAGED): 0.3}
"""Variants (of any seed) on which probabilities are calibrated, and how much they count: masks are mostly good."""

PathText = str | PathLike[str]

_log = logging.getLogger(__name__)


def open_sequence(
    data: PathText,
    *,
    images: PathText | None = None,
    masks: PathText | None = None,
    lineage: PathText | None = None,
    scale: Sequence[float] | None = None,
) -> TrainingSequence:
    """Open one annotated CTC sequence, see :func:`~cell_tracker_gnn.io.find_sequence`, or a table of tracked points.

    In a table, ``id`` is the track of a point and ``parent`` that of its mother, see
    :func:`~cell_tracker_gnn.io.read_point_lineage`.
    """
    if is_points(data):
        if masks is not None or lineage is not None:
            raise SettingsError(f"{data} has points and their lineage; leave --masks and --lineage away")
        return open_point_sequence(data, images=images, scale=scale)
    paths = find_sequence(data, images=images, masks=masks, lineage=lineage)
    movie = with_assumed_scale(open_movie(paths.masks, paths.images, scale=scale))
    return TrainingSequence(paths.name, movie, open_frames(paths.markers), read_lineage_table(paths.lineage))


def variants_of(frames: int, settings: TrainSettings) -> list[Variant]:
    """The ways in which a sequence of so many frames is looked at; the first one is the sequence as it is."""
    variants = [Variant()]
    if settings.subsample:
        variants += [Variant(2), Variant(3, 1), Variant(5)]
    if settings.faults:
        variants += [
            Variant(faults=SHAKY, seed=settings.seed + 3, weight=0.7),
            Variant(faults=LIGHT, seed=settings.seed, weight=DAMAGED),
            Variant(faults=HEAVY, seed=settings.seed + 1, weight=DAMAGED),
            Variant(points=TRACKED_SHARE, seed=settings.seed, weight=AS_POINTS),
        ]
        if settings.subsample:
            variants += [
                Variant(2, 1, faults=HEAVY, seed=settings.seed + 2, weight=DAMAGED),
                Variant(2, points=0.7, faults=SPARSE, seed=settings.seed + 1, weight=AS_POINTS),
            ]
    return [v for v in variants if v.every == 1 or frames // v.every >= FEWEST_FRAMES]


def train(
    data: Sequence[PathText],
    output: PathText,
    settings: TrainSettings = TrainSettings(),
    *,
    images: PathText | None = None,
    masks: PathText | None = None,
    lineage: PathText | None = None,
    scale: Sequence[float] | None = None,
    device: str = "auto",
    report: Progress | None = None,
    callbacks: Sequence[Callback] = (),
) -> Model:
    """Train a model on annotated sequences and write ``OUTPUT/model.safetensors``.

    Parameters
    ----------
    data
        CTC sequences such as ``Fluo-N2DL-HeLa/01``, or tables of points with lineage.
    output
        Folder of the model; checkpoints and logs go into its folder ``work``.
    settings
        Settings of the training.
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

    Raises
    ------
    InputError
        If a sequence cannot be used.
    OutputError
        If the folder cannot be written.
    """
    report = report or (lambda stage, done, total: None)
    place = choose_device(device)
    sequences = [open_sequence(d, images=images, masks=masks, lineage=lineage, scale=scale) for d in data]
    _work_folder(Path(output))
    torch.manual_seed(settings.seed)
    encoder: Encoder | None = None
    encoder_scores: dict[str, float] = {}
    if settings.embedding:
        encoder, encoder_scores = train_sequence_encoder(sequences, settings, place, report)
    examples = []
    for done, sequence in enumerate(sequences):
        report("graphs", done, len(sequences))
        examples.append(prepare_sequence(sequence, settings, embedder(encoder, sequence.movie, place)))
    report("graphs", len(sequences), len(sequences))
    return fit_model(
        examples,
        Path(output),
        settings,
        encoder=encoder,
        scores=encoder_scores,
        device=place,
        callbacks=callbacks,
    )


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
        What :func:`prepare_sequence` gave for each sequence.
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
            for found in examples
            for example, weight in calibration_parts(found, settings)
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


def prepare_sequence(sequence: TrainingSequence, settings: TrainSettings, embed: Embed | None = None) -> list[Example]:
    """Labelled graphs of all variants of a sequence, the unchanged one first.

    Raises
    ------
    InputError
        If the lineage links none of the cells.
    """
    describe = "measured" if settings.preset == "paper" else "relative"
    examples: list[Example] = []
    variants = variants_of(len(sequence.movie), settings)
    if sequence.movie.points is not None:
        variants = [replace(v, weight=AS_POINTS) for v in variants if v.points is None and v.faults != SHAKY]
    elif settings.faults and segmentable(sequence):
        variants.append(Variant(segmented=True, weight=DAMAGED))
    for variant in variants:
        example = prepare_example(sequence, variant, max_gap=settings.max_gap, embed=embed, describe=describe)
        _log.info("%s %s: %d cells, recall %.4f", sequence.name, variant, len(example.parent), example.recall)
        examples.append(example)
    if not examples[0].positive.any():
        raise InputError(
            f"no cell of {sequence.name} is linked to another by the lineage; check that masks, markers and lineage "
            "belong together"
        )
    return examples


def segmentable(sequence: TrainingSequence) -> bool:
    """Whether the plain segmenter finds most of the annotated cells of the middle frame, and little else."""
    movie, middle = sequence.movie, len(sequence.movie) // 2
    number = movie.numbers[middle]
    if movie.images is None or number not in sequence.markers.numbers:
        return False
    mask = segment(movie.images[middle])
    marker = np.asarray(sequence.markers[sequence.markers.numbers.index(number)])
    found, wanted = np.unique(mask[(marker > 0) & (mask > 0)]), np.unique(marker[marker > 0])
    return bool(2 * len(found) > FINDS * (int(mask.max()) + len(wanted)))


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
