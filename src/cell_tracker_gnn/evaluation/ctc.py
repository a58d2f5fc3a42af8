"""The measures of the Cell Tracking Challenge, as the organisers' py-ctcmetrics computes them.

Only the matching of the masks and the summation of CHOTA are ours: those of py-ctcmetrics overflow on 8-bit masks, fail
on frames without a cell and take hours on movies of ten thousand tracks. Both are tested against it.
"""

from __future__ import annotations

import numpy as np

from cell_tracker_gnn.evaluation.chota import chota
from cell_tracker_gnn.evaluation.comparison import Comparison

__all__ = ["ctc_measures", "graph_measures"]

TOLERANCES = (0, 1, 2, 3)
COUNTS = ("EA", "ED", "EC", "NS", "FN", "FP")


def ctc_measures(comparison: Comparison) -> dict[str, float | None]:
    """Measures of the Cell Tracking Challenge; None where the truth does not define one.

    Parameters
    ----------
    comparison
        Truth and result with their matched cells.

    Returns
    -------
    dict
        TRA, DET, LNK, SEG, CHOTA, CT, TF, CCA, BC(i), BIO(i) and OP_CLB(i) for a tolerance of i = 0 ... 3 frames, and
        the counts behind them: edges to add (EA), to delete (ED), of the wrong kind (EC), cells to split (NS), missed
        (FN) and spurious (FP).
    """
    scores = graph_measures(comparison)
    scores["SEG"] = _segmentation(comparison)
    scores["CHOTA"] = chota(comparison)
    scores.update(_biological_measures(comparison, scores["LNK"]))
    return scores


def graph_measures(comparison: Comparison) -> dict[str, float | None]:
    """TRA, DET and LNK, the last one None without a link to find, and the counts behind them."""
    from ctc_metrics.metrics import det, lnk, tra
    from ctc_metrics.utils.representations import count_acyclic_graph_correction_operations

    operations = count_acyclic_graph_correction_operations(
        comparison.truth.rows, comparison.result.rows, *_label_lists(comparison)
    )
    scores: dict[str, float | None] = {
        "TRA": float(tra(**operations)[0]),
        "DET": float(det(**operations)),
        "LNK": float(lnk(**operations)) if operations["num_edges"] else None,
    }
    return scores | {name: int(operations[name]) for name in COUNTS}


def _segmentation(comparison: Comparison) -> float | None:
    from ctc_metrics.metrics import seg

    if not sum(len(match.truth_labels) for match in comparison.segmentation):
        return None
    labels = [match.truth_labels.tolist() for match in comparison.segmentation]
    return float(seg(labels, [match.overlap.tolist() for match in comparison.segmentation]))


def _biological_measures(comparison: Comparison, linking: float | None) -> dict[str, float | None]:
    from ctc_metrics.metrics import bc, bio, cca, ct, op_clb, raw_division_metrics, tf

    truth, result = comparison.truth.rows, comparison.result.rows
    labels, _, mapped_truth, mapped_result = _label_lists(comparison)
    complete = ct(result, truth, labels, mapped_truth, mapped_result)
    fractions = tf(truth, labels, mapped_truth, mapped_result)
    cycle = cca(result, truth)
    scores = {"CT": complete, "TF": fractions, "CCA": cycle}
    for tolerance in TOLERANCES:
        branching = bc(*raw_division_metrics(result, truth, mapped_truth, mapped_result, i=tolerance))
        biology = bio(complete, fractions, branching, cycle)
        scores[f"BC({tolerance})"] = branching
        scores[f"BIO({tolerance})"] = biology
        scores[f"OP_CLB({tolerance})"] = None if linking is None else op_clb(linking, biology)
    return {name: None if value is None else float(value) for name, value in scores.items()}


def _label_lists(comparison: Comparison) -> tuple[list[list[int]], ...]:
    """Labels of truth and result and the matched ones, one list per frame, as py-ctcmetrics wants them."""
    matches = comparison.matches
    return (
        [np.asarray(match.truth_labels).tolist() for match in matches],
        [np.asarray(match.result_labels).tolist() for match in matches],
        [np.asarray(match.truth).tolist() for match in matches],
        [np.asarray(match.result).tolist() for match in matches],
    )
