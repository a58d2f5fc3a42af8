from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cell_tracker_gnn.data import ArrayFrames, Cells, Lineage, Links, Tracks
from cell_tracker_gnn.errors import InputError, MissingInputError, OutputError
from cell_tracker_gnn.io import check_output, open_movie, read_table, write_ctc, write_result, write_table
from cell_tracker_gnn.io import ctc as ctc_module

NUMBERS = (998, 999, 1000, 1001)


def small_lineage(
    numbers: tuple[int, ...] = NUMBERS, rank: int = 2, labels: tuple[int, ...] = (5, 3, 9, 4), images: bool = True
) -> Lineage:
    """Build a cell that is missed in the third frame and has a daughter beside a speck that is no cell."""
    shape = (16, 20) if rank == 2 else (3, 16, 20)
    masks = np.zeros((4, *shape), np.uint32)
    masks[0, ..., 2:6, 2:6] = labels[0]
    masks[1, ..., 3:7, 2:6] = labels[1]
    masks[3, ..., 1:4, 2:6] = labels[2]
    masks[3, ..., 6:9, 2:6] = labels[3]
    masks[3, ..., 12, 12] = 77
    pictures = np.random.default_rng(0).random(masks.shape) if images else None
    movie = open_movie(ArrayFrames(masks, numbers), pictures, scale=(2.0, 1.0, 1.0))
    n = 4
    cells = Cells(
        frame=np.array([0, 1, 3, 3]),
        label=np.array(labels),
        centroid=np.linspace(1, 9, n * rank).reshape(n, rank),
        box=np.zeros((n, 2 * rank), np.int64),
        size=np.full(n, 16),
        axes=np.full((n, rank), 4.0),
        direction=np.zeros((n, rank)),
        intensity=np.full((n, 4), 0.5) if images else np.full((n, 4), np.nan),
        appearance=np.full((n, 3), np.nan),
        embedding=np.zeros((n, 0), np.float32),
        numbers=numbers,
        shape=shape,
        scale=movie.scale,
    )
    ends, kinds = (np.array([0, 1, 1]), np.array([1, 2, 3])), np.array([0, 2, 2])
    links = Links(*ends, kinds, np.array([1 / 3, 0.9, 0.8]), np.array([0.5, 2.0, np.nan]))
    tracks = Tracks(
        track=np.array([1, 2, 3]),
        begin=np.array([0, 3, 3]),
        end=np.array([1, 3, 3]),
        parent=np.array([0, 1, 1]),
        identity=np.array([1, 2, 3]),
    )
    return Lineage(cells, links, np.array([1, 1, 2, 3]), tracks, movie, {"command": "track", "seed": 1})


def no_cells() -> Lineage:
    lineage = small_lineage()
    none = np.zeros(0, np.int64)
    return replace(
        lineage,
        cells=lineage.cells.select(none),
        links=Links.empty(),
        track=none,
        tracks=Tracks(none, none, none, none, none),
    )


def test_masks_carry_track_numbers(tmp_path: Path) -> None:
    lineage = small_lineage()
    write_result(lineage, tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [
        "cells.csv", "links.csv", "mask0998.tif", "mask0999.tif", "mask1000.tif", "mask1001.tif", "res_track.txt",
        "run.json", "summary.json", "tracks.csv", "uncertain.csv",
    ]  # fmt: skip
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]
    last = tifffile.imread(tmp_path / "out" / "mask1001.tif")
    assert last.dtype == np.uint16
    assert last[2, 3] == 2
    assert last[7, 3] == 3
    assert last[12, 12] == 0
    assert not tifffile.imread(tmp_path / "out" / "mask1000.tif").any()
    assert (tmp_path / "out" / "res_track.txt").read_text() == "1 998 999 0\n2 1001 1001 1\n3 1001 1001 1\n"
    assert open_movie(tmp_path / "out").numbers == NUMBERS


def test_three_digits_holes_and_volumes(tmp_path: Path) -> None:
    lineage = small_lineage((0, 5, 10, 15), rank=3)
    write_result(lineage, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").glob("*.tif"))[-1] == "mask015.tif"
    written = open_movie(tmp_path / "out", scale=(2, 1, 1))
    assert written.shape == (3, 16, 20)
    assert written.masks[0][1, 3, 3] == 1
    assert list(read_table(tmp_path / "out" / "cells.csv"))[3:10] == [
        "z", "y", "x", "size", "major_axis", "intermediate_axis", "minor_axis",
    ]  # fmt: skip


@pytest.mark.parametrize("labels", [(5, 3, 9, 4), (2**30, 3, 2**31, 2**25), (4, 5, 3, 9)])
def test_any_labels_become_track_numbers(
    tmp_path: Path, labels: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_ctc(small_lineage(labels=labels), tmp_path)
    expected = tifffile.imread(sorted(tmp_path.glob("*.tif")))
    monkeypatch.setattr(ctc_module, "_LARGEST_TABLE", 1)
    write_ctc(small_lineage(labels=labels), tmp_path)
    np.testing.assert_array_equal(tifffile.imread(sorted(tmp_path.glob("*.tif"))), expected)
    assert np.bincount(expected.ravel())[1:].tolist() == [32, 12, 12]


def test_tables(tmp_path: Path) -> None:
    write_result(small_lineage(), tmp_path / "out")
    lines = (tmp_path / "out" / "links.csv").read_text().splitlines()
    assert lines[0] == "frame_from,label_from,frame_to,label_to,track_from,track_to,kind,probability,margin"
    assert lines[2] == "999,3,1001,9,1,2,division,0.9,2"
    assert read_table(tmp_path / "out" / "links.csv")["probability"][0] == 1 / 3
    cells = read_table(tmp_path / "out" / "cells.csv")
    assert cells["frame"].tolist() == [998, 999, 1001, 1001]
    assert cells["track"].tolist() == [1, 1, 2, 3]
    assert cells["intensity_mean"].tolist() == [0.5] * 4
    tracks = read_table(tmp_path / "out" / "tracks.csv")
    assert list(tracks) == ["track", "begin", "end", "parent", "identity"]
    assert tracks["begin"].tolist() == [998, 1001, 1001]
    write_result(small_lineage(images=False), tmp_path / "plain")
    assert not any("intensity" in name for name in read_table(tmp_path / "plain" / "cells.csv"))


def test_run_is_strict_json(tmp_path: Path) -> None:
    run = {
        "frames": "0:5",
        "loss": float("nan"),
        "top": np.float32(0.5),
        "sizes": np.arange(2),
        "at": tmp_path,
        "no": None,
    }
    write_result(replace(small_lineage(), run=run), tmp_path / "out")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    read = json.loads((tmp_path / "out" / "run.json").read_text(), parse_constant=refuse)
    assert read["loss"] is None
    assert (read["top"], read["sizes"], read["frames"], read["at"]) == (0.5, [0, 1], "0:5", str(tmp_path))
    assert read["movie"]["scale"] == [1.0, 1.0]
    assert (read["movie"]["frames"], read["movie"]["first_frame"]) == (4, 998)
    assert read["result"] == {"cells": 4, "links": 3, "tracks": 3}


def test_no_cell_at_all(tmp_path: Path) -> None:
    write_result(no_cells(), tmp_path / "out")
    assert (tmp_path / "out" / "res_track.txt").read_text() == ""
    assert len(list((tmp_path / "out").glob("mask*.tif"))) == 4
    assert len(read_table(tmp_path / "out" / "cells.csv")["label"]) == 0


def test_more_tracks_than_labels(tmp_path: Path) -> None:
    many = replace(small_lineage(), track=np.array([1, 1, 2, 65_536]))
    with pytest.raises(OutputError, match=r"65,535 labels .*--wide-labels"):
        write_result(many, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    write_result(many, tmp_path / "out", wide_labels=True)
    masks = tifffile.imread(tmp_path / "out" / "mask1001.tif")
    assert masks.dtype == np.uint32
    assert masks.max() == 65_536


def test_a_lineage_without_masks(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="without its masks"):
        write_result(replace(small_lineage(), movie=None), tmp_path / "out")


def test_a_full_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_result(small_lineage(), tmp_path / "out")
    with pytest.raises(OutputError, match="is not empty; give another folder, or --overwrite"):
        write_result(small_lineage(), tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(OutputError, match="does not look like a former result"):
        write_result(small_lineage(), tmp_path / "mine", overwrite=True)
    with pytest.raises(OutputError, match="is a file"):
        check_output(tmp_path / "mine" / "thesis.txt")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "x"


def test_overwrite_keeps_what_is_not_ours(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_result(small_lineage(), out)
    (out / "notes.txt").write_text("x")
    (out / "figures").mkdir()
    write_result(small_lineage((0, 1, 2, 3)), out, overwrite=True)
    assert sorted(path.name for path in out.glob("*.tif")) == [f"mask00{t}.tif" for t in range(4)]
    assert (out / "notes.txt").read_text() == "x"
    assert (out / "figures").is_dir()
    assert list(tmp_path.iterdir()) == [out]


def test_after_a_crash(tmp_path: Path) -> None:
    partial = tmp_path / "out.partial"
    partial.mkdir()
    (partial / "mine.txt").write_text("x")
    with pytest.raises(OutputError, match=r"out\.partial is in the way and is not ours"):
        write_result(small_lineage(), tmp_path / "out")
    (partial / "mine.txt").unlink()
    (partial / ".cell-tracker-gnn").touch()
    (partial / "mask000.tif").touch()
    write_result(small_lineage(), tmp_path / "out")
    (tmp_path / "out" / ".cell-tracker-gnn").touch()
    (tmp_path / "out").rename(tmp_path / "out.replaced")
    with pytest.raises(OutputError, match="is not empty"):
        write_result(small_lineage(), tmp_path / "out")
    assert len(list((tmp_path / "out").glob("mask*.tif"))) == 4
    write_result(small_lineage(), tmp_path / "out", overwrite=True)
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_never_on_top_of_the_input(tmp_path: Path) -> None:
    masks = tmp_path / "data" / "masks"
    masks.mkdir(parents=True)
    (masks / "t000.tif").touch()
    (tmp_path / "data" / "run.json").touch()
    lineage = replace(small_lineage(), run={"masks": str(masks), "images": None})
    for place, sentence in [
        ("data/masks", "is the input itself"),
        ("data/masks/x/y", "lies inside"),
        ("data", "contains"),
    ]:
        for overwrite in (False, True):
            with pytest.raises(OutputError, match=sentence):
                write_result(lineage, tmp_path / place, overwrite=overwrite)
    with pytest.raises(OutputError, match="contains"):
        check_output(tmp_path / "data", [masks / "t000.tif"], overwrite=True)
    (tmp_path / "link").symlink_to(masks)
    with pytest.raises(OutputError, match="is the input itself"):
        check_output(tmp_path / "link", [masks])
    write_result(lineage, tmp_path / "data" / "result")
    assert sorted(path.name for path in masks.iterdir()) == ["t000.tif"]


def test_a_disk_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tifffile, "imwrite", full)
    with pytest.raises(OutputError, match="No space left on device"):
        write_result(small_lineage(), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OutputError, match="is read-only"):
        check_output(tmp_path / "new" / "out")


def test_a_broken_mask_while_writing_keeps_its_own_error(tmp_path: Path) -> None:
    lineage = small_lineage()
    masks = tmp_path / "m"
    masks.mkdir()
    for number, frame in zip(NUMBERS, lineage.movie.masks, strict=True):  # type: ignore[union-attr, call-overload]
        tifffile.imwrite(masks / f"t{number}.tif", frame)
    movie = open_movie(masks)
    (masks / "t1000.tif").unlink()
    with pytest.raises(MissingInputError, match=r"t1000\.tif is no longer there"):
        write_result(replace(lineage, movie=movie), tmp_path / "out")
    assert list(tmp_path.iterdir()) == [masks]


def test_write_through_the_lineage(tmp_path: Path) -> None:
    small_lineage().write(str(tmp_path / "out"))
    assert (tmp_path / "out" / "run.json").is_file()


def test_tables_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"ends in \.csv"):
        write_table({"a": np.arange(2)}, tmp_path / "a.xlsx")
    with pytest.raises(MissingInputError):
        read_table(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(InputError, match="cannot be read as a table"):
        read_table(tmp_path / "a.csv")


def test_import_is_light() -> None:
    code = (
        "import sys, cell_tracker_gnn.io\n"
        "assert not {'tifffile', 'pyarrow', 'torch', 'skimage', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
