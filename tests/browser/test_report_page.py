"""The report in headless Chromium, by clicking through it."""

from __future__ import annotations

import importlib.util
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from cases import CASES
from cell_tracker_gnn import Tracker
from cell_tracker_gnn.evaluation import evaluate
from cell_tracker_gnn.io.edits import Edit, read_edits
from cell_tracker_gnn.report.html import write_report
from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation

MISSING = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
MISSING += ["selenium"] if importlib.util.find_spec("selenium") is None else []
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(MISSING), reason=f"the page is not tested without {' and '.join(MISSING)}"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


class Page:
    """An open report."""

    def __init__(self, browser: Any, downloads: Path) -> None:
        self.browser, self.downloads = browser, downloads

    def open(self, path: Path) -> None:
        self.browser.get(path.absolute().as_uri())
        self.browser.execute_async_script("report.goTo(0).then(arguments[0]);")
        assert not self.problems()

    def problems(self) -> list[str]:
        return [entry["message"] for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]

    def run(self, script: str, *values: object) -> Any:
        return self.browser.execute_script(f"return {script};", *values)

    def find(self, selector: str) -> Any:
        return self.browser.find_element("css selector", selector)

    def all(self, selector: str) -> list[Any]:
        return self.browser.find_elements("css selector", selector)  # type: ignore[no-any-return]

    def text(self, selector: str) -> str:
        return str(self.find(selector).text)

    def click(self, selector: str) -> None:
        self.until(lambda: bool(self.all(selector)))
        self.find(selector).click()

    def keys(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.browser).send_keys(*keys).perform()

    def with_control(self, key: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.keys import Keys

        ActionChains(self.browser).key_down(Keys.CONTROL).send_keys(key).key_up(Keys.CONTROL).perform()

    def click_cell(self, row: int) -> None:
        """Click on the movie where a cell of the current frame is."""
        from selenium.webdriver.common.action_chains import ActionChains

        script = """(() => { const { view, canvas } = report.player, { x, y } = report.movie.cells, row = arguments[0];
            return [x[row] * view.zoomX + view.x - canvas.clientWidth / 2,
                    y[row] * view.zoomY + view.y - canvas.clientHeight / 2]; })()"""
        x, y = self.run(script, row)
        actions = ActionChains(self.browser)
        actions.move_to_element_with_offset(self.find("#movie"), round(x), round(y)).click().perform()

    def until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < end, (
                f"nothing happened; {self.run('JSON.stringify(report.state)')} {self.text('#message')}"
            )
            time.sleep(0.05)

    def state(self, name: str) -> Any:
        return self.run(f"report.state.{name}")

    def saved(self) -> Path:
        """Save the corrections and return the file."""
        self.click("#save")
        file = self.downloads / "edits.json"
        # The browser makes the file before it has written all of it.
        self.until(lambda: file.exists() and file.read_text().rstrip().endswith("}"))
        return file.rename(self.downloads / f"edits-{len(list(self.downloads.iterdir()))}.json")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    profile, downloads = tmp_path_factory.mktemp("profile"), tmp_path_factory.mktemp("downloads")
    for word in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1400,900",
    ):
        options.add_argument(word)
    options.add_argument(f"--user-data-dir={profile}")
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    made.downloads = downloads
    yield made
    made.quit()


@pytest.fixture(scope="module")
def tracker() -> Tracker:
    return Tracker.from_pretrained()


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory, tracker: Tracker) -> Path:
    """A simulated movie with its result and report."""
    folder = tmp_path_factory.mktemp("report")
    settings = SimulationSettings(
        frames=12, cells=20, size=(220, 260), seed=5, missed=0.05, merged=0.06, split=0.06, motion=4.0, division_rate=3
    )
    write_simulation(simulate(settings), folder / "movie")
    tracker.track(folder / "movie" / "01_ERR_SEG", folder / "movie" / "01").write(folder / "result")
    write_report(folder / "result", folder / "report.html", ground_truth=folder / "movie" / "01_GT")
    return folder


@pytest.fixture
def page(browser: Any, movie: Path) -> Iterator[Page]:
    opened = Page(browser, browser.downloads)
    opened.open(movie / "report.html")
    yield opened
    assert not opened.problems()
    opened.run("report.edits.saved = report.edits.now")


def test_it_opens_with_the_headline_and_loads_nothing(page: Page, movie: Path) -> None:
    expected = json.loads((movie / "result" / "summary.json").read_text())["lineages"]
    assert f"{len(expected['safe'])} of {expected['count']} lineages are safe" in page.text("#headline")
    assert page.run("performance.getEntriesByType('resource').length") == 0


def test_frames_are_stepped_scrubbed_and_played(page: Page) -> None:
    from selenium.webdriver.common.keys import Keys

    page.click("#movie")
    page.keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    page.until(lambda: page.text("#frame-number") == "frame 1")
    page.run(
        "document.getElementById('scrub').value = 7, document.getElementById('scrub').dispatchEvent(new Event('input'))"
    )
    page.until(lambda: page.text("#frame-number") == "frame 7")
    page.keys(" ")
    page.until(lambda: page.state("frame") not in (7, 8))
    assert page.text("#play") == "Pause"
    page.click("#play")
    page.until(lambda: page.text("#play") == "Play")


def test_the_picture_shows_image_and_outlines(page: Page) -> None:
    lit = """(() => { const c = document.getElementById('movie'), d = c.getContext('2d')
        .getImageData(0, 0, c.width, c.height).data; let gray = 0, color = 0;
        for (let i = 0; i < d.length; i += 4) { const s = Math.max(d[i], d[i+1], d[i+2]) -
            Math.min(d[i], d[i+1], d[i+2]);
        if (s > 60) color++; else if (d[i] > 60) gray++; } return [gray, color]; })()"""
    gray, color = page.run(lit)
    assert min(gray, color) > 1000
    page.click("#show-outlines")
    page.run("report.set({ tails: 0 })")
    page.until(lambda: page.run(lit)[1] < 20)
    page.click("#show-images")
    page.until(lambda: page.run(lit)[0] < 200)


def test_zoom_and_pan(page: Page) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    page.click("#movie")
    before = page.run("[report.player.view.x, report.player.view.zoomX]")
    page.keys("+", "+")
    page.until(lambda: page.run("report.player.view.zoomX") > 1.6 * before[1])
    ActionChains(page.browser).drag_and_drop_by_offset(page.find("#movie"), 60, 0).perform()
    moved = page.run("report.player.view.x")
    page.keys("0")
    page.until(lambda: page.run("report.player.view.x") == pytest.approx(before[0]))
    assert moved != pytest.approx(before[0])


def test_a_click_lights_the_family_in_movie_and_lineage(page: Page) -> None:
    page.run("report.goTo(4)")
    page.until(lambda: page.state("frame") == 4)
    row = page.run("report.movie.first[4] + 2")
    page.click_cell(row)
    page.until(lambda: page.state("cell") == row)
    assert page.state("family") == page.run(f"report.movie.family({row})")
    assert page.find("#forest-cell").is_displayed()
    assert page.text("#inspector h2").startswith("Cell ")
    other = page.run("report.movie.family(report.movie.first[4] + 1)")
    page.run(f"report.forest.lookAt({other})")
    from selenium.webdriver.common.action_chains import ActionChains

    place = """(() => { const { view, canvas } = report.forest, row = report.movie.tracks.row[arguments[0]];
        return [view.zoomX + view.x - canvas.clientWidth / 2,
                view.zoomY * row + view.y - canvas.clientHeight / 2]; })()"""
    x, y = page.run(place, other)
    ActionChains(page.browser).move_to_element_with_offset(page.find("#forest"), round(x), round(y)).click().perform()
    page.until(lambda: page.state("family") == other)
    assert page.state("frame") == 1


def test_doubts_and_errors_are_jumped_to(page: Page) -> None:
    rows = page.all("#table tr.jump")
    assert len(rows) == page.run("report.content.doubts.length")
    rows[3].click()
    page.until(lambda: page.state("doubt") == 3)
    doubt = page.run("report.content.doubts[3]")
    cell = doubt["target"] if doubt["target"] >= 0 else doubt["source"]
    assert page.state("cell") == cell
    page.until(lambda: page.state("frame") == page.run(f"report.movie.cells.frame[{cell}]"))
    page.keys("n")
    page.until(lambda: page.state("doubt") == 4)
    page.click("#tab-errors")
    errors = page.all("#table tr.jump")
    assert len(errors) == page.run("report.content.mistakes.length") > 0
    errors[0].click()
    page.until(lambda: page.state("cell") == page.run("report.content.mistakes[0].target"))
    page.click("#tab-scores")
    assert "wrong links" in page.text("#table")
    page.click("#tab-lineages")
    page.all("#table tr.jump")[0].click()
    page.until(lambda: page.state("cell") >= 0)


def test_series_jump_to_a_frame(page: Page) -> None:
    assert len(page.all("#series figure")) == 4
    page.find("#series canvas").click()
    page.until(lambda: 3 <= page.state("frame") <= 8)


def test_corrections_are_made_undone_and_saved(page: Page, movie: Path) -> None:
    row = page.run("Array.from(report.movie.cells.frame.keys()).find((row) => report.movie.parentLink(row) >= 0)")
    page.run(f"report.select({row})")
    page.until(lambda: page.state("cell") == row)
    page.keys("c")
    page.until(lambda: page.text("#edit-count").startswith("1 correction"))
    page.keys("x")
    page.until(lambda: [edit["op"] for edit in page.run("report.edits.all()")] == ["cut"])
    page.with_control("z")
    page.until(lambda: [edit["op"] for edit in page.run("report.edits.all()")] == ["confirm"])
    page.with_control("y")
    page.until(lambda: [edit["op"] for edit in page.run("report.edits.all()")] == ["cut"])
    page.click("#undo")
    page.click("#undo")
    page.until(lambda: page.run("report.edits.now.size") == 0)
    page.click("#inspector button[data-op=cut]")
    page.until(lambda: page.run("report.edits.now.size") == 1)
    page.until(lambda: bool(page.all("#inspector button[data-op=cut][aria-pressed=true]")))
    edits = read_edits(page.saved())
    assert edits.masks_sha256 == json.loads((movie / "result" / "run.json").read_text())["masks_sha256"]
    source = page.run(f"report.movie.links.source[report.movie.parentLink({row})]")
    named = [page.run(f"[report.movie.number({cell}), report.movie.cells.label[{cell}]]") for cell in (source, row)]
    assert edits.edits == (Edit("cut", *named[0], *named[1]),)
    assert "--fixed edits.json" in page.text("#edit-note")


def test_links_are_added_by_two_clicks_and_obeyed(page: Page, movie: Path, tracker: Tracker, tmp_path: Path) -> None:
    mother, one, other = page.run("[report.movie.first[3], report.movie.first[4] + 3, report.movie.first[4] + 5]")
    page.run("report.goTo(3)")
    page.until(lambda: page.state("frame") == 3)
    page.click_cell(mother)
    page.until(lambda: page.state("cell") == mother)
    page.click("#divide")
    page.until(lambda: page.state("frame") == 4)
    page.click_cell(one)
    page.click_cell(other)
    page.until(lambda: page.run("report.edits.now.size") == 2)
    page.run(f"report.select({other})")
    page.until(lambda: page.state("cell") == other)
    page.keys("a")
    page.run("[report.fit(), report.goTo(3)]")
    page.until(lambda: page.state("frame") == 3)
    page.click_cell(mother + 1)
    page.until(lambda: "has the fixed parent" in page.text("#message"))
    file = page.saved()
    lineage = tracker.track(movie / "movie" / "01_ERR_SEG", movie / "movie" / "01", fixed=file)
    lineage.write(tmp_path / "corrected")
    cells, links = lineage.cells, lineage.links
    wanted = {(edit.frame_from, edit.label_from, edit.frame_to, edit.label_to) for edit in read_edits(file).edits}
    found = {
        (int(cells.number[a]), int(cells.label[a]), int(cells.number[b]), int(cells.label[b])): p
        for a, b, p in zip(links.source, links.target, links.probability, strict=True)
    }
    assert len(wanted) == 2
    assert [found[link] for link in wanted] == [1.0, 1.0]
    assert evaluate(tmp_path / "corrected", movie / "movie" / "01_GT")["wrong_links"] > 0  # type: ignore[operator]
    write_report(tmp_path / "corrected", tmp_path / "again.html")
    page.open(tmp_path / "again.html")
    assert page.run("report.edits.now.size") == 2
    assert page.run("report.edits.isSaved")


def test_corrections_are_loaded_unless_they_belong_to_other_masks(page: Page, tmp_path: Path) -> None:
    page.run("report.select(report.movie.links.target[0])")
    page.keys("c")
    page.until(lambda: page.run("report.edits.now.size") == 1)
    file = page.saved()
    page.click("#undo")
    page.find("#load").send_keys(str(file))
    page.until(lambda: page.run("report.edits.now.size") == 1)
    content = json.loads(file.read_text())
    (tmp_path / "other.json").write_text(json.dumps({**content, "masks_sha256": "0" * 64}))
    page.find("#load").send_keys(str(tmp_path / "other.json"))
    page.until(lambda: "other masks" in page.text("#message"))


def test_volumes_have_slices(browser: Any, tracker: Tracker, tmp_path: Path) -> None:
    case = CASES["anisotropic_3d"]()
    for name, frames in (("masks", case.masks.astype(np.uint16)), ("images", case.images)):
        assert frames is not None
        (tmp_path / name).mkdir()
        for index, frame in enumerate(frames):
            tifffile.imwrite(tmp_path / name / f"t{index:03d}.tif", frame)
    tracker.track(tmp_path / "masks", tmp_path / "images", scale=case.step).write(tmp_path / "result")
    write_report(tmp_path / "result", tmp_path / "report.html")
    page = Page(browser, browser.downloads)
    page.open(tmp_path / "report.html")
    assert page.find("#slice-control").is_displayed()
    page.click("#movie")
    page.keys(*"]]]]]")
    page.until(lambda: page.text("#slice-number") == "z 4")
    rows = "Array.from({ length: report.movie.first[1] }, (_, row) => row)"
    shown = f"{rows}.filter((row) => report.movie.isInSlice(row, 4)).length"
    assert 0 < page.run(shown) < page.run("report.movie.first[1]")
    page.until(lambda: page.run("Boolean(report.pictures.get(0, 4))"))
    assert not page.problems()
