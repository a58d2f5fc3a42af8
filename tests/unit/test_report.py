"""The report without a browser: what is read back, what the page is told, and that nothing of it can do harm."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from evaluation_folders import TRUTH, write_result, write_truth

from cases import CASES
from cell_tracker_gnn import Tracker, cli
from cell_tracker_gnn.data import ArrayFrames, Scale
from cell_tracker_gnn.errors import CellTrackerError, FrameMismatchError, InputError, MissingInputError, OutputError
from cell_tracker_gnn.features.regions import MaskPixels, measure_frame
from cell_tracker_gnn.report.forest import arrange_tracks
from cell_tracker_gnn.report.html import SCRIPTS, check_report, write_report
from cell_tracker_gnn.report.outlines import Outlines, outline_frame
from cell_tracker_gnn.report.pictures import shrink_images
from cell_tracker_gnn.report.result import read_shown
from cell_tracker_gnn.report.series import time_series

PAGE = Path(__file__).parents[2] / "src" / "cell_tracker_gnn" / "report" / "page"


@pytest.fixture(scope="module")
def tracker() -> Tracker:
    return Tracker.from_pretrained()


def content(page: Path) -> dict[str, Any]:
    found = re.search(r'id="content">(.*?)</script>', page.read_text("utf-8"), re.DOTALL)
    assert found
    return json.loads(found[1])  # type: ignore[no-any-return]


def unpack(column: dict[str, str]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(column["data"]), f"<{column['type']}")


def tracked(name: str, tracker: Tracker, folder: Path) -> Path:
    case = CASES[name]()
    for index, (mask, image) in enumerate(zip(case.masks, case.images, strict=True)):  # type: ignore[arg-type]
        for part, plane in (("masks", mask.astype(np.uint16)), ("images", image)):
            (folder / part).mkdir(exist_ok=True, parents=True)
            tifffile.imwrite(folder / part / f"t{index + 3:03d}.tif", plane)
    tracker.track(folder / "masks", folder / "images", scale=case.step).write(folder / "result")
    return folder / "result"


@pytest.mark.parametrize("name", ["division", "gap_of_two", "merge", "anisotropic_3d"])
def test_a_result_is_read_back_as_it_was(name: str, tracker: Tracker, tmp_path: Path) -> None:
    case = CASES[name]()
    lineage = tracker.track(case.masks, case.images, scale=case.step)
    lineage.write(tmp_path / "result")
    shown = read_shown(tmp_path / "result")
    row = shown.rows()
    own = [row[place] for place in zip(lineage.cells.number.tolist(), lineage.track.tolist(), strict=True)]
    np.testing.assert_array_equal(shown.label[own], lineage.cells.label)
    np.testing.assert_allclose(shown.centre[own], lineage.cells.centroid)
    np.testing.assert_array_equal(shown.size[own], lineage.cells.size)
    found = set(zip(shown.source.tolist(), shown.target.tolist(), shown.kind.tolist(), strict=True))
    links = lineage.links
    assert found == {(own[a], own[b], k) for a, b, k in zip(links.source, links.target, links.kind, strict=True)}
    np.testing.assert_array_equal(shown.parent[1:], lineage.tracks.parent)
    assert shown.scale == lineage.cells.scale


def test_a_plain_challenge_result_has_links_and_no_corrections(tmp_path: Path) -> None:
    write_report(write_result(tmp_path / "result", TRUTH, first=7), tmp_path / "page.html")
    page = content(tmp_path / "page.html")
    assert page["numbers"] == [7, 8, 9, 10, 11, 12]
    assert page["masks_sha256"] is None
    assert page["edits"] == page["doubts"] == page["mistakes"] == []
    assert np.bincount(unpack(page["links"]["kind"])).tolist() == [5 + 2 + 2 + 2, 0, 2]
    assert unpack(page["tracks"]["family"])[1:].tolist() == [1, 2, 2, 2]


def test_errors_are_listed_with_the_truth(tmp_path: Path) -> None:
    exchanged = {1: (0, [0, 0, 0, 3, 3, 3], 0), 2: (0, [2] * 3, 0), 3: (3, [0] * 3, 2), 4: (3, [5] * 3, 2)}
    truth, result = write_truth(tmp_path / "01_GT"), write_result(tmp_path / "result", exchanged)
    write_report(result, tmp_path / "page.html", ground_truth=truth)
    page = content(tmp_path / "page.html")
    frame, track = (unpack(page["cells"][name]) for name in ("frame", "track"))
    named = {(m["kind"], track[m["source"]], track[m["target"]], frame[m["target"]]) for m in page["mistakes"]}
    assert named == {("wrong", 1, 1, 3), ("wrong", 2, 3, 3), ("missed", 1, 3, 3), ("missed", 2, 1, 3)}
    assert page["scores"]["wrong_links"] == 2


def test_the_page_needs_nothing_from_outside_and_runs_nothing_that_was_read(tracker: Tracker, tmp_path: Path) -> None:
    folder = tmp_path / "<img src=x onerror=alert(1)></script><script>alert(2)</script>".replace("/", "_")
    result = tracked("division", tracker, folder)
    record = json.loads((result / "run.json").read_text())
    record["model"]["name"] = "</script><script>alert(3)</script>"
    (result / "run.json").write_text(json.dumps(record))
    evil = result.rename(folder / "<b>result<b><!--")
    write_report(evil, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text("utf-8")
    assert not re.search(r"(src|href)\s*=\s*[\"']?\s*(https?:)?//", text)
    assert "http" not in text.replace("http-equiv=", "")
    assert "<b>result" not in text
    assert "<script>alert" not in text
    assert text.count("</script>") == text.count("<script")
    page = content(tmp_path / "page.html")
    assert page["title"] == "<b>result<b><!--"
    assert "'</script><script>alert(3)</script>'" in page["command"]


def test_the_command_repeats_the_settings(tracker: Tracker, tmp_path: Path) -> None:
    result = tracked("perfect", tracker, tmp_path)
    write_report(result, tmp_path / "page.html")
    masks, images = tmp_path / "masks", tmp_path / "images"
    wanted = f"cell-tracker-gnn track {masks} --images {images} --fixed edits.json --output corrected"
    assert content(tmp_path / "page.html")["command"] == wanted


def test_images_are_found_again_or_left_out(tracker: Tracker, tmp_path: Path) -> None:
    result = tracked("perfect", tracker, tmp_path)
    write_report(result, tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text().count('id="picture-') == 6
    (tmp_path / "images").rename(tmp_path / "moved")
    write_report(result, tmp_path / "page.html")
    assert 'id="picture-' not in (tmp_path / "page.html").read_text()
    write_report(result, tmp_path / "page.html", images=tmp_path / "moved")
    assert 'id="picture-5"' in (tmp_path / "page.html").read_text()
    with pytest.raises(MissingInputError, match="does not exist"):
        write_report(result, tmp_path / "page.html", images=tmp_path / "images")
    small = np.zeros((6, 8, 8), np.uint8)
    np.save(tmp_path / "small.npy", small)
    with pytest.raises(FrameMismatchError, match="shape"):
        write_report(result, tmp_path / "page.html", images=tmp_path / "small.npy")
    np.save(tmp_path / "short.npy", small[:4])
    with pytest.raises(FrameMismatchError, match="no frame"):
        write_report(result, tmp_path / "page.html", images=tmp_path / "short.npy")


def test_volumes_have_a_picture_of_every_slice(tracker: Tracker, tmp_path: Path) -> None:
    write_report(tracked("anisotropic_3d", tracker, tmp_path), tmp_path / "page.html")
    page = content(tmp_path / "page.html")
    assert page["slices"] == 12
    assert page["slice_pictures"]
    assert (tmp_path / "page.html").read_text().count('id="picture-') == 5 * 13
    low, high = (unpack(page["cells"][name]) for name in ("low", "high"))
    assert ((low < high) & (low >= 0) & (high < 12)).all()


def test_points_are_discs_on_a_plane(tracker: Tracker, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    start = rng.uniform(-5, 5, (12, 2))
    table = {"t": np.repeat(np.arange(4), 12), "y": np.tile(start[:, 0], 4), "x": np.tile(start[:, 1], 4)}
    tracker.track(table).write(tmp_path / "result")
    write_report(tmp_path / "result", tmp_path / "page.html")
    page = content(tmp_path / "page.html")
    assert page["outlines"] is None
    assert page["radius"] > 0
    x, y = unpack(page["cells"]["x"]), unpack(page["cells"]["y"])
    assert (x.min() > 0) & (y.min() > 0) & (x.max() < page["plane"][1]) & (y.max() < page["plane"][0])


@pytest.mark.parametrize("name", ["no_cell", "single_frame"])
def test_movies_with_hardly_anything_have_a_report(name: str, tracker: Tracker, tmp_path: Path) -> None:
    case = CASES[name]()
    tracker.track(case.masks, case.images).write(tmp_path / "result")
    write_report(tmp_path / "result", tmp_path / "page.html")
    assert len(unpack(content(tmp_path / "page.html")["cells"]["frame"])) == len(np.unique(case.masks)) - 1


def test_outlines_follow_the_masks() -> None:
    mask = np.zeros((40, 50), np.uint16)
    mask[5:15, 10:30] = 4
    mask[30, 45] = 9
    cells = measure_frame(MaskPixels.of(mask), None, Scale.pixels(2))
    joined = Outlines.join([outline_frame(mask, cells.label, cells.box)])
    corners = [
        joined.origin[i] + np.cumsum(joined.step[a:b], axis=0)
        for i, (a, b) in enumerate(zip(joined.start, joined.start[1:], strict=False))
    ]
    assert {tuple(corner) for corner in corners[0].tolist()} == {(10, 5), (29, 5), (29, 14), (10, 14)}
    assert corners[1].tolist() == [[45, 30]]


def test_outlines_of_volumes_are_seen_along_z() -> None:
    mask = np.zeros((4, 20, 20), np.uint8)
    mask[0, 2:8, 2:8] = mask[3, 10:12, 2:4] = 1
    mask[1, 4:10, 4:10] = 2
    cells = measure_frame(MaskPixels.of(mask), None, Scale.pixels(3))
    first, second = outline_frame(mask, cells.label, cells.box)
    assert (first.min(axis=0).tolist(), first.max(axis=0).tolist()) == ([2, 2], [7, 7])
    assert (second.min(axis=0).tolist(), second.max(axis=0).tolist()) == ([4, 4], [9, 9])


def test_mothers_stand_between_their_daughters() -> None:
    begin = np.array([-1, 0, 0, 3, 3, -1, 5])
    row = arrange_tracks(begin, np.array([0, 0, 0, 1, 1, 0, 2]))
    assert row[[3, 4, 6]].tolist() == [0.0, 1.0, 2.0]
    assert row[[1, 2]].tolist() == [0.5, 2.0]
    assert np.isnan(row[[0, 5]]).all()


def test_series_count_a_division_once(tmp_path: Path) -> None:
    shown = read_shown(write_result(tmp_path / "result", TRUTH))
    series = time_series(shown)
    assert series["cells"][0].tolist() == [2, 2, 2, 3, 3, 3]
    assert series["divisions"][0].tolist() == [0, 0, 0, 1, 0, 0]
    assert series["median area"][0].tolist() == [9.0] * 6
    np.testing.assert_array_equal(series["median speed"][0], [np.nan, 0, 0, 0, 0, 0])


def test_pictures_keep_within_their_budget() -> None:
    noise = np.random.default_rng(0).integers(0, 4000, (6, 3, 400, 500)).astype(np.uint16)
    for images, count in ((noise[:, 0], 0), (noise, 3)):
        pictures = shrink_images(ArrayFrames(images), most_bytes=200_000)
        size = sum(map(len, pictures.frames)) + sum(len(plane) for frame in pictures.slices for plane in frame)
        assert 30_000 < size < 220_000
        assert {len(frame) for frame in pictures.slices} == {count}


def test_places_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.html").write_text("<html>mine</html>")
    (tmp_path / "masks").mkdir()
    for place, words in (("notes.html", "no"), ("masks", "folder"), ("no/page.html", "does not exist")):
        with pytest.raises(OutputError, match=words):
            check_report(tmp_path / place)
    with pytest.raises(OutputError, match="inside an input"):
        check_report(tmp_path / "masks" / "page.html", (tmp_path / "masks",))


def test_folders_without_a_result_are_refused(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "none"):
        with pytest.raises(MissingInputError, match="track"):
            write_report(place, tmp_path / "page.html")
    assert not list(tmp_path.iterdir())
    (tmp_path / "tracks.xml").write_text("<TrackMate/>")
    with pytest.raises(MissingInputError, match=r"convert .*tracks\.xml tracks --masks MASKS"):
        write_report(tmp_path / "tracks.xml", tmp_path / "page.html")


def test_tables_of_another_run_are_refused(tracker: Tracker, tmp_path: Path) -> None:
    result = tracked("division", tracker, tmp_path)
    (result / "mask004.tif").unlink()
    with pytest.raises(InputError, match="one run"):
        write_report(result, tmp_path / "page.html")


def test_every_part_of_the_page_is_used() -> None:
    assert {path.stem for path in PAGE.glob("*.js")} == set(SCRIPTS)
    assert issubclass(OutputError, CellTrackerError)


def test_without_a_name_the_report_lies_beside_the_result(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli.verbs.verbs, ["report", str(write_result(tmp_path / "result", TRUTH, first=7))])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "result-report.html").is_file()
