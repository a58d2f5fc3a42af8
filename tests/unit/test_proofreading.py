"""Corrections made in napari, without napari."""

import numpy as np
import pytest

from cases import CASES
from cell_tracker_gnn import Lineage, Tracker
from cell_tracker_gnn.errors import InputError, LinkingError
from cell_tracker_gnn.io import read_lineage, read_table
from cell_tracker_gnn.io.edits import Edit, Edits
from cell_tracker_gnn.napari.again import TrackAgain
from cell_tracker_gnn.napari.proofreading import Doubt, Proofreading, list_doubts


@pytest.fixture(scope="module")
def lineage() -> Lineage:
    case = CASES["division"]()
    return Tracker.from_pretrained().track(case.masks, case.images)


def link(lineage: Lineage, place: int) -> Doubt:
    links = lineage.links
    return Doubt("move", int(links.source[place]), int(links.target[place]), 0.5, is_link=True)


def mother(lineage: Lineage) -> Doubt:
    row = int(lineage.links.source[np.argmax(np.bincount(lineage.links.source)[lineage.links.source])])
    return Doubt("division", row, None, 0.5, is_link=False)


def test_confirm_cut_undo_redo_and_take_back(lineage: Lineage) -> None:
    found, doubt = Proofreading(lineage), link(lineage, 0)
    found.confirm(doubt)
    found.cut(doubt)
    assert [edit.op for edit in found.edits().edits] == ["cut"]
    found.undo()
    assert found.of(doubt) == "confirm"
    found.undo()
    assert not len(found)
    assert not found.can_undo
    found.redo()
    assert found.of(doubt) == "confirm"
    found.take_back(doubt)
    assert found.of(doubt) == ""
    found.undo()
    assert found.of(doubt) == "confirm"
    assert found.can_redo
    found.cut(doubt)
    assert not found.can_redo


def test_a_division_is_confirmed_as_two_links_and_cut_as_one(lineage: Lineage) -> None:
    found, doubt = Proofreading(lineage), mother(lineage)
    assert len(found.ends(doubt)[1]) == 2
    found.confirm(doubt)
    assert [edit.op for edit in found.edits().edits] == ["confirm", "confirm"]
    found.undo()
    found.cut(doubt)
    (edit,) = found.edits().edits
    links = lineage.links
    own = np.flatnonzero(links.source == doubt.source)
    weaker = links.target[own[np.argmin(links.probability[own])]]
    assert (edit.op, edit.label_to) == ("cut", lineage.cells.label[weaker])


def test_relinking_to_a_later_cell_cuts_and_to_an_earlier_one_does_not(lineage: Lineage) -> None:
    found, doubt = Proofreading(lineage), link(lineage, 0)
    frame = lineage.cells.frame
    child = next(row for row in np.flatnonzero(frame == frame[doubt.target]).tolist() if row != doubt.target)
    found.relink(doubt, child)
    assert sorted(edit.op for edit in found.edits().edits) == ["add", "cut"]
    found.undo()
    parent = next(row for row in np.flatnonzero(frame == frame[doubt.source]).tolist() if row != doubt.source)
    found.relink(doubt, parent)
    assert [edit.op for edit in found.edits().edits] == ["add"]
    assert found.of(doubt) == "relinked"
    with pytest.raises(LinkingError, match="later frame"):
        found.relink(Doubt("end", doubt.target, None, 0.5, is_link=False), doubt.source)


def test_a_daughter_is_added_and_a_third_child_refused(lineage: Lineage) -> None:
    found, doubt = Proofreading(lineage), link(lineage, -1)
    frame = lineage.cells.frame
    first, second = (row for row in np.flatnonzero(frame == frame[doubt.target]).tolist() if row != doubt.target)
    found.add_daughter(doubt, first)
    assert sorted(edit.op for edit in found.edits().edits) == ["add", "confirm"]
    with pytest.raises(LinkingError, match="children"):
        found.add_daughter(doubt, second)
    assert len(found) == 2


def test_what_has_no_link_is_not_confirmed(lineage: Lineage) -> None:
    with pytest.raises(LinkingError, match="no link"):
        Proofreading(lineage).confirm(Doubt("beginning", None, 0, 0.5, is_link=False))


def test_corrections_are_obeyed_and_begin_the_next_round(lineage: Lineage) -> None:
    found, doubt = Proofreading(lineage), link(lineage, 0)
    found.cut(doubt)
    again = TrackAgain(lineage, found.edits())(lambda stage, done, total: None)
    assert (doubt.source, doubt.target) not in set(zip(again.links.source, again.links.target, strict=True))
    following = Proofreading(again)
    following.go_on_from(found)
    assert following.edits() == found.edits()
    assert not following.is_saved
    following.undo()
    assert not len(following)


def test_corrections_of_other_masks_are_refused(lineage: Lineage) -> None:
    found = Proofreading(lineage)
    with pytest.raises(InputError, match="other masks"):
        found.load(Edits("0" * 64, ()))
    with pytest.raises(LinkingError, match="not there"):
        found.load(Edits(found.edits().masks_sha256, (Edit("cut", 0, 999, 1, 1),)))
    assert not found.can_undo


def test_doubts_on_disk_are_those_in_memory(tmp_path: object) -> None:
    case = CASES["touching"]()
    lineage = Tracker.from_pretrained().track(case.masks)
    lineage.write(f"{tmp_path}/result")
    columns = read_table(f"{tmp_path}/result/uncertain.csv")
    read = list_doubts(read_lineage(f"{tmp_path}/result"), columns)
    made = list_doubts(lineage)
    assert [(d.kind, d.source, d.target, d.is_link) for d in read] == [
        (d.kind, d.source, d.target, d.is_link) for d in made
    ]
    assert np.allclose([d.probability for d in read], [d.probability for d in made])
