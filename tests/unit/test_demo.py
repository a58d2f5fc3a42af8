"""The demo, and pictures of its result, through the verbs."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cell_tracker_gnn import cli
from cell_tracker_gnn.io import read_lineage


def verb(*words: object) -> Result:
    return CliRunner().invoke(cli.verbs.verbs, [str(word) for word in words])


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "shown"
    done = verb("demo", "--output", folder)
    assert done.exit_code == 0, done.output
    # The last lines are those that are seen.
    verdict, places = done.output.splitlines()[-2:]
    assert re.search(r"\d link(s are| is) wrong and", verdict)
    assert "open " in places
    return folder


def test_demo_tracks_well_and_shows_it(shown: Path) -> None:
    scores = json.loads((shown / "scores.json").read_text("utf-8"))
    assert scores["wrong_links"] + scores["missed_links"] < 0.01 * scores["links"]
    assert (shown / "tracks.png").stat().st_size > 10_000
    assert "<canvas" in (shown / "report.html").read_text("utf-8")
    assert len(read_lineage(shown / "result").tracks) > 20


@pytest.mark.parametrize(
    "words", [("plot", "tree.svg"), ("plot", "tracks.png", "--kind", "tracks"), ("movie", "m.webp")]
)
def test_results_are_drawn(words: tuple[str, ...], shown: Path, tmp_path: Path) -> None:
    name, file, *more = words
    done = verb(name, shown / "result", "--output", tmp_path / file, *more)
    assert done.exit_code == 0, done.output
    assert (tmp_path / file).stat().st_size > 5_000


def test_a_simulated_movie_has_as_many_frames_as_asked_for(tmp_path: Path) -> None:
    assert verb("simulate", tmp_path / "movie", "--frames", 3, "--cells", 4, "--size", "80,80").exit_code == 0
    assert len(list((tmp_path / "movie" / "01").glob("*.tif"))) == 3
