from pathlib import Path

import pytest
import tifffile
from evaluation_folders import TRUTH, draw, write_result, write_truth

from cell_tracker_gnn.errors import FrameMismatchError, InputError, MissingInputError
from cell_tracker_gnn.evaluation import evaluate


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    return write_truth(tmp_path / "01_GT")


@pytest.fixture
def result(tmp_path: Path) -> Path:
    return write_result(tmp_path / "result", TRUTH)


def test_result_folder_is_missing(tmp_path: Path, truth: Path) -> None:
    with pytest.raises(MissingInputError, match=r"nowhere does not exist; give the folder"):
        evaluate(tmp_path / "nowhere", truth)


def test_another_format_is_converted_first(tmp_path: Path, truth: Path) -> None:
    (tmp_path / "tracks.xml").write_text("<TrackMate/>")
    (tmp_path / "tracks.geff").mkdir()
    for name in ("tracks.xml", "tracks.geff"):
        with pytest.raises(MissingInputError, match=f"convert .*{name} tracks --masks MASKS"):
            evaluate(tmp_path / name, truth)


def test_a_file_of_the_result_is_given(result: Path, truth: Path) -> None:
    with pytest.raises(MissingInputError, match=r"give its folder .*result"):
        evaluate(result / "res_track.txt", truth)


def test_truth_and_result_in_the_wrong_order(result: Path, truth: Path) -> None:
    with pytest.raises(MissingInputError, match="give the result first"):
        evaluate(truth, result)


def test_result_without_its_table(result: Path, truth: Path) -> None:
    (result / "res_track.txt").unlink()
    with pytest.raises(MissingInputError, match=r"has no res_track\.txt"):
        evaluate(result, truth)


def test_result_without_masks(result: Path, truth: Path) -> None:
    for mask in result.glob("*.tif"):
        mask.unlink()
    with pytest.raises(MissingInputError, match="holds no TIFF files"):
        evaluate(result, truth)


def test_truth_folder_is_missing(tmp_path: Path, result: Path) -> None:
    with pytest.raises(MissingInputError, match=r"02_GT does not exist"):
        evaluate(result, tmp_path / "02_GT")


def test_truth_without_lineage(tmp_path: Path, result: Path) -> None:
    (tmp_path / "02_GT" / "SEG").mkdir(parents=True)
    with pytest.raises(MissingInputError, match=r"02_GT has no TRA/man_track\.txt"):
        evaluate(result, tmp_path / "02_GT")


@pytest.mark.parametrize("images_are_there", [True, False])
def test_images_given_for_the_truth(tmp_path: Path, result: Path, truth: Path, images_are_there: bool) -> None:
    if images_are_there:
        (tmp_path / "01").mkdir()
    with pytest.raises(MissingInputError, match=r"01 is not the folder of the truth; give .*01_GT"):
        evaluate(result, truth.with_name("01"))


def test_result_lacks_frames_of_the_truth(result: Path, truth: Path) -> None:
    (result / "mask003.tif").unlink()
    (result / "mask005.tif").unlink()
    with pytest.raises(FrameMismatchError, match=r"lacks frames 3, 5 of the truth"):
        evaluate(result, truth)


def test_result_has_more_frames_than_the_truth(result: Path, truth: Path) -> None:
    tifffile.imwrite(result / "mask006.tif", draw({}))
    with pytest.raises(FrameMismatchError, match=r"has frame 6, unlike the truth"):
        evaluate(result, truth)


def test_many_missing_frames_are_not_all_named(tmp_path: Path) -> None:
    tracks = {1: (0, [0] * 20, 0)}
    truth, result = write_truth(tmp_path / "01_GT", tracks, frames=20), write_result(tmp_path / "result", tracks)
    with pytest.raises(FrameMismatchError, match=r"frames 6, 7, 8, 9, 10 and 9 more"):
        evaluate(result, truth)


def test_frames_of_another_shape(tmp_path: Path, truth: Path) -> None:
    other = write_result(tmp_path / "other", TRUTH, rank=3)
    with pytest.raises(FrameMismatchError, match=r"of shape \(5, 5, 40\) and those of .* of \(5, 40\)"):
        evaluate(other, truth)


def test_outline_of_another_shape(result: Path, truth: Path) -> None:
    (truth / "SEG").mkdir()
    tifffile.imwrite(truth / "SEG" / "man_seg000.tif", draw({1: 0})[:4])
    with pytest.raises(FrameMismatchError, match=r"man_seg000\.tif is of shape \(4, 40\)"):
        evaluate(result, truth)


def test_one_frame_has_no_links(tmp_path: Path) -> None:
    tracks = {1: (0, [0], 0)}
    truth, result = write_truth(tmp_path / "02_GT", tracks, frames=1), write_result(tmp_path / "r", tracks, frames=1)
    with pytest.raises(InputError, match="only one frame"):
        evaluate(result, truth)


def test_table_without_tracks(result: Path, truth: Path) -> None:
    (result / "res_track.txt").write_text("")
    with pytest.raises(InputError, match="lists no track"):
        evaluate(result, truth)


def test_table_of_frames_that_do_not_exist(result: Path, truth: Path) -> None:
    (result / "res_track.txt").write_text("1 0 6 0\n")
    with pytest.raises(FrameMismatchError, match=r"begins or ends in frame 6"):
        evaluate(result, truth)


def test_label_without_a_track(result: Path, truth: Path) -> None:
    (result / "res_track.txt").write_text("1 0 5 0\n2 0 2 0\n3 3 5 2\n")
    with pytest.raises(InputError, match=r"label 4 is in the mask of frame 3"):
        evaluate(result, truth)


def test_track_that_the_mask_lacks(result: Path, truth: Path) -> None:
    tifffile.imwrite(result / "mask001.tif", draw({1: 0}))
    with pytest.raises(InputError, match=r"lists track 2 in frame 1 but the mask has no such label"):
        evaluate(result, truth)
