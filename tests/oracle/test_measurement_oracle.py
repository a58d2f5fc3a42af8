"""Measurements of movies whose motion and shape are known from formulas, and against scikit-image."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.measure import regionprops

from cell_tracker_gnn.data import ArrayFrames, Lineage, Movie, Scale
from cell_tracker_gnn.io.cell_graph import blank_cells
from cell_tracker_gnn.linking.lineage import build_lineage
from cell_tracker_gnn.measurement import measure

HOUR = 3600.0


def follow(ways: list[dict[int, tuple[float, ...]]], scale: Scale, shape: tuple[int, ...]) -> Lineage:
    """A lineage of cells that never divide, from their places by frame; frames that are left out are gaps."""
    rows = sorted((t, label, place) for label, way in enumerate(ways, 1) for t, place in way.items())
    frame, label = (np.array([row[i] for row in rows], np.int64) for i in (0, 1))
    centre = np.array([row[2] for row in rows], np.float64)
    number = {(t, name): i for i, (t, name, _) in enumerate(rows)}
    links = [
        (number[a, name], number[b, name])
        for name, way in enumerate(ways, 1)
        for a, b in zip(sorted(way)[:-1], sorted(way)[1:], strict=True)
    ]
    frames = int(frame.max()) + 1
    cells = blank_cells(frame, label, centre, numbers=tuple(range(frames)), shape=shape, scale=scale)
    source, target = np.array(links, np.int64).T
    return build_lineage(cells, source, target, np.ones(len(links)), np.ones(len(links), bool))


@pytest.mark.parametrize("rank", [2, 3])
def test_a_straight_way(rank: int) -> None:
    step, velocity = (2.0, 0.5, 0.25)[-rank:], np.array((1.0, -3.0, 4.0)[-rank:])
    scale = Scale(step, "µm", 60.0, "s")
    lineage = follow([{t: tuple(50 + velocity * t) for t in range(13)}], scale, (100,) * rank)
    found = measure(lineage)
    speed = float(np.linalg.norm(velocity * step)) / 60.0
    np.testing.assert_allclose(found.cells["speed"][1:], speed)
    tracks = found.tracks
    assert tracks["directness"][0] == pytest.approx(1.0)
    assert tracks["mean_speed"][0] == pytest.approx(speed)
    assert tracks["max_speed"][0] == pytest.approx(speed)
    assert tracks["path"][0] == pytest.approx(12 * 60.0 * speed)
    assert tracks["displacement"][0] == pytest.approx(12 * 60.0 * speed)
    np.testing.assert_allclose(found.msd["msd"], (found.msd["time"] * speed) ** 2)


def test_a_closed_circle_leads_nowhere() -> None:
    ways = {t: (50 + 20 * np.sin(2 * np.pi * t / 36), 50 + 20 * np.cos(2 * np.pi * t / 36)) for t in range(37)}
    tracks = measure(follow([ways], Scale.pixels(2), (100, 100))).tracks
    assert tracks["path"][0] == pytest.approx(36 * 40 * np.sin(np.pi / 36))
    assert tracks["displacement"][0] == pytest.approx(0.0, abs=1e-9)
    assert tracks["directness"][0] == pytest.approx(0.0, abs=1e-9)


def test_speed_over_a_gap_is_that_of_the_way() -> None:
    lineage = follow([{t: (20.0, 10.0 + 3 * t) for t in (0, 1, 4, 5)}], Scale.pixels(2), (60, 60))
    assert len(lineage.tracks) == 2
    found = measure(lineage)
    assert len(found.tracks["cell"]) == 1
    np.testing.assert_allclose(found.cells["step"], [np.nan, 3, 9, 3])
    np.testing.assert_allclose(found.cells["speed"], [np.nan, 3, 3, 3])
    for name, value in {"path": 15, "duration": 5, "mean_speed": 3, "max_speed": 3, "directness": 1}.items():
        assert found.tracks[name][0] == pytest.approx(value), name
    lags = found.msd["lag"][found.msd["cell"] == 0]
    np.testing.assert_allclose(found.msd["msd"][found.msd["cell"] == 0], (3.0 * lags) ** 2)


@pytest.mark.parametrize("rank", [2, 3])
def test_random_walks_spread_linearly(rank: int) -> None:
    """The mean squared displacement of a walk of deviation s per axis and frame is rank * s^2 * lag."""
    rng = np.random.default_rng(8)
    walks = np.cumsum(rng.normal(0, 2.0, (300, 60, rank)), axis=1) + 500
    ways = [{t: tuple(place) for t, place in enumerate(walk)} for walk in walks]
    msd = measure(follow(ways, Scale((0.5,) * rank, "µm", HOUR, "s"), (1000,) * rank)).msd
    together = msd["cell"] == 0
    hours, spread = msd["time"][together] / HOUR, msd["msd"][together]
    np.testing.assert_allclose(spread[:5], rank * hours[:5], rtol=0.05)
    slope = np.polyfit(np.log(hours), np.log(spread), 1)[0]
    assert slope == pytest.approx(1.0, abs=0.06)


def still(masks: NDArray[np.int32], scale: Scale, image: NDArray[np.float64] | None = None) -> dict[str, NDArray]:
    """What is measured in one label image that stays as it is for two frames: the columns of the first frame."""
    labels = [region.label for region in regionprops(masks)]
    centres = [region.centroid for region in regionprops(masks)]
    ways = [dict.fromkeys(range(2), place) for place in centres]
    lineage = follow(ways, scale, masks.shape)
    assert lineage.cells.label[: len(labels)].tolist() == labels
    movie = Movie(ArrayFrames([masks, masks]), None, scale)
    channels = [] if image is None else [ArrayFrames([image, image])]
    table = measure(replace(lineage, movie=movie), channels).cells
    return {name: values[: len(labels)] for name, values in table.items()}


@pytest.mark.parametrize("step", [(0.5, 0.25), (2.0, 0.5, 0.25)])
def test_boxes_have_the_size_of_their_sides(step: tuple[float, ...]) -> None:
    rank = len(step)
    masks = np.zeros((14, 40, 60)[-rank:], np.int32)
    sides = [(4, 10, 30), (6, 5, 8)]
    starts = [(2, 3, 4), (5, 25, 45)]
    for label, (start, side) in enumerate(zip(starts, sides, strict=True), 1):
        masks[tuple(slice(a, a + n) for a, n in zip(start[-rank:], side[-rank:], strict=True))] = label
    table = still(masks, Scale(step, "µm"))
    lengths = np.array([side[-rank:] for side in sides]) * step
    np.testing.assert_allclose(table["area" if rank == 2 else "volume"], lengths.prod(axis=1))
    # The pixels of a side of n pixels have the variance (n^2 - 1) / 12.
    variance = (np.array([side[-rank:] for side in sides]) ** 2 - 1) / 12 * np.square(step)
    expected = np.sort(4 * np.sqrt(variance) if rank == 2 else np.sqrt(20 * variance), axis=1)
    np.testing.assert_allclose(table["major_axis"], expected[:, -1])
    np.testing.assert_allclose(table["minor_axis"], expected[:, 0])
    np.testing.assert_allclose(table["elongation"], expected[:, -1] / expected[:, 0])
    assert not table["touches_border"].any()


def test_shapes_and_intensities_are_those_of_scikit_image() -> None:
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:80, :90]
    masks = np.zeros((80, 90), np.int32)
    for label, (cy, cx, a, b, turn) in enumerate([(20, 20, 12, 6, 0.4), (50, 60, 15, 9, 1.2), (5, 80, 9, 9, 0)], 1):
        u, v = np.cos(turn) * (y - cy) + np.sin(turn) * (x - cx), np.cos(turn) * (x - cx) - np.sin(turn) * (y - cy)
        masks[(u / a) ** 2 + (v / b) ** 2 <= 1] = label
    image = rng.uniform(10, 500, masks.shape)
    table = still(masks, Scale.pixels(2), image)
    regions = regionprops(masks, image)
    np.testing.assert_allclose(table["area"], [region.area for region in regions])
    for name, theirs in (("major_axis", "axis_major_length"), ("minor_axis", "axis_minor_length")):
        expected = np.array([getattr(region, theirs) for region in regions])
        np.testing.assert_allclose(table[name], expected, rtol=1e-6)
    np.testing.assert_allclose(table["intensity_mean_0"], [region.intensity_mean for region in regions])
    np.testing.assert_allclose(table["intensity_max_0"], [region.intensity_max for region in regions])
    sums = [region.intensity_mean * region.area for region in regions]
    np.testing.assert_allclose(table["intensity_sum_0"], sums)
    assert table["touches_border"].tolist() == [0, 0, 1]
