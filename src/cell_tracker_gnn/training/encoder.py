"""The crops of annotated sequences, for the training of the encoder."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from cell_tracker_gnn.embedding.encoder import Encoder
from cell_tracker_gnn.embedding.identities import LabelledCrops
from cell_tracker_gnn.embedding.metric import EncoderSettings, train_encoder
from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.features.crops import cut_crops
from cell_tracker_gnn.features.regions import FrameCells, MaskPixels, join_frames, measure_frame
from cell_tracker_gnn.graph.labels import match_cells
from cell_tracker_gnn.pipeline import Progress
from cell_tracker_gnn.training.examples import PartOfFrames, TrainingSequence
from cell_tracker_gnn.training.settings import TrainSettings

__all__ = ["sequence_crops", "train_sequence_encoder"]

MOST_CROPS = 10_000
"""Crops of one sequence, from its last frames, where colonies are densest."""

_log = logging.getLogger(__name__)


def train_sequence_encoder(
    sequences: Sequence[TrainingSequence], settings: TrainSettings, device: torch.device, progress: Progress
) -> tuple[Encoder | None, dict[str, float]]:
    """Train an encoder on the training frames of the 2D sequences that have images and masks.

    Returns
    -------
    encoder, scores
        None and no scores where there are no such sequences or hardly any cell is seen twice.
    """
    imaged = [s for s in sequences if s.movie.images is not None and s.movie.points is None and s.movie.rank == 2]
    if not imaged:
        return None, {}
    movies = [sequence_crops(s, share=1.0 - settings.validation) for s in imaged]
    epochs = settings.embedding_epochs
    fit = EncoderSettings(epochs=epochs, patience=min(5, epochs), seed=settings.seed)

    def report(epoch: int, scores: dict[str, float]) -> None:
        progress("embedding", epoch + 1, epochs)
        _log.info("embedding epoch %d of %d: %s", epoch + 1, epochs, scores)

    try:
        encoder, scores = train_encoder(movies, fit, device=device, report=report)
    except InputError as error:
        _log.warning("no encoder is trained: %s", error)
        return None, {}
    return encoder, {f"embedding_{name}": value for name, value in scores.items()}


def sequence_crops(sequence: TrainingSequence, *, share: float) -> LabelledCrops:
    """Crops of the cells in the first ``share`` of the frames, at most :data:`MOST_CROPS`, with their tracks."""
    last = max(2, round(share * len(sequence.movie)))
    images = sequence.movie.images
    frames: list[FrameCells] = []
    crops: list[NDArray[np.float32]] = []
    index = last
    while index > 0 and sum(len(f) for f in frames) < MOST_CROPS:
        index -= 1
        mask = sequence.movie.masks[index]
        image = images[index] if images is not None else mask
        pixels = MaskPixels.of(mask)
        found = measure_frame(pixels, None, sequence.movie.scale)
        frames.append(found)
        crops.append(cut_crops(image, mask, found.label, found.box))
    frames.reverse()
    crops.reverse()
    part = PartOfFrames(sequence.movie.masks, 1, index, last)
    cells = join_frames(frames, [], numbers=part.numbers, shape=part.shape, scale=sequence.movie.scale)
    cell, track = match_cells(cells, part, sequence.markers)
    identity = np.full(len(cells), -1, np.int64)
    once = np.bincount(cell, minlength=len(cells)) == 1
    identity[cell] = np.where(once[cell], track, -1)
    return LabelledCrops(np.concatenate(crops), identity, cells.frame, cells.position)
