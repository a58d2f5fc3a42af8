"""The layers of the trackers, on plain tensors: cells (n, c), links (m, c) and their end cells."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

__all__ = ["CompetitionBlock", "PathfinderConvolution", "group_softmax", "mlp", "pieces", "window_mean"]


PIECE = 2048
"""Links that a CPU goes through at a time where nothing is learned."""


class OneOutput(nn.Linear):
    """A linear layer of one output, the same to the last bit with any number of threads where nothing is learned.

    The product of a matrix and a vector is summed in an order that depends on the number of threads.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__(inputs, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs (n, 1) of the inputs (n, f)."""
        if self.training:
            return super().forward(inputs)
        return (inputs * self.weight[0]).sum(dim=1, keepdim=True) + self.bias


def mlp(*widths: int, dropout: float = 0.0, norm: bool = False) -> nn.Sequential:
    """Linear layers of the given widths with ReLU between them; with ``norm`` a layer norm before each ReLU."""
    layers: list[nn.Module] = []
    for index, (before, after) in enumerate(pairwise(widths)):
        layers.append(OneOutput(before) if after == 1 else nn.Linear(before, after))
        if index < len(widths) - 2:
            if norm:
                layers.append(nn.LayerNorm(after))
            layers.append(nn.ReLU())
            if dropout:
                layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers)


def group_softmax(score: Tensor, group: Tensor, groups: int, *, nothing: Tensor | None = None) -> Tensor:
    """Softmax of scores (m, h) over the items of the same group.

    Parameters
    ----------
    score
        Scores, shape (m, h).
    group
        Group of each item, 0 .. ``groups`` - 1, shape (m,).
    groups
        Number of groups.
    nothing
        Score of choosing none of the items, shape (groups, h); left out when one must be chosen.
    """
    peak = score.detach().new_full((groups, score.shape[1]), float("-inf"))
    peak = peak.scatter_reduce(0, group[:, None].expand_as(score), score.detach(), "amax")
    if nothing is not None:
        peak = torch.maximum(peak, nothing.detach())
    peak = torch.where(torch.isfinite(peak), peak, torch.zeros_like(peak))
    share = torch.exp(score - peak.index_select(0, group))
    total = torch.zeros_like(peak).index_add(0, group, share)
    if nothing is not None:
        total = total + torch.exp(nothing - peak)
    return share / total.clamp_min(1e-12).index_select(0, group)


class CompetitionBlock(nn.Module):
    """One round of messages: links see their ends and rivals, cells see their links in both time directions.

    Each link holds ``heads`` scores that compete with those of the other links of its target (which parent?) and of its
    source (which child?); the two softmax shares are fed back to the link and weigh the messages to the cells.

    Parameters
    ----------
    width
        Channels of cells and links.
    heads
        Number of competing scores.
    dropout
        Dropout inside the link update.
    context
        Whether the mean of all cells of the window is added to each cell: how good the masks of a movie are, how fast
        its cells move and how often they divide is seen only in all of them together.
    """

    def __init__(self, width: int, heads: int = 4, dropout: float = 0.0, *, context: bool = True) -> None:
        super().__init__()
        self.context = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)) if context else None
        self.heads = heads
        self.score = nn.Linear(width, 2 * heads)
        self.from_link = nn.Linear(width + 2 * heads, width)
        self.from_source = nn.Linear(width, width, bias=False)
        self.from_target = nn.Linear(width, width, bias=False)
        self.link_out = nn.Sequential(nn.LayerNorm(width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, width))
        self.message = nn.Linear(width, 2 * width)
        self.cell_in = nn.Linear(3 * width, width)
        self.cell_out = nn.Sequential(nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, width))

    def forward(
        self, cells: Tensor, links: Tensor, source: Tensor, target: Tensor, window: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Updated cells (n, width) and links (m, width); ``window`` says which cells share a context, shape (n,)."""
        count = len(cells)
        if self.context is not None:
            cells = cells + self.context(window_mean(cells, window))
        parent_score, child_score = self.score(links).split(self.heads, dim=1)
        as_parent = group_softmax(parent_score, target, count, nothing=parent_score.new_zeros(count, self.heads))
        as_child = group_softmax(child_score, source, count, nothing=child_score.new_zeros(count, self.heads))
        shares = torch.cat([as_parent, as_child], dim=1)
        of_source, of_target = self.from_source(cells), self.from_target(cells)
        past, future, updated = torch.zeros_like(cells), torch.zeros_like(cells), []
        for piece in pieces(links):
            share, begin, end = shares[piece], source[piece], target[piece]
            update = self.from_link(torch.cat([links[piece], share], dim=1))
            update = update + of_source.index_select(0, begin) + of_target.index_select(0, end)
            updated.append(links[piece] + self.link_out(update))
            messages = self.message(updated[-1]).unflatten(1, (2, self.heads, -1))
            # Each of the two products lies in one piece of memory, which makes the sums twice as fast.
            backward, forward = (messages[:, k] * share[:, k * self.heads :][:, : self.heads, None] for k in (0, 1))
            past = past.index_add_(0, end, backward.flatten(1))
            future = future.index_add_(0, begin, forward.flatten(1))
        cells = cells + self.cell_out(self.cell_in(torch.cat([cells, past, future], dim=1)))
        return cells, torch.cat(updated)


def pieces(links: Tensor) -> list[slice]:
    """Parts of the links to go through one after the other: on a CPU, what is computed of one stays in its cache."""
    length = PIECE if links.device.type == "cpu" and not torch.is_grad_enabled() else max(len(links), 1)
    return [slice(begin, begin + length) for begin in range(0, max(len(links), 1), length)]


def window_mean(cells: Tensor, window: Tensor | None) -> Tensor:
    """Mean of the cells of the same window for each cell, shape (n, c); without ``window`` all belong to one."""
    if window is None:
        return cells.mean(dim=0, keepdim=True).expand_as(cells) if len(cells) else cells
    windows = int(window.max()) + 1 if len(window) else 0
    total = cells.new_zeros(windows, cells.shape[1]).index_add(0, window, cells)
    number = cells.new_zeros(windows).index_add(0, window, cells.new_ones(len(cells)))
    return (total / number.clamp_min(1.0)[:, None])[window]


class PathfinderConvolution(nn.Module):
    """Pathfinder Discovery Network convolution (Rozemberczki et al. 2021, arXiv 2010.12878).

    Each message is weighted by a small MLP of the link's features with a sigmoid; the weights are normalised
    symmetrically by the degrees, with self loops of weight 1: D^-1/2 (W + I) D^-1/2 X Theta + b.

    Parameters
    ----------
    inputs, outputs
        Channels of the cells before and after.
    link_width
        Channels of the links.
    hidden
        Hidden width of the MLP of the weights.
    """

    def __init__(self, inputs: int, outputs: int, link_width: int, hidden: int = 16) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=False)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.weigh = nn.Sequential(nn.Linear(link_width, hidden), nn.ReLU(), OneOutput(hidden), nn.Sigmoid())

    def forward(self, cells: Tensor, links: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """Updated cells (n, outputs); messages flow from source to target."""
        weight = self.weigh(links)[:, 0]
        degree = torch.ones(len(cells), dtype=weight.dtype, device=weight.device).index_add(0, target, weight)
        scale = degree.rsqrt()
        values = self.linear(cells)
        messages = values[source] * (scale[source] * weight * scale[target])[:, None]
        kept: Tensor = (values * (scale * scale)[:, None]).index_add(0, target, messages)
        return kept + self.bias
