"""Movies in Zarr: NGFF 0.4 and 0.5, plain arrays, dask, and the scale that they state."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from cell_tracker_gnn.data import Scale
from cell_tracker_gnn.errors import InputError, MissingInputError, SettingsError
from cell_tracker_gnn.io import open_frames, open_movie, read_scale
from cell_tracker_gnn.io import optional as optional_module

MASKS = np.zeros((3, 8, 10), np.uint16)
MASKS[:, 2:5, 3:6] = 4
IMAGES = np.random.default_rng(0).integers(0, 99, (3, 2, 8, 10)).astype(np.uint16)
AXES = [
    {"name": "t", "type": "time", "unit": "minute"},
    {"name": "c", "type": "channel"},
    {"name": "y", "type": "space", "unit": "micrometer"},
    {"name": "x", "type": "space", "unit": "nanometer"},
]


def image(axes: list[Any], path: str, scale: list[float], whole: list[float] | None = None) -> dict[str, Any]:
    described = {"axes": axes, "datasets": [{"path": path, "coordinateTransformations": [
        {"type": "scale", "scale": scale}, {"type": "translation", "translation": [0.0] * len(scale)}]}]}  # fmt: skip
    if whole:
        described["coordinateTransformations"] = [{"type": "scale", "scale": whole}]
    return {"multiscales": [described]}


def write(path: Path, version: str, labels: tuple[str, ...] = ("nuclei",)) -> Path:
    """An image of two channels with label images, as other programs write it."""
    modern = version == "0.5"
    root = zarr.open_group(path, mode="w", zarr_format=3 if modern else 2)
    root.create_array("full", data=IMAGES, chunks=(1, 1, 8, 5))

    def describe(group: zarr.Group, metadata: dict[str, Any]) -> None:
        group.attrs.update({"ome": {"version": "0.5", **metadata}} if modern else metadata)

    describe(root, image(AXES, "full", [2.0, 1.0, 0.25, 250.0], [1.0, 1.0, 2.0, 2.0]))
    if labels:
        holder = root.create_group("labels")
        describe(holder, {"labels": list(labels)})
        for name in labels:
            group = holder.create_group(name)
            group.create_array("0", data=MASKS)
            axes = [axis for axis in AXES if axis["name"] != "c"]
            describe(group, image(axes, "0", [2.0, 0.5, 500.0]) | {"image-label": {}})
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_masks_images_and_scale(tmp_path: Path, version: str) -> None:
    store = write(tmp_path / "movie.ome.zarr", version)
    movie = open_movie(store, store, channel=1)
    assert movie.shape == (8, 10)
    np.testing.assert_array_equal(movie.masks[1], MASKS[1])
    np.testing.assert_array_equal(movie.images[2], IMAGES[2, 1])  # type: ignore[index]
    assert movie.scale == Scale((500.0, 500.0), "nm", 120.0, "s")
    np.testing.assert_array_equal(open_movie(store / "labels" / "nuclei").masks[0], MASKS[0])
    np.testing.assert_array_equal(open_movie(store / "labels" / "nuclei" / "0").masks[0], MASKS[0])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(movie.masks))[2], MASKS[2])  # noqa: S301


def test_frames_are_read_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = open_frames(write(tmp_path / "m.zarr", "0.5"), channel=0)
    keys = []
    read = zarr.Array.__getitem__

    def spy(array: zarr.Array[Any], key: Any) -> Any:
        keys.append(key)
        return read(array, key)

    monkeypatch.setattr(zarr.Array, "__getitem__", spy)
    _ = frames[2]
    assert keys == [(2, 0, slice(None), slice(None))]


def test_what_is_given_goes_before_what_is_stated(tmp_path: Path) -> None:
    store = write(tmp_path / "m.ome.zarr", "0.4")
    assert open_movie(store, scale=(1, 3, 2), unit="micron", interval=7).scale == Scale((3.0, 2.0), "µm", 7.0, "s")
    assert open_movie(store, unit="µm").scale == Scale((500.0, 500.0), "µm", 120.0, "s")
    with pytest.raises(SettingsError, match="says nothing without the size"):
        open_movie(MASKS, unit="µm")
    with pytest.raises(SettingsError, match="no duration"):
        open_movie(MASKS, interval=-1)
    assert open_movie(MASKS, interval=60).scale == Scale((1.0, 1.0), "pixel", 60.0, "s")


def test_several_images(tmp_path: Path) -> None:
    store = write(tmp_path / "m.ome.zarr", "0.5", ("nuclei", "cells"))
    with pytest.raises(InputError, match=r"holds 2 images.*labels/nuclei, .*labels/cells"):
        open_movie(store)
    assert len(open_movie(store / "labels" / "cells")) == 3
    plain = write(tmp_path / "n.ome.zarr", "0.4", ())
    with pytest.raises(InputError, match="2 channels"):
        open_frames(plain)


def test_bioformats2raw_and_plates(tmp_path: Path) -> None:
    root = zarr.open_group(tmp_path / "b.zarr", mode="w", zarr_format=2)
    root.attrs["bioformats2raw.layout"] = 3
    write(tmp_path / "b.zarr" / "0", "0.4")
    assert len(open_movie(tmp_path / "b.zarr")) == 3
    write(tmp_path / "b.zarr" / "1", "0.4")
    with pytest.raises(InputError, match=r"b\.zarr/0, .*b\.zarr/1"):
        open_movie(tmp_path / "b.zarr")
    root.attrs.put({"plate": {}})
    with pytest.raises(InputError, match="a plate or a well"):
        open_movie(tmp_path / "b.zarr")


def test_old_axes_plain_arrays_and_no_metadata(tmp_path: Path) -> None:
    root = zarr.open_group(tmp_path / "old.zarr", mode="w", zarr_format=2)
    root.create_array("0", data=MASKS[:, None, None])
    root.attrs["multiscales"] = [{"version": "0.1", "datasets": [{"path": "0"}]}]
    assert open_movie(tmp_path / "old.zarr").shape == (8, 10)
    assert read_scale(tmp_path / "old.zarr") is None
    root.attrs["multiscales"] = [{"axes": ["t", "q", "z", "y", "x"], "datasets": [{"path": "0"}]}]
    with pytest.raises(InputError, match="are unclear; say them with --axes"):
        open_movie(tmp_path / "old.zarr")
    assert open_movie(tmp_path / "old.zarr", axes="tczyx").shape == (8, 10)
    root.attrs.put({})
    with pytest.raises(InputError, match="no NGFF metadata"):
        open_movie(tmp_path / "old.zarr")


def test_array_likes(tmp_path: Path) -> None:
    from dask import array as da

    array = zarr.create_array(tmp_path / "a.zarr", data=MASKS)
    for source in (array, tmp_path / "a.zarr", da.from_zarr(array), da.from_array(MASKS, chunks=(1, 4, 10))):
        movie = open_movie(source, da.from_array(IMAGES[:, 0]))
        np.testing.assert_array_equal(movie.masks[2], MASKS[2])
        assert isinstance(movie.images[0], np.ndarray)  # type: ignore[index]
    with pytest.raises(InputError, match="say what they are with --axes"):
        open_movie(zarr.create_array(tmp_path / "b.zarr", data=MASKS[0]))


def test_damage(tmp_path: Path) -> None:
    store = write(tmp_path / "m.ome.zarr", "0.4")
    next((store / "full").rglob("1.1.0.0")).write_bytes(b"nonsense")
    frames = open_frames(store, channel=1)
    with pytest.raises(InputError, match=r"1\.1\.0\.0 is damaged or cut off"):
        frames[1]
    (store / ".zattrs").write_text("{")
    with pytest.raises(InputError, match="cannot be read as Zarr"):
        open_frames(store)
    with pytest.raises(MissingInputError, match="did you mean"):
        open_frames(tmp_path / "n.ome.zarr")
    (store / ".zattrs").write_text(json.dumps({"multiscales": []}))
    with pytest.raises(InputError, match="names no array"):
        open_frames(store)


def test_a_library_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = write(tmp_path / "m.ome.zarr", "0.4")
    monkeypatch.setattr(optional_module, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"needs zarr; run: pip install 'cell-tracker-gnn\[formats\]'"):
        open_frames(store)
