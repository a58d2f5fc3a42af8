"""What the tracker learns from: every link on its own, and the choice of one parent among rivals."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from cell_tracker_gnn.model.tracker import Logits
from cell_tracker_gnn.training.batches import Batch

__all__ = ["balanced_link_loss", "parent_choice_loss", "tracking_loss"]

CELL_WEIGHT = 0.3
"""Weight of the cells' beginnings, ends and divisions beside the links."""


def tracking_loss(logits: Logits, batch: Batch) -> Tensor:
    """Loss of the default preset: links, parent choice and cells, each per cell of the batch."""
    cells = max(len(batch.cell_features), 1)
    link = functional.binary_cross_entropy_with_logits(
        logits.link, batch.positive, weight=batch.link_weight, reduction="sum"
    )
    odds = torch.stack(logits[1:], dim=1)
    cell = functional.binary_cross_entropy_with_logits(odds, batch.cell_labels, reduction="none") * batch.cell_known
    return link / cells + parent_choice_loss(logits.link, batch) + CELL_WEIGHT * cell.sum() / cells


def parent_choice_loss(link: Tensor, batch: Batch) -> Tensor:
    """Cross entropy of each cell's choice among its candidate parents and none, per cell.

    The score of choosing none is 0, the softmax with an extra one in the denominator of Trackastra (Gallusser and
    Weigert 2024). A cell with several true parents (merged masks) may choose any of them. Cells whose true parent lies
    outside of the window or is no candidate are left out.
    """
    count = len(batch.cell_features)
    peak = link.detach().new_zeros(count).scatter_reduce(0, batch.target, link.detach(), "amax")
    share = torch.exp(link - peak[batch.target])
    total = torch.exp(-peak).index_add(0, batch.target, share)
    right = torch.zeros_like(total).index_add(0, batch.target, share * batch.positive)
    any_right = torch.zeros_like(total).index_add(0, batch.target, batch.positive) > 0
    right = torch.where(any_right, right.clamp_min(1e-30), torch.exp(-peak))
    trusted = torch.zeros_like(total).scatter_reduce(0, batch.target, batch.link_weight * batch.positive, "amax")
    counted = torch.where(any_right, trusted, batch.cell_labels[:, 0] * batch.cell_known[:, 0])
    return ((torch.log(total) - torch.log(right)) * counted).sum() / max(count, 1)


def balanced_link_loss(link: Tensor, positive: Tensor, weight: Tensor | None = None) -> Tensor:
    """Binary cross entropy whose positive weight is the ratio of negative to positive links (METHOD, the paper)."""
    number = positive.sum().clamp_min(1.0)
    return functional.binary_cross_entropy_with_logits(
        link, positive, weight=weight, pos_weight=(len(positive) - number) / number
    )
