"""Faults of masks: as many as asked for, of the kind asked for."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from cell_tracker_gnn.errors import InputError, SettingsError
from cell_tracker_gnn.simulation import SimulationSettings, damage, simulate


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
