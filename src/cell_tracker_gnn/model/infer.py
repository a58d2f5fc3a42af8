"""A network over the windows of a movie: log-odds of every link and cell, averaged over the windows that see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from cell_tracker_gnn.data import Floats
from cell_tracker_gnn.graph.build import Graph
from cell_tracker_gnn.graph.windows import cut_windows
from cell_tracker_gnn.model.paper import Network

__all__ = ["Scores", "score_graph"]

WINDOW_FRAMES = 24
"""Frames of one window; longer windows change nothing once they hold more frames than the network has blocks."""

OVERLAP_FRAMES = 10
"""Frames shared by neighbouring windows: twice the reach of the messages, so that no link lacks its context."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Log-odds of links (m,) and of cells (n,), see :class:`~cell_tracker_gnn.model.tracker.Logits`."""

    link: Floats
    appears: Floats
    disappears: Floats
    divides: Floats


def score_graph(
    network: Network,
    graph: Graph,
    *,
    device: torch.device | None = None,
    progress: Callable[[int], None] | None = None,
) -> Scores:
    """Weigh every candidate link of a movie.

    Parameters
    ----------
    network
        The trained network.
    graph
        The graph of the movie.
    device
        Where to compute; the CPU when left out.
    progress
        Called with the number of cells of each finished window.

    Notes
    -----
    Sums over windows run in the order of time, so the result does not depend on how windows are computed.
    """
    link, link_seen = np.zeros(len(graph.candidates)), np.zeros(len(graph.candidates))
    cell, cell_seen = np.zeros((len(graph.cells), 3)), np.zeros(len(graph.cells))
    place = device or torch.device("cpu")
    network = network.to(place).eval()
    for window in cut_windows(graph, length=WINDOW_FRAMES, overlap=OVERLAP_FRAMES):
        with torch.inference_mode():
            logits = network(
                torch.from_numpy(window.cell_features).to(place),
                torch.from_numpy(window.link_features).to(place),
                torch.from_numpy(window.source).to(place),
                torch.from_numpy(window.target).to(place),
            )
        link[window.links] += logits.link.double().cpu().numpy()
        link_seen[window.links] += 1
        cell[window.cells] += torch.stack(logits[1:], dim=1).double().cpu().numpy()
        cell_seen[window.cells] += 1
        if progress is not None:
            progress(window.cells.stop - window.cells.start)
    link /= np.maximum(link_seen, 1)
    cell /= np.maximum(cell_seen, 1)[:, None]
    return Scores(link, *cell.T)
