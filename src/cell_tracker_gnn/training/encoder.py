"""The crops of annotated sequences, for the training of the encoder."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cell_tracker_gnn.embedding.encoder import Encoder
from cell_tracker_gnn.embedding.identities import LabelledCrops
from cell_tracker_gnn.embedding.metric import EncoderSettings, train_encoder
from cell_tracker_gnn.errors import InputError, OutputError, SettingsError
from cell_tracker_gnn.features.crops import crop_shape
from cell_tracker_gnn.features.cutting import CropCutter, padded_size
from cell_tracker_gnn.features.regions import FrameCells, MaskPixels, join_frames, measure_frame
from cell_tracker_gnn.graph.labels import match_cells
from cell_tracker_gnn.model.weights import load_encoder, save_encoder
from cell_tracker_gnn.pipeline import Progress
from cell_tracker_gnn.training.settings import TrainSettings
from cell_tracker_gnn.training.variants import PartOfFrames, TrainingSequence

__all__ = ["ENCODER", "read_encoder", "sequence_crops", "train_sequence_encoder", "write_encoder"]

ENCODER = "encoder.tensors"
"""Name of the file that keeps the encoder between the stages."""

MOST_CROPS = 10_000
"""Crops of one sequence, from its last frames, where colonies are densest."""

MEMORY = 600_000_000
"""About this many bytes of crops are held; large crops leave fewer per sequence."""

SIZES = {("compact", 2): 32, ("compact", 3): 32, ("resnet", 2): 64, ("resnet", 3): 32}
"""Length of the crops for an encoder and a rank, unless they are padded to the size of the cells."""

LEARNING_RATES = {"compact": 2e-3, "resnet": 5e-4}

_log = logging.getLogger(__name__)


def train_sequence_encoder(
    sequences: Sequence[TrainingSequence], settings: TrainSettings, device: torch.device, progress: Progress
) -> tuple[Encoder | None, dict[str, float]]:
    """Train an encoder on the training frames of the sequences that have images and masks.

    An encoder is for one rank; where there are 2D and 3D sequences, it is the rank of most of them.

    Returns
    -------
    encoder, scores
        None and no scores where there are no such sequences or hardly any cell is seen twice.
    """
    imaged = _of_one_rank([s for s in sequences if s.movie.images is not None and s.movie.points is None])
    if not imaged:
        return None, {}
    family = settings.encoder_kind.rstrip("0123456789")
    rank = imaged[0].movie.rank
    size = SIZES[family, rank]
    if settings.crop_mode == "padded":
        size = max(padded_size(s.movie) for s in imaged)
    most = min(MOST_CROPS, MEMORY // (2 * int(np.prod(crop_shape(rank, size))) * len(imaged)))
    share = 1.0 - settings.validation
    movies = [sequence_crops(s, mode=settings.crop_mode, size=size, share=share, most=most) for s in imaged]
    epochs = settings.embedding_epochs
    fit = EncoderSettings(
        kind=settings.encoder_kind,
        crop=settings.crop_mode,
        dim=settings.embedding_dim,
        loss=settings.embedding_loss,
        epochs=epochs,
        patience=min(5, epochs),
        learning_rate=LEARNING_RATES[family],
        seed=settings.seed,
    )
    try:
        encoder, scores = train_encoder(
            movies, fit, device=device, report=lambda epoch, _: progress("embedding", epoch, epochs)
        )
    except InputError as error:
        _log.warning("no encoder is trained: %s", error)
        return None, {}
    return encoder, {f"embedding_{name}": value for name, value in scores.items()}


def write_encoder(encoder: Encoder, scores: Mapping[str, float], settings: TrainSettings, path: Path) -> None:
    """Keep an encoder for the later stages of a training.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    try:
        save_encoder(encoder, {"settings": _embedding_settings(settings), "scores": dict(scores)}, path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error}); choose another --output") from error


def read_encoder(path: Path, settings: TrainSettings) -> tuple[Encoder | None, dict[str, float]]:
    """The encoder of the stage before and its scores; None if the settings are without an embedding.

    Raises
    ------
    MissingInputError
        If there is none.
    SettingsError
        If it was trained with other settings.
    """
    if not settings.embedding:
        return None, {}
    encoder, card = load_encoder(path)
    wanted, trained = _embedding_settings(settings), card["settings"]
    changed = [f"{name}={trained.get(name)}" for name in wanted if trained.get(name) != wanted[name]]
    if changed:
        raise SettingsError(
            f"{path} was trained with {' '.join(changed)}; give the same settings or run --stage embedding again"
        )
    return encoder, card["scores"]


def _embedding_settings(settings: TrainSettings) -> dict[str, Any]:
    """The settings that make an encoder another one; the seed may differ between the stages."""
    return {
        "encoder": settings.encoder_kind,
        "crop": settings.crop_mode,
        "embedding_loss": settings.embedding_loss,
        "embedding_dim": settings.embedding_dim,
        "embedding_epochs": settings.embedding_epochs,
    }


def _of_one_rank(sequences: Sequence[TrainingSequence]) -> list[TrainingSequence]:
    """The sequences of the rank that most of them have; 2D if as many are 3D."""
    parts = [[s for s in sequences if s.movie.rank == rank] for rank in (2, 3)]
    chosen = max(parts, key=len)
    if len(chosen) < len(sequences):
        _log.info("the encoder is for %dD: that is what most of the sequences with images are", chosen[0].movie.rank)
    return chosen


def sequence_crops(
    sequence: TrainingSequence, *, mode: str, size: int, share: float = 1.0, most: int = MOST_CROPS
) -> LabelledCrops:
    """Crops of the cells in the first frames of a sequence with their tracks.

    Parameters
    ----------
    sequence
        A sequence with images.
    mode, size
        How crops are cut, see :func:`~cell_tracker_gnn.features.crops.cut_crops`.
    share
        Share of the frames that is used.
    most
        Frames are taken from the last one backwards until there are so many crops.

    Raises
    ------
    InputError
        If the sequence has no images.
    """
    movie = sequence.movie
    if movie.images is None:
        raise InputError(f"{sequence.name} has no images to cut crops from; leave it out or train with embedding=no")
    cutter = CropCutter.of(movie, mode=mode, size=size)
    last = max(2, round(share * len(movie)))
    frames: list[FrameCells] = []
    # Half precision is enough for intensities between 0 and 1.5.
    crops: list[NDArray[np.float16]] = []
    index = last
    while index > 0 and sum(len(f) for f in frames) < most:
        index -= 1
        mask = movie.masks[index]
        found = measure_frame(MaskPixels.of(mask), None, movie.scale)
        frames.append(found)
        crops.append(cutter.cut(movie.images[index], mask, found.label, found.box).astype(np.float16))
    part = PartOfFrames(movie.masks, 1, index, last)
    cells = join_frames(frames[::-1], numbers=part.numbers, shape=part.shape, scale=movie.scale)
    cell, track = match_cells(cells, part, sequence.markers)
    identity = np.full(len(cells), -1, np.int64)
    once = np.bincount(cell, minlength=len(cells)) == 1
    identity[cell] = np.where(once[cell], track, -1)
    return LabelledCrops(np.concatenate(crops[::-1]), identity, cells.frame, cells.position)
