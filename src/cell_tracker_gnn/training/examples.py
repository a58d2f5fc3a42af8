"""Annotated sequences to graphs with labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.features.extract import Embed, extract_features
from cell_tracker_gnn.graph.build import Graph, build_graph
from cell_tracker_gnn.graph.candidates import Candidates
from cell_tracker_gnn.graph.labels import Truth, candidate_recall, label_candidates, match_cells, true_links
from cell_tracker_gnn.graph.neighbourhood import Description
from cell_tracker_gnn.graph.windows import cut_window
from cell_tracker_gnn.training.variants import Features, TrainingSequence, Variant, seen_frames, variant_movie

__all__ = ["Example", "Trust", "prepare_example"]

ANNOTATED = 0.8
"""If fewer than this share of the cells are annotated, the others are no false ones but unknown."""


@dataclass(frozen=True, eq=False)
class Trust:
    """How much each label of a sparsely annotated movie counts, 0 for what nobody has said.

    Parameters
    ----------
    link
        Weight of whether a candidate is true, shape (m,).
    cell
        Weight of whether a cell appears, disappears, divides, shape (n, 3).
    """

    link: NDArray[np.float32]
    cell: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Example:
    """A labelled graph.

    Parameters
    ----------
    name
        Name of the sequence.
    graph
        Cells and candidate links.
    positive
        Whether each candidate is a true link, shape (m,).
    parent, child
        Whether each cell has a true parent and a true child anywhere in the movie, shape (n,).
    divides
        Whether each cell has two children in the next frame, shape (n,).
    recall
        Share of the true links that are candidates.
    frames
        First and one past the last frame that may be used, so that parts of a movie can be kept for validation.
    variant
        How the sequence was looked at.
    trust
        How much each label counts; None if all count fully.
    """

    name: str
    graph: Graph
    positive: NDArray[np.bool_]
    parent: NDArray[np.bool_]
    child: NDArray[np.bool_]
    divides: NDArray[np.bool_]
    recall: float
    frames: tuple[int, int]
    variant: Variant = Variant()
    trust: Trust | None = None

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Whether it is known of each candidate within the frames if it is true, shape (m,)."""
        return self._trusted(0.5)

    @property
    def supposed(self) -> NDArray[np.bool_]:
        """The same, with those that are only supposed to be true or false because nobody corrected them."""
        return self._trusted(0.0)

    def _trusted(self, more_than: float) -> NDArray[np.bool_]:
        first, last = self.frames
        frame, candidates = self.graph.cells.frame, self.graph.candidates
        inside = (frame[candidates.source] >= first) & (frame[candidates.target] < last)
        return np.asarray(inside if self.trust is None else inside & (self.trust.link > more_than))

    def cut_out(self) -> Example:
        """The frames of the example as a graph of their own, so that nothing else need be computed."""
        first, last = self.frames
        window = cut_window(self.graph, first, last)
        whole, cells = self.graph, window.cells
        numbers = whole.cells.numbers[first:last]
        own = whole.cells.select(np.arange(cells.start, cells.stop))
        candidates = Candidates(
            window.source, window.target, whole.candidates.ahead[window.links], whole.candidates.shared[window.links]
        )
        trust = self.trust
        return replace(
            self,
            graph=Graph(
                cells=replace(own, frame=own.frame - first, numbers=numbers),
                candidates=candidates,
                cell_features=window.cell_features,
                link_features=window.link_features,
                came_in=whole.came_in[cells],
            ),
            positive=self.positive[window.links],
            parent=self.parent[cells],
            child=self.child[cells],
            divides=self.divides[cells],
            frames=(0, last - first),
            trust=trust and Trust(trust.link[window.links], trust.cell[cells]),
        )

    def part(self, begin: float, end: float) -> Example:
        """The same example confined to a part of its frames, given as shares of its length."""
        first, last = self.frames
        length = last - first
        return replace(self, frames=(first + round(begin * length), first + round(end * length)))


def prepare_example(
    sequence: TrainingSequence,
    variant: Variant,
    *,
    max_gap: int,
    embed: Embed | None = None,
    describe: Description = Description(),
    features: Features | None = None,
    sparse: bool | None = False,
) -> Example:
    """Graph and labels of one variant of a sequence.

    Parameters
    ----------
    sequence
        The annotated movie.
    variant
        Which frames, with or without images, with which faults.
    max_gap
        Number of frames a cell may be missed.
    embed
        Computes embeddings of the cells.
    describe
        Which features and which of the candidate links.
    features
        Cells and movement of the variant, if they are known already.
    sparse
        Whether only some cells of the annotated frames are annotated; None finds out.
    """
    masks, _, _ = seen_frames(sequence.movie, variant)
    cells, movement = features or extract_features(variant_movie(sequence, variant), max_gap=max_gap, embed=embed)
    graph = build_graph(cells, movement, max_gap=max_gap, describe=describe)
    cell, track = match_cells(cells, masks, sequence.markers)
    truth = true_links(cells, cell, track, sequence.lineage)
    count = len(cells)
    if sparse is None:
        sparse = bool(truth.matched.mean() < ANNOTATED) if count else False
    next_frame = truth.daughter & (cells.frame[truth.target] - cells.frame[truth.source] == 1)
    return Example(
        name=sequence.name,
        graph=graph,
        positive=label_candidates(graph.candidates, truth, count),
        parent=np.bincount(truth.target, minlength=count) > 0,
        child=np.bincount(truth.source, minlength=count) > 0,
        divides=np.bincount(truth.source[next_frame], minlength=count) > 1,
        recall=candidate_recall(cells, graph.candidates, truth, max_gap=max_gap),
        frames=(0, len(masks)),
        variant=variant,
        trust=_sparse_trust(graph, truth) if sparse else None,
    )


def _sparse_trust(graph: Graph, truth: Truth) -> Trust:
    """What is known where only some tracks are annotated: all links of cells whose parent or child is.

    An annotated cell that goes on has no other child, a mother of two daughters no third one, and their targets no
    other parent; two annotated cells that are not linked are known not to be. Where a track begins or ends nothing is
    known, nor whether a mother of one annotated daughter has another.
    """
    count = len(graph.cells)
    source, target = graph.candidates.source, graph.candidates.target
    certain = truth.source[truth.same | truth.daughter]
    parent, child = (np.bincount(rows, minlength=count) > 0 for rows in (truth.target, certain))
    known = parent[target] | child[source] | (truth.matched[source] & truth.matched[target])
    cell = np.stack([parent, child, child], axis=1)
    return Trust(known.astype(np.float32), cell.astype(np.float32))
