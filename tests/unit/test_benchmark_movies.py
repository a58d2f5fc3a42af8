"""Movies that the benchmarks make of others: some of the frames, other masks."""

from pathlib import Path

import numpy as np
import tifffile
from scipy import ndimage

from cell_tracker_gnn.evaluation import evaluate
from movies import crop, find_movie, subsample, thin_lineage, with_masks
from moving_stage import pan, reappearances


def write_sequence(folder: Path, frames: list[list[int]], lineage: str) -> Path:
    """Write frames with one square per label, at the place of its label."""
    truth = folder / "01_GT" / "TRA"
    truth.mkdir(parents=True)
    for number, labels in enumerate(frames):
        mask = np.zeros((20, 60), np.uint16)
        for label in labels:
            mask[5:12, 6 * label : 6 * label + 5] = label
        tifffile.imwrite(truth / f"man_track{number:03d}.tif", mask)
    (truth / "man_track.txt").write_text(lineage)
    return folder / "01"


def lines(movie_truth: Path) -> list[str]:
    return (movie_truth / "TRA" / "man_track.txt").read_text().splitlines()


def test_a_cell_that_is_never_seen_hands_its_parent_on() -> None:
    lineage = [(1, 0, 2, 0), (2, 3, 4, 1), (3, 3, 9, 1), (4, 5, 9, 2), (5, 5, 9, 2)]
    assert thin_lineage(lineage, [0, 5]) == ([(1, 0, 0, 0), (3, 1, 1, 1), (4, 1, 1, 1), (5, 1, 1, 1)], {})


def test_a_lone_child_in_the_next_frame_is_the_same_cell() -> None:
    lineage = [(1, 0, 1, 0), (2, 2, 5, 1), (3, 2, 3, 1)]
    assert thin_lineage(lineage, [0, 4]) == ([(1, 0, 1, 0)], {2: 1})
    assert thin_lineage([(1, 0, 1, 0), (2, 6, 9, 1)], [0, 4, 8]) == ([(1, 0, 0, 0), (2, 2, 2, 1)], {})


def test_a_subsampled_truth_agrees_with_itself(tmp_path: Path) -> None:
    frames = [[1, 6], [1, 6], [2, 3, 6], [2, 6], [2, 6], [4, 5, 6], [4, 5, 6]]
    lineage = "1 0 1 0\n2 2 4 1\n3 2 2 1\n4 5 6 2\n5 5 6 2\n6 0 6 0\n"
    movie = subsample(find_movie(write_sequence(tmp_path / "set", frames, lineage), None), 3, tmp_path / "third")
    assert lines(movie.truth) == ["1 0 1 0", "6 0 2 0", "4 2 2 1", "5 2 2 1"]
    shown = [set(np.unique(tifffile.imread(path))) - {0} for path in sorted((movie.truth / "TRA").glob("*.tif"))]
    assert shown == [{1, 6}, {1, 6}, {4, 5, 6}]
    result = tmp_path / "result"
    result.mkdir()
    for number, path in enumerate(sorted((movie.truth / "TRA").glob("*.tif"))):
        tifffile.imwrite(result / f"mask{number:03d}.tif", tifffile.imread(path))
    (result / "res_track.txt").write_text((movie.truth / "TRA" / "man_track.txt").read_text())
    assert evaluate(result, movie.truth)["LNK"] == 1.0


def test_cropping_cuts_tracks_at_the_first_frame(tmp_path: Path) -> None:
    frames = [[1], [2, 3], [2, 3], [2]]
    movie = find_movie(write_sequence(tmp_path / "set", frames, "1 0 0 0\n2 1 3 1\n3 1 2 1\n"), None)
    assert lines(crop(movie, "2:", tmp_path / "late").truth) == ["2 2 3 0", "3 2 2 0"]
    assert lines(crop(movie, "0:2", tmp_path / "early").truth) == ["1 0 0 0", "2 1 1 1", "3 1 1 1"]


def test_other_masks_leave_the_truth_alone(tmp_path: Path) -> None:
    movie = find_movie(write_sequence(tmp_path / "set", [[1], [1]], "1 0 1 0\n"), None)
    grown = with_masks(
        movie, lambda number, path: ndimage.grey_dilation(tifffile.imread(path), size=3) + number, tmp_path / "grown"
    )
    assert grown.truth == movie.truth
    assert [tifffile.imread(path).max() for path in sorted(grown.masks.glob("*.tif"))] == [1, 2]
    assert tifffile.imread(grown.masks / "mask000.tif").astype(bool).sum() == 9 * 7


def test_a_cell_that_leaves_the_window_comes_back_as_another_one() -> None:
    lineage = [(1, 0, 4, 0), (2, 5, 8, 1), (3, 5, 8, 1), (4, 0, 8, 0)]
    table, renamed = reappearances(lineage, {1: [2, 3, 4], 2: [5, 7, 8], 3: [6, 7]})
    assert table == [(1, 2, 4, 0), (2, 5, 5, 1), (5, 7, 8, 0), (3, 6, 7, 0)]
    assert renamed == [(2, 7, 5), (2, 8, 5)]


def test_a_truth_seen_through_a_moving_window_agrees_with_itself(tmp_path: Path) -> None:
    frames = [[1, 4, 8]] * 5 + [[2, 3, 4, 8]] * 5
    movie = find_movie(write_sequence(tmp_path / "set", frames, "1 0 4 0\n2 5 9 1\n3 5 9 1\n4 0 9 0\n8 0 9 0\n"), None)
    panned = pan(movie, 8, 3, tmp_path / "panned")
    assert tifffile.imread(panned.masks / "t000.tif").shape == (12, 36)
    result = tmp_path / "result"
    result.mkdir()
    for number, path in enumerate(sorted((panned.truth / "TRA").glob("*.tif"))):
        tifffile.imwrite(result / f"mask{number:03d}.tif", tifffile.imread(path))
    rows = lines(panned.truth)
    (result / "res_track.txt").write_text("\n".join(rows))
    assert len(rows) > 5
    assert evaluate(result, panned.truth)["TRA"] == 1.0
