"""Improving a trained model on a few annotated frames without making it worse."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cell_tracker_gnn.linking.costs import LinkCosts
from cell_tracker_gnn.model.infer import score_graph
from cell_tracker_gnn.model.weights import Model
from cell_tracker_gnn.training.errors_left import count_errors
from cell_tracker_gnn.training.examples import Example

__all__ = ["PULL", "keep_the_better"]

PULL = 0.02
"""Pull towards the old weights: they know kinds of cells and divisions that a few frames do not show."""

_log = logging.getLogger(__name__)


def keep_the_better(
    old: Model, new: Model, validation: Sequence[Example], *, max_gap: int
) -> tuple[Model, dict[str, Any]]:
    """The new model, unless it leaves more errors on the validation frames or, with as many, is less sure of the truth.

    Parameters
    ----------
    old, new
        The model before and after.
    validation
        Labelled graphs. The loss is that of links that somebody has judged; errors are counted among all links of
        corrected movies, and among those of annotated tracks where only some are annotated.
    max_gap
        Number of frames a cell may be missed.

    Returns
    -------
    model, told
        The model to keep; and which one it is, with wrong and missed links and the mean loss of a link of both, as
        plain values.
    """
    (old_errors, old_loss), (new_errors, new_loss) = (_rate(model, validation, max_gap) for model in (old, new))
    better = (new_errors, new_loss) < (old_errors, old_loss)
    told = {
        "start": Path(old.name).name,
        "start_sha256": old.sha256,
        "kept": "new" if better else "old",
        "judged_links": int(sum(example.judged.sum() for example in validation)),
        "errors": {"old": old_errors, "new": new_errors},
        "loss": {"old": old_loss, "new": new_loss},
    }
    _log.info("fine-tuning: %s", told)
    return (new if better else old), told


def _rate(model: Model, validation: Sequence[Example], max_gap: int) -> tuple[int, float]:
    """Wrong plus missed links, and the mean binary cross entropy of the judged ones."""
    errors, loss, judged = 0, 0.0, 0
    for example in (part.cut_out() for part in validation):
        scores = score_graph(model.network, example.graph)
        errors += count_errors(example, scores, LinkCosts(**model.costs), max_gap=max_gap)
        sign = np.where(example.positive, 1.0, -1.0)[example.judged]
        loss += float(np.logaddexp(0.0, -sign * scores.link[example.judged]).sum())
        judged += int(example.judged.sum())
    return errors, loss / max(judged, 1)
