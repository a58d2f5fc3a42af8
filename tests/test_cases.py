"""The zoo of cases keeps what it promises."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from cases import CASES


@pytest.mark.parametrize("name", CASES)
def test_links_name_labels_of_the_masks_and_go_forward(name: str) -> None:
    case = CASES[name]()
    assert case.name == name
    assert case.images is not None
    assert case.images.shape == case.masks.shape
    assert len(case.step) == case.masks.ndim - 1
    for frame_from, label_from, frame_to, label_to in case.links:
        assert frame_from < frame_to
        assert label_from in case.masks[frame_from]
        assert label_to in case.masks[frame_to]
    targets = case.links[:, 2:]
    assert len(np.unique(targets, axis=0)) == len(targets)


@pytest.mark.parametrize("name", CASES)
def test_every_cell_is_one_piece_with_dense_labels(name: str) -> None:
    for mask in CASES[name]().masks:
        labels = np.unique(mask[mask > 0])
        assert all(ndimage.label(mask == label)[1] == 1 for label in labels)
        if name != "merge":
            assert labels.tolist() == list(range(1, len(labels) + 1))


@pytest.mark.parametrize(
    ("name", "links", "divisions", "gaps"),
    [
        ("perfect", 25, 0, 0),
        ("one_cell", 5, 0, 0),
        ("single_frame", 0, 0, 0),
        ("no_cell", 0, 0, 0),
        ("swap", 14, 0, 0),
        ("missed", 17, 0, 1),
        ("gap_of_two", 19, 0, 1),
        ("empty_frame", 8, 0, 2),
        ("division", 16, 1, 0),
        ("late_division", 15, 1, 1),
        ("merge", 10, 0, 2),
        ("border", 11, 0, 0),
        ("anisotropic_3d", 15, 1, 0),
    ],
)
def test_the_difficulty_is_there(name: str, links: int, divisions: int, gaps: int) -> None:
    case = CASES[name]()
    sources, counts = np.unique(case.links[:, :2], axis=0, return_counts=True)
    assert len(case.links) == links
    assert int((counts == 2).sum()) == divisions
    assert int((case.links[:, 2] - case.links[:, 0] > 1).sum()) == gaps
    assert len(sources) == links - divisions


def test_drift_moves_further_than_the_spacing() -> None:
    case = CASES["drift"]()
    at_jump = case.links[case.links[:, 0] == 2]
    before, after = (
        np.array(ndimage.center_of_mass(case.masks[t] > 0, case.masks[t], at_jump[:, column]))
        for t, column in ((2, 1), (3, 3))
    )
    assert len(at_jump) > 10
    assert np.median(after[:, 1] - before[:, 1]) > 18
