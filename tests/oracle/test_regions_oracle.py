"""Cell features against scikit-image."""

import numpy as np
import pytest
from skimage.measure import regionprops_table

from cell_tracker_gnn.data import Scale
from cell_tracker_gnn.features.regions import MaskPixels, measure_frame


def blobs(shape: tuple[int, ...], count: int, seed: int) -> np.ndarray:
    """Labelled random ellipsoids, later ones on top."""
    rng = np.random.default_rng(seed)
    grid = np.indices(shape).astype(float)
    mask = np.zeros(shape, np.int32)
    for label in rng.permutation(np.arange(3, 3 + 5 * count, 5)):
        centre = rng.uniform(0, shape).reshape(-1, *[1] * len(shape))
        radius = rng.uniform(2.0, 7.0, len(shape)).reshape(-1, *[1] * len(shape))
        mask[(((grid - centre) / radius) ** 2).sum(axis=0) <= 1.0] = label
    return mask


FIELDS = [((90, 120), (1.0, 1.0)), ((80, 70), (0.3, 0.7)), ((14, 40, 50), (2.5, 0.5, 0.5))]


@pytest.mark.parametrize(("shape", "spacing"), FIELDS)
@pytest.mark.parametrize("seed", [0, 1])
def test_agrees_with_regionprops(shape: tuple[int, ...], spacing: tuple[float, ...], seed: int) -> None:
    mask = blobs(shape, 12, seed)
    image = np.random.default_rng(seed).normal(100.0, 20.0, shape)
    cells = measure_frame(MaskPixels.of(mask), image, Scale(spacing))
    names = ("label", "area", "bbox", "centroid", "axis_major_length", "axis_minor_length")
    names += ("intensity_min", "intensity_mean", "intensity_max")
    reference = regionprops_table(mask, image, names, spacing=spacing)
    rank = len(shape)
    np.testing.assert_array_equal(cells.label, reference["label"])
    np.testing.assert_allclose(cells.size * np.prod(spacing), reference["area"])
    for axis in range(2 * rank):
        np.testing.assert_array_equal(cells.box[:, axis], reference[f"bbox-{axis}"])
    for axis in range(rank):
        np.testing.assert_allclose(cells.centroid[:, axis] * spacing[axis], reference[f"centroid-{axis}"], atol=1e-6)
    np.testing.assert_allclose(cells.axes[:, 0], reference["axis_major_length"], atol=1e-6)
    if rank == 2:
        np.testing.assert_allclose(cells.axes[:, -1], reference["axis_minor_length"], atol=1e-6)
    for column, name in enumerate(("intensity_min", "intensity_mean", "intensity_max")):
        np.testing.assert_allclose(cells.intensity[:, column], reference[name], atol=1e-6)


def test_minor_axis_in_3d_is_that_of_an_ellipsoid() -> None:
    grid = np.indices((41, 41, 41)) - 20.0
    ball = ((grid / np.array([6.0, 10.0, 18.0]).reshape(3, 1, 1, 1)) ** 2).sum(axis=0) <= 1.0
    cells = measure_frame(MaskPixels.of(ball.astype(np.uint8)), None, Scale.pixels(3))
    np.testing.assert_allclose(cells.axes[0], (36.0, 20.0, 12.0), rtol=0.02)
    assert abs(cells.direction[0, 2]) > 0.99
