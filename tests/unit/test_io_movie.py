from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from cell_tracker_gnn.data import ArrayFrames
from cell_tracker_gnn.errors import FrameMismatchError, InputError, MissingInputError, SettingsError
from cell_tracker_gnn.io import open_frames, open_movie, read_scale

Stack = NDArray[np.generic]


def masks_of(frames: int = 4, shape: tuple[int, ...] = (32, 40), dtype: str = "uint16") -> Stack:
    masks = np.zeros((frames, *shape), dtype)
    for t in range(frames):
        masks[t, ..., 2 + t : 8 + t, 3:9] = 1
        masks[t, ..., 20:26, 10 + t : 20 + t] = 7
    return masks


def images_of(frames: int = 4, shape: tuple[int, ...] = (32, 40)) -> Stack:
    return np.random.default_rng(0).integers(0, 4000, (frames, *shape)).astype(np.uint16)


def write_folder(folder: Path, stack: Stack, pattern: str = "t{:03d}.tif", first: int = 0, **options: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(stack, start=first):
        tifffile.imwrite(folder / pattern.format(number), frame, photometric="minisblack", **options)
    return folder


def write_file(path: Path, stack: Stack, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, stack, **{"photometric": "minisblack", **options})
    return path


def assert_same(frames: object, stack: Stack) -> None:
    assert len(frames) == len(stack)  # type: ignore[arg-type]
    for frame, expected in zip(frames, stack, strict=True):  # type: ignore[call-overload]
        np.testing.assert_array_equal(frame, expected)


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32"])
def test_folder_of_any_compression_and_depth(tmp_path: Path, compression: str | None, dtype: str) -> None:
    masks = masks_of(dtype=dtype)
    movie = open_movie(write_folder(tmp_path / "m", masks, compression=compression, first=995, pattern="mask{}.tif"))
    assert movie.numbers == (995, 996, 997, 998)
    assert movie.shape == (32, 40)
    assert movie.masks[0].dtype == dtype
    assert_same(movie.masks, masks)


@pytest.mark.filterwarnings("ignore:.*are stored as RGB:DeprecationWarning")
@pytest.mark.parametrize("planes", [2, 3, 4, 5])
@pytest.mark.parametrize("photometric", ["minisblack", None])
def test_folder_of_volumes(tmp_path: Path, planes: int, photometric: str | None) -> None:
    masks = masks_of(shape=(planes, 32, 40), dtype="uint8")
    folder = tmp_path / "m"
    folder.mkdir()
    for t, volume in enumerate(masks):
        options = {} if photometric is None else {"photometric": photometric}
        tifffile.imwrite(folder / f"T{t}.TIFF", volume, compression="lzw", **options)
    movie = open_movie(folder, scale=(2, 0.5, 0.5))
    assert movie.rank == 3
    assert movie.scale.unit == "µm"
    assert_same(movie.masks, masks)


def test_other_and_hidden_files_are_ignored(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "m", masks_of())
    for name in ("Thumbs.db", ".t004.tif", "t010.png", "man_track.txt"):
        (folder / name).write_text("x")
    (folder / "sub.tif").mkdir()
    assert open_frames(folder).numbers == (0, 1, 2, 3)


def test_frames_of_different_integer_width(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "m", masks_of(2, dtype="uint8"))
    write_folder(folder, masks_of(2, dtype="uint32"), first=2)
    assert [frame.dtype for frame in open_movie(folder).masks] == ["u1", "u1", "u4", "u4"]  # type: ignore[attr-defined]


STACKS = {
    "plain": {},
    "generic": {"metadata": None},
    "compressed": {"compression": "zlib"},
    "lzw": {"compression": "lzw", "metadata": None},
    "big endian": {"byteorder": ">"},
    "imagej": {"imagej": True, "metadata": {"axes": "TYX"}},
    "imagej compressed": {"imagej": True, "metadata": {"axes": "TYX"}, "compression": "zlib"},
    "imagej slices": {"imagej": True, "metadata": {"axes": "ZYX"}},
    "ome": {"ome": True, "metadata": {"axes": "TYX"}},
}


@pytest.mark.parametrize("kind", STACKS)
@pytest.mark.parametrize("length", [1, 3, 5])
def test_stacks(tmp_path: Path, kind: str, length: int) -> None:
    masks = masks_of(length)
    movie = open_movie(write_file(tmp_path / "stack.tif", masks, **STACKS[kind]))
    assert movie.numbers == tuple(range(length))
    assert_same(movie.masks, masks)


@pytest.mark.parametrize("kind", ["plain", "compressed", "imagej", "imagej compressed", "ome"])
def test_stacks_of_volumes(tmp_path: Path, kind: str) -> None:
    masks = masks_of(shape=(6, 32, 40))
    options = dict(STACKS[kind])
    if "metadata" in options:
        options["metadata"] = {"axes": "TZYX"}
    movie = open_movie(write_file(tmp_path / "stack.tif", masks, **options), scale=(2, 1, 1))
    assert movie.shape == (6, 32, 40)
    assert_same(movie.masks, masks)


@pytest.mark.parametrize("options", [{"imagej": True}, {"ome": True}, {"ome": True, "compression": "zlib"}])
def test_channels_of_hyperstacks(tmp_path: Path, options: dict[str, object]) -> None:
    images = np.stack([images_of(shape=(3, 32, 40)), images_of(shape=(3, 32, 40)) + 1], axis=2)
    path = write_file(tmp_path / "h.tif", images, metadata={"axes": "TZCYX"}, **options)
    assert_same(open_frames(path, channel=1), images[:, :, 1])
    with pytest.raises(InputError, match=r"has 2 channels; choose one with --channel 0 to 1"):
        open_frames(path)
    with pytest.raises(InputError, match="no channel 2"):
        open_frames(path, channel=2)


def test_one_channel_is_squeezed(tmp_path: Path) -> None:
    images = images_of()
    path = write_file(tmp_path / "h.tif", images[:, None], imagej=True, metadata={"axes": "TCYX"})
    assert_same(open_frames(path), images)
    assert_same(open_frames(images[:, None], axes="tcyx"), images)


def test_axes_say_otherwise(tmp_path: Path) -> None:
    stack = images_of(3, (5, 32, 40))
    path = write_file(tmp_path / "s.tif", stack, compression="zlib")
    assert_same(open_frames(path, axes="ztyx"), stack.swapaxes(0, 1))
    assert_same(open_frames(path, axes="TCYX", channel=2), stack[:, 2])
    assert_same(open_frames(path, axes="tzxy"), stack.swapaxes(2, 3))
    with pytest.raises(InputError, match="which --axes tyx does not fit"):
        open_frames(path, axes="tyx")
    with pytest.raises(SettingsError, match="not understood"):
        open_frames(path, axes="tqyx")


def test_axes_apply_to_masks_without_channels(tmp_path: Path) -> None:
    images = write_file(tmp_path / "i.tif", np.stack([images_of(), images_of()], axis=1), compression="zlib")
    masks = write_file(tmp_path / "m.tif", masks_of())
    movie = open_movie(masks, images, axes="tcyx", channel=1)
    assert_same(movie.images, images_of())


def test_one_file_with_a_time_axis_in_a_folder_is_a_stack(tmp_path: Path) -> None:
    write_file(tmp_path / "m" / "exp3.tif", masks_of(), imagej=True, metadata={"axes": "TYX"})
    assert len(open_frames(tmp_path / "m")) == 4


def test_single_frame_and_single_pixel(tmp_path: Path) -> None:
    assert open_movie(write_folder(tmp_path / "m", masks_of(1), first=5)).numbers == (5,)
    assert open_movie(np.ones((2, 1, 1), np.uint8)).shape == (1, 1)
    assert open_movie(write_folder(tmp_path / "n", np.ones((2, 1, 1), np.uint8))).shape == (1, 1)
    assert open_movie(write_file(tmp_path / "n.tif", np.ones((2, 1, 1), np.uint8), compression="zlib")).shape == (1, 1)


def test_multi_file_ome_in_a_folder_is_read_file_by_file(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    masks = masks_of(2, (3, 32, 40))
    uuids = [f"urn:uuid:00000000-0000-0000-0000-00000000000{t}" for t in range(2)]
    blocks = "".join(
        f'<TiffData FirstT="{t}" FirstZ="{z}" IFD="{z}" PlaneCount="1"><UUID FileName="t{t}.ome.tif">{uuids[t]}</UUID>'
        "</TiffData>"
        for t in range(2)
        for z in range(3)
    )
    for t in range(2):
        xml = (
            f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="{uuids[t]}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZTC" Type="uint16"'
            f' SizeX="40" SizeY="32" SizeC="1" SizeZ="3" SizeT="2">{blocks}</Pixels></Image></OME>'
        )
        tifffile.imwrite(folder / f"t{t}.ome.tif", masks[t], description=xml, metadata=None, photometric="minisblack")
    assert_same(open_movie(folder, scale=(1, 1, 1)).masks, masks)


def test_npy(tmp_path: Path) -> None:
    masks = masks_of()
    np.save(tmp_path / "m.npy", masks)
    assert_same(open_movie(tmp_path / "m.npy").masks, masks)
    (tmp_path / "bad.npy").write_text("x")
    np.save(tmp_path / "object.npy", np.array([{}, {}]), allow_pickle=True)
    for name in ("bad.npy", "object.npy"):
        with pytest.raises(InputError, match=f"{name} cannot be read"):
            open_frames(tmp_path / name)


def test_a_stack_goes_through_pickle_and_threads(tmp_path: Path) -> None:
    masks = masks_of(8)
    frames = open_frames(write_file(tmp_path / "s.tif", masks, compression="zlib"))
    assert_same(pickle.loads(pickle.dumps(frames)), masks)  # noqa: S301
    with ThreadPoolExecutor(4) as pool:
        assert_same(list(pool.map(frames.__getitem__, range(8))), masks)
    assert_same(pickle.loads(pickle.dumps(open_movie(tmp_path / "s.tif"))).masks, masks)  # noqa: S301


def test_inputs_as_arrays_and_frames() -> None:
    masks, images = masks_of(), images_of()
    movie = open_movie(list(masks), ArrayFrames(images, (3, 4, 5, 6)))
    assert movie.numbers == (3, 4, 5, 6)
    assert_same(movie.images, images)
    assert open_movie(masks, images.astype(float)).images is not None
    with pytest.raises(InputError, match="say what they are with --axes"):
        open_frames(masks[0])
    with pytest.raises(InputError, match="int is no movie"):
        open_frames(3)  # type: ignore[arg-type]


def test_a_stack_takes_the_numbers_of_a_folder(tmp_path: Path) -> None:
    masks = write_folder(tmp_path / "m", masks_of(), first=1)
    images = write_file(tmp_path / "i.tif", images_of())
    for movie in (open_movie(masks, images), open_movie(images_to_masks(images), images_folder(tmp_path))):
        assert movie.numbers == (1, 2, 3, 4)
    assert open_movie(masks, images, frames="2:4").numbers == (2, 3)


def images_to_masks(_: Path) -> Stack:
    return masks_of()


def images_folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "if", images_of(), first=1)


def test_frames_are_chosen_by_number(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "m", masks_of(), first=10)
    assert open_frames(folder, frames="11:13").numbers == (11, 12)
    assert open_frames(folder, frames=":11").numbers == (10,)
    assert open_frames(folder, frames="12:").numbers == (12, 13)
    np.testing.assert_array_equal(open_frames(folder, frames="12:")[1], masks_of()[3])
    with pytest.raises(MissingInputError, match="run from 10 to 13"):
        open_frames(folder, frames="0:5")
    with pytest.raises(SettingsError, match="give A:B"):
        open_frames(folder, frames="1-5")


def test_missing_frames_are_named(tmp_path: Path) -> None:
    masks = write_folder(tmp_path / "m", masks_of(30))
    images = write_folder(tmp_path / "i", images_of(16))
    with pytest.raises(FrameMismatchError, match=r"images .* lack frame 16, 17, .* and 4 more; .*--frames A:B"):
        open_movie(masks, images)
    assert len(open_movie(masks, images, frames="0:16")) == 16
    shifted = write_folder(tmp_path / "s", images_of(30), first=1)
    with pytest.raises(
        FrameMismatchError, match=r"masks .* lack frame 30 and the images .* lack frame 0; number both alike"
    ):
        open_movie(masks, shifted)
    with pytest.raises(FrameMismatchError):
        open_movie(masks_of(3), images_of(4))


def test_shapes_that_differ_are_named(tmp_path: Path) -> None:
    masks = write_folder(tmp_path / "m", masks_of())
    with pytest.raises(FrameMismatchError, match=r"frame 0 .* has shape \(32, 41\), but its masks have \(32, 40\)"):
        open_movie(masks, images_of(shape=(32, 41)))
    write_folder(tmp_path / "m", masks_of(1, (30, 40)), first=2)
    movie = open_movie(masks)
    with pytest.raises(InputError, match=r"frame 2 .*\(30, 40\).*\(32, 40\)"):
        _ = movie.masks[2]
    ragged = open_movie([masks_of(1)[0], masks_of(1, (30, 40))[0]])
    with pytest.raises(FrameMismatchError, match="frame 1"):
        _ = ragged.masks[1]


@pytest.mark.parametrize(
    ("masks", "sentence"),
    [
        (masks_of().astype(np.float32), "floating-point numbers"),
        (masks_of() > 0, "all cells would be one; label the cells first"),
        (masks_of().astype(complex), "complex128"),
        (-masks_of().astype(np.int32), "negative label -7"),
        (images_of(), "looks like an image"),
        (images_of(shape=(100, 100)).astype(np.uint8), "looks like an image"),
        (np.stack([masks_of(dtype="uint8")] * 3, axis=-1), "RGB"),
    ],
)
def test_what_are_no_masks(masks: Stack, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        open_movie(masks)


def test_binary_masks_are_no_masks() -> None:
    dots = np.zeros((1, 60, 60), np.uint8)
    dots[0, ::10, ::10] = 255
    with pytest.raises(InputError, match="single label 255 in 36 separate pieces"):
        open_movie(dots)


def test_an_image_behind_an_empty_frame_is_found() -> None:
    movie = open_movie(np.concatenate([np.zeros((1, 32, 40), np.uint16), images_of(1)]))
    with pytest.raises(InputError, match=r"frame 1 .* looks like an image"):
        _ = movie.masks[1]


def test_what_are_masks() -> None:
    packed = np.arange(1, 65, dtype=np.uint16).reshape(8, 8).repeat(8, axis=0).repeat(8, axis=1)[None]
    full = np.ones((1, 64, 64), np.uint8)
    empty = masks_of()
    empty[0] = empty[2] = 0
    fragmented = masks_of()
    fragmented[:, ::2] = 0
    pixels = np.arange(64, dtype=np.uint16).reshape(1, 8, 8)
    for masks in (packed, full, empty, fragmented, pixels, np.zeros((3, 64, 64), np.uint8)):
        assert_same(open_movie(masks).masks, masks)


def test_rgb_pictures_in_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "i"
    folder.mkdir()
    colour = np.random.default_rng(0).integers(0, 255, (4, 32, 40, 3)).astype(np.uint8)
    for t, frame in enumerate(colour):
        tifffile.imwrite(folder / f"t{t}.tif", frame, photometric="rgb")
    with pytest.raises(InputError, match=r"3 channels \(RGB\); choose one with --channel 0 to 2 or convert"):
        open_movie(masks_of(), folder)
    assert_same(open_movie(masks_of(), folder, channel=1).images, colour[..., 1])
    with pytest.raises(InputError, match="masks need one integer label per pixel"):
        open_movie(folder)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"compression": "lzw", "rowsperstrip": 4}])
@pytest.mark.parametrize("left", [0.2, 0.7, 0.95])
def test_truncated_file(tmp_path: Path, options: dict[str, object], left: float) -> None:
    folder = write_folder(tmp_path / "m", images_of(3, (64, 64)), **options)
    bad = folder / "t001.tif"
    bad.write_bytes(bad.read_bytes()[: int(bad.stat().st_size * left)])
    frames = open_frames(folder)
    with pytest.raises(InputError, match=r"t001\.tif .*copy it again or export it anew"):
        _ = frames[1]


@pytest.mark.parametrize("kind", ["plain", "generic", "compressed", "lzw", "imagej", "ome"])
def test_truncated_stack(tmp_path: Path, kind: str) -> None:
    path = write_file(tmp_path / "s.tif", images_of(5), **STACKS[kind])
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.7)])

    def read_all() -> None:
        frames = open_frames(path)
        assert len(frames) == 5
        for frame in range(5):
            _ = frames[frame]

    with pytest.raises(InputError, match=r"s\.tif"):
        read_all()


@pytest.mark.parametrize("content", ["", "hello, I am text\n" * 20])
def test_text_file_called_tif(tmp_path: Path, content: str) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "t000.tif").write_text(content)
    with pytest.raises(InputError, match=r"t000\.tif cannot be read as TIFF"):
        open_movie(tmp_path / "m")


def test_pages_of_different_shapes(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "s.tif") as writer:
        for size in (16, 20):
            writer.write(np.zeros((size, size), np.uint8), metadata=None)
    with pytest.raises(InputError, match="2 separate images of shapes"):
        open_frames(tmp_path / "s.tif")


def test_paths_that_do_not_exist(tmp_path: Path) -> None:
    write_folder(tmp_path / "Fluo-N2DL-HeLa" / "01", masks_of())
    write_folder(tmp_path / "Fluo-N2DL-HeLa" / "01_GT" / "TRA", masks_of())
    with pytest.raises(MissingInputError, match=r"did you mean .*Fluo-N2DL-HeLa\?"):
        open_frames(tmp_path / "Fluo-N2DL-Hela" / "01")
    with pytest.raises(MissingInputError, match=r"did you mean .*HeLa/01 or .*01_GT/TRA\?"):
        open_frames(tmp_path / "Fluo-N2DL-HeLa")
    with pytest.raises(MissingInputError, match="holds no TIFF files"):
        open_frames(tmp_path / "Fluo-N2DL-HeLa" / "01_GT")
    with pytest.raises(InputError, match="no folder of TIFF files"):
        open_frames(write_text(tmp_path / "a.avi"))


def write_text(path: Path) -> Path:
    path.write_text("x")
    return path


@pytest.mark.parametrize("masks", [[], np.zeros((0, 8, 8), np.uint8)])
def test_no_frames(masks: Stack) -> None:
    with pytest.raises(MissingInputError, match="holds no frames"):
        open_movie(masks)


def test_no_pixels() -> None:
    with pytest.raises(InputError, match="no pixels"):
        open_movie(np.zeros((2, 0, 8), np.uint8))


def test_scale_from_imagej_and_ome(tmp_path: Path) -> None:
    volumes = masks_of(shape=(3, 32, 40))
    imagej = {"axes": "TZYX", "spacing": 2.0, "unit": "um", "finterval": 30.0}
    write_file(tmp_path / "j.tif", volumes, imagej=True, resolution=(2, 4), metadata=imagej)
    ome = {"axes": "TZYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25, "PhysicalSizeZ": 2.0, "PhysicalSizeXUnit": "µm"}
    write_file(tmp_path / "o.tif", volumes, ome=True, metadata={**ome, "TimeIncrement": 30, "TimeIncrementUnit": "s"})
    for name in ("j.tif", "o.tif"):
        scale = read_scale(tmp_path / name)
        assert scale is not None
        assert scale.step == pytest.approx((2, 0.25, 0.5))
        assert (scale.unit, scale.interval, scale.interval_unit) == ("µm", 30, "s")
        assert open_movie(tmp_path / name).scale == scale
    write_folder(tmp_path / "m", masks_of(), imagej=True, resolution=(2, 4), metadata={"unit": "micron"})
    assert open_movie(tmp_path / "m").scale.step == (0.25, 0.5)
    assert read_scale(write_file(tmp_path / "p.tif", masks_of())) is None
    assert read_scale(write_file(tmp_path / "q.tif", masks_of(), imagej=True, metadata={"axes": "TYX"})) is None


def test_scale_given() -> None:
    assert open_movie(masks_of(), scale=(9, 2, 3), unit="nm").scale.step == (2, 3)
    volumes = masks_of(shape=(3, 32, 40))
    for wrong in [(1, 1), (1,), (1, 2, 0), (1, 2, float("nan"))]:
        with pytest.raises(SettingsError, match="does not fit a 3D movie"):
            open_movie(volumes, scale=wrong)
    assert open_movie(masks_of()).scale.step == (1, 1)
    assert open_movie(volumes).scale.step == (1, 1, 1)
