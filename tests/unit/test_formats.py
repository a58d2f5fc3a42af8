"""Files of other programs, edited and broken ones, masks that are given beside, and what convert says."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from test_io_result import no_cells, small_lineage

from cases import CASES
from cell_tracker_gnn.data import KINDS, Lineage, Scale
from cell_tracker_gnn.errors import InputError, MissingInputError, OutputError, SettingsError
from cell_tracker_gnn.io import convert, open_movie, read_lineage, write_lineage, write_result
from cell_tracker_gnn.io import optional as optional_module
from cell_tracker_gnn.io.formats import FORMATS, format_of
from cell_tracker_gnn.io.graphs import from_networkx, to_networkx
from cell_tracker_gnn.io.outlines import outlines
from cell_tracker_gnn.io.units import length_factor, length_unit, parse_interval, time_in_seconds

FOREIGN = """<?xml version="1.0" encoding="UTF-8"?>
<TrackMate version="7.11.1"><Model spatialunits="micron" timeunits="min">
<AllSpots nspots="5">
<SpotsInFrame frame="0"><Spot ID="70" name="a" POSITION_X="2.0" POSITION_Y="1.0" POSITION_Z="0.0"
 FRAME="0" VISIBILITY="1"
/>
<Spot ID="71" name="hidden" POSITION_X="9.0" POSITION_Y="1.0" POSITION_Z="0.0"
 FRAME="0" VISIBILITY="0"
/></SpotsInFrame>
<SpotsInFrame frame="1"><Spot ID="8" name="b" POSITION_X="2.5" POSITION_Y="1.0" POSITION_Z="0.0"
 FRAME="1" VISIBILITY="1"
/>
<Spot ID="9" name="c" POSITION_X="3.5" POSITION_Y="1.0" POSITION_Z="0.0"
 FRAME="1" VISIBILITY="1"
/></SpotsInFrame>
<SpotsInFrame frame="2" />
<SpotsInFrame frame="3"><Spot ID="5" name="d" POSITION_X="4.0" POSITION_Y="1.5" POSITION_Z="0.0"
 FRAME="3" VISIBILITY="1"
/></SpotsInFrame>
</AllSpots>
<AllTracks><Track name="Track_4" TRACK_ID="4">
<Edge SPOT_SOURCE_ID="8" SPOT_TARGET_ID="70" LINK_COST="2.0" /><Edge SPOT_SOURCE_ID="70" SPOT_TARGET_ID="9" />
<Edge SPOT_SOURCE_ID="9" SPOT_TARGET_ID="5" /></Track></AllTracks>
<FilteredTracks><TrackID TRACK_ID="4" /></FilteredTracks></Model>
<Settings><ImageData filename="m.tif" folder="/data" width="20" height="16" nslices="1" nframes="4" pixelwidth="0.5"
 pixelheight="0.25" voxeldepth="1.0" timeinterval="2.0" /></Settings></TrackMate>
"""


def test_a_trackmate_file_of_trackmate(tmp_path: Path) -> None:
    file = tmp_path / "theirs.xml"
    file.write_text(FOREIGN)
    lineage = read_lineage(file)
    assert lineage.cells.label.tolist() == [70, 8, 9, 5]
    assert lineage.cells.centroid.tolist() == [[4.0, 4.0], [4.0, 5.0], [4.0, 7.0], [6.0, 8.0]]
    assert lineage.cells.scale == Scale((0.25, 0.5), "µm", 120.0, "s")
    assert lineage.cells.numbers == (0, 1, 2, 3)
    assert [KINDS[kind] for kind in lineage.links.kind] == ["division", "division", "gap"]
    assert lineage.tracks.parent.tolist() == [0, 1, 1, 3]
    assert lineage.tracks.identity.tolist() == [1, 2, 3, 3]
    file.write_text(FOREIGN.replace('<TrackID TRACK_ID="4" />', ""))
    assert len(read_lineage(file).links) == 0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('<!DOCTYPE a [<!ENTITY b "bbbb">]><TrackMate>&b;</TrackMate>', "declares a document type"),
        ("<html></html>", "is no TrackMate file, its root is html"),
        (FOREIGN[:900], "cannot be read"),
        ("", "its root is missing"),
        (FOREIGN.replace('SPOT_TARGET_ID="5"', 'SPOT_TARGET_ID="6"'), "an edge of the spot 6"),
        (FOREIGN.replace('POSITION_X="2.0"', 'POSITION_X="two"'), "cannot be read"),
    ],
)
def test_xml_that_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    for encoding in ("utf-8", "utf-16") if "DOCTYPE" in text else ("utf-8",):
        (tmp_path / "a.xml").write_text(text, encoding)
        with pytest.raises(InputError, match=sentence):
            read_lineage(tmp_path / "a.xml")


def test_links_that_were_edited_number_the_tracks_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_lineage(small_lineage(), tmp_path / "a.xml")
    text = (tmp_path / "a.xml").read_text()
    edge = next(line for line in text.splitlines() if "<Edge" in line and 'SPOT_TARGET_ID="1"' in line)
    (tmp_path / "a.xml").write_text(text.replace(edge + "\n", ""))
    edited = read_lineage(tmp_path / "a.xml")
    assert "were changed after its tracks were numbered" in caplog.text
    assert edited.track.tolist() == [1, 2, 3, 4]
    assert edited.tracks.parent.tolist() == [0, 0, 2, 2]


def test_a_graph_of_another_program(tmp_path: Path) -> None:
    import geff
    import networkx

    graph: Any = networkx.DiGraph()
    graph.add_node(30, time=0, yy=1.5, xx=2.0, seg=4)
    graph.add_node(10, time=1, yy=1.0, xx=2.0, seg=3)
    graph.add_node(20, time=1, yy=2.0, xx=2.0, seg=5)
    graph.add_edge(30, 10, score=0.25)
    graph.add_edge(30, 20, score=0.5)
    axes: Any = {"axis_names": ["time", "yy", "xx"], "axis_types": ["time", "space", "space"]}
    geff.write(graph, tmp_path / "a.geff", axis_units=["frame", "micrometer", "micrometer"], **axes)
    lineage = read_lineage(tmp_path / "a.geff")
    assert lineage.cells.centroid.tolist() == [[1.5, 2.0], [1.0, 2.0], [2.0, 2.0]]
    assert lineage.cells.scale.unit == "µm"
    assert lineage.links.probability.tolist() == [0.25, 0.5]
    assert lineage.tracks.parent.tolist() == [0, 1, 1]
    geff.write(graph.to_undirected(), tmp_path / "u.geff", **axes)
    with pytest.raises(InputError, match="not a directed graph"):
        read_lineage(tmp_path / "u.geff")
    geff.write(graph, tmp_path / "n.geff", axis_names=["time"], axis_types=["time"])
    with pytest.raises(InputError, match="one of time and two or three of space"):
        read_lineage(tmp_path / "n.geff")
    (tmp_path / "a.geff" / ".zattrs").write_text("{}")
    with pytest.raises(InputError, match="cannot be read as Zarr"):
        read_lineage(tmp_path / "a.geff")


def test_a_table_of_another_program(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("T,Y,X,track,parent\n0,1,2,7,\n1,1,3,7,\n4,1,4,8,7\n2,5,5,9,7\n")
    lineage = read_lineage(tmp_path / "a.csv")
    assert lineage.tracks.track.tolist() == [7, 8, 9]
    assert [KINDS[kind] for kind in lineage.links.kind] == ["move", "division", "division"]
    (tmp_path / "a.csv").write_text("frame,y,x\n0,1,2\n")
    with pytest.raises(InputError, match="has no column 'track'"):
        read_lineage(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("frame,y,x,track\n0,1,2,1\n0,1,5,1\n")
    with pytest.raises(InputError, match=r"track 1 of .* has two cells in frame 0"):
        read_lineage(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("frame,y,x,track\n0.5,1,2,1\n")
    with pytest.raises(InputError, match="no whole numbers"):
        read_lineage(tmp_path / "a.csv")


def test_nothing_at_all(tmp_path: Path) -> None:
    for form in FORMATS.values():
        path = tmp_path / f"{form.name}{(*form.suffixes, '')[0]}"
        form.write(no_cells(), path)
        back = form.read(path)
        assert (len(back.cells), len(back.links), len(back.tracks)) == (0, 0, 0), form.name


@pytest.mark.parametrize("masks", ["result", "input", "result/tracks.ome.zarr", "shuffled"])
@pytest.mark.parametrize("name", ["a.geff", "a.xml", "a.csv"])
def test_masks_beside(tmp_path: Path, masks: str, name: str) -> None:
    """Masks are found by label, by track number or by place, and the tracked masks come out the same."""
    lineage = small_lineage((0, 1, 2, 3), labels=(5, 3, 9, 4))
    write_result(lineage, tmp_path / "result", formats=["ctc", "csv", "ome-zarr"])
    (tmp_path / "input").mkdir()
    (tmp_path / "shuffled").mkdir()
    for i in range(4):
        frame = lineage.movie.masks[i].astype(np.uint16)  # type: ignore[union-attr]
        tifffile.imwrite(tmp_path / "input" / f"t{i}.tif", frame)
        tifffile.imwrite(tmp_path / "shuffled" / f"t{i}.tif", np.where(frame == 0, 0, 200 - frame).astype(np.uint16))
    write_lineage(on_masks(lineage), tmp_path / name)
    found, lost = convert(tmp_path / name, tmp_path / "out", masks=tmp_path / masks)
    assert not lost
    for i in range(4):
        expected = tifffile.imread(tmp_path / "result" / f"mask00{i}.tif")
        np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / f"mask00{i}.tif"), expected)
    assert (tmp_path / "out" / "res_track.txt").read_text() == (tmp_path / "result" / "res_track.txt").read_text()
    assert found.cells.size.tolist() == [16, 16, 12, 12]


def on_masks(lineage: Lineage) -> Lineage:
    """The lineage with the centres that its cells have in its masks."""
    movie = lineage.movie
    assert movie is not None
    places = [
        np.argwhere(movie.masks[frame] == label).mean(axis=0)
        for frame, label in zip(lineage.cells.frame, lineage.cells.label, strict=True)
    ]
    return replace(lineage, cells=replace(lineage.cells, centroid=np.array(places)))


def test_masks_that_do_not_fit(tmp_path: Path) -> None:
    write_lineage(small_lineage(), tmp_path / "a.geff")
    with pytest.raises(InputError, match=r"has no masks, which .* needs; give them with --masks"):
        convert(tmp_path / "a.geff", tmp_path / "out")
    np.save(tmp_path / "empty.npy", np.zeros((1002, 16, 20), np.uint8))
    with pytest.raises(InputError, match="has no mask in"):
        convert(tmp_path / "a.geff", tmp_path / "out", masks=tmp_path / "empty.npy")
    np.save(tmp_path / "short.npy", np.zeros((4, 16, 20), np.uint8))
    with pytest.raises(InputError, match="lack frame 998"):
        convert(tmp_path / "a.geff", tmp_path / "out", masks=tmp_path / "short.npy")
    np.save(tmp_path / "one.npy", np.ones((1002, 16, 20), np.uint8))
    with pytest.raises(InputError, match="two cells of frame 1001 lie in one mask"):
        convert(tmp_path / "a.geff", tmp_path / "out", masks=tmp_path / "one.npy")
    assert not (tmp_path / "out").exists()


def test_what_convert_says_is_lost(tmp_path: Path) -> None:
    write_result(small_lineage(), tmp_path / "result")
    words = {
        "a.geff": ["masks", "measured axes and intensities"],
        "a.csv": ["frames before the first and after the last cell", "masks", "measured axes and intensities"],
        "copy": [],
    }
    for name, expected in words.items():
        _, lost = convert(tmp_path / "result", tmp_path / name)
        assert [word for word in expected if word not in lost] == [] or name == "a.csv"
    _, lost = convert(tmp_path / "result", tmp_path / "a.ome.zarr")
    assert "probabilities and margins of links" in lost
    _, lost = convert(tmp_path / "a.ome.zarr", tmp_path / "b.geff")
    assert lost == ["masks"]
    run = json.loads((tmp_path / "copy" / "run.json").read_text())
    assert run["converted_from"] == str(tmp_path / "result")
    assert run["command"] == "track"


def test_scale_and_interval_given_to_convert(tmp_path: Path) -> None:
    write_lineage(small_lineage(), tmp_path / "a.csv")
    convert(tmp_path / "a.csv", tmp_path / "b.geff", scale=(2.0, 0.5), unit="nm", interval=60.0)
    convert(tmp_path / "b.geff", tmp_path / "c.xml")
    back = read_lineage(tmp_path / "c.xml")
    assert back.cells.scale == Scale((2.0, 0.5), "nm", 60.0, "s")
    np.testing.assert_allclose(np.sort(back.cells.centroid, axis=0), small_lineage().cells.centroid)


def test_a_label_image_in_zarr_is_linked(tmp_path: Path) -> None:
    import geff

    lineage = small_lineage((0, 1, 2, 3))
    write_result(lineage, tmp_path / "result", formats=["ome-zarr"])
    convert(tmp_path / "result" / "tracks.ome.zarr", tmp_path / "a.geff")
    related = geff.GeffMetadata.read(tmp_path / "a.geff").related_objects
    assert [(thing.path, thing.node_prop) for thing in related or ()] == [
        ("../result/tracks.ome.zarr/labels/tracks/0", "label")
    ]
    convert(tmp_path / "a.geff", tmp_path / "b.geff")
    assert geff.GeffMetadata.read(tmp_path / "b.geff").related_objects is None


def test_paths_that_are_refused(tmp_path: Path) -> None:
    write_lineage(small_lineage(), tmp_path / "a.geff")
    with pytest.raises(SettingsError, match="has no format of lineages"):
        convert(tmp_path / "a.geff", tmp_path / "b.tif")
    with pytest.raises(MissingInputError, match=r"did you mean .*a\.geff"):
        convert(tmp_path / "a.gef", tmp_path / "b.xml")
    with pytest.raises(OutputError, match="exists already"):
        write_lineage(small_lineage(), tmp_path / "a.geff")
    write_lineage(small_lineage(), tmp_path / "a.geff", overwrite=True)
    (tmp_path / "mine.geff").mkdir()
    with pytest.raises(OutputError, match="holds something else"):
        write_lineage(small_lineage(), tmp_path / "mine.geff", overwrite=True)
    with pytest.raises(OutputError, match="is the input itself"):
        convert(tmp_path / "a.geff", tmp_path / "a.geff", overwrite=True)
    (tmp_path / "notes.md").write_text("x")
    with pytest.raises(InputError, match="a file of an unknown format"):
        read_lineage(tmp_path / "notes.md")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingInputError, match=r"neither res_track\.txt nor man_track\.txt"):
        read_lineage(tmp_path / "empty")


def test_a_crash_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lineage = small_lineage()
    broken = replace(lineage, movie=replace(lineage.movie, masks=None))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        write_lineage(broken, tmp_path / "a.ome.zarr")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a.geff.partial").mkdir()
    with pytest.raises(OutputError, match="is in the way"):
        write_lineage(lineage, tmp_path / "a.geff")
    monkeypatch.setattr(optional_module, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="GEFF needs geff; run: pip install"):
        write_lineage(lineage, tmp_path / "b.geff")
    with pytest.raises(SettingsError, match="needs networkx"):
        to_networkx(lineage)


def test_formats_of_a_result(tmp_path: Path) -> None:
    lineage, out = small_lineage((0, 1, 2, 3)), tmp_path / "out"
    write_result(lineage, out, formats=["geff", "trackmate", "parquet"])
    assert {path.name for path in out.iterdir()} == {
        "tracks.geff", "tracks.ome.zarr", "tracks.xml", "run.json", "summary.json", "cells.parquet", "links.parquet",
        "tracks.parquet", "uncertain.parquet",
    }  # fmt: skip
    assert read_lineage(out).tracks.parent.tolist() == lineage.tracks.parent.tolist()
    (out / "mine.zarr").mkdir()
    write_result(lineage, out, overwrite=True)
    assert not (out / "tracks.geff").exists()
    assert (out / "mine.zarr").is_dir()
    assert not any(path.suffix == ".parquet" for path in out.iterdir())
    with pytest.raises(SettingsError, match="did you mean geff"):
        write_result(lineage, tmp_path / "new", formats=["gef"])
    with pytest.raises(SettingsError, match="choose among"):
        write_result(lineage, tmp_path / "new", formats=["pdf"])


def test_result_folders_that_were_damaged(tmp_path: Path) -> None:
    write_result(small_lineage(), tmp_path / "out")
    for name, old, new, sentence in [
        ("links.csv", "999,3", "999,77", "whose cell is not in the table"),
        ("tracks.csv", "\n1,", "\n12,", "of a track that is not in the table"),
        ("run.json", "{", "[", "cannot be read"),
    ]:
        shutil.copytree(tmp_path / "out", tmp_path / "bad", dirs_exist_ok=True)
        file = tmp_path / "bad" / name
        file.write_text(file.read_text().replace(old, new, 1))
        with pytest.raises(InputError, match=sentence):
            read_lineage(tmp_path / "bad")
        shutil.rmtree(tmp_path / "bad")
    (tmp_path / "out" / "links.csv").unlink()
    assert len(read_lineage(tmp_path / "out").tracks) == 3


def test_outlines_enclose_the_pixels() -> None:
    masks = CASES["touching"]().masks[0]
    labels, sizes = np.unique(masks[masks > 0], return_counts=True)
    found = outlines(masks, [*labels.tolist(), 999])
    assert sorted(found) == labels.tolist()
    for label, size in zip(labels.tolist(), sizes.tolist(), strict=True):
        y, x = found[label].T
        area = 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))
        assert area == pytest.approx(size, rel=0.03)
        np.testing.assert_allclose(found[label].mean(axis=0), np.argwhere(masks == label).mean(axis=0), atol=0.3)


def test_networkx_of_others() -> None:
    import networkx

    graph: Any = networkx.DiGraph()
    graph.add_node("a", t=0, y=1.0, x=2.0)
    graph.add_node("b", t=1, y=1.0, x=2.0)
    graph.add_edge("a", "b")
    assert from_networkx(graph).track.tolist() == [1, 1]
    graph.add_node("c", t=1)
    with pytest.raises(InputError, match="without y and x"):
        from_networkx(graph)
    graph.remove_node("c")
    graph.add_edge("b", "a")
    with pytest.raises(InputError, match="must lead to a later frame"):
        from_networkx(graph)


def test_units() -> None:
    assert [parse_interval(text) for text in ("300", "300s", "5min", "5 min", "0.5 h", "250ms")] == [
        300.0, 300.0, 300.0, 300.0, 1800.0, 0.25,
    ]  # fmt: skip
    for text in ("", "min", "-3s", "3 parsec", "nan"):
        with pytest.raises(SettingsError, match="is not understood"):
            parse_interval(text)
    assert length_unit("Micrometers") == length_unit("um") == length_unit("μm") == "µm"
    assert length_unit("pixel") is None
    assert length_unit("furlong") == "furlong"
    assert length_factor("mm", "µm") == 1000.0
    assert length_factor("furlong", "µm") is None
    assert time_in_seconds(2, "hours") == (7200.0, "s")
    assert time_in_seconds(2, "swallows") == (2, "swallows")


def test_scale_in_the_tags_of_tracked_masks(tmp_path: Path) -> None:
    lineage = small_lineage(rank=3)
    scale = Scale((2.0, 0.5, 0.25), "µm", 30.0, "s")
    movie = replace(lineage.movie, scale=scale)  # type: ignore[type-var]
    write_result(replace(lineage, cells=replace(lineage.cells, scale=scale), movie=movie), tmp_path / "a")
    assert open_movie(tmp_path / "a").scale == scale
    first = (tmp_path / "a" / "mask0998.tif").read_bytes()
    write_result(replace(lineage, cells=replace(lineage.cells, scale=scale), movie=movie), tmp_path / "b")
    assert (tmp_path / "b" / "mask0998.tif").read_bytes() == first


def test_a_misspelt_ending_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"did you mean .*tracks\.geff"):
        format_of(tmp_path / "tracks.gef")
    with pytest.raises(SettingsError, match=r"did you mean .*tracks\.xml"):
        format_of(tmp_path / "tracks.trackmate")
    assert format_of(tmp_path / "result.v2").name == "folder"
    (tmp_path / "old.gef").mkdir()
    assert format_of(tmp_path / "old.gef").name == "folder"
