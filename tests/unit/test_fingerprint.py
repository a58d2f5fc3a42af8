"""The hash of masks: the same labels give the same number, however they are stored; anything else another one."""

import hashlib

import numpy as np
import pytest

from cases import CASES
from cell_tracker_gnn.data import ArrayFrames
from cell_tracker_gnn.io import open_movie, open_points
from cell_tracker_gnn.io.fingerprint import HashedFrames, movie_sha256

MASKS = CASES["division"]().masks


def hashed(masks: np.ndarray, numbers: tuple[int, ...] = ()) -> str:
    return HashedFrames(ArrayFrames(masks, numbers)).sha256()


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "<i4", ">u8"])
def test_the_type_does_not_matter(dtype: str) -> None:
    assert hashed(MASKS.astype(dtype)) == hashed(MASKS)


def test_frames_count_once_in_any_order() -> None:
    frames = HashedFrames(ArrayFrames(MASKS))
    for index in (4, -1, 0, 4):
        np.testing.assert_array_equal(frames[index], MASKS[index])
    assert frames.sha256() == hashed(MASKS)


def test_it_is_what_the_documentation_says() -> None:
    labels = np.array([[[0, 3], [300, 0]]])
    frame = hashlib.sha256(b"7 2x2 2\n" + labels.astype("<u2").tobytes()).digest()
    assert hashed(labels, (7,)) == hashlib.sha256(frame).hexdigest()


def test_labels_pixels_numbers_and_order_matter() -> None:
    changed = MASKS.copy()
    changed[3, 0, 0] = 9
    others = [hashed(changed), hashed(MASKS[::-1]), hashed(MASKS[:-1]), hashed(MASKS, tuple(range(1, len(MASKS) + 1)))]
    others.append(hashed(MASKS.transpose(0, 2, 1)))
    assert len({hashed(MASKS), *others}) == 1 + len(others)


def test_points_have_a_hash_of_their_table() -> None:
    table = {"t": np.array([0, 0, 1]), "y": np.array([1.0, 9.0, 2.0]), "x": np.array([1.0, 9.0, 2.0])}
    moved = {**table, "x": np.array([1.0, 9.0, 2.5])}
    assert movie_sha256(open_points(table)) == movie_sha256(open_points(table)) != movie_sha256(open_points(moved))


def test_a_movie_of_masks_has_the_hash_of_its_masks() -> None:
    assert movie_sha256(open_movie(MASKS)) == hashed(MASKS)
