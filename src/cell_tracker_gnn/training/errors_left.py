"""How many wrong and missed links a network leaves on validation data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cell_tracker_gnn.graph.scores import Scores
from cell_tracker_gnn.linking.costs import LinkCosts
from cell_tracker_gnn.model.infer import score_graph
from cell_tracker_gnn.model.paper import Network
from cell_tracker_gnn.pipeline import choose_links, reward_links
from cell_tracker_gnn.settings import TrackSettings
from cell_tracker_gnn.training.examples import Example

__all__ = ["count_errors", "share_of_errors"]


def count_errors(example: Example, scores: Scores, costs: LinkCosts, *, max_gap: int) -> int:
    """Wrong plus missed links within the frames of an example.

    Links that nobody corrected count like those that were confirmed: nearly all of them are right, so a network that
    changes them to suit the corrected ones makes the lineage worse.
    """
    graph = example.graph
    chosen = choose_links(graph, reward_links(graph, scores, costs), TrackSettings(max_gap=max_gap))
    return int(np.sum((chosen != example.positive) & example.supposed))


def share_of_errors(network: Network, validation: Sequence[Example], costs: LinkCosts, *, max_gap: int) -> float:
    """Wrong plus missed links by the number of true ones, mean over the examples.

    Parameters
    ----------
    network
        The trained network.
    validation
        Labelled graphs.
    costs
        Linking costs.
    max_gap
        Number of frames a cell may be missed.
    """
    shares = [
        count_errors(example, score_graph(network, example.graph), costs, max_gap=max_gap)
        / max(int(example.positive.sum()), 1)
        for example in validation
    ]
    return float(np.mean(shares)) if shares else 0.0
