"""Simulated movies: reproducible, consistent with their lineage, of the size that was asked for."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from cell_tracker_gnn.data import Tracks
from cell_tracker_gnn.errors import InputError, OutputError, SettingsError
from cell_tracker_gnn.simulation import (
    KINDS,
    Drawing,
    Simulation,
    SimulationSettings,
    damage,
    simulate,
    write_simulation,
)
from cell_tracker_gnn.simulation.lineage import Recorder
from cell_tracker_gnn.simulation.rows import Rows

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


def masks_of(simulation: Simulation) -> NDArray[np.int32]:
    return np.stack([frame.mask for frame in simulation])


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


def test_daughters_share_the_size_of_their_mother_and_lie_beside_her() -> None:
    simulation = simulate(SimulationSettings(frames=30, size=(256, 256), cells=30, division_rate=3.0, seed=2))
    masks, tracks = masks_of(simulation), simulation.tracks
    shares = []
    for mother in np.unique(tracks.parent[tracks.parent > 0]):
        end = tracks.end[mother - 1]
        before, after = masks[end] == mother, np.isin(masks[end + 1], tracks.track[tracks.parent == mother])
        if not _touches_edge(before) and not _touches_edge(after):
            shares.append(after.sum() / before.sum())
            centres = [ndimage.center_of_mass(mask) for mask in (before, after)]
            assert np.linalg.norm(np.subtract(*centres)) < 0.5 * simulation.settings.cell_diameter
    assert len(shares) > 5
    assert min(shares) > 0.8
    assert max(shares) < 1.2


def _touches_edge(mask: NDArray[np.bool_]) -> bool:
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def dividing_nuclei(variety: float) -> tuple[NDArray[np.int32], Tracks]:
    """Masks and tracks of nuclei that divide often."""
    simulation = simulate(SimulationSettings("nuclei", 30, (300, 300), 40, seed=6, division_rate=4.0, variety=variety))
    return masks_of(simulation), simulation.tracks


def division_distances(variety: float) -> NDArray[np.float64]:
    """Distance from each mother to her daughters in the next frame, in diameters of the mother."""
    masks, tracks = dividing_nuclei(variety)
    found = []
    for track, begin, parent in zip(tracks.track, tracks.begin, tracks.parent, strict=True):
        if parent and (masks[begin] == track).any() and (masks[begin - 1] == parent).any():
            mother, daughter = np.argwhere(masks[begin - 1] == parent), np.argwhere(masks[begin] == track)
            apart = np.linalg.norm(mother.mean(axis=0) - daughter.mean(axis=0))
            found.append(apart / np.sqrt(4 * len(mother) / np.pi))
    return np.array(found)


def test_variety_sets_daughters_apart() -> None:
    plain, varied = division_distances(0.0), division_distances(1.2)
    assert min(len(plain), len(varied)) > 20
    assert np.quantile(plain, 0.9) < 0.8
    assert np.quantile(varied, 0.9) > 1.2


def mothers_and_angles(variety: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Length over width of each mother in her last frame, and the angle between her and the line of her daughters."""
    masks, tracks = dividing_nuclei(variety)
    ratio, angle = [], []
    for parent in np.unique(tracks.parent[tracks.parent > 0]):
        daughters = np.flatnonzero(tracks.parent == parent)
        begin = tracks.begin[daughters[0]]
        mother = np.argwhere(masks[begin - 1] == parent)
        pair = [np.argwhere(masks[begin] == track) for track in tracks.track[daughters]]
        if len(pair) == 2 and min(len(mother), *map(len, pair)) > 20:
            (short, long), axes = np.linalg.eigh(np.cov(mother.T))
            line = pair[0].mean(axis=0) - pair[1].mean(axis=0)
            ratio.append(np.sqrt(long / short))
            angle.append(np.degrees(np.arccos(min(abs(line @ axes[:, 1]) / np.linalg.norm(line), 1.0))))
    return np.array(ratio), np.array(angle)


def test_variety_elongates_mothers_that_part_along_and_across() -> None:
    round_mothers, _ = mothers_and_angles(0.0)
    ratio, angle = mothers_and_angles(1.2)
    assert min(len(round_mothers), len(ratio)) > 20
    assert np.median(ratio) > np.median(round_mothers) + 0.15
    along = angle[ratio > 1.3]
    assert 0.2 < np.mean(along < 45) < 0.8


def test_unrest_changes_sizes_from_frame_to_frame() -> None:
    def fluctuation(unrest: float) -> float:
        settings = SimulationSettings("nuclei", 6, (300, 300), 30, seed=5, division_rate=0.0, unrest=unrest)
        masks = masks_of(simulate(settings))
        size = np.array([np.bincount(m.ravel(), minlength=masks.max() + 1)[1:] for m in masks], float)
        inside = (size > 0).all(axis=0)
        return float(np.abs(np.diff(np.log(size[:, inside]), axis=0)).mean())

    assert fluctuation(0.1) > 2 * fluctuation(0.0)


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


def inner_ends(settings: SimulationSettings) -> tuple[int, int]:
    """How many tracks begin without a parent, and end without children, well within the field and the movie."""
    simulation = simulate(settings)
    masks, tracks = masks_of(simulation), simulation.tracks
    border = 2.5 * settings.cell_diameter

    def inside(frame: int, label: int) -> bool:
        centre = np.array(ndimage.center_of_mass(masks[frame] == label))
        return bool((centre > border).all() and (centre < np.array(masks.shape[1:]) - border).all())

    rows = list(zip(tracks.track, tracks.begin, tracks.end, tracks.parent, strict=True))
    begin = sum(not parent and first > 0 and inside(first, track) for track, first, _, parent in rows)
    last = settings.frames - 1
    end = sum(t not in tracks.parent and e < last and inside(e, t) for t, _, e, _ in rows)
    return begin, end


@pytest.mark.parametrize("kind", ["nuclei", "epithelium", "fast"])
def test_cells_come_and_go_within_the_field_only_where_that_is_wanted(kind: str) -> None:
    quiet = {"kind": kind, "frames": 10, "size": (320, 320), "cells": 60, "division_rate": 0.0, "death_rate": 0.0}
    quiet["motion"] = 0.1
    assert inner_ends(SimulationSettings(**quiet)) == (0, 0)
    begin, end = inner_ends(SimulationSettings(**quiet, leaving=0.05, arriving=0.05))
    assert begin >= 3
    assert end >= 3


def test_the_number_of_cells_stays_within_its_limits_however_many_come_and_go() -> None:
    for rates in ({"leaving": 0.5}, {"arriving": 0.5}):
        masks = masks_of(simulate(SimulationSettings(frames=8, size=(256, 256), cells=40, **rates)))
        counts = np.array([len(np.unique(mask)) - 1 for mask in masks])
        assert (np.abs(counts - 40) <= 40 / 3).all()


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


@pytest.fixture(scope="module", params=["nuclei", "epithelium", "nuclei3d"])
def many(request: pytest.FixtureRequest) -> NDArray[np.int32]:
    settings = {"nuclei": ((512, 512), 200), "epithelium": ((400, 400), 200), "nuclei3d": ((20, 200, 200), 120)}
    size, cells = settings[request.param]
    return next(iter(simulate(SimulationSettings(request.param, frames=1, size=size, cells=cells)))).mask


def test_damage_has_the_rates_asked_for(many: NDArray[np.int32]) -> None:
    before, count = many.copy(), len(np.unique(many)) - 1
    for fault, change in (("missed", -1.0), ("split", 1.0), ("spurious", 1.0), ("jitter", 0.0)):
        if fault == "spurious" and many.all():
            continue
        damaged = damage(many, np.random.default_rng(0), **{fault: 0.2})
        assert damaged.max() - count == pytest.approx(0.2 * change * count, abs=0.03 * count)
    np.testing.assert_array_equal(many, before)


def test_merging_takes_touching_cells() -> None:
    packed = next(iter(simulate(SimulationSettings("epithelium", frames=1, cells=80)))).mask
    count = len(np.unique(packed))
    damaged = damage(packed, np.random.default_rng(0), merged=0.4)
    assert count - damaged.max() == pytest.approx(0.2 * count, abs=0.02 * count)
    assert damaged.all()


def test_merging_closes_a_narrow_gap() -> None:
    mask = np.zeros((20, 30), np.uint8)
    mask[5:15, 4:12], mask[5:15, 14:22] = 3, 8
    damaged = damage(mask, np.random.default_rng(0), merged=1.0)
    assert damaged.dtype == np.uint8
    assert set(np.unique(damaged)) == {0, 1}
    assert ndimage.label(damaged)[1] == 1


def test_damage_survives_an_empty_frame_and_large_labels() -> None:
    rng = np.random.default_rng(0)
    empty = np.zeros((4, 8, 8), np.uint16)
    assert not damage(empty, rng, missed=0.5, spurious=1.0).any()
    large = np.zeros((16, 16), np.int64)
    large[2:7, 2:7], large[9:14, 9:14] = 1 << 40, 7
    assert set(np.unique(damage(large, rng))) == {0, 1, 2}


def test_damage_refuses_what_it_cannot_do() -> None:
    rng, mask = np.random.default_rng(0), np.zeros((8, 8), np.int32)
    with pytest.raises(SettingsError, match="split is 2"):
        damage(mask, rng, split=2)
    with pytest.raises(SettingsError, match=r"sum to 1\.2"):
        damage(mask, rng, missed=0.6, merged=0.6)
    with pytest.raises(InputError, match="float64"):
        damage(np.zeros((8, 8)), rng)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="label -1"):
        damage(mask - 1, rng)
