"""Which cell of the result is which cell of the truth, frame by frame, by the rule of the Cell Tracking Challenge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Floats, Integers

__all__ = ["FrameMatch", "match_discs", "match_frame"]


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
    shared = _shared_pixels(truth, result)
    return shared.chosen(2 * shared.pixels > shared.truth_size[shared.truth])


def match_discs(truth: NDArray[np.generic], discs: NDArray[np.generic]) -> FrameMatch:
    """Match discs drawn around points to the cells of the truth, whose markers may be far larger or smaller.

    A disc and a marker match one to one when they share more than half of the smaller one and neither shares as much
    with another.

    Parameters
    ----------
    truth
        Markers or masks of the truth, 0 = background.
    discs
        Discs of the result, 0 = background.
    """
    shared = _shared_pixels(truth, discs)
    pixels, first, second = shared.pixels, shared.truth, shared.result
    most_of_truth, most_of_result = np.zeros(len(shared.truth_labels), int), np.zeros(len(shared.result_labels), int)
    np.maximum.at(most_of_truth, first, pixels)
    np.maximum.at(most_of_result, second, pixels)
    best = (pixels == most_of_truth[first]) & (pixels == most_of_result[second])
    chosen = best & (2 * pixels > np.minimum(shared.truth_size[first], shared.result_size[second]))
    # Of equals the first one, for the truth and then for the discs.
    for side in (first, second):
        place = np.flatnonzero(chosen)
        chosen = np.zeros(len(chosen), np.bool_)
        chosen[place[np.unique(side[place], return_index=True)[1]]] = True
    return shared.chosen(chosen)


@dataclass(frozen=True, eq=False)
class _Shared:
    """Labels and sizes of two label images, and the pairs of rows that share pixels."""

    truth_labels: Integers
    truth_size: Integers
    result_labels: Integers
    result_size: Integers
    truth: Integers
    result: Integers
    pixels: Integers

    def chosen(self, matched: NDArray[np.bool_]) -> FrameMatch:
        """The matches among the pairs."""
        first, second, pixels = self.truth[matched], self.result[matched], self.pixels[matched]
        overlap = pixels / (self.truth_size[first] + self.result_size[second] - pixels)
        return FrameMatch(
            self.truth_labels, self.result_labels, self.truth_labels[first], self.result_labels[second], overlap
        )


def _shared_pixels(truth: NDArray[np.generic], result: NDArray[np.generic]) -> _Shared:
    truth_labels, truth_size = _sizes(truth)
    result_labels, result_size = _sizes(result)
    row = np.flatnonzero((truth.ravel() != 0) & (result.ravel() != 0))
    first = np.searchsorted(truth_labels, truth.ravel()[row].astype(np.int64))
    second = np.searchsorted(result_labels, result.ravel()[row].astype(np.int64))
    pair, pixels = np.unique(first * max(len(result_labels), 1) + second, return_counts=True)
    first, second = np.divmod(pair, max(len(result_labels), 1))
    return _Shared(truth_labels, truth_size, result_labels, result_size, first, second, pixels)


def _sizes(mask: NDArray[np.generic]) -> tuple[Integers, Integers]:
    """Labels of a mask, ascending, and their number of pixels."""
    labels, size = np.unique(mask[mask != 0], return_counts=True)
    return labels.astype(np.int64), size.astype(np.int64)
