"""Whatever the order of rows and columns and the ids, the same points give the same lineage."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cell_tracker_gnn import Tracker
from cell_tracker_gnn.data import Lineage

place = st.tuples(st.integers(0, 4), st.integers(0, 12), st.integers(0, 12))
movies = st.lists(place, min_size=1, max_size=25)


@pytest.fixture(scope="module")
def tracker() -> Tracker:
    return Tracker.from_pretrained()


def found(lineage: Lineage, names: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """Links between the rows that the labels stand for."""
    label = names[lineage.cells.label]
    ends = zip(label[lineage.links.source].tolist(), label[lineage.links.target].tolist(), strict=True)
    return sorted((a, b, kind) for (a, b), kind in zip(ends, lineage.links.kind.tolist(), strict=True))


@settings(deadline=None, max_examples=25)
@given(movies)
def test_every_point_is_in_one_track(tracker: Tracker, rows: list[tuple[int, int, int]]) -> None:
    t, y, x = np.array(rows).T
    lineage = tracker.track({"t": t, "y": y * 1.5 - 7, "x": x * 0.5})
    assert sorted(lineage.cells.label.tolist()) == list(range(len(rows)))
    assert lineage.cells.number.tolist() == t[lineage.cells.label].tolist()
    assert np.array_equal(lineage.cells.centroid, np.stack([y * 1.5 - 7, x * 0.5], axis=1)[lineage.cells.label])
    assert (lineage.track >= 1).all()
    pairs = set(zip(lineage.track.tolist(), lineage.cells.frame.tolist(), strict=True))
    assert len(pairs) == len(rows)


@settings(deadline=None, max_examples=25)
@given(st.sets(place, min_size=1, max_size=25), st.randoms(use_true_random=False))
def test_order_and_ids_change_nothing(tracker: Tracker, rows: set[tuple[int, int, int]], random: Random) -> None:
    t, y, x = np.array(sorted(rows)).T
    reference = tracker.track({"t": t, "y": y, "x": x})
    order, names = list(range(len(t))), list(range(len(t)))
    random.shuffle(order)
    random.shuffle(names)
    shuffled = tracker.track({"x": x[order], "extra": t, "ID": np.array(names)[order], "T": t[order], "y": y[order]})
    assert found(shuffled, np.argsort(names)) == found(reference, np.arange(len(t)))
