"""Motion, expected places and candidate links."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial import cKDTree

from cases import CASES
from cell_tracker_gnn.data import ArrayFrames, Movie, Scale
from cell_tracker_gnn.features.extract import extract_features
from cell_tracker_gnn.features.motion import _phase_shift, draw_picture, estimate_motion
from cell_tracker_gnn.features.movement import FrameState, meet, probe_cells
from cell_tracker_gnn.features.regions import MaskPixels, measure_frame
from cell_tracker_gnn.graph.build import build_graph
from cell_tracker_gnn.graph.edges import LINK_FEATURES
from cell_tracker_gnn.graph.field import ENTRANCE, MAY_COME_IN, share_come_in
from cell_tracker_gnn.graph.nodes import CELL_FEATURES, border_distance


def movie_of(masks: np.ndarray, images: np.ndarray | None = None, step: tuple[float, ...] | None = None) -> Movie:
    frames = ArrayFrames(masks)
    scale = Scale(step) if step else Scale.pixels(masks[0].ndim)
    return Movie(frames, ArrayFrames(images) if images is not None else None, scale)


def discs(centres: np.ndarray, radius: float, shape: tuple[int, int]) -> np.ndarray:
    grid = np.indices(shape)
    mask = np.zeros(shape, np.int32)
    for label, (y, x) in enumerate(centres, start=1):
        mask[(grid[0] - y) ** 2 + (grid[1] - x) ** 2 <= radius**2] = label
    return mask


def scattered(seed: int, count: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).uniform(40, 260, (count, 2))


@pytest.mark.parametrize("shift", [(0.0, 0.0), (17.0, -9.0), (-31.0, 24.0)])
def test_drift_is_found_and_only_where_there_is_one(shift: tuple[float, float]) -> None:
    centres = scattered(1)
    masks = np.stack([discs(centres, 6, (300, 300)), discs(centres + shift, 6, (300, 300))])
    cells, movement = extract_features(movie_of(masks), max_gap=0)
    first = cells.frame == 0
    np.testing.assert_allclose(movement.drift[0, first], np.broadcast_to(shift, (first.sum(), 2)), atol=1.0)


def test_drift_of_a_changing_colony_is_found() -> None:
    rng = np.random.default_rng(3)
    centres = 150 + rng.normal(0.0, 35.0, (60, 2))
    moved = centres + np.array([33.0, -14.0]) + rng.normal(0.0, 4.0, centres.shape)
    masks = np.stack([discs(centres, 5, (300, 300)), discs(moved, 5, (300, 300))])
    cells, movement = extract_features(movie_of(masks), max_gap=0)
    found = movement.drift[0, cells.frame == 0][0]
    np.testing.assert_allclose(found, (33.0, -14.0), atol=4.0)


def test_drift_of_a_packed_tissue_is_found() -> None:
    # Cells of a tissue rearrange, so that after the drift they are no nearer to the next ones than by chance.
    rng = np.random.default_rng(6)
    centres = rng.uniform(0, 420, (520, 2))
    moved = centres + rng.normal(0.0, 6.5, centres.shape)
    place = np.stack(np.indices((420, 420)), axis=-1)
    tissue = [cKDTree(points).query(place)[1] + 1 for points in (centres, moved)]
    masks = np.stack([tissue[0][60:320, 60:320], tissue[1][110:370, 20:280]])
    cells, movement = extract_features(movie_of(masks), max_gap=0)
    np.testing.assert_allclose(movement.drift[0, cells.frame == 0][0], (-50.0, 40.0), atol=4.0)


def test_cells_that_come_in_and_go_out_are_told_from_the_others() -> None:
    rng = np.random.default_rng(4)
    centres = rng.uniform((-60, 10), (290, 290), (160, 2))
    masks = np.stack([discs(centres + np.array([shift, 0.0]), 7, (240, 300)) for shift in (0, 22, 44)])
    cells, movement = extract_features(movie_of(masks), max_gap=0)
    graph = build_graph(cells, movement, max_gap=0)
    new = ~np.isin(cells.label, cells.label[cells.frame == 0]) & (cells.frame == 1)
    known = np.isin(cells.label, cells.label[cells.frame == 0]) & (cells.frame == 1)
    assert new.sum() >= 4
    assert graph.came_in[new].mean() > 0.7
    inside = border_distance(cells) > ENTRANCE
    assert graph.came_in[known & inside].mean() < 0.05
    assert not graph.came_in[(cells.frame == 0) & inside].any()
    leaves = ~np.isin(cells.label, cells.label[cells.frame == 1]) & (cells.frame == 0)
    column = CELL_FEATURES.index("destination")
    assert (graph.cell_features[leaves, column] < 0.5).all()
    assert np.median(graph.cell_features[cells.frame == 0, column]) > 1.0


def test_cells_near_the_border_may_have_come_in() -> None:
    share = share_come_in(np.array([0.0, 1.0, 1.5, 2.0, 9.0, 9.0]), np.array([3.0, 3.0, 3.0, 3.0, 3.0, -0.1]))
    np.testing.assert_allclose(share, np.array([1.0, 1.0, 0.5, 0.0, 0.0, 1.0 / MAY_COME_IN]) * MAY_COME_IN)


def test_flow_follows_cells_that_move_apart() -> None:
    centres = scattered(2, 30)
    moved = 150 + (centres - 150) * 1.05
    masks = np.stack([discs(centres, 8, (300, 300)), discs(moved, 8, (300, 300))])
    cells, movement = extract_features(movie_of(masks), max_gap=0)
    first = cells.frame == 0
    truth = moved[cells.label[first] - 1] - cells.centroid[first]
    error = np.linalg.norm(movement.flow[0, first] - truth, axis=1)
    assert np.median(error) < 0.4 * np.median(np.linalg.norm(truth, axis=1))


def test_cells_that_leave_are_expected_where_the_drift_leads() -> None:
    rng = np.random.default_rng(8)
    centres, step = rng.uniform((10, 10), (290, 290), (90, 2)), np.array([4.0, 45.0])
    masks = np.stack([discs(centres, 7, (300, 300)), discs(centres + step, 7, (300, 300))])
    cells, movement = extract_features(movie_of(masks), max_gap=0)
    leaves = (cells.frame == 0) & (cells.centroid[:, 1] > 300 - step[1])
    assert leaves.sum() > 4
    error = np.linalg.norm(movement.flow[0, leaves] - step, axis=1)
    assert np.median(error) < 1.0
    assert error.max() < 7.0


def test_the_search_for_drift_leaves_the_pictures_as_they_are() -> None:
    pictures = [discs(scattered(seed), 6, (256, 256)).astype(np.float32) for seed in (1, 2)]
    before = [picture.copy() for picture in pictures]
    _phase_shift(*pictures)
    for picture, as_before in zip(pictures, before, strict=True):
        np.testing.assert_array_equal(picture, as_before)


def test_a_frame_without_cells_moves_nothing() -> None:
    centres = scattered(7)
    masks = np.stack([discs(centres, 6, (300, 300)), np.zeros((300, 300), np.int32), discs(centres, 6, (300, 300))])
    _, movement = extract_features(movie_of(masks), max_gap=1)
    assert not movement.flow.any()


def test_motion_over_two_frames_is_the_sum_of_the_steps() -> None:
    centres = scattered(3)
    masks = np.stack([discs(centres + 12 * t, 6, (300, 300)) for t in range(3)])
    cells, movement = extract_features(movie_of(masks), max_gap=1)
    np.testing.assert_allclose(movement.drift[1, cells.frame == 0], 24.0, atol=1.0)


def test_flow_followed_frame_by_frame_is_that_of_all_frames_at_once() -> None:
    centres, scale, states = scattered(3), Scale.pixels(2), []
    for step in range(3):
        pixels = MaskPixels.of(discs(150 + (centres - 150) * 1.04**step, 8, (300, 300)))
        frame, rows = measure_frame(pixels, None, scale), pixels.rows()
        states.append(FrameState(frame, rows, draw_picture(frame, rows, 1), *probe_cells(pixels)))
    motions = [estimate_motion(a.picture, b.picture) for a, b in pairwise(states)]
    at_once = meet(replace(states[0], flow=[]), states[2], motions)
    meet(states[0], states[1], motions[:1])
    step_by_step = meet(states[0], states[2], motions)
    np.testing.assert_array_equal(step_by_step.flow, at_once.flow)
    place = states[0].cells.centroid
    off = np.linalg.norm(at_once.flow - (place - 150) * (1.04**2 - 1), axis=1)
    assert np.median(off) < 0.3 * np.median(np.linalg.norm(place - 150, axis=1)) * (1.04**2 - 1)


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_true_link_of_the_zoo_is_a_candidate(name: str) -> None:
    case = CASES[name]()
    cells, movement = extract_features(movie_of(case.masks, case.images, case.step), max_gap=2)
    graph = build_graph(cells, movement, max_gap=2)
    key = {(f, label): row for row, (f, label) in enumerate(zip(cells.frame, cells.label, strict=True))}
    found = set(zip(graph.candidates.source.tolist(), graph.candidates.target.tolist(), strict=True))
    assert all((key[a, b], key[c, d]) in found for a, b, c, d in np.asarray(case.links).tolist())
    assert graph.link_features.shape == (len(graph.candidates), len(LINK_FEATURES))
    assert graph.cell_features.shape == (len(cells), len(CELL_FEATURES))
    assert np.isfinite(graph.link_features).all()
    assert np.isfinite(graph.cell_features).all()


def test_candidates_respect_gap_and_distance() -> None:
    centres = scattered(4)
    masks = np.stack([discs(centres, 6, (300, 300))] * 4)
    cells, movement = extract_features(movie_of(masks), max_gap=2)
    near = build_graph(cells, movement, max_gap=1, max_move=3.0).candidates
    assert set(near.ahead.tolist()) == {1, 2}
    distance = np.linalg.norm(cells.position[near.target] - cells.position[near.source], axis=1)
    assert distance.max() <= 6.0


def test_features_do_not_depend_on_position_frame_size_labels_or_pixel_size() -> None:
    centres = scattered(5)
    masks = np.stack([discs(centres + 3 * t, 6, (300, 300)) for t in range(3)])
    plain = build_graph(*extract_features(movie_of(masks), max_gap=1), max_gap=1)
    padded = np.pad(masks, ((0, 0), (100, 60), (80, 120)))
    moved = build_graph(*extract_features(movie_of(padded), max_gap=1), max_gap=1)
    scaled = build_graph(*extract_features(movie_of(masks, step=(0.2, 0.2)), max_gap=1), max_gap=1)
    far = plain.cell_features[:, CELL_FEATURES.index("border")] >= 3.0
    inner = far[plain.candidates.source] & far[plain.candidates.target]
    for other in (moved, scaled):
        np.testing.assert_array_equal(other.candidates.source, plain.candidates.source)
        np.testing.assert_allclose(other.link_features[inner], plain.link_features[inner], atol=0.1)


def test_features_are_computed_without_holding_the_movie() -> None:
    centres = scattered(6)
    reads: list[int] = []

    class Counted(ArrayFrames):
        def __getitem__(self, index: int, /) -> np.ndarray:
            reads.append(index)
            return discs(centres, 6, (300, 300))

    frames = Counted(np.zeros((5, 300, 300)))
    extract_features(Movie(frames, None, Scale.pixels(2)), max_gap=2)
    assert reads == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("blank", [0.0, 7.0, np.nan])
def test_a_blank_frame_says_nothing_about_its_cells(blank: float) -> None:
    mask = discs(np.array([[20.0, 20.0], [40.0, 45.0]]), 6, (64, 64))
    cells = measure_frame(MaskPixels.of(mask), np.full(mask.shape, blank), Scale.pixels(2))
    assert np.isnan(cells.appearance).all()
    assert np.isfinite(cells.intensity).all()
