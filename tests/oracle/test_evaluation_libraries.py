"""Our matching, CHOTA and measures against py-ctcmetrics and traccuracy on random lineages with faults."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from ctc_metrics.scripts.evaluate import calculate_metrics, match_computed_to_reference_masks
from ctc_metrics.utils.filesystem import parse_masks, read_tracking_file
from ctc_metrics.utils.representations import match

from cell_tracker_gnn.evaluation import evaluate
from cell_tracker_gnn.evaluation.matching import match_frame

NAMES = ["CHOTA", "BC", "CT", "CCA", "TF", "TRA", "DET", "LNK", "BIO", "OP_CLB"]
FRAMES, SLOTS = 12, 9

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning", "ignore::DeprecationWarning")


def write_random_lineage(folder: Path, stem: str, table: str, random: np.random.Generator) -> None:
    """Write cells that come, go, swap slots and have random parents."""
    folder.mkdir(parents=True)
    holder = np.zeros((FRAMES + 1, SLOTS), int)
    count = 0
    for frame in range(FRAMES):
        before = holder[frame - 1]
        if random.random() < 0.3:
            before = random.permutation(before)
        for slot in np.flatnonzero(random.random(SLOTS) < 0.9):
            goes_on = before[slot] and random.random() < 0.9
            count += not goes_on
            holder[frame, slot] = before[slot] if goes_on else count
        image = np.zeros((4, 4 * SLOTS), np.uint16)
        for slot, label in enumerate(holder[frame]):
            image[1:3, 4 * slot : 4 * slot + 3] = label
        tifffile.imwrite(folder / f"{stem}{frame:03}.tif", image)
    present = [np.flatnonzero((holder == label).any(axis=1)) for label in range(1, count + 1)]
    begin, end = np.array([(frames[0], frames[-1]) for frames in present]).T
    rows = [
        f"{label + 1} {begin[label]} {end[label]} {random_parent(begin[label], end, random)}\n"
        for label in range(count)
    ]
    (folder / table).write_text("".join(rows))


def random_parent(begin: int, end: np.ndarray, random: np.random.Generator) -> int:
    """Label of a track that ended just before, or of any that ended before, or 0."""
    for candidates, chance in ((np.flatnonzero(end == begin - 1), 0.8), (np.flatnonzero(end < begin), 0.4)):
        if len(candidates) and random.random() < chance:
            return int(random.choice(candidates)) + 1
    return 0


def cut_single_children(table: Path) -> None:
    rows = np.loadtxt(table, dtype=int)
    siblings = np.bincount(rows[:, 3])[rows[:, 3]]
    rows[siblings == 1, 3] = 0
    np.savetxt(table, rows, fmt="%d")


@pytest.fixture(params=range(12))
def folders(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    random = np.random.default_rng(request.param)
    write_random_lineage(tmp_path / "01_GT" / "TRA", "man_track", "man_track.txt", random)
    write_random_lineage(tmp_path / "result", "mask", "res_track.txt", random)
    return tmp_path / "result", tmp_path / "01_GT"


def test_measures_agree_with_py_ctcmetrics(folders: tuple[Path, Path]) -> None:
    result, truth = folders
    tracks = read_tracking_file(str(result / "res_track.txt")), read_tracking_file(str(truth / "TRA" / "man_track.txt"))
    masks = parse_masks(str(truth / "TRA")), parse_masks(str(result))
    matches = match_computed_to_reference_masks(*masks, threads=1)
    theirs = calculate_metrics(*tracks, matches, {}, list(NAMES), is_valid=True)
    ours = evaluate(result, truth)
    theirs |= {name: theirs[f"AOGM_{name}"] for name in ("EA", "ED", "EC", "NS", "FN", "FP")}
    compared = sorted(ours.keys() & theirs.keys())
    assert len(compared) == 13 + 12
    for name in compared:
        assert ours[name] == (None if theirs[name] is None else pytest.approx(theirs[name], abs=1e-12)), name


def test_accuracies_agree_with_traccuracy(folders: tuple[Path, Path]) -> None:
    traccuracy = pytest.importorskip("traccuracy")
    loaders, matchers = pytest.importorskip("traccuracy.loaders"), pytest.importorskip("traccuracy.matchers")
    metrics = pytest.importorskip("traccuracy.metrics")
    result, truth = folders
    # traccuracy sees no parent link where a mother has a single child, py-ctcmetrics and the challenge do.
    cut_single_children(truth / "TRA" / "man_track.txt")
    cut_single_children(result / "res_track.txt")
    loaded = (
        loaders.load_ctc_data(str(truth / "TRA"), str(truth / "TRA" / "man_track.txt"), run_checks=False),
        loaders.load_ctc_data(str(result), str(result / "res_track.txt"), run_checks=False),
    )
    found, _ = traccuracy.run_metrics(*loaded, matcher=matchers.CTCMatcher(), metrics=[metrics.CTCMetrics()])
    ours = evaluate(result, truth)
    for name in ("TRA", "DET", "LNK"):
        assert ours[name] == pytest.approx(found[0]["results"][name], abs=1e-12), name


@pytest.mark.parametrize("seed", range(8))
def test_matching_agrees_with_py_ctcmetrics(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    truth, result = (
        np.kron(random.integers(0, 6, (8, 8)), np.ones((size, size), int)).astype(np.uint16)[:16, :16]
        for size in (2, 3)
    )
    tifffile.imwrite(tmp_path / "truth.tif", truth)
    tifffile.imwrite(tmp_path / "result.tif", result)
    theirs = match(str(tmp_path / "truth.tif"), str(tmp_path / "result.tif"))
    ours = match_frame(truth, result)
    assert ours.truth_labels.tolist() == theirs[0]
    assert ours.result_labels.tolist() == theirs[1]
    assert (ours.truth.tolist(), ours.result.tolist()) == (theirs[2], theirs[3])
    assert ours.overlap.tolist() == pytest.approx(theirs[4])
