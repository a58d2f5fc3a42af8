"""CHOTA, the cell-specific higher order tracking accuracy, over sparse matrices."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.sparse import coo_array, csr_array

from cell_tracker_gnn.evaluation.comparison import Comparison
from cell_tracker_gnn.evaluation.lineage import CheckedLineage

__all__ = ["chota"]


def chota(comparison: Comparison) -> float | None:
    r"""CHOTA of a result, None when neither side has a cell.

    With :math:`n_{ij}` the number of frames in which cell :math:`i` of the truth matches cell :math:`j` of the result,
    and :math:`A_{ij}` the Jaccard index of all that belongs to the ancestors and descendants of the one and of the
    other,

    .. math:: \mathrm{CHOTA} = \sqrt{\frac{\sum_{ij} n_{ij} A_{ij}}{TP + FP + FN}} .

    Parameters
    ----------
    comparison
        Truth and result with their matched cells.

    References
    ----------
    Kaiser et al., "CHOTA: A Higher Order Accuracy Metric for Cell Tracking", 2024.
    """
    truth_row, truth_family = _families(comparison.truth)
    result_row, result_family = _families(comparison.result)
    shared, missed, spurious = _counts(comparison, truth_row, result_row)
    everything = shared.sum() + missed.sum() + spurious.sum()
    if not everything:
        return None
    pairs = shared.tocoo()
    i, j = pairs.row, pairs.col
    right = np.asarray((truth_family @ shared)[i].multiply(result_family[j]).sum(axis=1)).ravel()
    of_truth = (truth_family @ (shared.sum(axis=1) + missed))[i]
    of_result = (result_family @ (shared.sum(axis=0) + spurious))[j]
    association = right / (of_truth + of_result - right)
    return float(np.sqrt(np.sum(pairs.data * association) / everything))


def _counts(
    comparison: Comparison, truth_row: dict[int, int], result_row: dict[int, int]
) -> tuple[csr_array, np.ndarray, np.ndarray]:
    """Count the frames shared by each pair of cells, missed of each true cell, spurious of each cell of the result."""
    i = _rows((match.truth for match in comparison.matches), truth_row)
    j = _rows((match.result for match in comparison.matches), result_row)
    shape = (max(truth_row.values()) + 1, max(result_row.values()) + 1)
    shared = csr_array(coo_array((np.ones(len(i)), (i, j)), shape=shape))
    missed = _rows((np.setdiff1d(m.truth_labels, m.truth) for m in comparison.matches), truth_row)
    spurious = _rows((np.setdiff1d(m.result_labels, m.result) for m in comparison.matches), result_row)
    return shared, np.bincount(missed, minlength=shape[0]), np.bincount(spurious, minlength=shape[1])


def _rows(labels: Iterable[np.ndarray], row: dict[int, int]) -> np.ndarray:
    return np.array([row[label] for frame in labels for label in frame.tolist()], dtype=np.int64)


def _families(table: CheckedLineage) -> tuple[dict[int, int], csr_array]:
    """Row of the cell of each track, and which cells are ancestor, descendant or the same."""
    identity = table.identity
    number = {cell: row for row, cell in enumerate(sorted(set(identity.values())))}
    parent = {
        identity[label]: identity[up]
        for label, _, _, up in table.rows.tolist()
        if up and identity[up] != identity[label]
    }
    first, second = list(number.values()), list(number.values())
    for cell, row in number.items():
        ancestor = parent.get(cell)
        while ancestor is not None:
            first += [row, number[ancestor]]
            second += [number[ancestor], row]
            ancestor = parent.get(ancestor)
    family = csr_array(coo_array((np.ones(len(first)), (first, second)), shape=(len(number), len(number))))
    return {label: number[cell] for label, cell in identity.items()}, family
