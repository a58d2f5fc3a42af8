"""The bundled model on the first frames of real movies; skipped where the development data are absent."""

from pathlib import Path

import numpy as np
import pytest

from cell_tracker_gnn import Tracker
from cell_tracker_gnn.features.extract import extract_features
from cell_tracker_gnn.graph.build import build_graph
from cell_tracker_gnn.graph.labels import candidate_recall, label_candidates, match_cells, true_links
from cell_tracker_gnn.io import find_sequence, open_frames, open_movie, read_lineage_table

DATA = Path(__file__).parents[3] / "shared" / "data"

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason="the development data are not beside the checkout"),
]


@pytest.mark.parametrize("name", ["Fluo-N2DL-HeLa/01", "DIC-C2DH-HeLa/01", "Fluo-N2DH-GOWT1/01", "PhC-iPS-colonies/02"])
def test_true_links_are_candidates_and_are_found(name: str) -> None:
    paths = find_sequence(DATA / name)
    movie = open_movie(paths.masks, paths.images, frames="0:8")
    cells, movement = extract_features(movie, max_gap=2)
    graph = build_graph(cells, movement, max_gap=2)
    matches = match_cells(cells, movie.masks, open_frames(paths.markers, frames="0:8"))
    truth = true_links(cells, *matches, read_lineage_table(paths.lineage))
    assert candidate_recall(cells, graph.candidates, truth, max_gap=2) == 1.0
    assert label_candidates(graph.candidates, truth, len(cells)).any()
    links = Tracker.from_pretrained().track(paths.masks, paths.images, frames="0:8").links
    count = len(cells)
    right = np.isin(links.target * count + links.source, truth.target * count + truth.source)
    assert (~right).sum() <= 0.01 * len(links)
    assert right.sum() >= 0.99 * len(truth.source)
