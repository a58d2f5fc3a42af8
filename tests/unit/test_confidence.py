"""Evidence, calibrated probabilities, expected numbers of errors, safe lineages and their tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom

from cases import CASES
from cell_tracker_gnn import Tracker, TrackSettings
from cell_tracker_gnn.data import DECISIONS, KINDS, Lineage
from cell_tracker_gnn.evaluation.calibration import calibration_error, caught, chance_error, least_certain, reliability
from cell_tracker_gnn.io import read_table
from cell_tracker_gnn.linking.confidence import USUAL_SPREAD, Confidence
from cell_tracker_gnn.linking.evidence import EVIDENCE
from cell_tracker_gnn.linking.summary import expected_wrong_links
from cell_tracker_gnn.training.confidence import Judged, fit_confidence, fit_spread


@pytest.fixture(scope="module")
def tracker() -> Tracker:
    return Tracker.from_pretrained()


def track(tracker: Tracker, name: str, **settings: object) -> Lineage:
    case = CASES[name]()
    return Tracker(tracker.model, TrackSettings(**settings)).track(case.masks, case.images, scale=case.step)


@pytest.mark.parametrize("linker", ["exact", "greedy"])
@pytest.mark.parametrize("name", sorted(CASES))
def test_every_decision_has_a_probability_and_a_margin(name: str, linker: str, tracker: Tracker) -> None:
    lineage = track(tracker, name, linker=linker)
    cells, links, events = lineage.cells, lineage.links, lineage.events
    for probability in (links.probability, events.probability):
        assert ((probability >= 0) & (probability <= 1)).all()
    beside = links.kind >= KINDS.index("merge")
    assert (np.isfinite(links.margin) == ~beside).all()
    assert not np.isnan(events.margin).any()
    if linker == "exact":
        assert (links.margin[~beside] >= -1e-9).all()
        assert (events.margin >= -1e-9).all()
    found = {kind: set(events.cell[events.kind == code].tolist()) for code, kind in enumerate(DECISIONS)}
    every, last = set(range(len(cells))), len(cells.numbers) - 1
    assert found["link"] == set()
    assert found["division"] == set(links.source[links.kind == KINDS.index("division")].tolist())
    assert found["beginning"] == {c for c in every - set(links.target.tolist()) if cells.frame[c] > 0}
    assert found["end"] == {c for c in every - set(links.source.tolist()) if cells.frame[c] < last}


def test_a_link_that_competes_is_less_certain_than_the_others(tracker: Tracker) -> None:
    lineage = track(tracker, "merge")
    doubtful = int(np.nanargmin(lineage.links.margin))
    assert lineage.cells.frame[lineage.links.target[doubtful]] == 2
    doubt = 1 - lineage.links.probability
    assert doubt[doubtful] > 5 * np.median(doubt)


def test_uncertain_decisions_come_most_doubtful_first(tracker: Tracker, tmp_path: Path) -> None:
    for name in ("merge", "border", "no_cell"):
        lineage = track(tracker, name)
        lineage.write(tmp_path / name)
        table = read_table(tmp_path / name / "uncertain.csv")
        assert list(table) == [
            "decision", "kind", "frame_from", "label_from", "track_from", "frame_to", "label_to", "track_to",
            "probability", "margin",
        ]  # fmt: skip
        assert (np.diff(table["probability"]) >= 0).all()
        everything = np.concatenate([lineage.links.probability, lineage.events.probability])
        assert len(table["probability"]) == (everything < 0.99).sum()
        decision = np.asarray(table["decision"], str)
        ends = np.isin(decision, ["end", "division"])
        assert np.isnan(np.asarray(table["frame_to"], float))[ends].all()
        assert (np.isnan(np.asarray(table["frame_from"], float)) == (decision == "beginning")).all()
        margins = read_table(tmp_path / name / "links.csv")["margin"]
        np.testing.assert_allclose(margins, lineage.links.margin)


def test_the_summary_counts_and_names_safe_lineages(tracker: Tracker, tmp_path: Path) -> None:
    lineage = track(tracker, "merge")
    lineage.write(tmp_path / "r")
    summary = json.loads((tmp_path / "r" / "summary.json").read_text())
    assert summary["links"]["count"] == len(lineage.links)
    assert summary["links"]["expected_wrong"] == pytest.approx((1 - lineage.links.probability).sum(), abs=1e-3)
    low, high = summary["links"]["interval_90"]
    assert 0 <= low <= summary["links"]["expected_wrong"] <= high <= len(lineage.links)
    wrong = expected_wrong_links(lineage)
    roots = lineage.tracks.track[lineage.tracks.parent == 0]
    assert summary["lineages"]["count"] == len(roots)
    assert summary["lineages"]["safe"] == [t for t in roots.tolist() if wrong[t - 1] < 0.05]
    assert wrong[roots - 1].sum() == pytest.approx((1 - lineage.links.probability).sum())


def test_without_calibration_half_the_margin_is_the_log_odds() -> None:
    evidence = np.zeros((3, len(EVIDENCE["link"])))
    evidence[:, 0] = [-1.0, 0.0, 2.0]
    np.testing.assert_allclose(Confidence().probability("link", evidence), 1 / (1 + np.exp([0.5, 0.0, -1.0])))


@given(st.lists(st.floats(0, 1), max_size=40), st.floats(0.3, 30))
def test_the_interval_holds_the_expected_number_unless_it_is_tiny(values: list[float], shape: float) -> None:
    expected, low, high = Confidence(spread={"link": shape}).estimate("link", np.array(values))
    assert expected == pytest.approx(sum(1 - value for value in values))
    assert 0 <= low <= high <= len(values)
    assert low <= expected


@given(st.integers(1, 3000), st.floats(0.001, 0.999), st.floats(0.3, 30))
def test_the_interval_is_that_of_scipy(count: int, probability: float, shape: float) -> None:
    expected, low, high = Confidence(spread={"link": shape}).estimate("link", np.full(count, probability))
    ends = nbinom.ppf((0.05, 0.95), shape, shape / (shape + expected))
    assert (low, high) == (int(ends[0]), min(int(ends[1]), count))


def sample(seed: int, slope: float, shift: float, group: str, count: int = 4000) -> Judged:
    rng = np.random.default_rng(seed)
    evidence, right = {}, {}
    for kind in DECISIONS:
        evidence[kind] = np.zeros((count, len(EVIDENCE[kind])))
        evidence[kind][:, 0] = rng.uniform(0, 8, count)
        right[kind] = rng.random(count) < 1 / (1 + np.exp(-slope * evidence[kind][:, 0] - shift))
    return Judged(group, 1.0, evidence, right)


def test_fitting_finds_the_slope_and_calibrates_a_new_movie() -> None:
    movies = [sample(seed, 0.6, -0.5, f"set {seed}") for seed in range(40)]
    confidence = fit_confidence(movies[:4] * 10)
    weights = confidence.weights["link"]
    assert weights["margin"] == pytest.approx(0.6, abs=0.1)
    assert weights["intercept"] == pytest.approx(-0.5, abs=0.3)
    new = sample(99, 0.6, -0.5, "new")
    for kind in DECISIONS:
        probability = confidence.probability(kind, new.evidence[kind])
        assert calibration_error(probability, new.right[kind]) < 0.03
        _, low, high = confidence.estimate(kind, probability)
        assert low <= (~new.right[kind]).sum() <= high
    assert Confidence.from_dict(json.loads(json.dumps(confidence.as_dict()))) == confidence


def test_few_decisions_change_little_and_none_change_nothing() -> None:
    few = fit_confidence([sample(1, 0.2, 0.0, "one", count=3)])
    none = fit_confidence([sample(1, 0.2, 0.0, "one", count=0)])
    evidence = np.zeros((1, len(EVIDENCE["link"])))
    evidence[0, 0] = 2.0
    usual = Confidence().probability("link", evidence)
    assert few.probability("link", evidence) == pytest.approx(usual, abs=0.2)
    assert none.probability("link", evidence) == pytest.approx(usual, abs=0.2)
    assert few.spread == {}


def test_the_spread_is_wider_where_movies_differ_more() -> None:
    steady = fit_spread([20.0] * 8, [18, 22, 21, 20, 19, 23, 17, 20], [1.0] * 8)
    wild = fit_spread([20.0] * 8, [2, 70, 5, 40, 20, 1, 60, 9], [1.0] * 8)
    assert wild < USUAL_SPREAD < steady


def test_what_chance_leaves_of_the_calibration_error_is_that_of_a_binomial_share() -> None:
    # One bin of 80 decisions: the mean distance of a share from its probability is sqrt(2 p (1 - p) / (pi n)).
    by_hand = (2 * 0.7 * 0.3 / (np.pi * 80)) ** 0.5
    assert chance_error(np.full(80, 0.7), draws=2000) == pytest.approx(by_hand, rel=0.05)
    assert chance_error(np.ones(300)) == 0.0
    assert chance_error(np.zeros(0)) == 0.0


def test_calibration_error_is_the_distance_from_the_truth() -> None:
    right = np.arange(1000) % 10 > 0
    assert calibration_error(np.full(1000, 0.9), right) == pytest.approx(0.0, abs=0.01)
    assert calibration_error(np.full(1000, 0.7), right) == pytest.approx(0.2, abs=0.01)
    assert calibration_error(np.zeros(0), np.zeros(0, bool)) == 0.0
    assert reliability(np.linspace(0, 1, 120), np.ones(120, bool)).count.tolist() == [60, 60]


def test_least_certain_and_caught() -> None:
    probability = np.linspace(0.5, 1.0, 100)
    right = np.ones(100, bool)
    assert caught(probability, right) is None
    right[[1, 3, 50]] = False
    assert least_certain(probability).tolist() == [0, 1, 2, 3, 4]
    assert caught(probability, right) == pytest.approx(2 / 3)
