"""How well embeddings alone find a cell again in the next frame, and whether they have collapsed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from cell_tracker_gnn.data import Integers
from cell_tracker_gnn.embedding.identities import LabelledCrops

__all__ = ["retrieval_scores"]


def retrieval_scores(
    movie: LabelledCrops, embedding: NDArray[np.float32], queries: Integers, *, neighbours: int = 5
) -> dict[str, float]:
    """Look for cells in the next frame by cosine similarity alone.

    Every crop of the next frame is a possible answer, whether its cell has trained the encoder or not.

    Parameters
    ----------
    movie
        The crops and whose they are.
    embedding
        Unit vectors of the crops, shape (n, d).
    queries
        Identities to look for.
    neighbours
        Number of cells among which to choose in the restricted search.

    Returns
    -------
    dict[str, float]
        ``precision``: share found among all cells of the next frame; ``neighbour_precision``: among the ``neighbours``
        nearest ones, a cell outside them counting as not found; ``same_cosine``, ``different_cosine``: mean cosine
        similarity to the cell itself and to the other neighbours; ``queries``: number of searches. NaN without any.
    """
    found, found_near, same, different = [], [], [], []
    for frame in np.unique(movie.frame):
        next_rows = np.flatnonzero(movie.frame == frame + 1)
        rows = np.flatnonzero((movie.frame == frame) & np.isin(movie.identity, queries))
        rows = rows[np.isin(movie.identity[rows], movie.identity[next_rows])]
        if not len(rows) or len(next_rows) < 2:
            continue
        cosine = embedding[rows] @ embedding[next_rows].T
        right = movie.identity[rows][:, None] == movie.identity[next_rows][None, :]
        _, near = cKDTree(movie.position[next_rows]).query(movie.position[rows], k=min(neighbours, len(next_rows)))
        near_cosine, near_right = (np.take_along_axis(table, near, axis=1) for table in (cosine, right))
        found.append(np.take_along_axis(right, cosine.argmax(axis=1)[:, None], axis=1)[:, 0])
        found_near.append(np.take_along_axis(near_right, near_cosine.argmax(axis=1)[:, None], axis=1)[:, 0])
        same.append(cosine[right])
        different.append(near_cosine[~near_right])
    names = ("precision", "neighbour_precision", "same_cosine", "different_cosine")
    parts = (found, found_near, same, different)
    scores = {
        name: float(np.concatenate(part).mean()) if part else np.nan for name, part in zip(names, parts, strict=True)
    }
    return {**scores, "queries": float(sum(map(len, found)))}
