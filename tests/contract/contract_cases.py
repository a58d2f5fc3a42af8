"""The input contract as a table of named cases: how the input is made, and what must come of it."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

Stack = NDArray[Any]
Spans = Sequence[tuple[int, int]]
"""First and last frame of every track."""

FRAMES = 5
OUTPUT = "result"


@dataclass(frozen=True)
class Case:
    """One input.

    Parameters
    ----------
    group, name
        Where it stands in the table.
    make
        Writes the input into a folder and gives the arguments of the command, paths relative to it.
    spans
        Tracks of the right result; None where the input must be refused.
    words
        Words of the sentence: of the refusal, or of the warning beside a right result.
    output
        What the command writes.
    """

    group: str
    name: str
    make: Callable[[Path], list[str]]
    spans: Spans | None = None
    words: tuple[str, ...] = ()
    output: str = OUTPUT


CASES: list[Case] = []


def case(
    group: str, name: str, *, spans: Spans | None = None, words: tuple[str, ...] = (), output: str = OUTPUT
) -> Any:
    """Add a function that makes an input to the table."""

    def add(make: Callable[[Path], list[str]]) -> Callable[[Path], list[str]]:
        CASES.append(Case(group, name, make, spans, words, output))
        return make

    return add


def stack(frames: int = FRAMES) -> Stack:
    """Three cells, two of which move; no label means the same cell in two frames."""
    masks = np.zeros((frames, 64, 64), np.uint16)
    for t in range(frames):
        labels = np.roll([1, 2, 3], t)
        masks[t, 8 + 3 * t : 20 + 3 * t, 6:18] = labels[0]
        masks[t, 46:58, 10 + 4 * t : 22 + 4 * t] = labels[1]
        masks[t, 26:38, 46:58] = labels[2]
    return masks


def pictures(frames: int = FRAMES) -> Stack:
    """Images of them."""
    noise = np.random.default_rng(1).integers(90, 110, (frames, 64, 64))
    return np.asarray(noise + 200 * (stack(frames) > 0), np.uint16)


def write(folder: Path, frames: Sequence[Stack], names: Sequence[str] = (), first: int = 0) -> str:
    """Write one file per frame; the name of the folder."""
    folder.mkdir(parents=True)
    for t, frame in enumerate(frames):
        # A last axis of three is meant as colour, nothing else.
        kind = "rgb" if frame.ndim == 3 else "minisblack"
        tifffile.imwrite(folder / (names[t] if names else f"t{first + t:03d}.tif"), frame, photometric=kind)
    return folder.name


def track(*more: str) -> list[str]:
    """The command for the masks in ``masks``."""
    return ["track", "masks", "--output", OUTPUT, *more]


def whole(first: int = 0, last: int = FRAMES - 1, count: int = 3) -> Spans:
    """Tracks that all run through the movie."""
    return [(first, last)] * count


# --- frame numbers ---


def _named(group: str, name: str, names: Sequence[str], spans: Spans | None, words: tuple[str, ...] = ()) -> None:
    def make(folder: Path) -> list[str]:
        write(folder / "masks", stack(len(names)), names)
        return track()

    case(group, name, spans=spans, words=words)(make)


NUMBERS = "Frame numbers"
for digits in (3, 4, 6):
    _named(NUMBERS, f"{digits} digits", [f"t{t:0{digits}d}.tif" for t in range(5)], whole())
_named(NUMBERS, "3, 4 and 6 digits mixed", ["t000.tif", "t0001.tif", "t000002.tif", "t003.tif", "t0004.tif"], whole())
_named(NUMBERS, "without leading zeros, 8 to 12", [f"t{t}.tif" for t in range(8, 13)], whole(8, 12))
_named(NUMBERS, "from 1", [f"t{t:03d}.tif" for t in range(1, 6)], whole(1, 5))
_named(NUMBERS, "from 995 across 1000", [f"t{t:03d}.tif" for t in range(995, 1005)], whole(995, 1004))
_named(NUMBERS, "every fifth (0, 5, 10, ...)", [f"t{t:03d}.tif" for t in range(0, 25, 5)], whole(0, 20))
_named(
    NUMBERS,
    "the same number twice",
    ["t000.tif", "t001.tif", "t01.tif"],
    None,
    ("t001.tif", "t01.tif", "both have frame number 1"),
)
_named(NUMBERS, "numbers of 20 digits", [f"t{10**20 + t}.tif" for t in range(3)], None, ("too large", "rename"))
_named(NUMBERS, "names without numbers", ["a.tif", "b.tif"], None, ("hold no frame number", "rename"))


# --- frames ---

CONTENT = "Frames"


def _emptied(name: str, place: int, spans: Spans) -> None:
    def make(folder: Path) -> list[str]:
        masks = stack(6)
        masks[place] = 0
        write(folder / "masks", masks)
        return track()

    case(CONTENT, name, spans=spans)(make)


_emptied("an empty frame first", 0, whole(1, 5))
_emptied("an empty frame in the middle", 3, [*whole(0, 2), *whole(4, 5)])
_emptied("an empty frame last", 5, whole(0, 4))


@case(CONTENT, "all frames empty", spans=[], words=("no cell was found", "right ones"))
def _(folder: Path) -> list[str]:
    write(folder / "masks", stack() * 0)
    return track()


def _lacking(what: str, place: int, where: str) -> None:
    other = "images" if what == "masks" else "masks"

    def make(folder: Path) -> list[str]:
        for name, frames in (("masks", stack()), ("images", pictures())):
            write(folder / name, frames)
        (folder / what / f"t{place:03d}.tif").unlink()
        return track("--images", "images")

    case(
        CONTENT,
        f"{what[:-1]} missing {where}, {other} there",
        words=(f"the {what} ", f"lack frame {place}", "--frames"),
    )(make)


for what in ("masks", "images"):
    for place, where in ((0, "at the start"), (2, "in the middle"), (4, "at the end")):
        _lacking(what, place, where)


@case(CONTENT, "a frame number left out of masks and images", spans=whole(0, 5))
def _(folder: Path) -> list[str]:
    names = [f"t{t:03d}.tif" for t in (0, 1, 2, 4, 5)]
    write(folder / "masks", stack(), names)
    write(folder / "images", pictures(), names)
    return track("--images", "images")


@case(CONTENT, "no TIFF file in the folder", words=("holds no TIFF files", "masks"))
def _(folder: Path) -> list[str]:
    (folder / "masks").mkdir()
    (folder / "masks" / "notes.txt").write_text("nothing")
    return track()


@case(CONTENT, "a folder that does not exist", words=("does not exist", "did you mean masks?"))
def _(folder: Path) -> list[str]:
    write(folder / "masks", stack())
    return ["track", "maskss", "--output", OUTPUT]


@case(CONTENT, "one frame", spans=whole(0, 0))
def _(folder: Path) -> list[str]:
    write(folder / "masks", stack(1))
    return track()


@case(CONTENT, "frames of 1 x 1 pixel", spans=whole(0, 4, 1))
def _(folder: Path) -> list[str]:
    write(folder / "masks", np.ones((5, 1, 1), np.uint8))
    return track()


@case(CONTENT, "one mask of another shape", words=("frame 2", "(60, 64)", "(64, 64)"))
def _(folder: Path) -> list[str]:
    frames = list(stack())
    frames[2] = frames[2][:60]
    write(folder / "masks", frames)
    return track()


@case(CONTENT, "images of another shape than the masks", words=("frame 0 of the images", "(32, 64)", "(64, 64)"))
def _(folder: Path) -> list[str]:
    write(folder / "masks", stack())
    write(folder / "images", pictures()[:, :32])
    return track("--images", "images")


# --- labels ---

LABELS = "Masks"


def _changed(
    name: str, change: Callable[[Stack], Sequence[Stack]], spans: Spans | None = None, words: tuple[str, ...] = ()
) -> None:
    def make(folder: Path) -> list[str]:
        write(folder / "masks", change(stack()))
        return track()

    case(LABELS, name, spans=spans, words=words)(make)


def _renamed(masks: Stack, low: int, dtype: type[np.generic]) -> Stack:
    return np.where(masks > 0, masks.astype(dtype) + np.array(low, dtype), np.array(0, dtype))


def _split(masks: Stack) -> Stack:
    """One of the cells lies in two pieces, in one frame."""
    label = masks[2, 30, 50]
    masks[2, 26:38, 46:58] = 0
    masks[2, 26:38, 42:46] = masks[2, 26:38, 58:62] = label
    return masks


def _everywhere(masks: Stack) -> Stack:
    masks[:] = 7
    return masks


def _negative(masks: Stack) -> Stack:
    signed = masks.astype(np.int16)
    signed[3, 0, 0] = -5
    return signed


def _one_float(masks: Stack) -> list[Stack]:
    return [frame.astype(np.float32) if t == 3 else frame for t, frame in enumerate(masks)]


def _widths(masks: Stack) -> list[Stack]:
    types = (np.uint8, np.uint16, np.uint32, np.int16, np.int32)
    return [frame.astype(kind) for frame, kind in zip(masks, types, strict=True)]


_changed("labels above 65,535", lambda masks: _renamed(masks, 70_000, np.uint32), whole())
_changed("labels above 2^31", lambda masks: _renamed(masks, 3_000_000_000, np.uint32), whole())
_changed("labels above 2^63", lambda masks: _renamed(masks, 2**63 + 5, np.uint64), None, ("frame 0", "2^63"))
_changed("integer widths that differ between frames", _widths, whole())
_changed("a label in two pieces", _split, whole(), ("1 label lies in separate pieces", "frame 2", "one cell"))
_changed("one label over the whole frame", _everywhere, whole(count=1))
_changed("negative labels", _negative, None, ("frame 3", "negative label -5"))
_changed(
    "floating-point masks",
    lambda masks: masks.astype(np.float32),
    None,
    ("frame 0", "floating-point", "integer labels"),
)
_changed("one frame of floating-point masks", _one_float, None, ("frame 3", "floating-point"))
_changed("boolean masks", lambda masks: masks > 0, None, ("true and false", "skimage.measure.label"))
_changed(
    "RGB masks",
    lambda masks: np.repeat(masks[..., None].astype(np.uint8), 3, axis=-1),
    None,
    ("3 channels (RGB)", "one integer label"),
)
_changed("images in the place of masks", lambda _: pictures(), None, ("frame 0", "looks like an image"))


@case(LABELS, "100,000 cells in a frame", words=("100489 tracks", "--wide-labels", "--resume"))
def _(folder: Path) -> list[str]:
    _many(folder)
    return track()


@case(LABELS, "100,000 cells in a frame, with --wide-labels", spans=whole(0, 0, 317**2))
def _(folder: Path) -> list[str]:
    _many(folder)
    return track("--wide-labels")


def _many(folder: Path) -> None:
    side = 317
    mask = np.zeros((3 * side, 3 * side), np.uint32)
    labels = np.arange(1, side**2 + 1, dtype=np.uint32).reshape(side, side)
    for y in (0, 1):
        for x in (0, 1):
            mask[y::3, x::3] = labels
    write(folder / "masks", mask[None])


# --- images ---

IMAGES = "Images"


def _shown(
    name: str, change: Callable[[Stack], Stack], spans: Spans | None = None, words: tuple[str, ...] = ()
) -> None:
    def make(folder: Path) -> list[str]:
        write(folder / "masks", stack())
        write(folder / "images", change(pictures()))
        return track("--images", "images")

    case(IMAGES, name, spans=spans, words=words)(make)


def _with_nan(images: Stack) -> Stack:
    images = images.astype(np.float32)
    images[1, :30] = np.nan
    images[3] = np.nan
    images[4, 5, 5] = np.inf
    return images


_shown("NaN and infinity in images, one frame all NaN", _with_nan, whole())
_shown("constant images", lambda images: np.full_like(images, 7), whole())
_shown("images all saturated", lambda images: np.full_like(images, 65535), whole())
_shown(
    "images of huge numbers",
    lambda images: images.astype(np.float64) * 1e300,
    None,
    ("frame 0 of the images", "3e+302"),
)
_shown("images of negative numbers", lambda images: images.astype(np.int16) - 3000, whole())
_shown("boolean images", lambda images: images > 150, whole())
_shown("complex images", lambda images: images.astype(np.complex64), None, ("frame 0 of the images", "complex64"))
_shown("RGB images", lambda images: np.repeat(images[..., None], 3, axis=-1), None, ("3 channels", "--channel"))


# --- files ---

FILES = "Files"


def _broken(name: str, content: Callable[[bytes], bytes], words: tuple[str, ...]) -> None:
    def make(folder: Path) -> list[str]:
        write(folder / "masks", stack())
        file = folder / "masks" / "t003.tif"
        file.write_bytes(content(file.read_bytes()))
        return track()

    case(FILES, name, words=("t003.tif", *words))(make)


def _ring(data: bytes) -> bytes:
    """The only page is followed by itself."""
    start = struct.unpack("<I", data[4:8])[0]
    entries = struct.unpack("<H", data[start : start + 2])[0]
    after = start + 2 + 12 * entries
    return data[:after] + data[4:8] + data[after + 4 :]


def _claiming(data: bytes) -> bytes:
    """Rewrite width and height to a million each."""
    for tag in (256, 257):
        place = (
            data.index(struct.pack("<HHI", tag, 3, 1))
            if struct.pack("<HHI", tag, 3, 1) in data
            else data.index(struct.pack("<HHI", tag, 4, 1))
        )
        data = data[: place + 2] + struct.pack("<HII", 4, 1, 1_000_000) + data[place + 12 :]
    return data


_broken("a TIFF file cut off in the middle", lambda data: data[: len(data) // 2], ("copy it again",))
_broken("an empty file named .tif", lambda _: b"", ("cannot be read as TIFF",))
_broken("a text file named .tif", lambda _: b"frame 3 was lost\n", ("cannot be read as TIFF",))
_broken("a TIFF file whose pages form a ring", _ring, ("ring",))
_broken("a TIFF header that claims 10^12 pixels", _claiming, ("(1000000, 1000000)", "memory"))


@case(FILES, "a link that leads to itself", words=("masks", "leads nowhere"))
def _(folder: Path) -> list[str]:
    (folder / "masks").symlink_to("masks")
    return track()


@case(FILES, "a directory loop below the masks", spans=whole())
def _(folder: Path) -> list[str]:
    write(folder / "masks", stack())
    (folder / "masks" / "loop").symlink_to("..", target_is_directory=True)
    return track()


@case(FILES, "a stack cut off in the middle", words=("masks.tif", "copy it again"))
def _(folder: Path) -> list[str]:
    tifffile.imwrite(folder / "masks.tif", stack(), compression="zlib", photometric="minisblack")
    data = (folder / "masks.tif").read_bytes()
    (folder / "masks.tif").write_bytes(data[: len(data) // 2])
    return ["track", "masks.tif", "--output", OUTPUT]


@case(FILES, "a Zarr array that claims 10^12 pixels", words=("masks.zarr", "memory"))
def _(folder: Path) -> list[str]:
    shape = {"zarr_format": 2, "shape": [3, 10**6, 10**6], "chunks": [1, 1000, 1000], "dtype": "<u2", "fill_value": 0}
    (folder / "masks.zarr").mkdir()
    rest = {"order": "C", "compressor": None, "filters": None}
    (folder / "masks.zarr" / ".zarray").write_text(json.dumps(shape | rest))
    return ["track", "masks.zarr", "--output", OUTPUT]


@case(FILES, "paths with spaces and Unicode", spans=whole(), output="výsledek 結果")
def _(folder: Path) -> list[str]:
    write(folder / "Zellen ä β 細胞" / "masks 😀", stack())
    return ["track", "Zellen ä β 細胞/masks 😀", "--output", "výsledek 結果"]


@case(FILES, "a Windows path on another system", words=("does not exist",))
def _(folder: Path) -> list[str]:
    return ["track", r"C:\movies\masks", "--output", OUTPUT]


# --- output ---

WRITING = "Output"


def _placed(name: str, output: str, words: tuple[str, ...], prepare: Callable[[Path], object] = lambda _: None) -> None:
    def make(folder: Path) -> list[str]:
        write(folder / "masks", stack())
        prepare(folder)
        return ["track", "masks", "--output", output]

    case(WRITING, name, words=words)(make)


_placed("the output is the input", "masks", ("is the input itself",))
_placed("the output lies inside the input", "masks/result", ("lies inside the input",))
_placed("the output contains the input", ".", ("contains the input",))
_placed("the output is a file", "notes.txt", ("is a file",), lambda folder: (folder / "notes.txt").write_text("mine"))
_placed(
    "the output folder holds something else", "mine", ("is not empty", "--overwrite"),
    lambda folder: write(folder / "mine", stack(1)),
)  # fmt: skip
_placed("the output is read-only", "/proc/result", ("cannot be written", "another folder"))

FULL_DISK = "the disk is full while masks are written"


@case(WRITING, FULL_DISK, words=("cannot be written", "free some space", "--resume"))
def _(folder: Path) -> list[str]:
    write(folder / "masks", stack())
    return track()


# --- lineage tables ---

TABLES = "res_track.txt"
GOOD = "1 0 1 0\n2 2 4 1\n3 2 4 1\n"


def _tabled(name: str, text: str | bytes, words: tuple[str, ...] = (), spans: Spans | None = None) -> None:
    def make(folder: Path) -> list[str]:
        masks = np.zeros((5, 64, 64), np.uint16)
        masks[:2, 20:32, 20:32] = 1
        masks[2:, 14:22, 20:32], masks[2:, 30:38, 20:32] = 2, 3
        write(folder / "ctc", masks, [f"mask{t:03d}.tif" for t in range(5)])
        table = folder / "ctc" / "res_track.txt"
        table.write_bytes(text if isinstance(text, bytes) else text.encode())
        return ["convert", "ctc", OUTPUT]

    case(TABLES, name, spans=spans, words=words)(make)


_tabled("a mother with two daughters", GOOD, spans=[(0, 1), (2, 4), (2, 4)])
_tabled("a cycle", "1 0 1 3\n2 2 4 1\n3 2 4 1\n", ("res_track.txt, line 1", "must be earlier"))
_tabled("a track that is its own parent", "1 0 1 1\n2 2 4 1\n3 2 4 1\n", ("line 1", "must be earlier"))
_tabled("an unknown parent", "1 0 1 0\n2 2 4 9\n3 2 4 1\n", ("line 2", "parent 9", "add it or write 0"))
_tabled("a parent later than its child", "1 0 3 0\n2 2 4 1\n3 2 4 1\n", ("line 2", "ends in frame 3"))
_tabled("the same label twice", GOOD + "2 2 4 1\n", ("line 4", "already stands in line 2"))
_tabled("a track that ends before it begins", "1 1 0 0\n", ("line 1", "after its end"))
_tabled("words instead of numbers", "1 0 one 0\n", ("line 1", "four whole numbers"))
_tabled("text that is no UTF-8", "Spur ä".encode("latin-1"), ("cannot be read as text",))
_tabled("a track without masks", GOOD + "4 0 4 0\n", ("track 4", "no mask"))
_tabled("masks without a track", "1 0 1 0\n2 2 4 1\n", ("label 3", "frame 2", "no line"))
_tabled("a track that begins before its masks", "1 0 1 0\n2 2 4 1\n3 2 3 1\n", ("track 3", "frame 4"))


# --- points ---

POINTS = "Points"
ROWS = "".join(f"{t},{10 + t},{20 + t}\n{t},{60 - t},{70}\n" for t in range(4))


def _pointed(name: str, text: str | bytes, words: tuple[str, ...] = (), spans: Spans | None = None) -> None:
    def make(folder: Path) -> list[str]:
        (folder / "points.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
        return ["track", "points.csv", "--output", OUTPUT, "--draw"]

    case(POINTS, name, spans=spans, words=words)(make)


_pointed("columns t, y, x", "t,y,x\n" + ROWS, spans=whole(0, 3, 2))
_pointed("no column t", "T0,y,x\n" + ROWS, ("no column 't'", "rename"))
_pointed("t = 10^12", "t,y,x\n" + ROWS + "1000000000000,5,5\n", ("1000000000000", "not times"))
_pointed("a negative frame number", "t,y,x\n-1,5,5\n" + ROWS, ("t is -1 in row 0", "shift"))
_pointed("an empty coordinate", "t,y,x\n0,,5\n" + ROWS, ("y is empty in row 0 (frame 0)", "remove the row"))
_pointed("a word in the place of a number", "t,y,x\n0,near,5\n" + ROWS, ("'near' in row 0",))
_pointed("the same id twice in a frame", "t,y,x,id\n0,1,1,5\n0,9,9,5\n", ("id 5", "twice in frame 0"))
_pointed("two columns of one name", "t,y,x,x\n0,1,1,1\n", ("two columns 'x'",))
_pointed("text that is no UTF-8", "t,y,x,µm\n0,1,1,ä\n".encode("latin-1"), ("UTF-8",))
_pointed("a header and nothing else", "t,y,x\n", ("no points",))


# --- models, corrections and other formats ---

OTHERS = "Models and other files"


def _model(name: str, make_model: Callable[[Path], object], words: tuple[str, ...]) -> None:
    def make(folder: Path) -> list[str]:
        write(folder / "masks", stack())
        make_model(folder / "my.safetensors")
        return track("--model", "my.safetensors")

    case(OTHERS, name, words=("my.safetensors", *words))(make)


def bundled() -> bytes:
    """The bundled model."""
    from cell_tracker_gnn.model.weights import bundled_models

    return bundled_models()["general"].read_bytes()


def rewritten(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> None:
    """The bundled model with another description or other tensors."""
    from safetensors import safe_open
    from safetensors.torch import save_file

    from cell_tracker_gnn.model.weights import HEADER, bundled_models

    with safe_open(bundled_models()["general"], framework="pt") as file:
        header = json.loads(file.metadata()[HEADER])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    header.pop("tensors_sha256", None)
    change(header, tensors)
    save_file(tensors, path, metadata={HEADER: json.dumps(header)})


def _not_finite(_: dict[str, Any], tensors: dict[str, Any]) -> None:
    name = next(name for name in tensors if name.endswith("weight"))
    tensors[name] = tensors[name] * float("nan")


_model(
    "a model file that was cut off", lambda path: path.write_bytes(bundled()[:-1000]), ("not a readable model file",)
)
_model("a text file in the place of a model", lambda path: path.write_text("a model"), ("not a readable model file",))
_model("weights of another program", lambda path: rewritten(path, lambda header, _: header.clear()), ("format None",))
_model(
    "a model of a newer format", lambda path: rewritten(path, lambda header, _: header.update(format=99)),
    ("format 99", "update"),
)  # fmt: skip
_model(
    "a model with unknown settings",
    lambda path: rewritten(path, lambda header, _: header["network"].update(extra=1)),
    ("its own description", "extra"),
)
_model(
    "a model with extra tensors",
    lambda path: rewritten(
        path, lambda _, tensors: tensors.update({"more.weight": next(iter(tensors.values())).clone()})
    ),
    ("more.weight", "train it again"),
)
_model(
    "a model that lacks a tensor", lambda path: rewritten(path, lambda _, tensors: tensors.popitem()),
    ("its own description",),
)  # fmt: skip
_model("a model with weights that are not finite", lambda path: rewritten(path, _not_finite), ("not finite",))


@case(OTHERS, "corrections of other masks", words=("edits.json", "other masks"))
def _(folder: Path) -> list[str]:
    write(folder / "masks", stack())
    (folder / "edits.json").write_text(json.dumps({"version": 1, "masks_sha256": "0" * 64, "edits": []}))
    return track("--fixed", "edits.json")


@case(OTHERS, "corrections that are no JSON", words=("edits.json", "cannot be read as JSON"))
def _(folder: Path) -> list[str]:
    write(folder / "masks", stack())
    (folder / "edits.json").write_text("cut everything")
    return track("--fixed", "edits.json")


ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@case(OTHERS, "TrackMate XML with nested entities", words=("tracks.xml", "document type"))
def _(folder: Path) -> list[str]:
    (folder / "tracks.xml").write_text(f'<?xml version="1.0"?>{ENTITIES}]><TrackMate>&i;</TrackMate>')
    return ["convert", "tracks.xml", "tracks.csv"]


@case(OTHERS, "TrackMate XML with an external entity", words=("tracks.xml", "document type"))
def _(folder: Path) -> list[str]:
    entity = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    (folder / "tracks.xml").write_text(f'<?xml version="1.0"?>{entity}<TrackMate>&a;</TrackMate>')
    return ["convert", "tracks.xml", "tracks.csv"]


@case(OTHERS, "OME-XML with nested entities in a TIFF file", words=("t000.tif",))
def _(folder: Path) -> list[str]:
    write(folder / "masks", stack())
    xml = f'<?xml version="1.0"?>{ENTITIES}]><OME><Image><Pixels PhysicalSizeX="&i;"/></Image></OME>'
    tifffile.imwrite(
        folder / "masks" / "t000.tif", stack()[0], description=xml, metadata=None, photometric="minisblack"
    )
    return track()
