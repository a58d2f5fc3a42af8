"""Merged and split masks: identities go on, and no division is seen where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from cell_tracker_gnn import Tracker, TrackSettings
from cell_tracker_gnn.data import KINDS, ArrayFrames, Lineage, Movie, Scale
from cell_tracker_gnn.features.extract import extract_features
from cell_tracker_gnn.graph.build import Graph, build_graph
from cell_tracker_gnn.io import read_lineage_table
from cell_tracker_gnn.io.edits import Edit, Edits
from cell_tracker_gnn.linking.costs import link_rewards
from cell_tracker_gnn.linking.merges import Passages, find_passages
from cell_tracker_gnn.pipeline import leave_out_gaps

Mask = NDArray[np.int32]


@pytest.fixture(scope="module")
def tracker() -> Tracker:
    return Tracker.from_pretrained()


def movie(frames: int = 10, distance: float = 12.0) -> Mask:
    """Two cells of different size side by side and one far away, all drifting a little."""
    y, x = np.mgrid[:80, :90]
    masks = np.zeros((frames, 80, 90), np.int32)
    for t in range(frames):
        for label, (cy, cx, radius) in enumerate([(25 + t, 30, 7), (25 + t + distance, 31, 5), (60, 70 - t, 6)], 1):
            masks[t][(y - cy) ** 2 + (x - cx) ** 2 <= radius**2] = label
    return masks


def merged(masks: Mask, frames: range) -> Mask:
    masks = masks.copy()
    for t in frames:
        masks[t][masks[t] == 2] = 1
    return masks


def halved(masks: Mask, frame: int) -> Mask:
    masks = masks.copy()
    rows = np.argwhere(masks[frame] == 1)
    masks[frame][tuple(rows[rows[:, 1] > rows[:, 1].mean()].T)] = 9
    return masks


def kinds(lineage: Lineage) -> dict[str, int]:
    return {kind: int((lineage.links.kind == code).sum()) for code, kind in enumerate(KINDS)}


def identity(lineage: Lineage, frame: int, label: int) -> int:
    cell = np.flatnonzero((lineage.cells.frame == frame) & (lineage.cells.label == label))[0]
    return int(lineage.tracks.identity[lineage.track[cell] - 1])


@pytest.mark.parametrize("last", [4, 5, 7])
def test_two_cells_in_one_mask_keep_their_identities(last: int, tracker: Tracker, tmp_path: Path) -> None:
    lineage = tracker.track(merged(movie(), range(4, last + 1)))
    assert kinds(lineage)["division"] == 0
    assert (kinds(lineage)["merge"], kinds(lineage)["split"]) == (1, 1)
    for label in (1, 2, 3):
        assert identity(lineage, 0, label) == identity(lineage, 9, label)
    assert len({identity(lineage, 0, label) for label in (1, 2, 3)}) == 3
    lineage.write(tmp_path / "r")
    table = read_lineage_table(tmp_path / "r" / "res_track.txt")
    rows = dict(zip(table.label.tolist(), zip(table.begin, table.end, table.parent, strict=True), strict=True))
    reappears = [label for label, (begin, _, _) in rows.items() if begin == last + 1]
    assert len(reappears) == 1
    assert rows[rows[reappears[0]][2]][1] == 3


def test_one_cell_in_two_masks_does_not_divide(tracker: Tracker) -> None:
    lineage = tracker.track(halved(movie(), 5))
    assert kinds(lineage)["division"] == 0
    assert kinds(lineage)["merge"] == 0
    for label in (1, 2, 3):
        assert identity(lineage, 0, label) == identity(lineage, 9, label)


def test_a_division_that_a_person_saw_is_not_taken_back(tracker: Tracker) -> None:
    masks = halved(movie(), 4)
    digest = str(tracker.track(masks).run["masks_sha256"])
    daughters = tuple(Edit("add", 3, 1, 4, label) for label in (1, 9))
    assert kinds(tracker.track(masks, fixed=Edits(digest, daughters)))["division"] == 2
    # Neither half goes on to the whole by a link that was cut.
    cuts = tuple(Edit("cut", 4, label, 5, 1) for label in (1, 9))
    lineage = tracker.track(masks, fixed=Edits(digest, cuts))
    after = np.flatnonzero((lineage.cells.frame == 5) & (lineage.cells.label == 1))
    before = lineage.links.source[np.isin(lineage.links.target, after)]
    from_frame_4 = before[lineage.cells.frame[before] == 4]
    assert not np.isin(lineage.cells.label[from_frame_4], [1, 9]).any()


def test_without_gaps_no_identity_goes_on_through_a_merged_mask(tracker: Tracker) -> None:
    without = Tracker(tracker.model, TrackSettings(max_gap=0))
    assert kinds(without.track(merged(movie(), range(4, 5))))["merge"] == 0


def test_good_masks_have_neither(tracker: Tracker) -> None:
    for distance in (12.0, 14.0, 30.0):
        found = kinds(tracker.track(movie(distance=distance)))
        assert found == {"move": 27, "gap": 0, "division": 0, "merge": 0, "split": 0}


Ends = tuple[int, int, int, int]
"""A link: frame and label of the earlier and of the later cell."""


def graph_of(masks: Mask) -> Graph:
    features = extract_features(Movie(ArrayFrames(masks), None, Scale.pixels(2)), max_gap=2)
    return build_graph(*features, max_gap=2)


def ends_of(graph: Graph) -> list[Ends]:
    frame, label, candidates = graph.cells.frame, graph.cells.label, graph.candidates
    columns = [of[end] for end in (candidates.source, candidates.target) for of in (frame, label)]
    return list(zip(*(column.tolist() for column in columns), strict=True))


def passages_of(
    graph: Graph, links: set[Ends], hidden: dict[int, set[int]], **held: bool
) -> tuple[Passages, set[Ends]]:
    """Passages where the given links are chosen and all cells go on but for the labels hidden in some frames."""
    ends = ends_of(graph)
    assert links <= set(ends)
    here = [t + 1 == u and a == b and not {a, b} & (hidden.get(t, set()) | hidden.get(u, set())) for t, a, u, b in ends]
    given = np.array([one in links for one in ends])
    chosen = given | np.array(here)
    passages = find_passages(
        graph, np.where(chosen, 3.0, -2.0), chosen, **{name: given for name, wanted in held.items() if wanted}
    )
    return passages, {ends[one] for one in np.flatnonzero(passages.chosen)}


def test_a_link_over_a_mask_of_two_cells_becomes_a_merge_and_a_split() -> None:
    graph = graph_of(merged(movie(), range(4, 6)))
    ends, gap = ends_of(graph), (3, 2, 6, 2)
    passages, chosen = passages_of(graph, {gap}, {4: {2}, 5: {2}})
    assert [ends[one] for one in passages.merge] == [(3, 2, 4, 1)]
    assert [ends[one] for one in passages.split] == [(5, 1, 6, 2)]
    assert passages.log_odds.tolist() == [3.0]
    assert gap not in chosen
    assert {(3, 1, 4, 1), (5, 1, 6, 1)} <= chosen


@pytest.mark.parametrize(
    "links",
    [
        {(4, 1, 6, 1)},
        {(4, 1, 5, 1), (4, 1, 5, 9), (5, 1, 6, 1)},
        {(4, 1, 5, 1), (4, 1, 5, 9), (5, 9, 6, 1)},
        {(4, 1, 5, 9), (5, 1, 6, 1)},
        {(4, 1, 5, 1), (5, 9, 6, 1)},
        {(4, 1, 5, 1), (5, 1, 6, 1)},
        {(4, 1, 5, 9), (5, 9, 6, 1)},
        {(5, 1, 6, 1)},
    ],
    ids=["over both", "division", "smaller goes on", "in and out", "out and in", "larger", "smaller", "from nowhere"],
)
def test_a_cell_in_two_masks_goes_through_the_larger_one(links: set[Ends]) -> None:
    graph = graph_of(halved(movie(), 5))
    passages, chosen = passages_of(graph, links, {5: {1, 9}})
    assert {(4, 1, 5, 1), (5, 1, 6, 1)} <= chosen
    assert not [one for one in chosen if one[1] == 9 or one[3] == 9 or one == (4, 1, 6, 1)]
    assert {ends_of(graph)[one] for one in passages.dropped} == links - {(4, 1, 5, 1), (5, 1, 6, 1)}


@pytest.mark.parametrize("missed", [4, 6])
def test_a_cell_in_two_masks_may_be_missed_in_the_frame_beside(missed: int) -> None:
    masks = halved(movie(), 5)
    masks[missed][masks[missed] == 1] = 0
    graph = graph_of(masks)
    start, end = (3, 6) if missed == 4 else (4, 7)
    links = {(start, 1, 5, 1), (5, 9, end, 1)}
    _, chosen = passages_of(graph, links, {missed: {1}, 5: {1, 9}})
    assert {(start, 1, 5, 1), (5, 1, end, 1)} <= chosen
    assert not [one for one in chosen if one[1] == 9 or one[3] == 9]


@pytest.mark.parametrize(
    "links",
    [
        {(3, 1, 4, 1), (3, 1, 4, 9), (4, 1, 5, 1), (4, 9, 5, 9), (5, 9, 6, 1)},
        {(3, 1, 4, 1), (3, 1, 4, 9), (4, 1, 5, 1), (4, 9, 5, 9), (5, 1, 6, 1)},
        {(3, 1, 4, 9), (4, 9, 5, 1)},
        {(4, 1, 5, 9)},
        {(3, 1, 6, 1)},
    ],
    ids=["division, smaller goes on", "division, larger", "in by the smaller one", "only between", "over all"],
)
def test_a_cell_in_two_masks_for_two_frames_does_not_divide(links: set[Ends]) -> None:
    graph = graph_of(halved(halved(movie(), 4), 5))
    passages, chosen = passages_of(graph, links, {4: {1, 9}, 5: {1, 9}})
    assert {(3, 1, 4, 1), (4, 1, 5, 1), (5, 1, 6, 1)} <= chosen
    assert not [one for one in chosen if one[1] == 9 or one[3] == 9 or one == (3, 1, 6, 1)]
    assert not len(passages.merge)


def test_a_cell_may_be_cut_otherwise_in_the_next_frame() -> None:
    masks = halved(movie(), 4)
    rows = np.argwhere(masks[5] == 1)
    masks[5][tuple(rows[rows[:, 0] > rows[:, 0].mean()].T)] = 9
    links = {(3, 1, 4, 1), (3, 1, 4, 9), (4, 9, 5, 1), (4, 1, 5, 9), (5, 9, 6, 1)}
    _, chosen = passages_of(graph_of(masks), links, {4: {1, 9}, 5: {1, 9}})
    touching = [one for one in chosen if {1, 9} & {one[1], one[3]} and {4, 5} & {one[0], one[2]}]
    assert sorted(one[::2] for one in touching) == [(3, 4), (4, 5), (5, 6)]


def test_masks_that_stay_two_for_long_are_two_cells() -> None:
    masks = movie()
    for frame in range(3, 8):
        masks[frame] = halved(masks, frame)[frame]
    links = {(2, 1, 3, 1), (2, 1, 3, 9), (7, 1, 8, 1)}
    links |= {(t, label, t + 1, label) for t in range(3, 7) for label in (1, 9)}
    _, chosen = passages_of(graph_of(masks), links, {t: {1, 9} for t in range(3, 8)})
    assert {(2, 1, 3, 1), (2, 1, 3, 9)} <= chosen


def test_masks_of_one_cell_may_be_larger_together_than_the_cell() -> None:
    masks = halved(movie(), 5)
    for label in (1, 9):
        around = ndimage.binary_dilation(masks[5] == label, iterations=2) & (masks[5] == 0)
        masks[5][around] = label
    graph = graph_of(masks)
    size = {(t, label): n for t, label, n in zip(graph.cells.frame, graph.cells.label, graph.cells.size, strict=True)}
    assert size[5, 1] + size[5, 9] > 1.5 * size[4, 1]
    _, chosen = passages_of(graph, {(4, 1, 5, 1), (4, 1, 5, 9), (5, 1, 6, 1)}, {5: {1, 9}})
    larger = 1 if size[5, 1] >= size[5, 9] else 9
    assert {(4, 1, 5, larger), (5, larger, 6, 1)} <= chosen
    assert len([one for one in chosen if 5 in one[::2] and {one[1], one[3]} & {9, 1}]) == 2


def test_daughters_of_which_one_is_missed_next_stay_daughters() -> None:
    masks = movie()
    for frame in range(5, 10):
        masks[frame] = halved(masks, frame)[frame]
        masks[frame] = np.where(
            masks[frame] == 9, np.roll(np.where(masks[frame] == 9, 9, 0), frame - 2, 1), masks[frame]
        )
    masks[6][masks[6] == 9] = 0
    links = {(4, 1, 5, 1), (4, 1, 5, 9)} | {(t, 1, t + 1, 1) for t in range(5, 9)}
    _, chosen = passages_of(graph_of(masks), links, {t: {1, 9} for t in range(5, 10)})
    assert {(4, 1, 5, 1), (4, 1, 5, 9)} <= chosen


def test_a_cell_in_two_masks_twice_is_not_two_cells_that_touch() -> None:
    graph = graph_of(halved(halved(movie(), 3), 5))
    links = {(2, 1, 3, 1), (2, 1, 3, 9), (3, 1, 4, 1), (3, 9, 5, 9), (4, 1, 5, 1), (5, 1, 6, 1)}
    passages, chosen = passages_of(graph, links, {3: {1, 9}, 5: {1, 9}})
    assert {one for one in chosen if one[1] == 9 or one[3] == 9} == set()
    assert not len(passages.merge)


def test_daughters_that_touch_for_one_frame_are_two_cells() -> None:
    masks = movie()
    for frame in (4, 6, 7, 8, 9):
        masks[frame] = halved(masks, frame)[frame]
    graph = graph_of(masks)
    links = {(3, 1, 4, 1), (3, 1, 4, 9), (4, 1, 5, 1), (5, 1, 6, 1)}
    links |= {(t, label, t + 1, label) for t in (6, 7, 8) for label in (1, 9)}
    passages, chosen = passages_of(graph, links, {4: {1, 9}, 5: {1}, 6: {1, 9}})
    assert {(3, 1, 4, 1), (3, 1, 4, 9)} <= chosen
    assert [ends_of(graph)[one] for one in passages.merge] == [(4, 9, 5, 1)]
    assert [ends_of(graph)[one] for one in passages.split] == [(5, 1, 6, 9)]


def test_a_link_that_a_person_set_stays_over_whatever_lies_between() -> None:
    masks = merged(movie(), range(4, 5))
    passages, chosen = passages_of(graph_of(masks), {(3, 2, 5, 2)}, {4: {2}}, fixed=True)
    assert (3, 2, 5, 2) in chosen
    assert not len(passages.merge)
    masks = halved(movie(), 5)
    assert (4, 1, 6, 1) in passages_of(graph_of(masks), {(4, 1, 6, 1)}, {5: {1, 9}}, fixed=True)[1]


def test_a_link_over_a_frame_in_which_the_cell_is_missed_stays() -> None:
    masks = movie()
    masks[5][masks[5] == 1] = 0
    passages, chosen = passages_of(graph_of(masks), {(4, 1, 6, 1)}, {5: {1}})
    assert (4, 1, 6, 1) in chosen
    assert not len(passages.dropped)


@pytest.mark.parametrize("missed", [False, True])
def test_without_gaps_a_cell_that_was_there_in_two_masks_does_not_begin(missed: bool) -> None:
    masks = halved(movie(), 5)
    if missed:
        masks[5][np.isin(masks[5], [1, 9])] = 0
    graph = graph_of(masks)
    ends, candidates = ends_of(graph), graph.candidates
    over_both = np.array([one == (4, 1, 6, 1) or (one[0] + 1 == one[2] and one[1] == one[3] != 1) for one in ends])
    rewards = link_rewards(np.where(over_both, 5.0, -9.0), candidates.ahead, cells=len(graph.cells))
    forbidden = leave_out_gaps(graph, rewards, TrackSettings(max_gap=0)).forbidden
    assert forbidden is not None
    into = {one for one, never in zip(ends, forbidden, strict=True) if one[2:] == (6, 1) and one[0] == 5 and not never}
    assert {one[1] for one in into} >= {1, 9} if not missed else not into
    assert forbidden[candidates.ahead > 1].all()


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_any_masks_give_a_valid_lineage(seed: int) -> None:
    rng = np.random.default_rng(seed)
    masks = np.stack([ndimage.label(ndimage.gaussian_filter(rng.random((40, 40)), 2.5) > 0.5)[0] for _ in range(5)])
    lineage = Tracker.from_pretrained().track(masks.astype(np.int32))
    cells, links, tracks = lineage.cells, lineage.links, lineage.tracks
    beside = links.kind >= KINDS.index("merge")
    assert (cells.frame[links.target] > cells.frame[links.source]).all()
    own = links.kind != KINDS.index("merge")
    assert (np.bincount(links.target[own], minlength=1) <= 1).all()
    assert (np.bincount(links.source, minlength=1) <= 2).all()
    assert ((links.probability >= 0) & (links.probability <= 1)).all()
    assert sorted(set(lineage.track.tolist())) == tracks.track.tolist()
    pairs = set(zip(cells.frame.tolist(), lineage.track.tolist(), strict=True))
    assert len(pairs) == len(cells)
    born = tracks.parent > 0
    assert (tracks.end[tracks.parent[born] - 1] < tracks.begin[born]).all()
    assert beside.sum() % 2 == 0
