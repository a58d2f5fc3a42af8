"""What to expect of a lineage: how many of its decisions are wrong, and which of its lineages can be relied on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from cell_tracker_gnn.data import DECISIONS, Events, Floats, Lineage, Movie
from cell_tracker_gnn.graph.build import Graph
from cell_tracker_gnn.linking.confidence import Confidence
from cell_tracker_gnn.linking.evidence import Decisions
from cell_tracker_gnn.linking.lineage import build_lineage
from cell_tracker_gnn.linking.merges import Passages

__all__ = ["SAFE", "expected_wrong_links", "rate_lineage", "summarise"]

SAFE = 0.05
"""A lineage is safe if fewer wrong links than this are expected in it."""


def rate_lineage(
    graph: Graph,
    log_odds: Floats,
    passages: Passages,
    decisions: Mapping[str, Decisions],
    confidence: Confidence,
    *,
    movie: Movie | None = None,
    run: dict[str, object] | None = None,
) -> Lineage:
    """Build the lineage of some decisions, with the probability and the margin of each of them.

    Parameters
    ----------
    graph
        The candidate links.
    log_odds
        Log-odds of the candidates, shape (m,); links into and out of merged masks take those of their passage for the
        probability.
    passages
        Cells that passed through a merged mask.
    decisions
        What :func:`~cell_tracker_gnn.linking.evidence.gather_decisions` gave.
    confidence
        The calibration of the model.
    movie, run
        Kept in the lineage for the writers.
    """
    candidates, links = graph.candidates, decisions["link"]
    odds = log_odds.copy()
    odds[passages.merge] = odds[passages.split] = passages.log_odds
    chosen, probability, margin = passages.chosen, 1.0 / (1.0 + np.exp(-np.clip(odds, -50, 50))), odds * np.nan
    rated = {kind: confidence.probability(kind, found.evidence) for kind, found in decisions.items()}
    for kind in ("link", "division"):
        # Without a fixed link there is no lineage at all; who fixed it knew it to be right.
        rated[kind][np.isinf(decisions[kind].margin)] = 1.0
    probability[links.rows], margin[links.rows] = rated["link"], links.margin
    lineage = build_lineage(
        graph.cells,
        candidates.source,
        candidates.target,
        probability,
        chosen,
        margin=margin,
        merge=passages.merge,
        split=passages.split,
        movie=movie,
        run=run,
    )
    # A cell that goes on after a mask that it shared neither ends nor begins.
    through = {"end": candidates.source[passages.merge], "beginning": candidates.target[passages.split]}
    parts = []
    for code, kind in enumerate(DECISIONS[1:], start=1):
        found = decisions[kind]
        kept = ~np.isin(found.rows, through.get(kind, ()))
        parts.append((found.rows[kept], np.full(kept.sum(), code), rated[kind][kept], found.margin[kept]))
    lineage = replace(lineage, events=Events(*(np.concatenate(column) for column in zip(*parts, strict=True))))
    return replace(lineage, summary=summarise(lineage, confidence))


def summarise(lineage: Lineage, confidence: Confidence) -> dict[str, object]:
    """Content of ``summary.json``: plain values.

    Parameters
    ----------
    lineage
        A lineage with its events.
    confidence
        The calibration that gave the probabilities.

    Returns
    -------
    dict
        ``links``, ``divisions``, ``beginnings``, ``ends``: ``count``, ``expected_wrong`` and ``interval_90``, lower
        and upper bound; ``lineages``: ``count``, ``safe_below`` (:data:`SAFE`) and ``safe``, the labels of the first
        tracks of the safe ones.
    """
    events = lineage.events
    probability = {kind: events.probability[events.kind == code] for code, kind in enumerate(DECISIONS)}
    probability["link"] = lineage.links.probability
    summary: dict[str, object] = {}
    for kind in DECISIONS:
        expected, low, high = confidence.estimate(kind, probability[kind])
        count = len(probability[kind])
        summary[f"{kind}s"] = {"count": count, "expected_wrong": round(expected, 3), "interval_90": [low, high]}
    root = lineage.tracks.parent == 0
    safe = lineage.tracks.track[root & (expected_wrong_links(lineage) < SAFE)]
    summary["lineages"] = {"count": int(root.sum()), "safe_below": SAFE, "safe": safe.tolist()}
    return summary


def expected_wrong_links(lineage: Lineage) -> Floats:
    """Expected number of wrong links in the whole lineage that each track belongs to, shape (tracks,)."""
    tracks, links = lineage.tracks, lineage.links
    if not len(tracks):
        return np.zeros(0)
    born = tracks.parent > 0
    ends = (tracks.track[born] - 1, tracks.parent[born] - 1)
    graph = csr_array((np.ones(len(ends[0]), np.int8), ends), shape=(len(tracks), len(tracks)))
    family = connected_components(graph, directed=False)[1]
    of_link = family[lineage.track[links.target] - 1]
    return np.asarray(np.bincount(of_link, 1.0 - links.probability, int(family.max()) + 1)[family])
