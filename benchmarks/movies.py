"""Where the parts of a sequence are, and how to make another movie of them: some of the frames, other masks."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import tifffile

from cell_tracker_gnn.io import LineageTable
from cell_tracker_gnn.io.label_type import label_type
from peers.common import numbered
from trackers import Movie

FRAME = re.compile(r"(?:man_seg|man_track|mask|t)_?(\d+)(?:_\d+)?\.tif")

Track = tuple[int, int, int, int]
"""Label, first and last frame, label of the parent or 0."""


def find_movie(sequence: Path, masks: str | None) -> Movie:
    """Find masks, images and truth of a sequence such as ``Fluo-N2DL-HeLa/01``.

    Masks are those of ``01_ST/SEG`` where there are any and of ``01_GT/TRA`` otherwise, unless ``masks`` names a folder
    with ``{sequence}`` for the path of the sequence. Images that are absent are left out.
    """
    sequence = sequence.absolute()
    places = [masks.format(sequence=sequence)] if masks else [f"{sequence}_ST/SEG", f"{sequence}_GT/TRA"]
    found = next((Path(place).absolute() for place in places if Path(place).is_dir()), None)
    truth = Path(f"{sequence}_GT")
    if found is None or not truth.is_dir():
        raise SystemExit(f"{sequence} has no masks in {' or '.join(places)} or no {truth}; give another sequence")
    name = f"{sequence.parent.name}-{sequence.name}"
    return Movie(sequence.parent.name, name, found, sequence if sequence.is_dir() else None, truth)


def crop(movie: Movie, frames: str, folder: Path) -> Movie:
    """Crop a movie to the frames A:B, which count from 0 or are fractions such as ``0.6:`` of the movie.

    A track that reaches in begins with the first frame, without its parent.
    """
    numbers = list(numbered(movie.masks))
    begin, end = (_position(part, len(numbers)) for part in frames.split(":"))
    kept = numbers[begin:end]
    if len(kept) < 2:
        raise SystemExit(f"--frames {frames} leaves {len(kept)} frames of {movie.name}; give two or more")
    part = _link_frames(movie, {number: number for number in kept}, folder)
    rows = read_lineage(movie.truth)
    inside = [row for row in rows if row[1] <= kept[-1] and row[2] >= kept[0]]
    labels = {row[0] for row in inside}
    write_lineage(
        part.truth,
        [
            (label, max(begin, kept[0]), min(end, kept[-1]), parent if parent in labels and begin >= kept[0] else 0)
            for label, begin, end, parent in inside
        ],
    )
    return part


def subsample(movie: Movie, every: int, folder: Path) -> Movie:
    """Every so many of the frames of a movie, numbered 0, 1, 2, ...

    Cells that are never seen are left out of the lineage: their children are those of the nearest ancestor that is
    seen. A lone child that is seen in the next frame is the same cell for all that can be known, so it continues the
    track of its parent.
    """
    kept = list(numbered(movie.masks))[::every]
    if len(kept) < 2:
        raise SystemExit(f"every {every} frames leaves {len(kept)} frames of {movie.name}; give a smaller number")
    part = _link_frames(movie, {number: index for index, number in enumerate(kept)}, folder)
    rows, same = thin_lineage(read_lineage(movie.truth), kept)
    write_lineage(part.truth, rows)
    if same:
        _relabel(part.truth / "TRA", same)
    return part


def thin_lineage(rows: list[Track], kept: list[int]) -> tuple[list[Track], dict[int, int]]:
    """Lineage of some of the frames by their index, and the labels that became another one."""
    parent_of = {label: parent for label, _, _, parent in rows}
    seen = {label: (bisect_left(kept, begin), bisect_right(kept, end) - 1) for label, begin, end, _ in rows}
    seen = {label: (begin, end) for label, (begin, end) in seen.items() if begin <= end}
    for label in seen:
        while parent_of[label] and parent_of[label] not in seen:
            parent_of[label] = parent_of.get(parent_of[label], 0)
    children = Counter(parent_of[label] for label in seen)
    same: dict[int, int] = {}
    found: dict[int, Track] = {}
    for label in sorted(seen, key=lambda label: seen[label]):
        (begin, end), parent = seen[label], parent_of[label]
        track = same.get(parent, parent)
        if parent and children[parent] == 1 and begin == found[track][2] + 1:
            same[label] = track
            found[track] = (track, found[track][1], end, found[track][3])
        else:
            found[label] = (label, begin, end, track)
    return list(found.values()), same


def with_masks(movie: Movie, change: Callable[[int, Path], np.ndarray], folder: Path) -> Movie:
    """The movie with other masks, made from the number and the mask of each frame."""
    folder.mkdir(parents=True)
    for number, path in numbered(movie.masks).items():
        mask = change(number, path)
        labels = mask.astype(label_type(int(mask.max(initial=0))))
        tifffile.imwrite(folder / f"mask{number:03d}.tif", labels, compression="zlib")
    return replace(movie, masks=folder)


def _position(part: str, count: int) -> int | None:
    if not part:
        return None
    return round(float(part) * count) if "." in part else int(part)


def _link_frames(movie: Movie, kept: dict[int, int], folder: Path) -> Movie:
    """Masks, images and truth of some of the frames, by their new numbers, as links to the files."""
    masks, images, truth = folder / "masks", folder / "images", folder / "truth"
    _link(movie.masks, masks, kept)
    if movie.images:
        _link(movie.images, images, kept)
    _link(movie.truth / "TRA", truth / "TRA", kept)
    if (movie.truth / "SEG").is_dir():
        _link(movie.truth / "SEG", truth / "SEG", kept)
    return replace(movie, masks=masks, images=images if movie.images else None, truth=truth)


def _link(source: Path, target: Path, kept: dict[int, int]) -> None:
    target.mkdir(parents=True)
    for path in source.iterdir():
        name = FRAME.fullmatch(path.name)
        if name and int(name[1]) in kept:
            number = f"{kept[int(name[1])]:0{len(name[1])}d}"
            (target / f"{path.name[: name.start(1)]}{number}{path.name[name.end(1) :]}").symlink_to(path.resolve())


def _relabel(folder: Path, same: dict[int, int]) -> None:
    """Replace the links to label images by copies with other labels."""
    for path in folder.glob("*.tif"):
        mask = tifffile.imread(path)
        table = np.arange(max(int(mask.max()), *same) + 1, dtype=mask.dtype)
        table[list(same)] = list(same.values())
        path.unlink()
        tifffile.imwrite(path, table[mask], compression="zlib")


def read_lineage(truth: Path) -> list[Track]:
    lines = (truth / "TRA" / "man_track.txt").read_text("utf-8").splitlines()
    rows = ([int(word) for word in line.split()] for line in lines if line.strip())
    return [(label, begin, end, parent) for label, begin, end, parent in rows]


def write_lineage(truth: Path, rows: Iterable[Track]) -> None:
    table = LineageTable(*np.array(list(rows), np.int64).reshape(-1, 4).T)
    (truth / "TRA" / "man_track.txt").write_text(table.text(), "utf-8")
