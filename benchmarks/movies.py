"""Where the parts of a sequence are, and how to crop all of them to some of the frames."""

from __future__ import annotations

import re
from pathlib import Path

from peers.common import numbered
from trackers import Movie

FRAME = re.compile(r"(?:man_seg|man_track|mask|t)_?(\d+)(?:_\d+)?\.tif")


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

    Masks and images are links to the files; the lineage is cut: a track that reaches in begins with the first frame,
    without its parent.
    """
    numbers = list(numbered(movie.masks))
    begin, end = (_position(part, len(numbers)) for part in frames.split(":"))
    kept = set(numbers[begin:end])
    if len(kept) < 2:
        raise SystemExit(f"--frames {frames} leaves {len(kept)} frames of {movie.name}; give two or more")
    masks, images, truth = folder / "masks", folder / "images", folder / "truth"
    _link(movie.masks, masks, kept)
    if movie.images:
        _link(movie.images, images, kept)
    _link(movie.truth / "TRA", truth / "TRA", kept)
    if (movie.truth / "SEG").is_dir():
        _link(movie.truth / "SEG", truth / "SEG", kept)
    _cut_lineage(movie.truth / "TRA" / "man_track.txt", truth / "TRA" / "man_track.txt", min(kept), max(kept))
    return Movie(movie.data_set, movie.name, masks, images if movie.images else None, truth)


def _position(part: str, count: int) -> int | None:
    if not part:
        return None
    return round(float(part) * count) if "." in part else int(part)


def _link(source: Path, target: Path, kept: set[int]) -> None:
    target.mkdir(parents=True)
    for path in source.iterdir():
        name = FRAME.fullmatch(path.name)
        if name and int(name[1]) in kept:
            (target / path.name).symlink_to(path.resolve())


def _cut_lineage(source: Path, target: Path, first: int, last: int) -> None:
    rows = [[int(word) for word in line.split()] for line in source.read_text("utf-8").splitlines() if line.strip()]
    inside = [row for row in rows if row[1] <= last and row[2] >= first]
    labels = {row[0] for row in inside}
    lines = [
        f"{label} {max(begin, first)} {min(end, last)} {parent if parent in labels and begin >= first else 0}\n"
        for label, begin, end, parent in inside
    ]
    target.write_text("".join(lines), "utf-8")
