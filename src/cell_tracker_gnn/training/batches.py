"""Random windows of labelled graphs, several to a batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

from cell_tracker_gnn.data import Integers
from cell_tracker_gnn.graph.edges import IMAGE_LINK_FEATURES, LINK_FEATURES
from cell_tracker_gnn.graph.nodes import CELL_FEATURES, IMAGE_CELL_FEATURES
from cell_tracker_gnn.graph.windows import cut_window
from cell_tracker_gnn.training.examples import Example

__all__ = ["Batch", "Batches", "WindowStream", "join_batch", "whole_batches", "window_batch"]

IMAGE_LINK_COLUMNS = [LINK_FEATURES.index(name) for name in IMAGE_LINK_FEATURES]
IMAGE_CELL_COLUMNS = [CELL_FEATURES.index(name) for name in IMAGE_CELL_FEATURES]


class Batch(NamedTuple):
    """Windows joined to one graph without links between them.

    Parameters
    ----------
    cell_features, link_features
        Inputs of the network, (n, f) and (m, g).
    source, target
        Ends of the links, shape (m,).
    positive
        Whether each link is true, shape (m,), 0 or 1.
    cell_labels
        Whether each cell appears, disappears, divides, shape (n, 3), 0 or 1.
    cell_known
        How much those labels count, shape (n, 3): 0 where the window or the annotation does not show enough to tell.
    window
        Number of the window that each cell belongs to, shape (n,).
    link_weight
        How much the label of each link counts, shape (m,).
    """

    cell_features: Tensor
    link_features: Tensor
    source: Tensor
    target: Tensor
    positive: Tensor
    cell_labels: Tensor
    cell_known: Tensor
    window: Tensor
    link_weight: Tensor


def join_batch(parts: Sequence[Batch]) -> Batch:
    """Several batches as one, the cells numbered on."""
    offset = np.cumsum([0, *(len(p.cell_features) for p in parts[:-1])]).tolist()
    shifted = [
        part._replace(source=part.source + cells, target=part.target + cells, window=part.window + number)
        for number, (part, cells) in enumerate(zip(parts, offset, strict=True))
    ]
    return Batch(*(torch.cat(columns) for columns in zip(*shifted, strict=True)))


def window_batch(example: Example, begin: int, end: int) -> Batch:
    """The frames ``begin`` .. ``end`` - 1 of an example."""
    graph = example.graph
    window = cut_window(graph, begin, end)
    rows, frame = window.cells, graph.cells.frame[window.cells]
    labels = np.stack([~example.parent[rows], ~example.child[rows], example.divides[rows]], axis=1)
    # The first and last frame of a window show neither parents nor children; nothing is to be learned from them.
    first, last = frame > begin, frame < end - 1
    known = np.stack([first, last, last], axis=1).astype(np.float32)
    positive = example.positive[window.links]
    weight = np.ones(len(positive), np.float32)
    if example.trust is not None:
        known, weight = known * example.trust.cell[rows], example.trust.link[window.links]
    return Batch(
        cell_features=torch.from_numpy(window.cell_features),
        link_features=torch.from_numpy(window.link_features),
        source=torch.from_numpy(window.source),
        target=torch.from_numpy(window.target),
        positive=torch.from_numpy(positive.astype(np.float32)),
        cell_labels=torch.from_numpy(labels.astype(np.float32)),
        cell_known=torch.from_numpy(known),
        window=torch.zeros(len(known), dtype=torch.int64),
        link_weight=torch.from_numpy(weight),
    )


class Batches(Dataset[Batch]):
    """A fixed list of batches.

    Parameters
    ----------
    batches
        The batches, in their order.
    """

    def __init__(self, batches: Sequence[Batch]) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Batch:
        return self.batches[index]


class WindowStream(IterableDataset[Batch]):
    """A seeded epoch of batches of about the same number of links.

    Sequences are drawn by the square root of their links times their weight: one large movie does not drown the rest.

    Parameters
    ----------
    examples
        Labelled graphs.
    links
        Number of links after which a batch is full.
    frames
        Shortest and longest window.
    batches
        Batches per epoch.
    seed
        Seed of the epoch.
    stride
        Windows begin at every so many frames.
    hide_images
        Share of the windows whose image features are hidden.
    hide_gaps
        Share of the windows in which only links to the next frame are candidates.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        *,
        links: int,
        frames: tuple[int, int],
        batches: int,
        seed: int,
        stride: int = 1,
        hide_images: float = 0.25,
        hide_gaps: float = 0.25,
    ) -> None:
        super().__init__()
        self.examples = [e for e in examples if e.positive.any()]
        self.links, self.frames, self.batches = links, frames, batches
        self.seed, self.stride, self.hide_images, self.hide_gaps = seed, stride, hide_images, hide_gaps
        weight = np.sqrt([len(e.positive) for e in self.examples]) * [e.variant.weight for e in self.examples]
        self.weight = weight / weight.sum()

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[Batch]:
        rng = np.random.default_rng(self.seed)
        for _ in range(self.batches):
            parts: list[Batch] = []
            while sum(len(p.positive) for p in parts) < self.links:
                part = self._draw(rng)
                if len(part.positive):
                    parts.append(part)
            yield join_batch(parts)

    def _draw(self, rng: np.random.Generator) -> Batch:
        example = self.examples[rng.choice(len(self.examples), p=self.weight)]
        first, last = example.frames
        length = min(last - first, int(rng.integers(self.frames[0], self.frames[1] + 1)))
        begin = first + self.stride * int(rng.integers(0, (last - length - first) // self.stride + 1))
        # Dense movies are cut shorter, so that one window never fills several batches.
        bound = np.searchsorted(example.graph.cells.frame, np.arange(begin, begin + length + 1))
        per_cell = len(example.positive) / max(len(example.graph.cells), 1)
        fits = int(np.searchsorted((bound - bound[0]) * per_cell, 1.2 * self.links))
        length = max(min(length, fits), min(last - first, 4))
        part = window_batch(example, begin, begin + length)
        if rng.random() < self.hide_gaps:
            part = _without_gaps(
                part, example.graph.candidates.ahead[cut_window(example.graph, begin, begin + length).links]
            )
        return _without_images(part) if rng.random() < self.hide_images else part


def _without_images(batch: Batch) -> Batch:
    cells, links = batch.cell_features.clone(), batch.link_features.clone()
    cells[:, IMAGE_CELL_COLUMNS] = 0.0
    links[:, IMAGE_LINK_COLUMNS] = 0.0
    return batch._replace(cell_features=cells, link_features=links)


def _without_gaps(batch: Batch, ahead: Integers) -> Batch:
    """Only the links to the next frame; a cell whose parent or child is further away now has none."""
    kept = torch.from_numpy(ahead == 1)
    source, target, positive = batch.source[kept], batch.target[kept], batch.positive[kept]
    labels = batch.cell_labels.clone()
    for column, row in enumerate((target, source)):
        labels[:, column] = (torch.zeros(len(labels)).index_add(0, row, positive) == 0).float()
    return batch._replace(
        link_features=batch.link_features[kept],
        source=source,
        target=target,
        positive=positive,
        cell_labels=labels,
        link_weight=batch.link_weight[kept],
    )


def whole_batches(examples: Sequence[Example], *, links: int, frames: int) -> Batches:
    """Windows that cover every example once, joined to batches of about ``links`` links."""
    batches: list[Batch] = []
    parts: list[Batch] = []
    for example in examples:
        first, last = example.frames
        for begin in range(first, max(last - 1, first + 1), frames):
            part = window_batch(example, begin, min(begin + frames + 1, last))
            if len(part.positive):
                parts.append(part)
            if sum(len(p.positive) for p in parts) >= links:
                batches.append(join_batch(parts))
                parts = []
    if parts:
        batches.append(join_batch(parts))
    return Batches(batches)
