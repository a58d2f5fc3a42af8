"""Corrections made in other programs: found again in every format, and learned from."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cell_tracker_gnn import Tracker
from cell_tracker_gnn.data import ArrayFrames, Lineage, Movie, Scale
from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.features.extract import extract_features
from cell_tracker_gnn.graph.build import build_graph
from cell_tracker_gnn.io import write_lineage
from cell_tracker_gnn.io.changes import compare_lineages, find_changes
from cell_tracker_gnn.io.edits import Edit, Edits, read_edits
from cell_tracker_gnn.linking.corrections import resolve_edits
from cell_tracker_gnn.linking.costs import LinkCosts
from cell_tracker_gnn.linking.lineage import build_lineage
from cell_tracker_gnn.model.infer import score_graph
from cell_tracker_gnn.model.weights import load_model
from cell_tracker_gnn.simulation import SimulationSettings, simulate
from cell_tracker_gnn.training.edited import LITTLE, edited_example
from cell_tracker_gnn.training.errors_left import count_errors
from cell_tracker_gnn.training.settings import TrainSettings
from cell_tracker_gnn.training.splits import split_examples
from installed_command import run

SETTINGS = SimulationSettings(frames=9, cells=9, size=(150, 150), seed=4, division_rate=6.0)


@pytest.fixture(scope="module")
def masks() -> list[np.ndarray]:
    return [frame.mask for frame in simulate(SETTINGS)]


@pytest.fixture(scope="module")
def result(masks: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("changes") / "result"
    Tracker.from_pretrained().track(np.stack(masks), scale=(0.5, 0.5), unit="µm").write(folder)
    return folder


def edited(lineage: Lineage) -> tuple[Lineage, set[tuple[str, int, int, int, int]]]:
    """The two links into frame 4 swapped between two cells, one link into frame 6 cut; and these changes."""
    cells, links = lineage.cells, lineage.links
    moves = np.flatnonzero((links.kind == 0) & (cells.frame[links.target] == 4))[:2]
    gone = np.flatnonzero((links.kind == 0) & (cells.frame[links.target] == 6))[0]
    target = links.target.copy()
    target[moves] = links.target[moves[::-1]]
    kept = np.arange(len(links)) != gone
    ones = np.ones(int(kept.sum()))
    changed = build_lineage(cells, links.source[kept], target[kept], ones, ones.astype(bool), movie=lineage.movie)

    def told(operation: str, a: int, b: int) -> tuple[str, int, int, int, int]:
        return (operation, int(cells.number[a]), int(cells.label[a]), int(cells.number[b]), int(cells.label[b]))

    cut = {told("cut", links.source[row], links.target[row]) for row in [*moves, gone]}
    return changed, cut | {told("add", links.source[row], target[row]) for row in moves}


@pytest.mark.parametrize("name", ["edited", "edited.geff", "edited.xml", "edited.csv"])
def test_changes_are_found_again_in_every_format(
    name: str, result: Path, masks: list[np.ndarray], tmp_path: Path
) -> None:
    lineage = Tracker.from_pretrained().track(np.stack(masks), scale=(0.5, 0.5), unit="µm")
    changed, expected = edited(lineage)
    write_lineage(changed, tmp_path / name)
    changes = find_changes(result, tmp_path / name)
    assert {tuple(vars(edit).values()) for edit in changes.edits.edits} == expected
    assert changes.edits.masks_sha256 == json.loads((result / "run.json").read_text())["masks_sha256"]
    assert (changes.new, changes.gone) == (0, 0)


def test_cells_that_came_or_went_are_counted_and_other_movies_refused(masks: list[np.ndarray]) -> None:
    tracker = Tracker.from_pretrained()
    lineage = tracker.track(np.stack(masks))
    fewer = np.stack(masks).copy()
    fewer[3][fewer[3] == fewer[3].max()] = 0
    less = tracker.track(fewer)
    assert compare_lineages(lineage, less, "0" * 64).gone == 1
    assert compare_lineages(less, lineage, "0" * 64).new == 1
    other = tracker.track(np.stack([np.roll(mask[::-1], 40, axis=1) for mask in masks]))
    with pytest.raises(InputError, match="same movie"):
        compare_lineages(lineage, other, "0" * 64)


def test_what_is_corrected_counts_fully_and_the_rest_little(masks: list[np.ndarray]) -> None:
    movie = Movie(ArrayFrames(masks), None, Scale.pixels(2))
    graph = build_graph(*extract_features(movie, max_gap=2), max_gap=2)
    start = load_model()
    lineage = Tracker(start).track(np.stack(masks))
    changed, _ = edited(lineage)
    changes = compare_lineages(lineage, changed, "0" * 64)
    corrections = resolve_edits(changes.edits.edits, graph.cells)
    example = edited_example("movie", graph, corrections, start, max_gap=2)
    candidates = graph.candidates
    keys = {
        pair: row for row, pair in enumerate(zip(candidates.source.tolist(), candidates.target.tolist(), strict=True))
    }
    trust = example.trust
    assert trust is not None
    for links, wanted in ((corrections.fixed, True), (corrections.forbidden, False)):
        for pair in links.tolist():
            row = keys.get(tuple(pair))
            if row is not None:
                assert (example.positive[row], trust.link[row]) == (wanted, 1.0)
    assert 0 < example.judged.sum() < 0.3 * len(candidates)
    np.testing.assert_allclose(trust.link[~example.judged], LITTLE)
    training, validation = split_examples([[example]], TrainSettings())
    assert all(part.judged.any() for part in (*training, *validation))
    # A network that takes back a link that nobody touched is told so.
    scores = score_graph(start.network, graph)
    before = count_errors(example, scores, LinkCosts(), max_gap=2)
    untouched = int(np.flatnonzero(example.positive & ~example.judged)[0])
    refuse = scores.link.copy()
    refuse[untouched] = -50.0
    assert count_errors(example, replace(scores, link=refuse), LinkCosts(), max_gap=2) > before


def test_a_result_is_edited_compared_and_learned_from(result: Path, masks: list[np.ndarray], tmp_path: Path) -> None:
    lineage = Tracker.from_pretrained().track(np.stack(masks), scale=(0.5, 0.5), unit="µm")
    changed, expected = edited(lineage)
    write_lineage(changed, tmp_path / "edited.geff")
    np.save(tmp_path / "masks.npy", np.stack(masks))

    done = run("corrections", result, tmp_path / "edited.geff", "--output", tmp_path / "edits.json")
    assert done.returncode == 0, done.stderr
    assert "3 of" in done.stdout
    assert len(read_edits(tmp_path / "edits.json").edits) == len(expected)
    again = run("corrections", result, tmp_path / "edited.geff", "--output", tmp_path / "edits.json")
    assert (again.returncode, "--overwrite" in again.stderr) == (2, True)
    train = (
        "train",
        tmp_path / "masks.npy",
        "--output",
        tmp_path / "model",
        "--device",
        "cpu",
        "epochs=1",
        "batches=2",
    )
    alone = run(*train, "--edits", tmp_path / "edits.json")
    assert (alone.returncode, "--from" in alone.stderr) == (2, True)
    trained = run(*train, "--from", "general", "--edits", tmp_path / "edits.json")
    assert trained.returncode == 0, trained.stderr
    assert "wrong and missed links" in trained.stdout
    card = load_model(tmp_path / "model").card
    assert card["fine_tuning"]["judged_links"] > 0
    other = replace(read_edits(tmp_path / "edits.json"), masks_sha256="0" * 64)
    (tmp_path / "other.json").write_text(json.dumps(Edits(other.masks_sha256, (Edit("cut", 0, 1, 1, 1),)).as_dict()))
    refused = run(*train, "--overwrite", "--from", "general", "--edits", tmp_path / "other.json")
    assert (refused.returncode, "other masks" in refused.stderr) == (2, True)
