"""Each format opened by a reader that this project did not write."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr

from cases import CASES
from cell_tracker_gnn import Tracker
from cell_tracker_gnn.data import KINDS, Lineage, Scale
from cell_tracker_gnn.io import write_lineage, write_result
from cell_tracker_gnn.io.components import connected
from cell_tracker_gnn.io.formats import FORMATS
from cell_tracker_gnn.io.graphs import napari_tracks, to_networkx
from cell_tracker_gnn.io.label_image import write_label_image


@pytest.fixture(scope="module", params=["division", "gap_of_two", "merge", "anisotropic_3d"])
def lineage(request: pytest.FixtureRequest) -> Lineage:
    case = CASES[request.param]()
    step = tuple(0.5 * length for length in case.step)
    return Tracker.from_pretrained().track(case.masks, case.images, scale=step, interval=90.0)


def links_of(lineage: Lineage) -> set[tuple[int, int]]:
    return set(zip(lineage.links.source.tolist(), lineage.links.target.tolist(), strict=True))


def test_geff_by_the_geff_package(lineage: Lineage, tmp_path: Path) -> None:
    import geff
    from geff.core_io import read_to_memory
    from geff.validate.data import ValidationConfig
    from geff.validate.segmentation import axes_match_seg_dims, has_valid_seg_id

    write_result(lineage, tmp_path / "out", formats=["geff"])
    store = tmp_path / "out" / "tracks.geff"
    everything = ValidationConfig(graph=True, lineage=True, tracklet=True)
    memory = read_to_memory(store, data_validation=everything)
    graph, metadata = geff.read(store)
    assert set(graph.edges) == links_of(lineage)
    axes = [(axis.name, axis.type, axis.unit) for axis in metadata.axes or ()]
    rank = lineage.cells.rank
    assert axes == [("t", "time", "frame"), *((name, "space", "micrometer") for name in "zyx"[-rank:])]
    assert (metadata.axes[0].scale, metadata.axes[0].scaled_unit) == (90.0, "second")  # type: ignore[index]
    assert memory["node_ids"].dtype.kind == "u"
    positions = np.array([[graph.nodes[i][name] for name in "zyx"[-rank:]] for i in range(len(lineage.cells))])
    np.testing.assert_allclose(positions, lineage.cells.position)
    for i, (s, t) in enumerate(zip(lineage.links.source.tolist(), lineage.links.target.tolist(), strict=True)):
        assert graph.edges[s, t]["probability"] == lineage.links.probability[i]
        assert KINDS[graph.edges[s, t]["kind"]] == KINDS[lineage.links.kind[i]]
    (related,) = metadata.related_objects or ()
    assert (related.type, related.node_prop) == ("labels", "track")
    labels = zarr.open_array((store / related.path).resolve(), mode="r")
    assert axes_match_seg_dims(memory, labels[:])[0]
    assert has_valid_seg_id(memory, "track")[0]
    for row, node in graph.nodes(data=True):
        place = tuple(np.rint(lineage.cells.centroid[row]).astype(int).tolist())
        assert labels[(node["t"], *place)] == node["track"]


def test_trackmate_by_the_geff_package(lineage: Lineage, tmp_path: Path) -> None:
    import geff
    from geff.convert import from_trackmate_xml_to_geff

    write_lineage(lineage, tmp_path / "tracks.xml")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*not in valid OME-Zarr units.*")
        warnings.filterwarnings("error", ".*not found in the attributes metadata.*")
        warnings.filterwarnings("ignore", "No image path found.*")
        warnings.filterwarnings("ignore", "Missing tag.*Log.*")
        warnings.filterwarnings("ignore", ".*(DetectorSettings|TrackerSettings|Log|DisplaySettings).*")
        from_trackmate_xml_to_geff(tmp_path / "tracks.xml", tmp_path / "by_geff.geff")
        graph, metadata = geff.read(tmp_path / "by_geff.geff")
    assert set(graph.edges) == links_of(lineage)
    assert [axis.unit for axis in metadata.axes or ()] == ["µm", "µm", "µm", "sec"]
    n = len(lineage.cells)
    names = ("POSITION_Z", "POSITION_Y", "POSITION_X")[3 - lineage.cells.rank :]
    np.testing.assert_allclose([[graph.nodes[i][name] for name in names] for i in range(n)], lineage.cells.position)
    assert [graph.nodes[i]["POSITION_T"] for i in range(n)] == (90.0 * lineage.cells.number).tolist()
    family = connected(n, lineage.links.source, lineage.links.target)
    for s, t in links_of(lineage):
        assert graph.nodes[s]["TRACK_ID"] == graph.nodes[t]["TRACK_ID"]
    tracks = {(graph.nodes[i]["TRACK_ID"], int(family[i])) for i in range(n) if "TRACK_ID" in graph.nodes[i]}
    assert len({a for a, _ in tracks}) == len({b for _, b in tracks}) == len(tracks)
    found = [
        graph.edges[s, t]["LINK_PROBABILITY"] for s, t in zip(lineage.links.source, lineage.links.target, strict=True)
    ]
    assert found == lineage.links.probability.tolist()


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_label_images_by_ome_zarr(lineage: Lineage, tmp_path: Path, version: str) -> None:
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader
    from ome_zarr_models import open_ome_zarr

    store = tmp_path / "tracks.ome.zarr"
    write_label_image(lineage, store, version=version)
    nodes = {str(node.zarr.basename()): node for node in Reader(parse_url(str(store)))()}
    assert set(nodes) == {"tracks.ome.zarr", "labels", "tracks"}
    label = nodes["tracks"]
    write_result(lineage, tmp_path / "ctc", formats=["ctc"])
    expected = np.stack([tifffile.imread(file) for file in sorted((tmp_path / "ctc").glob("*.tif"))])
    np.testing.assert_array_equal(np.asarray(label.data[0]), expected)
    assert set(label.metadata["color"]) == set(lineage.tracks.track.tolist())
    assert [axis.get("unit") for axis in label.metadata["axes"]] == ["second", *["micrometer"] * lineage.cells.rank]
    scale = label.metadata["coordinateTransformations"][0][0]["scale"]
    assert scale == [90.0, *lineage.cells.scale.step]
    for inside in ("", "labels", "labels/tracks"):
        model = open_ome_zarr(zarr.open_group(store, path=inside, mode="r"))
        assert type(model).__module__.startswith(f"ome_zarr_models.v{version.replace('.', '')}")


def test_ctc_folders_by_the_geff_package_and_tifffile(lineage: Lineage, tmp_path: Path) -> None:
    import geff
    from geff.convert._ctc import from_ctc_to_geff

    FORMATS["ctc"].write(lineage, tmp_path / "ctc")
    from_ctc_to_geff(tmp_path / "ctc", tmp_path / "by_geff.geff")
    graph, _ = geff.read(tmp_path / "by_geff.geff")
    assert graph.number_of_nodes() == len(lineage.cells)
    merged = np.isin(lineage.links.kind, [KINDS.index("merge"), KINDS.index("split")])
    resumed = int((lineage.links.kind == KINDS.index("split")).sum())
    assert graph.number_of_edges() == int((~merged).sum()) + resumed
    with tifffile.TiffFile(tmp_path / "ctc" / "mask000.tif") as tif:
        pixels = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]
    assert (pixels["PhysicalSizeX"], pixels["PhysicalSizeXUnit"]) == (0.5, "µm")
    assert (pixels["TimeIncrement"], pixels["TimeIncrementUnit"]) == (90.0, "s")


def test_tables_by_pandas(lineage: Lineage, tmp_path: Path) -> None:
    write_lineage(lineage, tmp_path / "cells.csv")
    write_lineage(lineage, tmp_path / "cells.parquet")
    for table in (pd.read_csv(tmp_path / "cells.csv"), pd.read_parquet(tmp_path / "cells.parquet")):
        assert table["track"].tolist() == lineage.track.tolist()
        assert table["x"].tolist() == lineage.cells.centroid[:, -1].tolist()
        assert set(table["unit"]) == {"µm"}
        assert set(table["step_x"]) == {0.5}


def test_networkx_and_napari_arrays(lineage: Lineage) -> None:
    import networkx

    graph = to_networkx(lineage)
    assert networkx.is_directed_acyclic_graph(graph)
    families = networkx.number_weakly_connected_components(graph)
    ends = (lineage.links.source, lineage.links.target)
    assert families == len(np.unique(connected(len(lineage.cells), *ends)))
    data, parents, properties = napari_tracks(lineage)
    assert data.shape == (len(lineage.cells), 2 + lineage.cells.rank)
    assert np.all(np.diff(data[:, 0]) >= 0)
    assert np.all((np.diff(data[:, 1]) > 0) | (np.diff(data[:, 0]) > 0))
    stated = {t: p for t, p in zip(lineage.tracks.track.tolist(), lineage.tracks.parent.tolist(), strict=True) if p}
    assert all(parents[track][0] == parent for track, parent in stated.items())
    assert all(len(values) == len(data) for values in properties.values())


def test_pixels_are_no_micrometres(lineage: Lineage, tmp_path: Path) -> None:
    import geff

    plain = replace(lineage, cells=replace(lineage.cells, scale=Scale.pixels(lineage.cells.rank)))
    write_lineage(plain, tmp_path / "t.geff")
    _, metadata = geff.read(tmp_path / "t.geff")
    assert [axis.unit for axis in metadata.axes or ()] == ["frame", *["pixel"] * lineage.cells.rank]
    assert metadata.axes[0].scaled_unit is None  # type: ignore[index]
