"""A network over the windows of a movie: log-odds of every link and cell, averaged over the windows that see them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from cell_tracker_gnn.data import Floats, Integers
from cell_tracker_gnn.errors import ModelError
from cell_tracker_gnn.graph.build import Graph
from cell_tracker_gnn.graph.scores import Scores
from cell_tracker_gnn.graph.windows import Window, cut_windows, window_bounds
from cell_tracker_gnn.model.paper import Network
from cell_tracker_gnn.model.tracker import Logits

__all__ = ["WindowSums", "score_graph", "score_windows"]


@dataclass(frozen=True, eq=False)
class WindowSums:
    """Sums of log-odds over windows.

    Parameters
    ----------
    link, link_seen
        Sum over the windows that see a link, and their number, both (m,).
    cell, cell_seen
        Sums of the three log-odds of each cell, (n, 3), and the number of windows, (n,).
    """

    link: Floats
    link_seen: Integers
    cell: Floats
    cell_seen: Integers

    def mean(self) -> Scores:
        """Averages over the windows, 0 where there was none."""
        link = self.link / np.maximum(self.link_seen, 1)
        cell = self.cell / np.maximum(self.cell_seen, 1)[:, None]
        return Scores(link, *cell.T)


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
    """
    max_gap = int(graph.candidates.ahead.max(initial=1)) - 1
    bounds = window_bounds(len(graph.cells.numbers), max_gap=max_gap)
    return score_windows(network, graph, bounds, device=device, progress=progress).mean()


def score_windows(
    network: Network,
    graph: Graph,
    bounds: Sequence[tuple[int, int]],
    *,
    device: torch.device | None = None,
    progress: Callable[[int], None] | None = None,
) -> WindowSums:
    """Weigh the candidate links within each of some windows.

    Parameters
    ----------
    network, graph, device, progress
        See :func:`score_graph`.
    bounds
        First frame and one past the last frame of each window.

    Notes
    -----
    Sums over windows run in the order of time, so the result does not depend on how windows are computed.
    """
    link, link_seen = np.zeros(len(graph.candidates)), np.zeros(len(graph.candidates), np.int64)
    cell, cell_seen = np.zeros((len(graph.cells), 3)), np.zeros(len(graph.cells), np.int64)
    place = device or torch.device("cpu")
    network = network.to(place).eval()
    for window in cut_windows(graph, bounds):
        logits = _logits(network, window, place)
        link[window.links] += logits.link.double().cpu().numpy()
        link_seen[window.links] += 1
        cell[window.cells] += torch.stack(logits[1:], dim=1).double().cpu().numpy()
        cell_seen[window.cells] += 1
        if progress is not None:
            progress(window.cells.stop - window.cells.start)
    return WindowSums(link, link_seen, cell, cell_seen)


def _logits(network: Network, window: Window, place: torch.device) -> Logits:
    """What the network says about one window, which must fit into the memory of the device."""
    tensors = (window.cell_features, window.link_features, window.source, window.target)
    try:
        with torch.inference_mode():
            logits: Logits = network(*(torch.from_numpy(tensor).to(place) for tensor in tensors))
    except torch.cuda.OutOfMemoryError as error:
        raise ModelError(
            f"a window of {len(window.source)} candidate links does not fit into the memory of {place}; "
            "use --device cpu, or fewer --workers that share the GPU"
        ) from error
    return logits
