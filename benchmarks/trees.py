"""Gradient-boosted trees on our link features with our own exact linking: what the network must beat.

    python benchmarks/trees.py MASKS IMAGES OUT TREES MAX_GAP

IMAGES is - where there are none; TREES is a file that ``benchmarks/train_models.py`` wrote beside the model of a fold.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import joblib
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from cell_tracker_gnn.data import Floats
from cell_tracker_gnn.features.anisotropy import with_assumed_scale
from cell_tracker_gnn.features.extract import extract_features
from cell_tracker_gnn.graph.build import Graph, build_graph
from cell_tracker_gnn.graph.scores import Scores
from cell_tracker_gnn.io import open_movie, write_result
from cell_tracker_gnn.linking.costs import LinkCosts
from cell_tracker_gnn.linking.lineage import build_lineage
from cell_tracker_gnn.pipeline import choose_links, leave_out_gaps, reward_links
from cell_tracker_gnn.settings import TrackSettings
from cell_tracker_gnn.training.examples import Example

ROWS = 600_000
"""Links that the trees are grown on, drawn from all; more change nothing."""


def columns(graph: Graph) -> np.ndarray:
    """Features of each link and of the cells at its ends."""
    cells, candidates = graph.cell_features, graph.candidates
    return np.concatenate([graph.link_features, cells[candidates.source], cells[candidates.target]], axis=1)


def grow(examples: Sequence[Example], path: Path) -> None:
    """Fit trees to labelled graphs and store them."""
    rng = np.random.default_rng(1)
    total = sum(len(example.positive) for example in examples)
    features, labels = [], []
    for example in examples:
        drawn = rng.random(len(example.positive)) < ROWS / total
        features.append(columns(example.graph)[drawn])
        labels.append(example.positive[drawn])
    trees = HistGradientBoostingClassifier(max_iter=300, random_state=1, early_stopping=False)
    joblib.dump(trees.fit(np.concatenate(features), np.concatenate(labels)), path)


def log_odds(trees: HistGradientBoostingClassifier, features: np.ndarray) -> Floats:
    """What trees say to the columns of some links."""
    if not len(features):
        return np.zeros(0)
    share = np.clip(trees.predict_proba(features)[:, 1], 1e-6, 1 - 1e-6)
    return np.asarray(np.log(share / (1 - share)))


def main() -> None:
    masks, images, out, trees, max_gap = sys.argv[1:]
    movie = with_assumed_scale(open_movie(masks, None if images == "-" else images))
    settings = TrackSettings(max_gap=int(max_gap))
    cells, movement = extract_features(movie, max_gap=settings.span())
    graph = build_graph(cells, movement, max_gap=settings.span())
    odds = log_odds(joblib.load(trees), columns(graph))
    nothing = np.zeros(len(cells))
    scores = Scores(odds, nothing, nothing, nothing)
    chosen = choose_links(graph, leave_out_gaps(graph, reward_links(graph, scores, LinkCosts()), settings), settings)
    probability = 1.0 / (1.0 + np.exp(-odds))
    ends = graph.candidates.source, graph.candidates.target
    write_result(build_lineage(cells, *ends, probability, chosen, movie=movie), out)


if __name__ == "__main__":
    main()
