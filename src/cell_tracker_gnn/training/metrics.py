"""How well links and divisions are told apart on validation windows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics.functional.classification import binary_average_precision, binary_stat_scores

from cell_tracker_gnn.training.batches import Batch

__all__ = ["Judgement", "judge_batch", "judgement_scores"]

Judgement = tuple[Tensor, Tensor]
"""Probabilities and labels (0 or 1), both of shape (k,)."""


def judge_batch(link: Tensor, batch: Batch) -> dict[str, Judgement]:
    """The known links of a batch, and its known divisions.

    A cell is said to divide by its second most probable child, so that networks without a word on divisions have a
    score of them too.

    Parameters
    ----------
    link
        Log-odds of the links, shape (m,).
    batch
        The labels.
    """
    known = batch.link_weight > 0.5
    probability = link.detach().float().sigmoid()
    cells = batch.cell_known[:, 2] > 0.5
    second = _second_largest(probability, batch.source, len(cells))
    return {
        "link": (probability[known], batch.positive[known].long()),
        "division": (second[cells], batch.cell_labels[cells, 2].long()),
    }


def _second_largest(value: Tensor, group: Tensor, groups: int) -> Tensor:
    """Second largest value of each group, 0 where there are fewer, shape (groups,)."""
    order = torch.argsort(value, descending=True, stable=True)
    order = order[torch.argsort(group[order], stable=True)]
    ranked = group[order]
    second = torch.zeros_like(ranked, dtype=torch.bool)
    second[1:] = ranked[1:] == ranked[:-1]
    second[2:] &= ranked[2:] != ranked[:-2]
    return value.new_zeros(groups).index_add(0, ranked[second], value[order[second]])


def judgement_scores(found: Sequence[dict[str, Judgement]]) -> dict[str, Tensor]:
    """Accuracy, precision, recall and F1 at a probability of one half, and average precision, by kind.

    Where nothing is positive, all but the accuracy are 0. Average precision comes from torchmetrics, as do the counts.
    """
    scores: dict[str, Tensor] = {}
    for kind in found[0] if found else ():
        probability, label = (torch.cat([part[kind][end] for part in found]) for end in (0, 1))
        if not len(label):
            continue
        true, false, _, missed, positive = (part.float() for part in _counts(probability, label))
        count = torch.tensor(float(len(label)), device=label.device)
        scores |= {
            f"{kind}_accuracy": 1.0 - (false + missed) / count,
            f"{kind}_precision": true / (true + false).clamp_min(1.0),
            f"{kind}_recall": true / positive.clamp_min(1.0),
            f"{kind}_f1": 2.0 * true / (2.0 * true + false + missed).clamp_min(1.0),
            f"{kind}_average_precision": (
                binary_average_precision(probability, label) if positive else torch.zeros((), device=label.device)
            ),
        }
    return scores


def _counts(probability: Tensor, label: Tensor) -> Tensor:
    """True positives, false positives, true negatives, false negatives, positives, shape (5,)."""
    found: Tensor = binary_stat_scores(probability, label)
    return found
