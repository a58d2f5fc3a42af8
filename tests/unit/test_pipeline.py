"""The whole path through the Python interface, on the zoo of small movies."""

from pathlib import Path

import numpy as np
import pytest

from cases import CASES
from cell_tracker_gnn import Tracker, TrackSettings
from cell_tracker_gnn.data import KINDS, ArrayFrames, Lineage, Movie, Scale
from cell_tracker_gnn.embedding.device import choose_device
from cell_tracker_gnn.errors import SettingsError
from cell_tracker_gnn.features.anisotropy import with_assumed_scale
from cell_tracker_gnn.features.extract import extract_features
from cell_tracker_gnn.graph.build import build_graph
from cell_tracker_gnn.graph.scores import Scores
from cell_tracker_gnn.linking import LinkCosts, link_rewards
from cell_tracker_gnn.pipeline import choose_links, leave_out_gaps, reward_links
from cell_tracker_gnn.report.drawing import draw_tracks


@pytest.fixture(scope="module")
def tracker() -> Tracker:
    return Tracker.from_pretrained()


def found(lineage: Lineage) -> set[tuple[int, ...]]:
    cells, links = lineage.cells, lineage.links
    ends = zip(links.source, links.target, strict=True)
    return {(int(cells.frame[a]), int(cells.label[a]), int(cells.frame[b]), int(cells.label[b])) for a, b in ends}


@pytest.mark.parametrize(
    "name", ["perfect", "one_cell", "single_frame", "no_cell", "touching", "drift", "anisotropic_3d"]
)
def test_easy_movies_are_tracked_without_an_error(name: str, tracker: Tracker) -> None:
    case = CASES[name]()
    lineage = tracker.track(case.masks, case.images, scale=case.step)
    assert found(lineage) == {tuple(row) for row in np.asarray(case.links).tolist()}


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_movie_gives_a_valid_lineage(name: str, tracker: Tracker) -> None:
    case = CASES[name]()
    lineage = tracker.track(case.masks, case.images, scale=case.step)
    cells, links, tracks = lineage.cells, lineage.links, lineage.tracks
    assert (cells.frame[links.target] > cells.frame[links.source]).all()
    parents = np.bincount(links.target[links.kind != KINDS.index("merge")], minlength=1)
    assert (parents <= 1).all()
    assert (np.bincount(links.source, minlength=1) <= 2).all()
    assert ((links.probability >= 0) & (links.probability <= 1)).all()
    assert len(lineage.track) == len(cells)
    parent_of = {int(t): int(p) for t, p in zip(tracks.track, tracks.parent, strict=True)}
    begin, end = dict(zip(parent_of, tracks.begin, strict=True)), dict(zip(parent_of, tracks.end, strict=True))
    assert all(p == 0 or end[p] < begin[t] for t, p in parent_of.items())


def test_labels_carry_no_information(tracker: Tracker) -> None:
    case = CASES["division"]()
    rng = np.random.default_rng(2)
    permuted, names = case.masks.copy(), []
    for mask in permuted:
        table = np.r_[0, rng.permutation(np.arange(1, mask.max() + 1)) * 3]
        mask[:] = table[mask]
        names.append(table)
    renamed = {(a, int(names[a][b]), c, int(names[c][d])) for a, b, c, d in found(tracker.track(case.masks))}
    assert found(tracker.track(permuted)) == renamed


def test_without_gaps_and_divisions(tracker: Tracker) -> None:
    case = CASES["missed"]()
    settings = TrackSettings(max_gap=0, divisions=False)
    lineage = Tracker(tracker.model, settings).track(case.masks)
    assert (lineage.links.kind == 0).all()


@pytest.mark.parametrize(("comes_back", "children"), [(4.0, 1), (1.0, 2)])
def test_without_gaps_a_cell_that_comes_back_is_no_daughter(comes_back: float, children: int) -> None:
    masks = np.zeros((3, 40, 40), np.int32)
    masks[:, 10:18, 10:18] = 1
    masks[::2, 10:18, 22:30] = 2
    movie = Movie(ArrayFrames(masks), None, Scale.pixels(2))
    graph = build_graph(*extract_features(movie, max_gap=2), max_gap=2)
    candidates, (stays, back) = graph.candidates, np.flatnonzero(graph.cells.frame == 2)
    before = int(np.flatnonzero(graph.cells.frame == 1)[0])
    odds = np.full(len(candidates), -9.0)
    odds[(candidates.target == before) | (candidates.target == stays)] = 5.0
    odds[(candidates.ahead > 1) & (candidates.target == stays)] = -9.0
    odds[(candidates.source == before) & (candidates.target == back)] = 2.0
    odds[(candidates.ahead > 1) & (candidates.target == back)] = comes_back
    rewards = link_rewards(odds, candidates.ahead, cells=len(graph.cells), costs=LinkCosts(bias=0.0, division=0.0))
    settings = TrackSettings(max_gap=0)
    chosen = choose_links(graph, leave_out_gaps(graph, rewards, settings), settings)
    assert (candidates.ahead[chosen] == 1).all()
    assert (candidates.source[chosen] == before).sum() == children


@pytest.mark.parametrize(("divides", "daughters"), [(3.0, 2), (-6.0, 1)])
def test_whether_a_cell_looks_like_a_mother_counts_for_its_second_daughter(divides: float, daughters: int) -> None:
    masks = np.zeros((2, 80, 80), np.int32)
    masks[0, 32:48, 32:48], masks[1, 30:40, 32:48], masks[1, 41:51, 32:48] = 1, 1, 2
    graph = build_graph(*extract_features(Movie(ArrayFrames(masks), None, Scale.pixels(2)), max_gap=0), max_gap=0)
    costs, cells = LinkCosts(), len(graph.cells)
    bias = costs.bias * (1.0 - graph.came_in[graph.candidates.target])
    scores = Scores(np.array([3.0, 1.2]) - bias, np.zeros(cells), np.zeros(cells), np.full(cells, divides))
    chosen = choose_links(graph, reward_links(graph, scores, costs), TrackSettings())
    assert chosen.sum() == daughters


@pytest.mark.parametrize("name", sorted(CASES))
def test_without_gaps_what_came_back_begins(name: str, tracker: Tracker) -> None:
    case = CASES[name]()
    with_gaps = tracker.track(case.masks, case.images, scale=case.step)
    without = Tracker(tracker.model, TrackSettings(max_gap=0)).track(case.masks, case.images, scale=case.step)
    frame = without.cells.frame
    assert (frame[without.links.target] - frame[without.links.source] == 1).all()
    back = with_gaps.links.target[with_gaps.links.kind == KINDS.index("gap")]
    assert not np.isin(without.links.target, back).any()


def test_progress_is_reported(tracker: Tracker) -> None:
    seen: list[tuple[str, int, int]] = []
    tracker.track(CASES["perfect"]().masks, progress=lambda *step: seen.append(step))
    assert ("features", 1, 6) in seen
    assert {stage for stage, _, _ in seen} == {"features", "network", "linking"}


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu:1", "cuda:99"])
def test_devices_that_are_not_there_are_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        choose_device(name)


def test_result_can_be_written_and_drawn(tracker: Tracker, tmp_path: Path) -> None:
    lineage = tracker.track(CASES["division"]().masks)
    lineage.write(tmp_path / "result")
    assert (tmp_path / "result" / "links.csv").is_file()
    assert draw_tracks(lineage, frames=1).tobytes() != draw_tracks(lineage, frames=2).tobytes()
    picture = np.asarray(draw_tracks(lineage))
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 5
    assert np.asarray(draw_tracks(tracker.track(CASES["anisotropic_3d"]().masks))).ndim == 3


def test_z_step_is_assumed_from_the_cells_only_where_it_is_unknown(caplog: pytest.LogCaptureFixture) -> None:
    grid = np.indices((20, 90, 90)).astype(float) - np.array([10.0, 45.0, 45.0]).reshape(3, 1, 1, 1)
    ball = ((grid * np.array([4.0, 1.0, 1.0]).reshape(3, 1, 1, 1)) ** 2).sum(axis=0) < 30.0**2
    frames = ArrayFrames(ball[None].astype(np.uint8))
    assumed = with_assumed_scale(Movie(frames, None, Scale.pixels(3)))
    assert 3.7 < assumed.scale.step[0] < 4.3
    assert "no voxel size is known" in caplog.text
    known = Movie(frames, None, Scale((2.0, 1.0, 1.0), "µm"))
    assert with_assumed_scale(known) is known
