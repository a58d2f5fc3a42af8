"""Movement that neighbours agree on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cell_tracker_gnn.data import Floats
from cell_tracker_gnn.features import consensus
from cell_tracker_gnn.features.consensus import NEIGHBORS, find_consensus
from cell_tracker_gnn.features.motion import Picture, estimate_motion


def scattered(rank: int, number: int, seed: int) -> Floats:
    """Places at least 1.2 apart in a box in which a cell has about the room of 2.5 diameters."""
    rng = np.random.default_rng(seed)
    side = 2.5 * number ** (1 / rank)
    places: list[Floats] = []
    while len(places) < number:
        place = rng.uniform(0, side, rank)
        if all(np.linalg.norm(place - other) > 1.2 for other in places):
            places.append(place)
    return np.array(places)


def swirl(place: Floats) -> Floats:
    """A turn about the middle by up to two diameters, and a step along x."""
    offset = place - place.mean(axis=0)
    moved = np.zeros_like(place)
    pace = 2.0 / np.abs(offset).max()
    moved[:, -2], moved[:, -1] = -pace * offset[:, -1], pace * offset[:, -2] + 0.5
    return moved


@pytest.mark.parametrize("rank", [2, 3])
def test_pattern_is_found_after_moves_of_diameters(rank: int) -> None:
    place = scattered(rank, 100, 1)
    moved = swirl(place)
    extent = np.array([4.0, 10.0, 10.0])[-rank:]
    rng = np.random.default_rng(2)
    after = rng.permutation(place + moved + rng.normal(0.0, 0.05, place.shape))
    found = find_consensus(place * extent, after * extent, extent, np.zeros(rank))
    assert found is not None
    error = np.linalg.norm(found.at(place * extent) / extent - moved, axis=1)
    assert np.linalg.norm(moved, axis=1).max() > 1.5
    # Cells at the surface of a volume have neighbours on one side only.
    assert np.mean(error < {2: 0.5, 3: 0.8}[rank]) > 0.9


def test_lost_and_new_cells_do_not_mislead() -> None:
    place = scattered(2, 150, 3)
    moved = swirl(place)
    rng = np.random.default_rng(4)
    kept = rng.random(len(place)) > 0.15
    after = np.concatenate([(place + moved)[kept], scattered(2, 15, 5) + 8.0])
    found = find_consensus(place * 12.0, after * 12.0, np.full(2, 12.0), np.zeros(2))
    assert found is not None
    error = np.linalg.norm(found.at(place * 12.0) / 12.0 - moved, axis=1)
    assert np.mean(error < 0.5) > 0.9


def test_what_a_cell_has_become_itself_does_not_count() -> None:
    place = scattered(3, 60, 10)
    step = np.array([0.3, 0.4, 0.0])
    after = place + step
    after[7] += 1.0
    found = find_consensus(place, after, np.ones(3), np.zeros(3))
    assert found is not None
    np.testing.assert_allclose(found.displacement[7], step, atol=1e-6)


def test_nothing_is_said_where_every_move_looks_alike() -> None:
    lattice = np.stack(np.meshgrid(*(np.arange(20.0),) * 2), axis=-1).reshape(-1, 2)
    rng = np.random.default_rng(6)
    before, after = (lattice + rng.normal(0.0, 0.15, lattice.shape) for _ in range(2))
    assert find_consensus(before, after, np.ones(2), np.zeros(2)) is None


@pytest.mark.parametrize(("before", "after"), [(NEIGHBORS, 5), (0, 5), (40, 0)])
def test_too_few_cells(before: int, after: int) -> None:
    places = scattered(2, 40, 7)
    assert find_consensus(places[:before], places[:after], np.ones(2), np.zeros(2)) is None


def test_fewer_goals_than_candidates() -> None:
    place = scattered(2, 12, 8)
    found = find_consensus(place, place[:9], np.ones(2), np.zeros(2))
    assert found is None or np.isfinite(found.at(place)).all()


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    place = scattered(2, 80, 9)
    after = place + swirl(place)
    whole = find_consensus(place, after, np.ones(2), np.zeros(2))
    monkeypatch.setattr(consensus, "BLOCK", 7)
    monkeypatch.setattr(consensus, "KEPT", 0)
    parts = find_consensus(place, after, np.ones(2), np.zeros(2))
    assert whole is not None
    assert parts is not None
    np.testing.assert_allclose(parts.at(place), whole.at(place), rtol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(-50, 50), st.floats(0.5, 40.0))
def test_place_and_unit_do_not_matter(seed: int, shift: float, unit: float) -> None:
    place = scattered(2, 40, seed)
    after = place + swirl(place)
    plain = find_consensus(place, after, np.ones(2), np.zeros(2))
    other = find_consensus((place + shift) * unit, (after + shift) * unit, np.full(2, unit), np.zeros(2))
    assert plain is not None
    assert other is not None
    np.testing.assert_allclose(other.at((place + shift) * unit) / unit, plain.at(place), atol=1e-3)


def test_motion_of_a_volume_is_what_neighbors_agree_on(monkeypatch: pytest.MonkeyPatch) -> None:
    extent, shape = np.array([4.0, 8.0, 8.0]), (48, 96, 96)
    place = scattered(3, 100, 11) * extent
    shift = np.array([5.0, -3.0, 6.0])

    def picture(centroid: Floats) -> Picture:
        return Picture(np.zeros((96, 96), np.uint8), np.zeros(48), centroid, extent, 1, shape)

    motion = estimate_motion(picture(place), picture(place + shift))
    np.testing.assert_allclose(motion.at(place), np.broadcast_to(shift, place.shape), atol=0.01)
    monkeypatch.setattr("cell_tracker_gnn.features.motion.MOST_NODES", 100)
    coarse = estimate_motion(picture(place), picture(place + shift))
    assert coarse.field is not None
    assert coarse.field[0].size < 300
    np.testing.assert_allclose(coarse.at(place), motion.at(place), atol=0.01)
