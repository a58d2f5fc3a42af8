"""What must hold for every movie, through the whole path from masks to lineage, with the bundled model."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cell_tracker_gnn import Tracker
from cell_tracker_gnn.data import KINDS, ArrayFrames, Lineage
from cell_tracker_gnn.features.walk import first_factor
from cell_tracker_gnn.io import open_movie
from cell_tracker_gnn.io.ctc import relabel_frame
from cell_tracker_gnn.simulation import SimulationSettings, damage, simulate

Stack = NDArray[Any]
Link = tuple[int, int, int, int, str]
"""Frame and label of both ends, and the kind."""

EXAMPLES = int(os.environ.get("INVARIANT_EXAMPLES", "8"))
"""Movies per invariant; many more were tried once, see ``docs/input-contract.md``."""

MIRRORED = ("nuclei", "nuclei3d", "bacteria")
"""Kinds that are turned; of cells that move further than they are apart some links are a matter of taste."""

FEW = EXAMPLES <= 20
MOVIES = settings(
    deadline=None,
    max_examples=EXAMPLES,
    derandomize=FEW,
    # A movie takes long to shrink and says as much when it is large.
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
)


@dataclass(frozen=True, eq=False)
class Filmed:
    """Damaged masks and their images."""

    masks: Stack
    images: Stack | None

    def __repr__(self) -> str:
        return f"Filmed({self.masks.shape}, cells {[len(np.unique(mask)) - 1 for mask in self.masks]})"


def film(kind: str, frames: int, cells: int, seed: int, faults: dict[str, float], *, images: bool) -> Filmed:
    """A simulated movie with damaged masks."""
    size = {"nuclei": (110, 110), "bacteria": (90, 90), "fast": (140, 140), "nuclei3d": (8, 60, 60)}[kind]
    movie = simulate(SimulationSettings(kind=kind, frames=frames, cells=cells, size=size, seed=seed, division_rate=3))
    rng = np.random.default_rng(seed)
    taken = [(np.asarray(image), damage(np.asarray(mask), rng, **faults)) for _, image, mask in movie]
    return Filmed(np.stack([mask for _, mask in taken]), np.stack([image for image, _ in taken]) if images else None)


@st.composite
def films(draw: st.DrawFn, kinds: tuple[str, ...] = ("nuclei", "nuclei", "bacteria", "fast", "nuclei3d")) -> Filmed:
    """Movies of all kinds with missed, merged, split and invented cells."""
    faults = {name: draw(st.sampled_from([0.0, 0.05, 0.2])) for name in ("missed", "merged", "split", "spurious")}
    return film(
        draw(st.sampled_from(kinds)), draw(st.integers(3, 8)), draw(st.integers(3, 10)), draw(st.integers(0, 2**20)),
        faults, images=draw(st.booleans()),
    )  # fmt: skip


TURNS: tuple[Callable[[Stack], Stack], ...] = (
    lambda a: np.ascontiguousarray(a[..., ::-1]),
    lambda a: np.ascontiguousarray(a[..., ::-1, :]),
    lambda a: np.ascontiguousarray(a.swapaxes(-1, -2)),
)


@pytest.fixture(scope="module")
def tracker() -> Tracker:
    return Tracker.from_pretrained()


def links(lineage: Lineage, first: int = 0) -> dict[Link, float]:
    """Probability of the links by frame and label, frames counted from ``first``."""
    cells, found = lineage.cells, lineage.links
    frame, label = cells.frame + first, cells.label
    ends = (frame[found.source], label[found.source], frame[found.target], label[found.target])
    kinds = [KINDS[code] for code in found.kind.tolist()]
    return dict(zip(zip(*(end.tolist() for end in ends), kinds, strict=True), found.probability.tolist(), strict=True))


def check_structure(lineage: Lineage, masks: Stack) -> None:
    """One track per detection, a family tree, time that advances, and every pixel where it was."""
    cells, found, tracks = lineage.cells, lineage.links, lineage.tracks
    detected = {(t, int(label)) for t, mask in enumerate(masks) for label in np.unique(mask[mask > 0])}
    assert set(zip(cells.frame.tolist(), cells.label.tolist(), strict=True)) == detected
    assert len(cells) == len(detected)
    assert len(set(zip(lineage.track.tolist(), cells.frame.tolist(), strict=True))) == len(cells)
    assert set(lineage.track.tolist()) == set(tracks.track.tolist())
    assert (cells.frame[found.target] > cells.frame[found.source]).all()
    plain = found.kind != KINDS.index("merge")
    assert (np.bincount(found.target[plain], minlength=1) <= 1).all()
    assert (np.bincount(found.source[plain], minlength=1) <= 2).all()
    known = dict(zip(tracks.track.tolist(), zip(tracks.begin.tolist(), tracks.end.tolist(), strict=True), strict=True))
    for track, parent in zip(tracks.track.tolist(), tracks.parent.tolist(), strict=True):
        assert parent == 0 or known[parent][1] < known[track][0]
    for track, (begin, end) in known.items():
        assert cells.frame[lineage.track == track].tolist() == list(range(begin, end + 1))
    assert lineage.movie is not None
    for index, mask in enumerate(masks):
        np.testing.assert_array_equal(relabel_frame(lineage, lineage.movie.masks, index, np.uint16) > 0, mask > 0)


@MOVIES
@given(films())
def test_every_lineage_is_a_family_tree_of_all_cells(tracker: Tracker, movie: Filmed) -> None:
    check_structure(tracker.track(movie.masks, movie.images), movie.masks)


@MOVIES
@given(
    films(), st.integers(0, 2**20), st.sampled_from([np.uint8, np.uint32, np.int64, np.uint64]), st.integers(0, 5000)
)
def test_labels_types_and_first_numbers_carry_no_information(
    tracker: Tracker, movie: Filmed, seed: int, dtype: type[np.generic], first: int
) -> None:
    rng = np.random.default_rng(seed)
    permuted, names = [], []
    for mask in movie.masks:
        table = np.append(0, 1 + rng.permutation(int(mask.max())))
        permuted.append(table[mask].astype(dtype))
        names.append(table)
    numbers = tuple(range(first, first + len(permuted)))
    images = None if movie.images is None else ArrayFrames(movie.images, numbers)
    other = tracker.track(ArrayFrames(permuted, numbers), images)
    assert other.cells.number.min(initial=first) >= first
    renamed = {
        (a, int(names[a][b]), c, int(names[c][d]), kind): probability
        for (a, b, c, d, kind), probability in links(tracker.track(movie.masks, movie.images)).items()
    }
    # Sums are formed in another order.
    assert links(other) == pytest.approx(renamed, abs=1e-4)


def test_cells_of_equal_size_are_not_told_apart_by_their_labels(tracker: Tracker) -> None:
    masks = np.zeros((4, 60, 90), np.uint8)
    for t in range(4):
        for cell in range(5):
            masks[t, 20 + 3 * cell : 30 + 3 * cell, 4 + 17 * cell + t : 14 + 17 * cell + t] = cell + 1
    turned = np.where(masks > 0, 6 - masks, 0)
    renamed = {(a, 6 - b, c, 6 - d, kind): value for (a, b, c, d, kind), value in links(tracker.track(masks)).items()}
    assert links(tracker.track(turned)) == pytest.approx(renamed, abs=1e-5)


@MOVIES
@given(films(), films(), st.integers(3, 5))
def test_movies_with_three_empty_frames_between_are_tracked_apart(
    tracker: Tracker, one: Filmed, two: Filmed, empty: int
) -> None:
    if one.masks.shape[1:] != two.masks.shape[1:]:
        two = one
    # How much frames are reduced to find the motion is decided once for a movie.
    assume(first_factor(open_movie(one.masks)) == first_factor(open_movie(two.masks)))
    nothing = np.zeros((empty, *one.masks.shape[1:]), one.masks.dtype)
    # The step along z is otherwise taken from all cells.
    scale = (3.0, 1.0, 1.0)[-one.masks[0].ndim :]
    joined = links(tracker.track(np.concatenate([one.masks, nothing, two.masks]), scale=scale))
    first = len(one.masks) + empty
    apart = links(tracker.track(one.masks, scale=scale)) | links(tracker.track(two.masks, scale=scale), first)
    assert not any(a < first <= c for a, _, c, _, _ in joined)
    assert joined.keys() == apart.keys()


def test_transposed_and_flipped_movies_have_the_same_links(tracker: Tracker) -> None:
    kept = total = 0
    for seed in range(EXAMPLES * 3 // 4):
        faults = {"missed": 0.03, "merged": 0.02, "split": 0.02}
        movie = film(MIRRORED[seed % 3], 8, 10, 1000 + seed, faults, images=seed % 2 == 0)
        expected = links(tracker.track(movie.masks, movie.images))
        for turn in TURNS:
            turned = tracker.track(turn(movie.masks), None if movie.images is None else turn(movie.images))
            kept += len(expected.keys() & links(turned).keys())
            total += len(expected)
    assert total > 100
    assert kept >= 0.995 * total, f"{kept} of {total} links"
