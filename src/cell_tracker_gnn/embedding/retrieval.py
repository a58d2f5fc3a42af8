"""How well embeddings alone find a cell again in the next frames, and whether they have collapsed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from cell_tracker_gnn.data import Floats, Integers
from cell_tracker_gnn.embedding.identities import LabelledCrops

__all__ = ["SCORES", "retrieval_scores"]

SCORES: tuple[str, ...] = (
    "precision_at_1",
    "r_precision",
    "map_at_r",
    "neighbour_precision",
    "same_cosine",
    "different_cosine",
)
"""Names of the scores beside the number of searches, ``queries``."""


def retrieval_scores(
    movie: LabelledCrops, embedding: NDArray[np.float32], queries: Integers, *, ahead: int = 3, neighbours: int = 5
) -> dict[str, float]:
    """Look for cells in the following frames by cosine similarity alone.

    Every crop of those frames is a possible answer, whether its cell has trained the encoder or not; R answers are
    right, one for each frame in which the cell is seen. R-precision is the share of right ones among the R best
    answers; MAP@R also counts their order (Musgrave et al., ECCV 2020).

    Parameters
    ----------
    movie
        The crops and whose they are.
    embedding
        Unit vectors of the crops, shape (n, d).
    queries
        Identities to look for.
    ahead
        Number of frames in which to look; links reach as far as this by default.
    neighbours
        Number of cells among which to choose in the restricted search.

    Returns
    -------
    dict[str, float]
        ``precision_at_1``: share of searches whose best answer is right; ``r_precision``; ``map_at_r``;
        ``neighbour_precision``: share found among the ``neighbours`` nearest cells of the next frame, a cell outside
        them counting as not found; ``same_cosine``, ``different_cosine``: mean cosine similarity to the cell itself
        and to the other neighbours in the next frame; ``queries``: number of searches. NaN without any.
    """
    found: dict[str, list[Floats]] = {name: [] for name in SCORES}
    for frame in np.unique(movie.frame):
        rows = np.flatnonzero((movie.frame == frame) & np.isin(movie.identity, queries))
        later = np.flatnonzero((movie.frame > frame) & (movie.frame <= frame + ahead))
        following = np.flatnonzero(movie.frame == frame + 1)
        for score in (
            _ranking(movie, embedding, *_answerable(movie, rows, later)),
            _choice(movie, embedding, *_answerable(movie, rows, following), neighbours=neighbours),
        ):
            for name, values in score.items():
                found[name].append(values)
    joined = {name: np.concatenate(parts) if parts else np.zeros(0) for name, parts in found.items()}
    scores = {name: float(values.mean()) if len(values) else np.nan for name, values in joined.items()}
    return {**scores, "queries": float(len(joined["precision_at_1"]))}


def _answerable(movie: LabelledCrops, rows: Integers, gallery: Integers) -> tuple[Integers, Integers]:
    """Searches that have a right and a wrong answer in the gallery, and the gallery."""
    rows = rows[np.isin(movie.identity[rows], movie.identity[gallery])]
    return (rows if len(gallery) > 1 else rows[:0]), gallery


def _ranking(
    movie: LabelledCrops, embedding: NDArray[np.float32], rows: Integers, gallery: Integers
) -> dict[str, Floats]:
    """The scores of the order of all answers, one value per search."""
    if not len(rows):
        return {}
    right = movie.identity[rows][:, None] == movie.identity[gallery][None, :]
    relevant = right.sum(axis=1)
    best = np.argsort(-(embedding[rows] @ embedding[gallery].T), axis=1, kind="stable")[:, : relevant.max()]
    rank = np.arange(1, best.shape[1] + 1)
    hit = np.take_along_axis(right, best, axis=1) & (rank <= relevant[:, None])
    precision = np.cumsum(hit, axis=1) / rank
    return {
        "precision_at_1": hit[:, 0].astype(np.float64),
        "r_precision": hit.sum(axis=1) / relevant,
        "map_at_r": (precision * hit).sum(axis=1) / relevant,
    }


def _choice(
    movie: LabelledCrops, embedding: NDArray[np.float32], rows: Integers, following: Integers, *, neighbours: int
) -> dict[str, Floats]:
    """The scores of the choice among the nearest cells of the next frame."""
    if not len(rows):
        return {}
    cosine = embedding[rows] @ embedding[following].T
    right = movie.identity[rows][:, None] == movie.identity[following][None, :]
    _, near = cKDTree(movie.position[following]).query(movie.position[rows], k=min(neighbours, len(following)))
    near_cosine, near_right = (np.take_along_axis(table, near, axis=1) for table in (cosine, right))
    chosen = np.take_along_axis(near_right, near_cosine.argmax(axis=1)[:, None], axis=1)[:, 0]
    return {
        "neighbour_precision": chosen.astype(np.float64),
        "same_cosine": cosine[right].astype(np.float64),
        "different_cosine": near_cosine[~near_right].astype(np.float64),
    }
