"""Which cell of the result is which cell of the truth, frame by frame, by the rule of the Cell Tracking Challenge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Floats, Integers

__all__ = ["FrameMatch", "match_frame"]


@dataclass(frozen=True, eq=False)
class FrameMatch:
    """The cells of one frame and who covers whom.

    A cell of the result matches a marker of the truth when it covers more than half of the marker's pixels. A marker
    has therefore at most one match; a merged cell may match several markers.

    Parameters
    ----------
    truth_labels
        Labels of the truth in this frame, ascending, shape (r,).
    result_labels
        Labels of the result in this frame, ascending, shape (c,).
    truth, result
        Labels of the two members of each match, shape (m,).
    overlap
        Intersection over union of each match, shape (m,).
    """

    truth_labels: Integers
    result_labels: Integers
    truth: Integers
    result: Integers
    overlap: Floats

    @property
    def unique(self) -> NDArray[np.bool_]:
        """Which matches are one to one: the cell of the result matches no second marker, shape (m,)."""
        _, inverse, count = np.unique(self.result, return_inverse=True, return_counts=True)
        return np.asarray(count[inverse] == 1, dtype=np.bool_)


def match_frame(truth: NDArray[np.generic], result: NDArray[np.generic]) -> FrameMatch:
    """Match the cells of two label images of the same shape.

    Parameters
    ----------
    truth
        Markers of the truth, 0 = background.
    result
        Masks of the result, 0 = background.

    Returns
    -------
    FrameMatch
        Labels and matches, ordered by the label of the truth.

    Examples
    --------
    >>> match_frame(np.array([[1, 1, 1, 2]]), np.array([[7, 7, 0, 0]])).result
    array([7])
    """
    truth_labels, truth_size = _sizes(truth)
    result_labels, result_size = _sizes(result)
    row = np.flatnonzero((truth.ravel() != 0) & (result.ravel() != 0))
    first = np.searchsorted(truth_labels, truth.ravel()[row].astype(np.int64))
    second = np.searchsorted(result_labels, result.ravel()[row].astype(np.int64))
    pair, shared = np.unique(first * max(len(result_labels), 1) + second, return_counts=True)
    first, second = np.divmod(pair, max(len(result_labels), 1))
    covered = 2 * shared > truth_size[first]
    first, second, shared = first[covered], second[covered], shared[covered]
    overlap = shared / (truth_size[first] + result_size[second] - shared)
    return FrameMatch(truth_labels, result_labels, truth_labels[first], result_labels[second], overlap)


def _sizes(mask: NDArray[np.generic]) -> tuple[Integers, Integers]:
    """Labels of a mask, ascending, and their number of pixels."""
    labels, size = np.unique(mask[mask != 0], return_counts=True)
    return labels.astype(np.int64), size.astype(np.int64)
