import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from evaluation_folders import TRUTH, Tracks, draw, write_result, write_truth

from cell_tracker_gnn.evaluation import evaluate, format_table, format_verdict
from cell_tracker_gnn.evaluation.matching import match_frame

SWAP: Tracks = {1: (0, [0, 0, 0, 3, 3, 3], 0), 2: (0, [2] * 3, 0), 3: (3, [0] * 3, 2), 4: (3, [5] * 3, 2)}
MISSED_DIVISION: Tracks = {1: (0, [0] * 6, 0), 2: (0, [2, 2, 2, 3, 3, 3], 0), 4: (3, [5] * 3, 0)}
LATE_DIVISION: Tracks = {
    1: (0, [0] * 6, 0),
    2: (0, [2, 2, 2, 3], 0),
    3: (4, [3] * 2, 2),
    4: (4, [5] * 2, 2),
    5: (3, [5], 0),
}
ONE_CELL: Tracks = {1: (0, [0] * 6, 0)}
GAP: Tracks = {1: (0, [0] * 3, 0), 2: (4, [0] * 2, 1)}
BROKEN: Tracks = {1: (0, [0] * 3, 0), 2: (4, [0] * 2, 0)}

IDEAL = ("TRA", "DET", "LNK", "CHOTA", "CT", "TF", "BC(0)", "BC(3)", "BIO(0)", "OP_CLB(0)")
IDEAL += ("division_precision", "division_recall", "division_f1", "division_f1_tolerance_1")
FAULTLESS = ("EA", "ED", "EC", "NS", "FN", "FP", "wrong_links", "missed_links", "identity_switches", "fragmentations")


def scores_of(folder: Path, result: Tracks, truth: Tracks = TRUTH, **options: int) -> dict[str, float | None]:
    return evaluate(write_result(folder / "result", result, **options), write_truth(folder / "01_GT", truth, **options))


@pytest.mark.parametrize(
    "options",
    [{}, {"rank": 3}, {"digits": 4}, {"digits": 6}, {"first": 7}, {"first": 998, "digits": 4}],
    ids=["2D", "3D", "4 digits", "6 digits", "first frame 7", "across 1000"],
)
def test_truth_scores_ideal_against_itself(
    tmp_path: Path, options: dict[str, int], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = scores_of(tmp_path, TRUTH, **options)
    assert (caplog.text, *capsys.readouterr()) == ("", "", "")
    assert {name: scores[name] for name in IDEAL} == {name: pytest.approx(1.0) for name in IDEAL}
    assert {name: scores[name] for name in FAULTLESS} == dict.fromkeys(FAULTLESS, 0)
    assert scores["links"] == 5 + 2 + 2 + 2 + 2
    assert scores["SEG"] is None


def test_scores_are_plain_numbers_for_json(tmp_path: Path) -> None:
    scores = scores_of(tmp_path, SWAP)
    assert json.loads(json.dumps(scores)) == scores
    assert all(type(value) in (int, float, type(None)) for value in scores.values())


def test_swap_of_two_cells_is_two_wrong_two_missed_links_and_two_switches(tmp_path: Path) -> None:
    staying: Tracks = {1: (0, [0] * 6, 0), 2: (0, [2] * 6, 0)}
    swapped: Tracks = {1: (0, [0, 0, 0, 2, 2, 2], 0), 2: (0, [2, 2, 2, 0, 0, 0], 0)}
    scores = scores_of(tmp_path, swapped, staying)
    assert (scores["wrong_links"], scores["missed_links"]) == (2, 2)
    assert (scores["identity_switches"], scores["fragmentations"]) == (2, 0)
    assert (scores["EA"], scores["ED"], scores["EC"]) == (2, 2, 0)
    assert scores["LNK"] == pytest.approx(1 - (2 * 1.5 + 2) / (10 * 1.5))


def test_swap_at_a_division_spoils_the_division_too(tmp_path: Path) -> None:
    scores = scores_of(tmp_path, SWAP)
    assert (scores["wrong_links"], scores["missed_links"]) == (2, 2)
    assert (scores["division_precision"], scores["division_recall"]) == (0.0, 0.0)
    assert scores["division_f1_tolerance_1"] == 0.0


def test_missed_division_is_one_missed_link(tmp_path: Path) -> None:
    scores = scores_of(tmp_path, MISSED_DIVISION)
    assert (scores["wrong_links"], scores["missed_links"], scores["EA"], scores["EC"]) == (0, 1, 1, 1)
    assert (scores["division_precision"], scores["division_recall"], scores["division_f1"]) == (None, 0.0, 0.0)
    assert scores["BC(1)"] == 0.0
    assert scores["identity_switches"] == 0


def test_false_division_is_one_wrong_link(tmp_path: Path) -> None:
    truth: Tracks = {1: (0, [0] * 6, 0), 2: (3, [2] * 3, 0)}
    result: Tracks = {1: (0, [0] * 3, 0), 2: (3, [0] * 3, 1), 3: (3, [2] * 3, 1)}
    scores = scores_of(tmp_path, result, truth)
    assert (scores["wrong_links"], scores["missed_links"], scores["ED"], scores["EC"]) == (1, 0, 1, 1)
    assert (scores["division_precision"], scores["division_recall"], scores["division_f1"]) == (0.0, None, 0.0)
    assert (scores["identity_switches"], scores["fragmentations"]) == (1, 1)


def test_division_one_frame_late_is_right_only_with_tolerance(tmp_path: Path) -> None:
    scores = scores_of(tmp_path, LATE_DIVISION)
    assert (scores["division_f1"], scores["division_f1_tolerance_1"]) == (0.0, 1.0)
    assert (scores["BC(0)"], scores["BC(1)"]) == (0.0, pytest.approx(1.0))


def test_division_after_a_closed_gap_is_right(tmp_path: Path) -> None:
    result: Tracks = {1: (0, [0] * 6, 0), 2: (0, [2], 0), 5: (2, [2], 2), 3: (3, [3] * 3, 5), 4: (3, [5] * 3, 5)}
    scores = scores_of(tmp_path, result)
    assert (scores["division_f1"], scores["gap_precision"], scores["gap_recall"]) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(("result", "precision", "recall", "switches"), [(GAP, 1.0, 1.0, 0), (BROKEN, None, 0.0, 1)])
def test_gap_over_a_missed_cell(
    tmp_path: Path, result: Tracks, precision: float | None, recall: float, switches: int
) -> None:
    scores = scores_of(tmp_path, result, ONE_CELL)
    assert (scores["FN"], scores["missed_links"], scores["wrong_links"], scores["gap_links"]) == (1, 0, 0, 1)
    assert (scores["gap_precision"], scores["gap_recall"]) == (precision, recall)
    assert (scores["identity_switches"], scores["fragmentations"]) == (switches, switches)


def test_gap_link_to_another_cell_is_wrong(tmp_path: Path) -> None:
    truth: Tracks = {1: (0, [0] * 3, 0), 2: (4, [4] * 2, 0)}
    result: Tracks = {1: (0, [0] * 3, 0), 2: (4, [4] * 2, 1)}
    scores = scores_of(tmp_path, result, truth)
    assert (scores["gap_links"], scores["gap_links_found"], scores["gap_precision"]) == (0, 1, 0.0)
    assert (scores["wrong_links"], scores["ED"]) == (0, 1)


def test_merged_cell_counts_as_split_and_takes_no_part_in_the_links(tmp_path: Path) -> None:
    truth: Tracks = {1: (0, [0] * 6, 0), 2: (0, [1] * 6, 0)}
    folder = write_result(tmp_path / "result", {1: (0, [0] * 6, 0), 2: (0, [1] * 6, 0)})
    merged = draw({1: 0, 2: 1})
    merged[1:4, 1:9] = 1
    tifffile.imwrite(folder / "mask003.tif", merged)
    (folder / "res_track.txt").write_text("1 0 5 0\n2 0 2 0\n3 4 5 2\n")
    for frame in (4, 5):
        tifffile.imwrite(folder / f"mask00{frame}.tif", draw({1: 0, 3: 1}))
    scores = evaluate(folder, write_truth(tmp_path / "01_GT", truth))
    assert (scores["NS"], scores["FN"], scores["links"], scores["missed_links"]) == (1, 0, 6, 0)
    assert (scores["gap_links"], scores["gap_links_found"], scores["gap_precision"]) == (2, 1, 1.0)


def test_frames_without_a_cell(tmp_path: Path) -> None:
    late: Tracks = {1: (2, [0] * 2, 0)}
    scores = scores_of(tmp_path, late, late)
    assert (scores["TRA"], scores["CHOTA"], scores["LNK"]) == (1.0, 1.0, 1.0)


def test_truth_without_any_link_leaves_linking_undefined(tmp_path: Path) -> None:
    single: Tracks = {1: (2, [0], 0)}
    scores = scores_of(tmp_path, single, single)
    assert (scores["LNK"], scores["OP_CLB(0)"], scores["DET"]) == (None, None, 1.0)


def test_result_without_any_match(tmp_path: Path) -> None:
    scores = scores_of(tmp_path, {1: (0, [4] * 6, 0)}, ONE_CELL)
    assert (scores["FN"], scores["FP"], scores["CHOTA"], scores["DET"], scores["links"]) == (6, 6, 0.0, 0.0, 0)


def test_outlines_of_a_few_frames_give_seg(tmp_path: Path) -> None:
    truth, result = write_truth(tmp_path / "01_GT"), write_result(tmp_path / "result", TRUTH)
    (truth / "SEG").mkdir()
    outline = draw({9: 0})
    outline[4, 1:4] = 9
    tifffile.imwrite(truth / "SEG" / "man_seg004.tif", outline)
    assert evaluate(result, truth)["SEG"] == pytest.approx(9 / 12)


def test_outlines_of_single_slices_give_seg(tmp_path: Path) -> None:
    truth, result = write_truth(tmp_path / "01_GT", rank=3), write_result(tmp_path / "result", TRUTH, rank=3)
    (truth / "SEG").mkdir()
    tifffile.imwrite(truth / "SEG" / "man_seg_004_002.tif", draw({9: 0}))
    tifffile.imwrite(truth / "SEG" / "man_seg_005_000.tif", draw({9: 0}))
    assert evaluate(result, truth)["SEG"] == pytest.approx(1 / 2)


def test_truth_may_be_given_as_tra(tmp_path: Path) -> None:
    truth, result = write_truth(tmp_path / "01_GT"), write_result(tmp_path / "result", TRUTH)
    assert evaluate(result, truth / "TRA") == evaluate(str(result), str(truth))


def test_half_covered_marker_is_no_match_and_eight_bit_masks_work() -> None:
    truth = np.array([[1, 1, 2, 2, 255, 255]], np.uint8)
    result = np.array([[200, 0, 200, 200, 250, 250]], np.uint8)
    match = match_frame(truth, result)
    assert match.truth.tolist() == [2, 255]
    assert match.result.tolist() == [200, 250]
    assert match.overlap.tolist() == [pytest.approx(2 / 3), 1.0]
    assert match.unique.all()


def test_table_explains_every_score(tmp_path: Path) -> None:
    scores = scores_of(tmp_path, SWAP)
    table = format_table(scores)
    names, values, meanings = (list(column.cells) for column in table.columns)
    assert names == list(scores)
    assert values[names.index("SEG")] == "-"
    assert values[names.index("wrong_links")] == "2"
    assert all(meanings)
    assert meanings[names.index("BC(2)")].endswith("at most 2 frames off")
    assert meanings[names.index("BIO(3)")].endswith("BC(3)")
    assert format_verdict(scores).startswith(f"2 links are wrong and 2 of {scores['links']} true ones are missed")
