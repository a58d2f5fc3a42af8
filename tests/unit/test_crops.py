from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from cell_tracker_gnn.data import ArrayFrames, Movie, Scale
from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.features.crops import crop_shape, cut_crops
from cell_tracker_gnn.features.cutting import CropCutter, padded_size
from cell_tracker_gnn.features.regions import Levels, frame_levels


def frame(shape: tuple[int, ...] = (64, 80)) -> tuple[NDArray[np.float64], NDArray[np.uint16], NDArray[np.int64]]:
    """Two rectangular cells of different size on a noisy image."""
    rng = np.random.default_rng(0)
    mask = np.zeros(shape, np.uint16)
    mask[10:26, 20:36] = 5
    mask[26:62, 34:76] = 9
    image = rng.uniform(10, 20, shape) + 100 * (mask == 5) + 50 * (mask == 9)
    return image, mask, np.array([[10, 20, 26, 36], [26, 34, 62, 76]])


def cut(image: Any, mask: Any, boxes: Any, labels: Any = (5, 9), **options: Any) -> NDArray[np.float32]:
    return cut_crops(image, mask, np.array(labels, np.int64), boxes, **options)


def test_masked_crop_shows_its_own_cell_only() -> None:
    image, mask, boxes = frame()
    crops = cut(image, mask, boxes)
    assert crops.shape == (2, 1, 32, 32)
    assert crops.dtype == np.float32
    alone = [
        cut(image, np.where(mask == label, mask, 0), boxes[row : row + 1], [label]) for row, label in ((0, 5), (1, 9))
    ]
    np.testing.assert_array_equal(crops, np.concatenate(alone))
    assert crops[0, 0, 16, 16] > 0.9
    assert 0.3 < crops[1, 0, 16, 16] < 0.6


def test_cell_fills_the_crop_up_to_the_margin() -> None:
    image, mask, boxes = frame()
    filled = cut(image, mask, boxes) > 0
    width = filled.any(axis=2)[:, 0].sum(axis=1)
    # The larger cell is 42 of 1.2 * 42 pixels wide; the smaller one of 16 pixels would need 1.67, below the limit of 2.
    assert np.all(np.abs(width - 32 / 1.2) <= 2)


def test_small_cell_is_magnified_at_most_twice() -> None:
    image, mask, _ = frame()
    mask[:] = 0
    mask[30:34, 40:44] = 1
    crop = cut(image + 100 * (mask > 0), mask, np.array([[30, 40, 34, 44]]), [1])
    assert 8 <= (crop > 0).any(axis=2).sum() <= 10


def test_crop_at_the_border_does_not_smear() -> None:
    image, mask, _ = frame()
    mask[:] = 0
    mask[0:16, 0:16] = 1
    image[:] = 100.0
    image[40:] = 0.0
    crop = cut(image, mask, np.array([[0, 0, 16, 16]]), [1])[0, 0]
    assert np.all(crop[:2] == 0)
    assert np.all(crop[:, :2] == 0)
    np.testing.assert_allclose(crop, crop[::-1, ::-1], atol=1e-6)


def test_large_cell_is_averaged_not_aliased() -> None:
    mask = np.ones((256, 256), np.uint16)
    image = np.indices(mask.shape).sum(axis=0) % 2 * 100.0
    crop = cut(image, mask, np.array([[0, 0, 256, 256]]), [1])[0, 0]
    assert np.std(crop[8:24, 8:24]) < 0.3
    assert np.mean(crop[8:24, 8:24]) == pytest.approx(0.5, abs=0.1)


def test_other_cells_do_not_change_a_crop() -> None:
    image, mask, boxes = frame()
    np.testing.assert_array_equal(cut(image, mask, boxes)[:1], cut(image, mask, boxes[:1], [5]))


def test_constant_image_gives_zeros_and_nan_counts_as_dark() -> None:
    image, mask, boxes = frame()
    assert not cut(np.full_like(image, 7.0), mask, boxes).any()
    image[18, 28] = np.nan
    crops = cut(image, mask, boxes)
    assert np.isfinite(crops).all()
    assert crops[0, 0, 12:20, 12:20].min() < 0.8


def test_intensities_are_relative_to_the_frame_and_clipped() -> None:
    image, mask, boxes = frame()
    np.testing.assert_allclose(cut(image * 30 + 1000, mask, boxes), cut(image, mask, boxes), atol=1e-4)
    image[12, 22] = 1e6
    assert cut(image, mask, boxes).max() == pytest.approx(1.5)


def test_patch_shows_64_pixels_with_the_surroundings() -> None:
    image, mask, boxes = frame((200, 200))
    patch = cut(image, mask, boxes, mode="patch")
    assert (patch[0] > 0).mean() > 0.9
    assert patch.shape == (2, 1, 32, 32)
    levels = Levels(0.0, 100.0)
    centred = cut(image, mask, np.array([[99, 99, 100, 100]]), [5], mode="patch", size=64, levels=levels)
    ramp = np.broadcast_to(np.arange(200.0)[:, None], (200, 200)) / 2
    ramp_patch = cut(ramp, mask, np.array([[99, 99, 100, 100]]), [5], mode="patch", size=64, levels=levels)
    assert centred.shape == (1, 1, 64, 64)
    np.testing.assert_allclose(ramp_patch[0, 0, :, 0], (99 - 31.5 + np.arange(64)) / 200, atol=1e-5)


def test_patch_of_a_volume() -> None:
    mask = np.zeros((12, 90, 90), np.uint16)
    mask[6, 40, 40] = 1
    image = np.full(mask.shape, 50, np.uint16)
    image[6] = 100
    crop = cut(image, mask, np.array([[6, 40, 40, 7, 41, 41]]), [1], mode="patch", step=(4.0, 1.0, 1.0))
    assert crop.shape == (1, 1, 16, 32, 32)
    # Two voxels of x make up one of the crop, so a z step of four makes up two.
    assert np.flatnonzero((crop[0, 0] > 0.5).all(axis=(1, 2))).size == 2


def test_padded_crop_keeps_the_size_of_the_cell() -> None:
    image, mask, boxes = frame()
    crops = cut(image, mask, boxes, mode="padded", size=32)
    lengths = (crops > 0.05).any(axis=3)[:, 0].sum(axis=1)
    # 16 pixels stay 16 pixels; only the cell that is larger than the crop is shrunk.
    assert lengths[0] == 16
    assert lengths[1] <= 32
    alone = cut(image, mask, boxes[:1], [5], mode="padded", size=32)
    np.testing.assert_array_equal(crops[:1], alone)


def test_padded_crops_of_a_movie_hold_its_cells_at_its_own_levels() -> None:
    image, mask, boxes = frame((96, 96))
    movie = Movie(ArrayFrames([mask, mask]), ArrayFrames([image, 3 * image]), Scale.pixels(2))
    assert padded_size(movie) == 48
    cutter = CropCutter.of(movie, mode="padded", size=48)
    assert cutter.levels == Levels(float(image.min()), float(3 * image.max()))
    labels = np.array([5, 9])
    dim, bright = (cutter.cut(picture, mask, labels, boxes) for picture in (image, 3 * image))
    assert bright.max() == pytest.approx(1.0)
    assert dim.max() < 0.4 * bright.max()
    assert CropCutter.of(movie, mode="masked", size=32).levels is None


def test_padded_size_of_a_volume_counts_its_planes() -> None:
    mask = np.zeros((20, 40, 40), np.uint16)
    mask[2:12, 10:20, 10:20] = 1
    masks = ArrayFrames([mask])
    # Ten planes of two units need twice as long a crop, which has half as many planes.
    assert padded_size(Movie(masks, None, Scale((2.0, 1.0, 1.0)))) == 48
    assert padded_size(Movie(masks, None, Scale((20.0, 1.0, 1.0)))) == 64


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_counted_levels_are_the_percentiles(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    kind = data.draw(st.sampled_from([np.uint8, np.uint16]))
    seed, top = data.draw(st.integers(0, 9999)), data.draw(st.integers(0, np.iinfo(kind).max))
    image = np.random.default_rng(seed).integers(0, top, shape, kind, endpoint=True)
    levels = frame_levels(image)
    np.testing.assert_allclose([levels.dark, levels.bright], np.percentile(image.astype(float), (1.0, 99.8)), atol=1e-9)


def test_volume_is_cut_with_its_own_spacing() -> None:
    mask = np.zeros((12, 40, 40), np.uint16)
    mask[3:7, 10:26, 12:28] = 3
    image = np.where(mask, 100, 10).astype(np.uint16)
    crop = cut(image, mask, np.array([[3, 10, 12, 7, 26, 28]]), [3], step=(4.0, 1.0, 1.0))
    assert crop.shape == (1, 1, *crop_shape(3, 32))
    extents = [np.flatnonzero((crop[0, 0] > 0.5).any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    lengths = [int(extent.max() - extent.min() + 1) for extent in extents]
    assert np.ptp(lengths) <= 2


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_crops_are_interpolated_as_scipy_does(data: st.DataObject) -> None:
    """Several cells of different sizes at once, also at the border, against one sampling of each by itself."""
    rank = data.draw(st.sampled_from((2, 3)), "rank")
    shape = (30, 40) if rank == 2 else (10, 30, 34)
    step = data.draw(st.sampled_from(((1.0, 1.0, 1.0), (2.0, 1.0, 1.0))), "step")[-rank:]
    rng = np.random.default_rng(data.draw(st.integers(0, 1000), "seed"))
    image, mask = rng.random(shape), np.zeros(shape, np.uint16)
    boxes = []
    for label in (1, 2, 3, 4):
        low = np.array([rng.integers(0, length - 4) for length in shape])
        high = np.minimum(low + rng.integers(2, 20, rank), shape)
        mask[tuple(slice(*ends) for ends in zip(low, high, strict=True))] = label
        boxes.append([*low, *high])
    crops = cut(image, mask, np.array(boxes), (1, 2, 3, 4), step=step, levels=Levels(0.0, 1.0))
    wanted = np.array(crop_shape(rank, 32))
    for row, (crop, box) in enumerate(zip(crops[:, 0], boxes, strict=True)):
        low, high = np.array(box[:rank]), np.array(box[rank:])
        stride = max(0.5, float((1.2 * (high - low) * step / wanted).max())) / np.array(step)
        centre = [
            (low[axis] + high[axis] - 1) / 2 + stride[axis] * (np.arange(wanted[axis]) - (wanted[axis] - 1) / 2)
            for axis in range(rank)
        ]
        grid = np.meshgrid(*centre, indexing="ij")
        expected = ndimage.map_coordinates(np.where(mask == row + 1, image, 0.0), grid, order=1, mode="grid-constant")
        assert stride.max() <= 1.5
        np.testing.assert_allclose(crop, expected, atol=1e-5)


def test_no_cell() -> None:
    image, mask, _ = frame()
    assert cut(image, mask, np.zeros((0, 4), np.int64), []).shape == (0, 1, 32, 32)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mode": "other"}, "crop mode 'other'"),
        ({"size": 31}, "crop size 31"),
        ({"image": np.zeros((3, 3))}, "differ in shape"),
        ({"boxes": np.zeros((2, 6), np.int64)}, "boxes of shape"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], words: str) -> None:
    image, mask, boxes = frame()
    with pytest.raises(InputError, match=words):
        cut(**({"image": image, "mask": mask, "boxes": boxes} | change))
