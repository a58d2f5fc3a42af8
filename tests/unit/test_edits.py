"""The file of corrections: what is read, what is refused, and the published schema."""

import json
from pathlib import Path
from typing import Any

import pytest

from cell_tracker_gnn.errors import InputError, MissingInputError
from cell_tracker_gnn.io.edits import OPERATIONS, Edit, Edits, parse_edits, read_edits, write_edits

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "edits.schema.json").read_text())
ROW = {"op": "cut", "frame_from": 1, "label_from": 2, "frame_to": 3, "label_to": 4}


def content(**changes: Any) -> dict[str, Any]:
    return {"version": 1, "masks_sha256": "a" * 64, "edits": [ROW], **changes}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    edits = Edits("0f" * 32, tuple(Edit(op, 0, 5, 2, 7) for op in OPERATIONS))
    write_edits(edits, tmp_path / "edits.json")
    assert read_edits(tmp_path / "edits.json") == edits


def test_the_schema_says_what_is_checked() -> None:
    edit = SCHEMA["properties"]["edits"]["items"]
    assert edit["properties"]["op"]["enum"] == list(OPERATIONS)
    assert edit["required"] == list(edit["properties"]) == list(ROW)
    assert SCHEMA["required"] == list(SCHEMA["properties"]) == list(content())
    assert SCHEMA["properties"]["version"]["const"] == 1
    assert SCHEMA["properties"]["masks_sha256"]["pattern"] == "^[0-9a-f]{64}$"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ([], "holds no corrections"),
        ({"version": 1}, "holds no corrections"),
        (content(version=2), "version 2"),
        (content(version=True), "version True"),
        (content(masks_sha256="A" * 64), "hexadecimal"),
        (content(edits={}), "no list"),
        (content(more=1), "more"),
        (content(edits=[ROW, {**ROW, "op": "delete"}]), "edit 2 .* 'delete'"),
        (content(edits=[{**ROW, "label_to": -1}]), "label_to = -1"),
        (content(edits=[{**ROW, "label_to": 1.5}]), "label_to = 1.5"),
        (content(edits=[{**ROW, "frame_to": True}]), "frame_to = True"),
        (content(edits=[{**ROW, "frame_to": 2**53}]), "frame_to"),
        (content(edits=[{name: ROW[name] for name in list(ROW)[1:]}]), "edit 1 .* lacks"),
        (content(edits=[{**ROW, "why": ""}]), "why"),
        (content(edits=[7]), "edit 1"),
    ],
)
def test_anything_else_is_refused(wrong: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_edits(wrong, "FILE")


def test_a_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "edits.json").write_text("{")
    with pytest.raises(InputError, match=r"edits\.json cannot be read as JSON"):
        read_edits(tmp_path / "edits.json")
    with pytest.raises(MissingInputError, match=r"did you mean .*edits\.json"):
        read_edits(tmp_path / "edit.json")
