"""Linking costs that leave the fewest wrong and missed links on validation data."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from cell_tracker_gnn.graph.build import Graph
from cell_tracker_gnn.linking.costs import LinkCosts
from cell_tracker_gnn.model.infer import Scores, score_graph
from cell_tracker_gnn.model.paper import Network
from cell_tracker_gnn.pipeline import choose_links
from cell_tracker_gnn.settings import TrackSettings
from cell_tracker_gnn.training.examples import Example

__all__ = ["choose_costs", "count_errors"]

BIASES = (0.0, 1.0, 2.0, 3.0)
DIVISIONS = (0.0, 1.0, 2.0, 3.0)
GAPS = (0.0, 1.0, 2.0)


def count_errors(example: Example, graph: Graph, scores: Scores, costs: LinkCosts, *, max_gap: int) -> int:
    """Wrong plus missed links within the frames of an example."""
    chosen = choose_links(graph, scores, costs, TrackSettings(max_gap=max_gap))
    first, last = example.frames
    frame = graph.cells.frame
    inside = (frame[graph.candidates.source] >= first) & (frame[graph.candidates.target] < last)
    return int(np.sum((chosen != example.positive) & inside))


def choose_costs(
    network: Network, validation: Sequence[Example], *, max_gap: int
) -> tuple[LinkCosts, dict[str, float]]:
    """The costs of a small grid with the smallest mean share of wrong and missed links over the sequences.

    Among costs that are equally good within one part in a hundred the ones in the middle of the grid are taken, so that
    the choice does not follow the noise of one movie.

    Parameters
    ----------
    network
        The trained network.
    validation
        Labelled graphs.
    max_gap
        Number of frames a cell may be missed.

    Returns
    -------
    costs, scores
        The chosen costs, and the share of wrong plus missed links with them.
    """
    scored = [(example, score_graph(network, example.graph)) for example in validation]
    grid = [LinkCosts(bias=b, division=d, gap=g) for b, d, g in product(BIASES, DIVISIONS, GAPS)]
    share = np.zeros((len(grid), len(scored)))
    for column, (example, scores) in enumerate(scored):
        links = max(int(example.positive.sum()), 1)
        for row, costs in enumerate(grid):
            share[row, column] = count_errors(example, example.graph, scores, costs, max_gap=max_gap) / links
    mean = share.mean(axis=1)
    good = np.flatnonzero(mean <= 1.01 * mean.min() + 1e-12)
    middle = np.array([[1.5, 1.5, 1.0]])
    place = np.array([[c.bias, c.division, c.gap] for c in grid])[good]
    chosen = good[int(np.argmin(np.abs(place - middle).sum(axis=1)))]
    return grid[chosen], {"validation_link_errors": float(mean[chosen])}
