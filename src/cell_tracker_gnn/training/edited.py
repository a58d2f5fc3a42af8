"""Learning from corrections: movies without an annotated lineage of which a person judged some links."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from cell_tracker_gnn.data import Integers, Movie
from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.features.anisotropy import with_assumed_scale
from cell_tracker_gnn.features.extract import extract_features
from cell_tracker_gnn.graph.build import Graph, build_graph
from cell_tracker_gnn.io import open_movie
from cell_tracker_gnn.io.edits import Edits, read_edits
from cell_tracker_gnn.io.fingerprint import HashedFrames, movie_sha256
from cell_tracker_gnn.io.paths import PathText
from cell_tracker_gnn.linking.corrections import Corrections, check_masks, resolve_edits
from cell_tracker_gnn.linking.costs import LinkCosts
from cell_tracker_gnn.linking.problem import Flags
from cell_tracker_gnn.model.infer import score_graph
from cell_tracker_gnn.model.weights import Model
from cell_tracker_gnn.pipeline import choose_links, reward_links
from cell_tracker_gnn.settings import TrackSettings
from cell_tracker_gnn.stages.embedding import embedder
from cell_tracker_gnn.training.examples import Example, Trust

__all__ = ["EditedMovie", "edited_example", "open_edited", "prepare_edited"]

LITTLE = 0.3
"""Weight of links that nobody has touched: nearly all are right, but nobody has said so."""


_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class EditedMovie:
    """A movie with corrections of its links.

    Parameters
    ----------
    name
        How messages call it.
    movie
        The masks that were corrected, and images if there are any.
    edits
        The corrections.
    """

    name: str
    movie: Movie
    edits: Edits


def open_edited(
    masks: PathText, edits: PathText, *, images: PathText | None = None, scale: Sequence[float] | None = None
) -> EditedMovie:
    """Open the masks that ``track`` was run on, and corrections of its result.

    Raises
    ------
    InputError
        If masks or corrections cannot be read or the corrections are empty.
    """
    found = read_edits(edits)
    if not found.edits:
        raise InputError(f"{edits} holds no corrections; confirm, cut or add some links first")
    return EditedMovie(Path(masks).name, with_assumed_scale(open_movie(masks, images, scale=scale)), found)


def prepare_edited(edited: EditedMovie, start: Model, *, max_gap: int, device: torch.device) -> Example:
    """The graph of a movie with what its corrections say, see :func:`edited_example`.

    Raises
    ------
    InputError
        If the corrections were made on other masks.
    LinkingError
        If corrections contradict each other or name no cell.
    """
    movie = replace(edited.movie, masks=HashedFrames(edited.movie.masks))
    cells, movement = extract_features(movie, max_gap=max_gap, embed=embedder(start.encoder, movie, device))
    check_masks(edited.edits, movie_sha256(movie))
    graph = build_graph(cells, movement, max_gap=max_gap, describe=start.network.describe)
    return edited_example(edited.name, graph, resolve_edits(edited.edits.edits, cells), start, max_gap=max_gap)


def edited_example(name: str, graph: Graph, corrections: Corrections, start: Model, *, max_gap: int) -> Example:
    """What is learned from corrections.

    The links of the best lineage that obeys the corrections are called true. A link that must be there counts fully,
    and so do its rivals for the same target and a link that must not be there; everything else counts little.

    Parameters
    ----------
    name
        Name of the movie.
    graph
        Its graph.
    corrections
        Links that must and must not be there.
    start
        The model whose result was corrected.
    max_gap
        Number of frames a cell may be missed.
    """
    chosen = _corrected_links(graph, corrections, start, max_gap=max_gap)
    candidates, count = graph.candidates, len(graph.cells)
    target = candidates.target
    key = target * max(count, 1) + candidates.source
    fixed, forbidden = (np.isin(key, _keys(links, count)) for links in (corrections.fixed, corrections.forbidden))
    lost = len(corrections.fixed) - int(fixed.sum())
    if lost:
        _log.warning("%d of the links added to %s are no candidates and are not learned from", lost, name)
    positive = np.isin(key, _keys(chosen, count))
    given_parent, children = np.zeros(count, bool), np.bincount(corrections.fixed[:, 0], minlength=count)
    given_parent[corrections.fixed[:, 1]] = True
    link = np.where(fixed | forbidden | given_parent[target], 1.0, LITTLE)
    cell = np.stack([given_parent, children > 0, children > 1], axis=1)
    parent, child = (np.bincount(chosen[:, end], minlength=count) > 0 for end in (1, 0))
    next_frame = graph.cells.frame[chosen[:, 1]] - graph.cells.frame[chosen[:, 0]] == 1
    return Example(
        name=name,
        graph=graph,
        positive=positive,
        parent=parent,
        child=child,
        divides=np.bincount(chosen[next_frame, 0], minlength=count) > 1,
        recall=1.0 - lost / max(len(corrections.fixed), 1),
        frames=(0, len(graph.cells.numbers)),
        trust=Trust(link.astype(np.float32), np.where(cell, 1.0, LITTLE).astype(np.float32)),
    )


def _corrected_links(graph: Graph, corrections: Corrections, start: Model, *, max_gap: int) -> Integers:
    """The links of the best lineage that obeys the corrections, as rows of cells, shape (k, 2)."""
    grown, scores = corrections.add_candidates(graph, score_graph(start.network, graph))
    rewards = corrections.constrain(grown, reward_links(grown, scores, LinkCosts(**start.costs)))
    chosen: Flags = choose_links(grown, rewards, TrackSettings(max_gap=max_gap))
    return np.stack([grown.candidates.source[chosen], grown.candidates.target[chosen]], axis=1)


def _keys(links: Integers, count: int) -> Integers:
    return np.asarray(links[:, 1] * max(count, 1) + links[:, 0])
