"""How the cells of a movie are embedded, and whether they are."""

from __future__ import annotations

from functools import partial

import torch

from cell_tracker_gnn.data import Movie
from cell_tracker_gnn.embedding.encoder import Encoder, embed, embedded_at_once
from cell_tracker_gnn.features.cutting import CropCutter
from cell_tracker_gnn.features.extract import Embed

__all__ = ["choose_cutter", "embed_with", "embedder"]


def choose_cutter(encoder: Encoder | None, movie: Movie) -> CropCutter | None:
    """How the crops of a movie are cut, or None without encoder, without images or for another rank.

    Crops are cut in the way that the encoder was trained on; points are embedded by patches only.
    """
    if encoder is None or movie.images is None or encoder.config.rank != movie.rank:
        return None
    if movie.points is not None and encoder.config.crop != "patch":
        return None
    return CropCutter.of(movie, mode=encoder.config.crop, size=encoder.config.size)


def embed_with(encoder: Encoder, cutter: CropCutter, device: torch.device, *, flips: bool = False) -> Embed:
    """Embed the crops of a cutter on a device."""
    compute = partial(embed, encoder.to(device), flips=flips)
    return Embed(cutter, compute, embedded_at_once(encoder.config, device))


def embedder(encoder: Encoder | None, movie: Movie, device: torch.device, *, flips: bool = False) -> Embed | None:
    """How the cells of a movie are embedded, or None where :func:`choose_cutter` gives none."""
    cutter = choose_cutter(encoder, movie)
    return None if encoder is None or cutter is None else embed_with(encoder, cutter, device, flips=flips)
