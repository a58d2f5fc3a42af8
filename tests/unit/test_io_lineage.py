from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from cell_tracker_gnn.errors import InputError, MissingInputError
from cell_tracker_gnn.io import find_sequence, read_lineage_table

DATA = Path(__file__).parents[3] / "shared" / "data"


def table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "man_track.txt"
    path.write_text(text)
    return path


def test_read_lineage_table(tmp_path: Path) -> None:
    read = read_lineage_table(table(tmp_path, "1 0 4 0\n\n7\t5 9 1\r\n3 6 9 1"))
    assert len(read) == 3
    assert read.label.tolist() == [1, 7, 3]
    assert read.begin.tolist() == [0, 5, 6]
    assert read.end.tolist() == [4, 9, 9]
    assert read.parent.tolist() == [0, 1, 1]


def test_empty_lineage_table(tmp_path: Path) -> None:
    assert len(read_lineage_table(table(tmp_path, "\n"))) == 0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1 0 4 0\n2 5 9\n", r"line 2: '2 5 9' is not four whole numbers"),
        ("1 0 4.5 0\n", "line 1: .* is not four whole numbers"),
        ("L B E P\n", "line 1: .* is not four whole numbers"),
        ("1 0 4 0\n\n1 5 9 0\n", "line 3: track 1 already stands in line 1"),
        ("1 0 4 0\n2 5 9 8\n", "line 2: track 2 has the parent 8, which has no line"),
        ("1 0 4 2\n2 5 9 0\n", "line 1: track 1 begins in frame 0, but its parent 2 ends in frame 9"),
        ("1 0 4 0\n2 4 9 1\n", "line 2: .* must be earlier"),
        ("1 0 4 1\n", "line 1: .* must be earlier"),
        ("1 5 6 2\n2 7 8 1\n", "line 1: .* must be earlier"),
        ("1 6 4 0\n", "line 1: track 1 begins in frame 6, after its end 4"),
        ("0 0 4 0\n", "line 1: labels count from 1"),
        ("1 0 4 99999999999999999999\n", "line 1: labels count from 1"),
        ("1 -1 4 0\n", "frames and parents from 0"),
    ],
)
def test_broken_lineage_tables(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        read_lineage_table(table(tmp_path, text))


def test_lineage_table_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "man_track.txt").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(InputError, match="cannot be read as text"):
        read_lineage_table(tmp_path / "man_track.txt")
    with pytest.raises(MissingInputError, match=r"did you mean .*man_track\.txt"):
        read_lineage_table(tmp_path / "mantrack.txt")


def add(folder: Path) -> Path:
    folder.mkdir(parents=True)
    tifffile.imwrite(folder / "man000.tif", np.zeros((4, 4), np.uint16))
    return folder


def add_truth(data: Path) -> Path:
    truth = add(data / "01_GT" / "TRA")
    (truth / "man_track.txt").write_text("1 0 0 0\n")
    return truth


def test_find_sequence(tmp_path: Path) -> None:
    data = tmp_path / "Set"
    truth = add_truth(data)
    for name in ("01", "01_GT", "01_ST"):
        found = find_sequence(data / name)
        assert (found.images, found.masks, found.markers) == (None, truth, truth)
        assert found.lineage == truth / "man_track.txt"
        assert found.name == "Set/01"
    images, silver = add(data / "01"), add(data / "01_ST" / "SEG")
    found = find_sequence(f"{data}/01/")
    assert (found.images, found.masks, found.markers) == (images, silver, truth)


def test_find_sequence_with_explicit_paths(tmp_path: Path) -> None:
    truth = add_truth(tmp_path / "Set")
    masks, images = add(tmp_path / "mine"), add(tmp_path / "pictures")
    found = find_sequence(tmp_path / "Set" / "01", masks=masks, images=images)
    assert (found.images, found.masks, found.markers) == (images, masks, truth)
    alone = tmp_path / "lineage.csv"
    alone.write_text("1 0 0 0\n")
    found = find_sequence(tmp_path / "x", masks=masks, lineage=alone)
    assert (found.images, found.masks, found.markers, found.lineage) == (None, masks, masks, alone)


def test_find_sequence_says_where_to_look(tmp_path: Path) -> None:
    add_truth(tmp_path / "Set")
    with pytest.raises(MissingInputError, match=r"did you mean .*Set/01\?"):
        find_sequence(tmp_path / "Set")
    with pytest.raises(MissingInputError, match=r"did you mean .*Set/01\?"):
        find_sequence(tmp_path / "Set" / "02")
    with pytest.raises(MissingInputError, match=r"did you mean .*Set\?"):
        find_sequence(tmp_path / "Sett" / "01")
    add(tmp_path / "Other" / "01")
    with pytest.raises(MissingInputError, match="say where it is with --lineage"):
        find_sequence(tmp_path / "Other" / "01")


@pytest.mark.realdata
@pytest.mark.skipif(not DATA.is_dir(), reason="development data are absent")
def test_every_sequence_of_the_development_data_is_found() -> None:
    truths = sorted(DATA.glob("*/*_GT/TRA"))
    for truth in truths:
        found = find_sequence(str(truth.parent).removesuffix("_GT"))
        assert found.markers == truth
        assert len(read_lineage_table(found.lineage)) > 0
