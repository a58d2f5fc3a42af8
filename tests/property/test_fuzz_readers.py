"""A short sitting of the fuzzer, and the damages that it found before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from cell_tracker_gnn.errors import CellTrackerError, InputError, OutputError
from cell_tracker_gnn.io import open_movie, read_lineage, write_lineage
from cell_tracker_gnn.io.edits import read_edits
from cell_tracker_gnn.io.label_image import read_label_image, write_label_image
from cell_tracker_gnn.io.result import write_result
from cell_tracker_gnn.io.zarr_store import OURS
from cell_tracker_gnn.report.html import write_report
from cell_tracker_gnn.stages.record import begin_folder
from cell_tracker_gnn.stages.store import FolderStore
from fuzz import damage_once
from fuzz_files import READERS, lineage, masks

FILES = 12
"""Damaged files per reader; hundreds of thousands were read once, see ``benchmarks/results/fuzz.json``."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(READERS))
def test_only_our_own_errors_come_out_of_damaged_files(name: str, tmp_path: Path) -> None:
    seed = tmp_path / "seed"
    seed.mkdir()
    READERS[name].make(seed)
    for number in range(FILES):
        assert damage_once(READERS[name], seed, tmp_path / "damaged", name, number) is None, number


def test_blosc_chunks_that_lie_about_their_length_do_not_end_the_process(tmp_path: Path) -> None:
    write_label_image(lineage(), tmp_path / "m.ome.zarr", version="0.4")
    chunk = next((tmp_path / "m.ome.zarr" / "labels" / "tracks" / "0").rglob("3/0/0"))
    data = chunk.read_bytes()
    chunk.write_bytes(data[:12] + (900_000_000).to_bytes(4, "little") + data[16:])
    with pytest.raises(InputError, match="3/0/0 is damaged or cut off"):
        open_movie(tmp_path / "m.ome.zarr").masks[3]
    write_lineage(lineage(), tmp_path / "m.geff")
    ids = next(path for path in (tmp_path / "m.geff" / "nodes" / "ids").iterdir() if path.name.isdigit())
    ids.write_bytes(ids.read_bytes()[:-3])
    with pytest.raises(InputError, match="damaged or cut off"):
        read_lineage(tmp_path / "m.geff")


def test_names_in_zarr_metadata_do_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    zarr.save_array(tmp_path / "outside", masks())
    write_label_image(lineage(), tmp_path / "m.ome.zarr")
    place = tmp_path / "m.ome.zarr" / "labels" / "tracks" / "zarr.json"
    place.write_text(place.read_text().replace('"path": "0"', '"path": "../../../outside"'))
    with pytest.raises(InputError):
        open_movie(tmp_path / "m.ome.zarr")


def test_frame_numbers_in_zarr_attributes_increase(tmp_path: Path) -> None:
    for number, frames in enumerate(([0, 1, 1, 2], [0, 1, 2, 2**70], [0, 1, 2, "3"])):
        path = tmp_path / f"{number}.ome.zarr"
        write_label_image(lineage(), path)
        zarr.open_group(path / "labels" / "tracks", mode="r+").attrs[OURS] = {"frames": frames}
        with pytest.raises(InputError, match="do not increase"):
            read_label_image(path)


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("cells.csv", "label", "lable", "lacks 'label'"),
        ("cells.csv", "frame,", "label,", "two columns 'label'"),
        ("links.csv", "move", "jump", "cannot be read"),
        ("tracks.csv", "1,", "one,", "cannot be read"),
        ("run.json", '"shape": [', '"shape": [[', "cannot be read"),
        ("run.json", '"last_frame": 3', '"last_frame": 3e15', ""),
    ],
)
def test_damaged_results_are_refused_by_all_who_read_them(
    name: str, old: str, new: str, words: str, tmp_path: Path
) -> None:
    write_result(lineage(), tmp_path / "result")
    text = (tmp_path / "result" / name).read_text()
    assert old in text
    (tmp_path / "result" / name).write_text(text.replace(old, new, 1))
    refused = []
    for read in (read_lineage, lambda path: write_report(path, tmp_path / "report.html")):
        try:
            read(tmp_path / "result")
        except CellTrackerError as error:
            refused.append(str(error))
    assert all(words in sentence and "result" in sentence for sentence in refused)
    assert bool(refused) == bool(words)
    assert not list(tmp_path.glob(".report*"))


def test_text_of_a_result_is_no_part_of_the_page(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script><!--"
    result = lineage()
    result.run.update(masks=evil, model={"name": evil})
    write_result(result, tmp_path / "result <b>&amp;'\"")
    summary = tmp_path / "result <b>&amp;'\"" / "summary.json"
    summary.write_text(f'{{"note": "{evil}"}}')
    write_report(summary.parent, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "<script>alert" not in page
    assert "<b>" not in page.partition("</title>")[0]


def test_an_unknown_track_number_does_not_fill_the_memory(tmp_path: Path) -> None:
    frame = np.zeros((40, 40), np.uint32)
    frame[5:20, 5:20] = 3_000_000_000
    (tmp_path / "ctc").mkdir()
    tifffile.imwrite(tmp_path / "ctc" / "mask000.tif", frame, photometric="minisblack")
    (tmp_path / "ctc" / "res_track.txt").write_text("3000000000 0 0 0\n")
    assert len(read_lineage(tmp_path / "ctc").cells) == 1
    with pytest.raises(InputError, match="number the tracks from 1 on"):
        write_report(tmp_path / "ctc", tmp_path / "report.html")


def test_corrections_nested_without_end(tmp_path: Path) -> None:
    (tmp_path / "edits.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match=r"edits\.json cannot be read"):
        read_edits(tmp_path / "edits.json")


def test_finished_pieces_that_are_damaged(tmp_path: Path) -> None:
    made_of: dict[str, Any] = dict.fromkeys(("version", "inputs", "frames", "model", "device", "settings"), "")
    store = begin_folder(tmp_path, made_of)
    store.keep("features-0", {"a": np.arange(1000)})
    piece = tmp_path / "features-0.npz"
    data = piece.read_bytes()
    piece.write_bytes(data[:4] + b"\xff\xff" + data[6:200] + bytes(100) + data[300:])
    with pytest.raises(OutputError, match="delete it and continue"):
        FolderStore(tmp_path).load("features-0")
    (tmp_path / "made_of.json").write_text("[1]")
    with pytest.raises(OutputError, match="no record of a run"):
        begin_folder(tmp_path, made_of)
