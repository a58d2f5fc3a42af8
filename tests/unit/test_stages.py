"""Pieces of a run: the same result whoever computes them, in whatever order, broken off or not."""

import os
import weakref
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import fields, replace
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cases import CASES
from cell_tracker_gnn import Tracker, TrackSettings
from cell_tracker_gnn.data import ArrayFrames, Cells, Lineage, Movie, Scale
from cell_tracker_gnn.embedding.encoder import Encoder, EncoderConfig
from cell_tracker_gnn.errors import OutputError, SettingsError, WorkerError
from cell_tracker_gnn.features.extract import extract_features, extract_parts
from cell_tracker_gnn.features.parts import FeaturePart, join_parts
from cell_tracker_gnn.features.walk import FrameWalk, first_factor
from cell_tracker_gnn.graph import windows
from cell_tracker_gnn.graph.build import build_graph
from cell_tracker_gnn.graph.neighbourhood import Description
from cell_tracker_gnn.graph.windows import group_windows, window_bounds
from cell_tracker_gnn.pipeline import track_movie
from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
from cell_tracker_gnn.stages import executors
from cell_tracker_gnn.stages.executors import choose_workers, dask_executor, process_pool, work_through
from cell_tracker_gnn.stages.jobs import frame_ranges
from cell_tracker_gnn.stages.record import begin_folder
from cell_tracker_gnn.stages.run import begin_run
from cell_tracker_gnn.stages.store import FolderStore, MemoryStore

FRAMES = 60


@pytest.fixture(scope="module")
def tracker() -> Tracker:
    return Tracker.from_pretrained()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A movie on disk that drifts, grows and divides over several ranges and windows."""
    path = tmp_path_factory.mktemp("movie")
    settings = SimulationSettings(frames=FRAMES, cells=8, size=(120, 120), seed=3, drift=1.5)
    write_simulation(simulate(settings), path)
    return path


@pytest.fixture(scope="module")
def movie(folder: Path) -> Movie:
    from cell_tracker_gnn import open_movie

    opened = open_movie(folder / "01_ERR_SEG", folder / "01")
    masks, images = (ArrayFrames([part[i] for i in range(FRAMES)]) for part in (opened.masks, opened.images))  # type: ignore[index]
    return Movie(masks, images, Scale.pixels(2))


@pytest.fixture(scope="module")
def expected(tracker: Tracker, movie: Movie) -> Lineage:
    return track_movie(movie, tracker.model)


def assert_same(one: object, other: object) -> None:
    """Every array of two frozen values is the same to the last bit."""
    for column in fields(one):  # type: ignore[arg-type]
        a, b = getattr(one, column.name), getattr(other, column.name)
        if isinstance(a, np.ndarray):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b, err_msg=column.name)


def assert_same_lineage(one: Lineage, other: Lineage) -> None:
    for part in ("cells", "links", "tracks", "events"):
        assert_same(getattr(one, part), getattr(other, part))
    np.testing.assert_array_equal(one.track, other.track)
    assert one.summary == other.summary


@pytest.mark.parametrize("bounds", [[0, 60], [0, 1, 2, 30, 60], [0, 16, 33, 58, 60]])
def test_features_do_not_depend_on_the_ranges(movie: Movie, bounds: list[int]) -> None:
    cells, movement = extract_features(movie, max_gap=2)
    ranges = list(pairwise(bounds))
    parts = list(extract_parts(FrameWalk(movie), ranges, max_gap=2))
    factor = first_factor(movie)
    alone = [next(extract_parts(FrameWalk(movie, factor=factor), [one], max_gap=2)) for one in ranges]
    for found in (parts, alone):
        joined = join_parts(found, numbers=movie.masks.numbers, shape=movie.shape, scale=movie.scale)
        assert_same(joined[0], cells)
        assert_same(joined[1], movement)


def test_first_frames_without_cells_do_not_matter(tracker: Tracker) -> None:
    masks = CASES["division"]().masks
    empty = np.concatenate([np.zeros_like(masks[:20]).repeat(3, axis=0)[:20], masks])
    frames = ArrayFrames(empty)
    with ThreadPoolExecutor(2) as pool:
        apart = track_movie(Movie(frames, None, Scale.pixels(2)), tracker.model, executor=pool)
    assert_same_lineage(track_movie(Movie(frames, None, Scale.pixels(2)), tracker.model), apart)
    assert first_factor(Movie(ArrayFrames(empty[:3]), None, Scale.pixels(2))) == 1


def test_a_part_is_stored_and_cut_without_a_loss(movie: Movie) -> None:
    (part,) = extract_parts(FrameWalk(movie), [(0, 20)], max_gap=2)
    about: dict[str, Any] = {"shape": movie.shape, "scale": movie.scale}
    again = FeaturePart.of(part.arrays(), numbers=movie.numbers[:20], **about)
    assert_same(again.cells, part.cells)
    assert_same(again, part)
    halves = [again.between(0, 7), again.between(7, 20)]
    joined = join_parts(halves, numbers=movie.numbers[:20], **about)
    whole = join_parts([part], numbers=movie.numbers[:20], **about)
    assert_same(joined[0], whole[0])
    assert_same(joined[1], whole[1])


@pytest.mark.parametrize("max_gap", [0, 2, 10])
@pytest.mark.parametrize("frames", [1, 5, 24, 25, 34, 100])
def test_every_link_lies_in_one_or_two_windows(frames: int, max_gap: int) -> None:
    bounds = window_bounds(frames, max_gap=max_gap)
    for first in range(frames):
        last = min(first + max_gap + 1, frames - 1)
        assert 1 <= sum(begin <= first and last < end for begin, end in bounds) <= 2
        assert sum(begin <= first < end for begin, end in bounds) <= 2
    groups = group_windows(np.full(frames, windows.GROUP_CELLS // 40), max_gap=max_gap)
    assert [bound for group in groups for bound in group.bounds] == bounds
    assert [group.owned for group in groups] == [0, *(group.end for group in groups[:-1])]


@pytest.mark.parametrize("group_cells", [1, 400])
def test_groups_of_windows_give_the_same_as_all_of_them(
    group_cells: int, tracker: Tracker, movie: Movie, expected: Lineage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "GROUP_CELLS", group_cells)
    store = MemoryStore()
    assert_same_lineage(track_movie(movie, tracker.model, store=store), expected)
    assert sum(name.startswith("windows") for name in store.pieces) > 1


def test_whole_movie_inference_gives_the_same_links(
    tracker: Tracker, movie: Movie, expected: Lineage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "window_bounds", lambda frames, max_gap: [(0, frames)])
    whole = track_movie(movie, tracker.model)
    for name in ("source", "target", "kind"):
        np.testing.assert_array_equal(getattr(whole.links, name), getattr(expected.links, name))
    assert not np.array_equal(whole.links.probability, expected.links.probability)


def test_features_that_name_the_frame_are_counted_from_the_first_one(movie: Movie) -> None:
    cells, movement = extract_features(movie, max_gap=0)
    here, later = (
        build_graph(cells, movement, max_gap=0, describe=Description("measured"), first_frame=first).cell_features
        for first in (0, 7)
    )
    np.testing.assert_array_equal(later[:, 0], here[:, 0] + 7)
    np.testing.assert_array_equal(later[:, 1:], here[:, 1:])


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_any_executor_gives_the_same(kind: str, tracker: Tracker, movie: Movie, expected: Lineage) -> None:
    pool: Executor = ThreadPoolExecutor(3) if kind == "threads" else ProcessPoolExecutor(1, get_context("spawn"))
    with pool:
        assert_same_lineage(track_movie(movie, tracker.model, executor=pool), expected)


def test_embeddings_do_not_depend_on_who_computes_them(tracker: Tracker, movie: Movie, expected: Lineage) -> None:
    torch.manual_seed(0)
    model = replace(tracker.model, encoder=Encoder(EncoderConfig(width=4)).eval(), sha256="")
    store = MemoryStore()
    alone = track_movie(movie, model, store=store)
    assert store.load("features-0000000", ["cells.embedding"])["cells.embedding"].shape[1] == 128
    with ThreadPoolExecutor(3) as pool:
        assert_same_lineage(track_movie(movie, model, executor=pool), alone)
    assert not np.array_equal(alone.links.probability, expected.links.probability)


def test_workers_open_a_movie_on_disk_themselves(tracker: Tracker, folder: Path, tmp_path: Path) -> None:
    masks, images = folder / "01_ERR_SEG", folder / "01"
    alone = tracker.track(masks, images)
    assert_same_lineage(tracker.track(masks, images, workers=2, work=tmp_path), alone)
    assert len(list(tmp_path.glob("features-*.npz"))) == len(frame_ranges(FRAMES))


class Watched:
    """Frames that know how many of them are held."""

    def __init__(self, frames: ArrayFrames) -> None:
        self.frames, self.numbers, self.shape = frames, frames.numbers, frames.shape
        self.read: list[int] = []
        self.most = 0
        self._held: list[weakref.ref[Any]] = []

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int, /) -> Any:
        self._held = [one for one in self._held if one() is not None]
        self.most = max(self.most, len(self._held) + 1)
        frame = self.frames[index].copy()
        self._held.append(weakref.ref(frame))
        self.read.append(index)
        return frame


def test_few_frames_are_held_and_each_is_read_once(tracker: Tracker, movie: Movie, expected: Lineage) -> None:
    watched = Watched(movie.masks)  # type: ignore[arg-type]
    lineage = track_movie(Movie(watched, movie.images, movie.scale), tracker.model)
    assert watched.read == list(range(FRAMES))
    assert watched.most <= 4
    assert_same_lineage(lineage, expected)


class _BreakingStore(FolderStore):
    """A disk that is full after some pieces."""

    def keep(self, name: str, arrays: dict[str, Any]) -> dict[str, Any] | None:
        if len(list(self.folder.glob("*.npz"))) >= 3:
            raise OutputError("the disk is full")
        return super().keep(name, arrays)


def test_a_run_that_was_broken_off_goes_on(tracker: Tracker, movie: Movie, expected: Lineage, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="full"):
        track_movie(movie, tracker.model, store=_BreakingStore(tmp_path))
    stored = sorted(tmp_path.glob("*.npz"))
    assert len(stored) == 3
    stored[1].write_bytes(stored[1].read_bytes()[:-100])
    watched = Watched(movie.masks)  # type: ignore[arg-type]
    again = track_movie(Movie(watched, movie.images, movie.scale), tracker.model, store=FolderStore(tmp_path))
    assert_same_lineage(again, expected)
    second, _, last = frame_ranges(FRAMES)[1:]
    # The piece that was cut off, those that were missing, and the first frame with cells.
    assert sorted(set(watched.read)) == [0, *range(second[0], second[1] + 3), *range(last[0], last[1])]


def test_finished_windows_are_not_weighed_again(
    tracker: Tracker, movie: Movie, expected: Lineage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    track_movie(movie, tracker.model, store=FolderStore(tmp_path))
    monkeypatch.delattr("cell_tracker_gnn.model.infer.score_windows")
    watched = Watched(movie.masks)  # type: ignore[arg-type]
    again = track_movie(Movie(watched, movie.images, movie.scale), tracker.model, store=FolderStore(tmp_path))
    assert not watched.read
    assert_same_lineage(again, expected)


def test_ranges_are_of_about_equal_length() -> None:
    for frames in (1, 16, 17, 90, 1000, 10_000):
        ranges = frame_ranges(frames)
        assert [begin for begin, _ in ranges] == [0, *(end for _, end in ranges[:-1])]
        assert ranges[-1][1] == frames
        lengths = [end - begin for begin, end in ranges]
        assert max(lengths) - min(lengths) <= 1
        assert max(lengths) <= 32


def test_pieces_of_another_run_are_refused(tracker: Tracker, folder: Path, tmp_path: Path) -> None:
    masks, images = folder / "01_ERR_SEG", folder / "01"
    work = tmp_path / "out.partial" / "work"
    work.mkdir(parents=True)
    tracker.measure(masks, images, part=(1, 4), work=work)
    tracker.measure(masks, images, part=(2, 4), work=work)
    other = Tracker(tracker.model, TrackSettings(max_gap=1))
    with pytest.raises(OutputError, match="other settings"):
        other.measure(masks, images, part=(3, 4), work=work)
    with pytest.raises(OutputError, match="other frames"):
        tracker.measure(masks, images, part=(3, 4), work=work, frames="0:40")
    with pytest.raises(OutputError, match="other or changed inputs"):
        tracker.measure(masks, part=(3, 4), work=work)
    with pytest.raises(SettingsError, match="on disk"):
        tracker.measure(CASES["perfect"]().masks, part=(1, 1), work=work)
    (work / "made_of.json").write_text("{")
    with pytest.raises(OutputError, match="cannot be read"):
        begin_folder(work, {})


def test_changed_files_are_noticed(tracker: Tracker, folder: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    for index in range(20):
        (masks / f"m{index:03d}.tif").write_bytes((folder / "01_ERR_SEG" / f"mask{index:03d}.tif").read_bytes())
    (tmp_path / "work").mkdir()
    tracker.measure(masks, part=(1, 2), work=tmp_path / "work")
    (masks / "m019.tif").touch()
    with pytest.raises(OutputError, match="other or changed inputs"):
        tracker.measure(masks, part=(2, 2), work=tmp_path / "work")


@pytest.mark.parametrize("parts", [1, 3, 7])
def test_parts_are_all_frames_once(parts: int, tracker: Tracker, movie: Movie) -> None:
    run = begin_run(movie, tracker.model, TrackSettings(), store=MemoryStore())
    assert sum(run.frames_of((part, parts)) for part in range(1, parts + 1)) == FRAMES


def test_number_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "usable_cores", lambda: 8)
    assert choose_workers(None, pixels=1e7, pieces=100) == 1
    assert choose_workers(None, pixels=1e12, pieces=100) == 8
    assert choose_workers(None, pixels=1e12, pieces=3) == 3
    assert choose_workers(4, pixels=1e7, pieces=100) == 4


def test_a_worker_that_dies_is_an_error_that_says_what_to_do() -> None:
    with process_pool(1) as pool, pytest.raises(WorkerError, match="--resume"):
        list(work_through(pool, os._exit, [(1,)], at_once=1))


def test_pieces_are_made_only_when_there_is_room() -> None:
    made: list[int] = []

    def calls() -> Iterator[tuple[int]]:
        for number in range(20):
            made.append(number)
            yield (number,)

    with ThreadPoolExecutor(1) as pool:
        results = work_through(pool, abs, calls(), at_once=3)
        next(results)
        assert len(made) <= 4
        assert len(list(results)) == 19


def test_no_scheduler_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(executors, "ANSWERS_WITHIN", 0.5)
    with pytest.raises(SettingsError, match=r"127\.0\.0\.1:1"), dask_executor("tcp://127.0.0.1:1"):
        pass


def test_cells_of_a_lineage_hold_no_embeddings(expected: Lineage) -> None:
    assert isinstance(expected.cells, Cells)
    assert expected.cells.embedding.shape == (len(expected.cells), 0)
