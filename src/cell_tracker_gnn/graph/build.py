"""One graph of the whole movie: cells as nodes, candidate links as edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Cells, Floats
from cell_tracker_gnn.features.movement import Movement
from cell_tracker_gnn.graph.candidates import Candidates, find_candidates, measure_spacing
from cell_tracker_gnn.graph.edges import link_features
from cell_tracker_gnn.graph.field import origin_and_destination, share_come_in
from cell_tracker_gnn.graph.neighbourhood import Description
from cell_tracker_gnn.graph.nodes import border_distance, cell_features, measured_features

__all__ = ["Graph", "build_graph"]


@dataclass(frozen=True, eq=False)
class Graph:
    """Candidate links of a movie with all features.

    Parameters
    ----------
    cells
        The detections.
    candidates
        The candidate links, ordered by target.
    cell_features
        Shape (n, f), columns :data:`~cell_tracker_gnn.graph.nodes.CELL_FEATURES`, or the measurements as they are.
    link_features
        Shape (m, g), columns :data:`~cell_tracker_gnn.graph.edges.LINK_FEATURES`, or none.
    came_in
        How far each cell is to be taken for one that came into the field, from 0 to 1, see
        :func:`~cell_tracker_gnn.graph.field.share_come_in`, shape (n,).
    """

    cells: Cells
    candidates: Candidates
    cell_features: NDArray[np.float32]
    link_features: NDArray[np.float32]
    came_in: Floats


def build_graph(
    cells: Cells,
    movement: Movement,
    *,
    max_gap: int,
    max_move: float | None = None,
    describe: Description = Description(),
    first_frame: int = 0,
) -> Graph:
    """Find the candidate links of a movie and describe cells and links.

    Parameters
    ----------
    cells, movement
        What :func:`~cell_tracker_gnn.features.extract.extract_features` gave.
    max_gap
        Number of frames a cell may be missed.
    max_move
        Largest distance to the expected place per frame step in units of the scale; None adapts it to each cell.
    describe
        Which features and which of the candidate links.
    first_frame
        Index of the first of these frames in the whole movie.
    """
    spacing = measure_spacing(cells)
    candidates = find_candidates(cells, movement, spacing, max_gap=max_gap, max_move=max_move)
    candidates = describe.neighbourhood.confine(cells, candidates)
    origin, destination = origin_and_destination(cells, movement, spacing)
    border = border_distance(cells)
    came_in = share_come_in(border, origin)
    if describe.features == "measured":
        nothing = np.zeros((len(candidates), 0), np.float32)
        return Graph(cells, candidates, measured_features(cells, first_frame=first_frame), nothing, came_in)
    return Graph(
        cells=cells,
        candidates=candidates,
        cell_features=cell_features(cells, spacing, border, origin, destination),
        link_features=link_features(cells, movement, spacing, candidates),
        came_in=came_in,
    )
