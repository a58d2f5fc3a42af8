"""Simulated movies: reproducible, consistent with their lineage, of the size that was asked for."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from cell_tracker_gnn.errors import OutputError, SettingsError
from cell_tracker_gnn.simulation import (
    KINDS,
    Drawing,
    SimulationSettings,
    simulate,
    write_simulation,
)
from cell_tracker_gnn.simulation.lineage import Recorder
from cell_tracker_gnn.simulation.rows import Rows
from simulated_masks import masks_of

MOVIES = [
    SimulationSettings("nuclei", 25, (160, 180), 24, division_rate=3.0),
    SimulationSettings("nuclei", 15, (128, 128), 10, drift=2.0, jump=40.0),
    SimulationSettings("nuclei3d", 12, (12, 96, 100), 14, division_rate=3.0),
    SimulationSettings("bacteria", 30, (160, 160), 40),
    SimulationSettings("epithelium", 15, (150, 160), 50, division_rate=2.0),
    SimulationSettings("epithelium", 5, (150, 160), 50, border=True),
    SimulationSettings("fast", 20, (200, 200), 25, seed=3),
    SimulationSettings(
        "nuclei", 20, (200, 200), 24, seed=4, division_rate=4.0, variety=1.2, unrest=0.1, death_rate=5.0
    ),
]
NAMES = [f"{i}-{movie.kind}" for i, movie in enumerate(MOVIES)]


@pytest.mark.parametrize("settings", MOVIES, ids=NAMES)
def test_same_seed_same_movie(settings: SimulationSettings) -> None:
    for one, other in zip(simulate(settings), simulate(settings), strict=True):
        assert one.number == other.number
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.mask, other.mask)


def test_other_seed_other_movie() -> None:
    movies = [masks_of(simulate(SimulationSettings(frames=1, size=(64, 64), cells=4, seed=seed))) for seed in (0, 1)]
    assert not np.array_equal(*movies)


def test_iterating_twice_gives_the_same_movie() -> None:
    simulation = simulate(SimulationSettings(frames=3, size=(64, 64), cells=4))
    np.testing.assert_array_equal(masks_of(simulation), masks_of(simulation))


@pytest.mark.parametrize("settings", MOVIES, ids=NAMES)
def test_masks_agree_with_the_tracks(settings: SimulationSettings) -> None:
    simulation = simulate(settings)
    masks, tracks = masks_of(simulation), simulation.tracks
    assert masks.shape == (settings.frames, *settings.shape)
    present = np.zeros((len(tracks) + 1, settings.frames), bool)
    for t, mask in enumerate(masks):
        present[np.unique(mask), t] = True
    for track, begin, end in zip(tracks.track, tracks.begin, tracks.end, strict=True):
        assert np.flatnonzero(present[track]).tolist() == list(range(begin, end + 1))
    for parent in np.unique(tracks.parent[tracks.parent > 0]):
        daughters = tracks.parent == parent
        assert daughters.sum() == 2
        assert (tracks.begin[daughters] == tracks.end[parent - 1] + 1).all()


@pytest.mark.parametrize("settings", MOVIES, ids=NAMES)
def test_every_cell_is_one_piece(settings: SimulationSettings) -> None:
    everywhere = np.ones((3,) * settings.rank)
    for frame in simulate(settings):
        for label, box in enumerate(ndimage.find_objects(frame.mask), 1):
            assert box is None or ndimage.label(frame.mask[box] == label, everywhere)[1] == 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("kind", "cells"), [("nuclei", 3), ("nuclei", 40), ("nuclei3d", 12), ("fast", 20), ("epithelium", 60)]
)
def test_number_of_cells_stays_within_a_third(kind: str, cells: int, seed: int) -> None:
    simulation = simulate(SimulationSettings(kind, frames=20, cells=cells, seed=seed, division_rate=2.0))
    counts = [len(np.unique(frame.mask)) - 1 for frame in simulation]
    assert min(counts) >= cells * 2 / 3
    assert max(counts) <= cells * 4 / 3


@pytest.mark.parametrize(("cells", "size"), [(10, 128), (60, 256)])
def test_colony_has_the_mean_number_and_grows(cells: int, size: int) -> None:
    simulation = simulate(SimulationSettings("bacteria", frames=40, size=(size, size), cells=cells))
    counts = [len(np.unique(frame.mask)) - 1 for frame in simulation]
    assert cells * 2 / 3 <= np.mean(counts) <= cells * 4 / 3
    assert counts[-1] > 1.5 * counts[0]


def test_epithelium_covers_the_field_unless_a_border_is_wanted() -> None:
    settings = {"kind": "epithelium", "frames": 2, "cells": 40}
    assert all((frame.mask > 0).all() for frame in simulate(SimulationSettings(**settings)))
    assert all((frame.mask == 0).any() for frame in simulate(SimulationSettings(**settings, border=True)))


@pytest.mark.parametrize("kind", ["nuclei", "bacteria", "epithelium"])
def test_only_every_so_many_steps_are_seen(kind: str) -> None:
    often = simulate(SimulationSettings(kind, frames=13, cells=40, division_rate=3.0))
    rarely = simulate(SimulationSettings(kind, frames=4, cells=40, division_rate=3.0, every=4))
    steps = masks_of(often)[::4]
    frames = masks_of(rarely)
    np.testing.assert_array_equal(frames > 0, steps > 0)
    for step, frame in zip(steps, frames, strict=True):
        pairs = np.unique(np.stack([step[step > 0], frame[frame > 0]], axis=1), axis=0)
        assert len(pairs) == len(np.unique(pairs[:, 0])) == len(np.unique(pairs[:, 1]))


def test_a_division_between_two_frames_is_one_of_the_cell_that_was_seen() -> None:
    tracks = simulate(SimulationSettings(frames=5, cells=30, division_rate=4.0, every=5)).tracks
    mothers, daughters = np.unique(tracks.parent[tracks.parent > 0], return_counts=True)
    assert len(mothers) > 5
    assert daughters.min() >= 2
    assert (tracks.end[mothers - 1] + 1 == [tracks.begin[tracks.parent == m].max() for m in mothers]).all()


def drawing(*identities: int) -> Drawing:
    mask = np.arange(1, len(identities) + 1, dtype=np.int32)[None]
    return Drawing(mask, mask, np.array(identities))


def living(**mothers: int) -> Rows:
    """Cells by name ``c1``, ``c2``, ... with their mothers."""
    return Rows(np.array([int(name[1:]) for name in mothers]), np.array(list(mothers.values())))


def test_granddaughters_born_between_two_frames_descend_from_the_cell_that_was_seen() -> None:
    recorder = Recorder()
    recorder.label(drawing(1, 2))
    recorder.meet(living(c2=0, c3=1, c4=1))
    recorder.meet(living(c2=0, c4=1, c5=3, c6=3))
    np.testing.assert_array_equal(recorder.label(drawing(2, 4, 5, 6)), [[2, 3, 4, 5]])
    np.testing.assert_array_equal(recorder.tracks.parent, [0, 0, 1, 1, 1])


def test_of_a_family_of_which_one_cell_is_left_that_one_goes_on() -> None:
    recorder = Recorder()
    recorder.label(drawing(1))
    recorder.meet(living(c2=1, c3=1))
    recorder.meet(living(c3=1, c4=2, c5=2))
    np.testing.assert_array_equal(recorder.label(drawing(5)), [[1]])


@pytest.mark.parametrize("kind", ["epithelium", "nuclei3d"])
def test_only_whole_cells_are_left_where_that_is_wanted(kind: str) -> None:
    cut, whole = (masks_of(simulate(SimulationSettings(kind, frames=3, whole=whole))) for whole in (False, True))
    for before, after in zip(cut, whole, strict=True):
        border = np.concatenate([np.unique(before.take([0, -1], axis)) for axis in (-2, -1)])
        np.testing.assert_array_equal(after > 0, (before > 0) & ~np.isin(before, border))
    assert whole.any()
    assert not np.array_equal(cut > 0, whole > 0)


def test_without_motion_and_division_nothing_happens() -> None:
    settings = SimulationSettings(frames=4, size=(96, 96), cells=6, motion=0.0, division_rate=0.0)
    tracks = simulate(settings).tracks
    assert (tracks.parent == 0).all()


def test_cells_of_the_fast_kind_move_more_than_their_diameter() -> None:
    simulation = simulate(SimulationSettings("fast", frames=6, size=(256, 256), cells=30))
    masks, moves = masks_of(simulation), []
    for before, after in pairwise(masks):
        labels = np.intersect1d(before[before > 0], after)
        ends = [np.array(ndimage.center_of_mass(mask > 0, mask, labels)) for mask in (before, after)]
        moves += np.linalg.norm(ends[1] - ends[0], axis=1).tolist()
    assert 1 < np.median(moves) / simulation.settings.cell_diameter < 3


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"kind": "nucleii"}, "did you mean 'nuclei'"),
        ({"frames": 0}, "frames is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"every": 0}, "every is 0"),
        ({"cells": 0}, "cells is 0"),
        ({"cells": 9000}, "do not fit"),
        ({"cells": 30, "size": (64, 64), "diameter": 30}, "do not fit"),
        ({"size": (64,)}, r"2 positive numbers \(y, x\)"),
        ({"size": (64, -3)}, r"2 positive numbers \(y, x\)"),
        ({"size": (64, 64), "kind": "nuclei3d"}, r"3 positive numbers \(z, y, x\)"),
        ({"size": (64, 4)}, "fit|too small"),
        ({"cells": 1, "size": (200, 30), "diameter": 20}, "too small"),
        ({"diameter": 2}, "diameter is 2"),
        ({"kind": "epithelium", "diameter": 20}, "leave it out"),
        ({"motion": -1}, "motion is -1"),
        ({"drift": float("nan")}, "drift is nan"),
        ({"leaving": -0.1}, "leaving is -0.1"),
        ({"arriving": 1.5}, "arriving is 1.5"),
        ({"anisotropy": 0}, "anisotropy is 0"),
        ({"missed": 1.5}, "missed is 1.5"),
        ({"missed": 0.6, "split": 0.6}, "sum to more than 1"),
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        SimulationSettings(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_of_every_kind_are_valid(kind: str) -> None:
    settings = SimulationSettings(kind)
    assert settings.rank == len(settings.shape) == len(settings.step)


def test_written_movie_is_complete_and_true(tmp_path: Path) -> None:
    simulation = simulate(SimulationSettings(frames=4, size=(80, 96), cells=6, division_rate=3.0, seed=1))
    folder = write_simulation(simulation, tmp_path / "movie")
    tracking = folder / "01_GT" / "TRA"
    for frame in simulation:
        number = f"{frame.number:03d}"
        np.testing.assert_array_equal(tifffile.imread(folder / "01" / f"t{number}.tif"), frame.image)
        np.testing.assert_array_equal(tifffile.imread(tracking / f"man_track{number}.tif"), frame.mask)
        np.testing.assert_array_equal(tifffile.imread(folder / "01_GT/SEG" / f"man_seg{number}.tif"), frame.mask)
        permuted = tifffile.imread(folder / "01_ERR_SEG" / f"mask{number}.tif")
        np.testing.assert_array_equal(permuted > 0, frame.mask > 0)
        assert permuted.dtype == np.uint16
    table = np.loadtxt(tracking / "man_track.txt", dtype=int, ndmin=2)
    tracks = simulation.tracks
    np.testing.assert_array_equal(table, np.stack([tracks.track, tracks.begin, tracks.end, tracks.parent], axis=1))
    assert [path.name for path in tmp_path.iterdir()] == ["movie"]


def test_written_movie_is_the_same_byte_by_byte(tmp_path: Path) -> None:
    settings = SimulationSettings("bacteria", frames=2, size=(64, 64), cells=4, missed=0.2, jitter=0.5)
    one, other = (write_simulation(simulate(settings), tmp_path / name) for name in "ab")
    names = [path.relative_to(one) for path in one.rglob("*") if path.is_file()]
    assert len(names) == 10
    assert all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def test_only_a_simulation_is_overwritten(tmp_path: Path) -> None:
    settings = SimulationSettings(frames=1, size=(64, 64), cells=2)
    folder = write_simulation(simulate(settings), tmp_path / "movie")
    with pytest.raises(OutputError, match="not empty"):
        write_simulation(simulate(settings), folder)
    longer = simulate(SimulationSettings(frames=2, size=(64, 64), cells=2))
    write_simulation(longer, folder, overwrite=True)
    assert len(list((folder / "01").iterdir())) == 2
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("work of years")
    with pytest.raises(OutputError, match="something else"):
        write_simulation(longer, precious, overwrite=True)
    with pytest.raises(OutputError, match="is a file"):
        write_simulation(longer, precious / "thesis.txt")
    assert (precious / "thesis.txt").exists()
