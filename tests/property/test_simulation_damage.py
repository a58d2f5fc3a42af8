"""What holds for damage whatever the mask: labels dense, background respected, the input left alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from cell_tracker_gnn.simulation import damage

Mask = NDArray[np.int32]


@st.composite
def masks(draw: st.DrawFn) -> Mask:
    """Boxes with sparse labels at random places, later ones over earlier ones, 2D or 3D."""
    rank = draw(st.integers(2, 3))
    shape = tuple(draw(st.integers(1, 24 if rank == 2 else 10)) for _ in range(rank))
    mask = np.zeros(shape, np.int32)
    for label in draw(st.lists(st.integers(1, 300), unique=True, max_size=8)):
        corner = [draw(st.integers(0, n - 1)) for n in shape]
        mask[tuple(slice(c, c + draw(st.integers(1, 8))) for c in corner)] = label
    return mask


fractions = st.floats(0, 1)
seeds = st.integers(0, 2**32 - 1)


def number(mask: NDArray[np.integer]) -> int:
    return len(np.unique(mask[mask > 0]))


@settings(deadline=None)
@given(masks(), seeds, fractions, fractions, fractions)
def test_labels_are_dense_and_the_input_is_left_alone(
    mask: Mask, seed: int, share: float, spurious: float, jitter: float
) -> None:
    before = mask.copy()
    damaged = damage(
        mask,
        np.random.default_rng(seed),
        missed=share / 3,
        merged=share / 3,
        split=share / 3,
        spurious=spurious,
        jitter=jitter,
    )
    np.testing.assert_array_equal(mask, before)
    assert damaged.shape == mask.shape
    assert damaged.dtype == mask.dtype
    assert np.unique(damaged[damaged > 0]).tolist() == list(range(1, number(damaged) + 1))


@settings(deadline=None)
@given(masks(), seeds)
def test_without_faults_only_the_labels_change(mask: Mask, seed: int) -> None:
    damaged = damage(mask, np.random.default_rng(seed))
    pairs = np.unique(np.stack([mask.ravel(), damaged.ravel()]), axis=1)
    assert len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]
    np.testing.assert_array_equal(mask == 0, damaged == 0)


@settings(deadline=None)
@given(masks(), seeds, fractions)
def test_missing_and_splitting_add_no_pixel(mask: Mask, seed: int, share: float) -> None:
    damaged = damage(mask, np.random.default_rng(seed), missed=share / 2, split=share / 2)
    assert not damaged[mask == 0].any()


@settings(deadline=None)
@given(masks(), seeds)
def test_missing_all_leaves_nothing(mask: Mask, seed: int) -> None:
    assert not damage(mask, np.random.default_rng(seed), missed=1.0).any()


@settings(deadline=None)
@given(masks(), seeds, fractions)
def test_jitter_stays_within_two_pixels_and_keeps_every_cell(mask: Mask, seed: int, share: float) -> None:
    damaged = damage(mask, np.random.default_rng(seed), jitter=share)
    near = ndimage.binary_dilation(mask > 0, iterations=2)
    assert not damaged[~near].any()
    assert number(damaged) == number(mask)


@settings(deadline=None)
@given(masks(), seeds, fractions)
def test_spurious_cells_change_no_true_one(mask: Mask, seed: int, share: float) -> None:
    damaged = damage(mask, np.random.default_rng(seed), spurious=share)
    for label in np.unique(mask[mask > 0]):
        assert len(np.unique(damaged[mask == label])) == 1
    assert number(mask) <= number(damaged) <= 2 * number(mask)


@settings(deadline=None)
@given(masks(), seeds, fractions)
def test_merging_fills_only_what_is_near_and_keeps_cells_whole(mask: Mask, seed: int, share: float) -> None:
    damaged = damage(mask, np.random.default_rng(seed), merged=share)
    assert number(mask) - number(mask) // 2 <= number(damaged) <= number(mask)
    for label in np.unique(mask[mask > 0]):
        assert len(np.unique(damaged[mask == label])) == 1
    near = ndimage.binary_dilation(mask > 0, np.ones((3,) * mask.ndim), iterations=4)
    assert not damaged[~near].any()
