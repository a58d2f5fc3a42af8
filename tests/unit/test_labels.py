"""Matching detections to markers, and true links."""

import numpy as np

from cell_tracker_gnn.data import ArrayFrames, Movie, Scale
from cell_tracker_gnn.features.extract import extract_features
from cell_tracker_gnn.graph.build import build_graph
from cell_tracker_gnn.graph.labels import candidate_recall, label_candidates, match_cells, true_links
from cell_tracker_gnn.io import LineageTable


def squares(*places: tuple[int, int, int], size: int = 8) -> np.ndarray:
    frame = np.zeros((80, 80), np.int32)
    for label, y, x in places:
        frame[y : y + size, x : x + size] = label
    return frame


def table(*rows: tuple[int, int, int, int]) -> LineageTable:
    return LineageTable(*(np.array(column) for column in zip(*rows, strict=True)))


def links_of(masks: list[np.ndarray], markers: list[np.ndarray], lineage: LineageTable) -> set[tuple[int, ...]]:
    frames = ArrayFrames(masks)
    cells, movement = extract_features(Movie(frames, None, Scale.pixels(2)), max_gap=2)
    truth = true_links(cells, *match_cells(cells, frames, ArrayFrames(markers)), lineage)
    graph = build_graph(cells, movement, max_gap=2)
    assert label_candidates(graph.candidates, truth, len(cells)).sum() == len(truth.source)
    assert candidate_recall(cells, graph.candidates, truth, max_gap=2) == 1.0
    ends = zip(truth.source, truth.target, strict=True)
    return {(cells.frame[a], cells.label[a], cells.frame[b], cells.label[b]) for a, b in ends}


def test_labels_of_masks_need_not_be_those_of_markers() -> None:
    masks = [squares((5, 10, 10), (6, 40, 40)), squares((1, 12, 10), (9, 40, 42))]
    markers = [squares((1, 12, 12), (2, 42, 42), size=3), squares((1, 14, 12), (2, 42, 44), size=3)]
    assert links_of(masks, markers, table((1, 0, 1, 0), (2, 0, 1, 0))) == {(0, 5, 1, 1), (0, 6, 1, 9)}


def test_division_links_mother_to_both_daughters() -> None:
    masks = [squares((1, 20, 20)), squares((2, 14, 20), (3, 26, 20))]
    lineage = table((1, 0, 0, 0), (2, 1, 1, 1), (3, 1, 1, 1))
    assert links_of(masks, masks, lineage) == {(0, 1, 1, 2), (0, 1, 1, 3)}


def test_a_missed_detection_is_a_gap_and_a_lone_child_too() -> None:
    masks = [squares((1, 20, 20)), squares(), squares((1, 20, 22)), squares((2, 20, 23))]
    markers = [masks[0], squares((1, 20, 21)), masks[2], masks[3]]
    assert links_of(masks, markers, table((1, 0, 2, 0), (2, 3, 3, 1))) == {(0, 1, 2, 1), (2, 1, 3, 2)}


def test_a_track_never_seen_passes_its_children_to_its_parent() -> None:
    masks = [squares((1, 20, 20)), squares((3, 20, 21))]
    lineage = table((1, 0, 0, 0), (2, 5, 5, 1), (3, 1, 1, 2))
    assert links_of(masks, masks, lineage) == {(0, 1, 1, 3)}


def test_a_merged_mask_is_both_cells() -> None:
    apart = squares((1, 20, 20), (2, 20, 30))
    merged = squares((7, 20, 20), (7, 20, 28), (7, 20, 30))
    assert links_of([apart, merged], [apart, apart], table((1, 0, 1, 0), (2, 0, 1, 0))) == {(0, 1, 1, 7), (0, 2, 1, 7)}


def test_spurious_masks_have_no_true_link() -> None:
    masks = [squares((1, 20, 20), (2, 60, 60)), squares((1, 20, 20), (2, 60, 60))]
    markers = [squares((1, 20, 20))] * 2
    assert links_of(masks, markers, table((1, 0, 1, 0))) == {(0, 1, 1, 1)}
