"""How simulated cells live: forms of divisions, unrest of outlines, coming and going within the field."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from cell_tracker_gnn.data import Tracks
from cell_tracker_gnn.simulation import SimulationSettings, simulate
from simulated_masks import masks_of


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
