"""Corrections: obeyed whatever the evidence says, refused when they contradict each other."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from cases import CASES, Case
from cell_tracker_gnn import Tracker, TrackSettings
from cell_tracker_gnn.data import KINDS, Lineage
from cell_tracker_gnn.errors import InputError, LinkingError
from cell_tracker_gnn.io import open_movie, read_table
from cell_tracker_gnn.io.edits import Edit, Edits, write_edits
from cell_tracker_gnn.io.fingerprint import movie_sha256
from cell_tracker_gnn.settings import LINKERS

Row = tuple[int, int, int, int]


@pytest.fixture(scope="module")
def tracker() -> Tracker:
    return Tracker.from_pretrained()


def edits_of(case: Case, *edits: tuple[str, Row]) -> Edits:
    return Edits(movie_sha256(open_movie(case.masks)), tuple(Edit(op, *row) for op, row in edits))


def track(tracker: Tracker, case: Case, edits: Edits, **settings: object) -> Lineage:
    own = Tracker(tracker.model, TrackSettings(**settings))  # type: ignore[arg-type]
    return own.track(case.masks, case.images, scale=case.step, fixed=edits)


def links(lineage: Lineage) -> dict[Row, int]:
    cells, own = lineage.cells, lineage.links
    ends = (cells.number[own.source], cells.label[own.source], cells.number[own.target], cells.label[own.target])
    return {row: i for i, row in enumerate(zip(*(end.tolist() for end in ends), strict=True))}


def rows(case: Case) -> Iterable[Row]:
    return (tuple(row) for row in case.links.tolist())  # type: ignore[misc]


@pytest.mark.parametrize("linker", LINKERS)
def test_links_are_exchanged_and_certain(linker: str, tracker: Tracker) -> None:
    case = CASES["perfect"]()
    one, other = (row for row in list(rows(case))[:2])
    crossed = [(*one[:2], *other[2:]), (*other[:2], *one[2:])]
    lineage = track(tracker, case, edits_of(case, *(("add", row) for row in crossed)), linker=linker)
    found = links(lineage)
    assert set(found) == set(rows(case)) - {one, other} | set(crossed)
    place = [found[row] for row in crossed]
    np.testing.assert_array_equal(lineage.links.probability[place], 1.0)
    np.testing.assert_array_equal(lineage.links.margin[place], np.inf)
    others = np.delete(lineage.links.probability, place)
    assert (others < 1.0).all()


@pytest.mark.parametrize("linker", LINKERS)
def test_a_cut_link_is_gone_and_the_rest_stays(linker: str, tracker: Tracker) -> None:
    case = CASES["perfect"]()
    cut = next(iter(rows(case)))
    lineage = track(tracker, case, edits_of(case, ("cut", cut)), linker=linker, max_gap=0)
    assert set(rows(case)) - set(links(lineage)) == {cut}


def test_a_link_that_was_no_candidate_is_taken(tracker: Tracker) -> None:
    case = CASES["perfect"]()
    _, first = min((row[1], row[1]) for row in rows(case) if row[0] == 0)
    last = [row[3] for row in rows(case) if row[2] == 5]
    own = {row[3] for row in rows(case) if row[2] == 5} & set(last)
    far = (0, first, 5, max(own))
    lineage = track(tracker, case, edits_of(case, ("add", far)), max_gap=0)
    found = links(lineage)
    assert far in found
    assert lineage.links.kind[found[far]] == KINDS.index("gap")
    assert lineage.run["edits"][0]["op"] == "add"  # type: ignore[index]


def test_two_added_links_are_a_division_even_if_one_comes_later(tracker: Tracker) -> None:
    case = CASES["late_division"]()
    births = [row for row in rows(case) if sum(r[:2] == row[:2] for r in rows(case)) == 2]
    assert [row[2] - row[0] for row in births] == [1, 2]
    lineage = track(tracker, case, edits_of(case, *(("add", row) for row in births)))
    found = links(lineage)
    assert {KINDS[lineage.links.kind[found[row]]] for row in births} == {"division"}
    divided = lineage.events.kind == 1
    np.testing.assert_array_equal(lineage.events.probability[divided], [1.0])


@pytest.mark.parametrize("op", ["cut", "add"])
def test_cells_that_share_a_mask_obey_too(op: str, tracker: Tracker) -> None:
    case = CASES["merge"]()
    before = track(tracker, case, edits_of(case))
    kinds = {row: KINDS[before.links.kind[i]] for row, i in links(before).items()}
    assert {"merge", "split"} <= set(kinds.values())
    passing = [row for row, kind in kinds.items() if kind in ("merge", "split")]
    for row in passing:
        changes = [("cut", row)] if op == "cut" else [("add", row)]
        found = links(track(tracker, case, edits_of(case, *changes)))
        assert (row in found) == (op == "add")


def test_a_confirmed_result_stays_as_it_is(tracker: Tracker) -> None:
    case = CASES["touching"]()
    before = track(tracker, case, edits_of(case))
    after = track(tracker, case, edits_of(case, *(("confirm", row) for row in links(before))))
    assert links(after) == links(before)
    assert after.summary["links"] == {"count": len(before.links), "expected_wrong": 0.0, "interval_90": [0, 0]}


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        (
            [("confirm", (0, 1, 1, 1)), ("cut", (0, 1, 1, 1))],
            "cell 1 of frame 0 to cell 1 of frame 1 is both cut and con",
        ),
        ([("add", (0, 1, 1, 1)), ("add", (0, 2, 1, 1))], "cell 1 of frame 1 is given .* as parents"),
        ([("add", (0, 1, 1, n)) for n in (1, 2, 3)], "cell 1 of frame 0 is given .* and cell 3 of frame 1 as children"),
        ([("add", (1, 1, 1, 2))], "does not lead to a later frame"),
        ([("cut", (2, 1, 1, 2))], "does not lead to a later frame"),
        ([("cut", (0, 9, 1, 2))], "cell 9 of frame 0, which is not there"),
        ([("cut", (0, 1, 77, 2))], "cell 2 of frame 77, which is not there"),
    ],
)
def test_contradictions_are_named(edits: list[tuple[str, Row]], words: str, tracker: Tracker) -> None:
    case = CASES["perfect"]()
    with pytest.raises(LinkingError, match=words):
        track(tracker, case, edits_of(case, *edits))


def test_a_division_needs_divisions(tracker: Tracker) -> None:
    case = CASES["perfect"]()
    with pytest.raises(LinkingError, match="--no-divisions"):
        track(tracker, case, edits_of(case, ("add", (0, 1, 1, 1)), ("add", (0, 1, 1, 2))), divisions=False)


def test_saying_the_same_twice_is_no_contradiction(tracker: Tracker) -> None:
    case = CASES["perfect"]()
    row = next(iter(rows(case)))
    assert row in links(track(tracker, case, edits_of(case, ("confirm", row), ("add", row))))


def test_other_masks_are_refused(tracker: Tracker, tmp_path: Path) -> None:
    case, other = CASES["perfect"](), CASES["touching"]()
    write_edits(edits_of(other), tmp_path / "edits.json")
    with pytest.raises(InputError, match=r"made on other masks.*RESULT/masks"):
        tracker.track(case.masks, case.images, fixed=tmp_path / "edits.json")


def test_points_are_corrected_by_their_ids(tracker: Tracker, tmp_path: Path) -> None:
    table = {"t": np.repeat([0, 1, 2], 2), "y": np.tile([0.0, 30.0], 3), "x": np.arange(6) // 2 * 1.0}
    table["id"] = np.array([70, 50, 50, 70, 70, 50])
    first = tracker.track(table)
    assert (0, 70, 1, 50) in links(first)
    edits = Edits(str(first.run["masks_sha256"]), (Edit("add", 0, 70, 1, 70), Edit("cut", 1, 50, 2, 70)))
    second = tracker.track(table, fixed=edits)
    assert (0, 70, 1, 70) in links(second)
    assert (1, 50, 2, 70) not in links(second)
    second.write(tmp_path / "result")
    row = read_table(tmp_path / "result" / "links.csv")
    assert row["probability"][(row["label_from"] == 70) & (row["label_to"] == 70)] == [1.0]
    assert len(json.loads((tmp_path / "result" / "run.json").read_text())["edits"]) == 2
