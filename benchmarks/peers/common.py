"""What all peers share: a sequence of masks and images comes in, links between cells go out as a CTC result.

A peer is a function that takes a :class:`Sequence` and returns links between cells. Cells that it does not link stay in
the result as tracks of one frame, so that every tracker is scored on the same cells.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import tifffile
from scipy.spatial import cKDTree

Cell = tuple[int, int]
"""Index of the frame and label in the mask."""

Link = tuple[Cell, Cell]
"""The earlier and the later cell."""


@dataclass(frozen=True)
class Sequence:
    """Masks of a movie, images where there are any and the truth for the oracles only."""

    masks: list[Path]
    images: list[Path]
    truth: Path | None = None

    def mask(self, index: int) -> np.ndarray:
        """Label image of a frame."""
        return tifffile.imread(self.masks[index])

    def image(self, index: int) -> np.ndarray:
        """Intensity image of a frame."""
        return tifffile.imread(self.images[index])

    @cached_property
    def cells(self) -> list[dict[int, np.ndarray]]:
        """Centre of mass of every cell by label, frame by frame."""
        return [centres(self.mask(index))[0] for index in range(len(self.masks))]

    @cached_property
    def neighbour_distance(self) -> float:
        """Median distance to the nearest neighbour: a step longer than this cannot be told from another cell's."""
        points = [np.array(list(frame.values())) for frame in self.cells if len(frame) > 1]
        return float(np.median(np.concatenate([cKDTree(frame).query(frame, k=2)[0][:, 1] for frame in points])))


def centres(mask: np.ndarray) -> tuple[dict[int, np.ndarray], dict[int, int]]:
    """Centre of mass and number of pixels of every cell by label."""
    place = np.nonzero(mask)
    labels, inverse, size = np.unique(mask[place], return_inverse=True, return_counts=True)
    centre = np.stack([np.bincount(inverse, weights=axis) / size for axis in place], axis=1) if len(labels) else []
    names = labels.tolist()
    return dict(zip(names, centre, strict=True)), dict(zip(names, size.tolist(), strict=True))


def numbered(folder: Path) -> dict[int, Path]:
    """TIFF files of a folder by the last number in their name."""
    files = {int(re.findall(r"\d+", path.stem)[-1]): path for path in folder.glob("*.tif")}
    return dict(sorted(files.items()))


def read_sequence(masks: Path, images: Path | None, truth: Path | None = None) -> Sequence:
    """Find the files of a movie; images are left out when not every mask has one."""
    mask_files, image_files = numbered(masks), numbered(images) if images else {}
    has_images = image_files.keys() >= mask_files.keys()
    return Sequence(list(mask_files.values()), [image_files[n] for n in mask_files] if has_images else [], truth)


def write_result(sequence: Sequence, links: Iterable[Link], out: Path) -> None:
    """Write links as a CTC result: an only child in the next frame continues its track, any other begins its own."""
    parent = {target: source for source, target in links}
    children: dict[Cell, list[Cell]] = defaultdict(list)
    for target, source in parent.items():
        children[source].append(target)
    track: dict[Cell, int] = {}
    rows: dict[int, list[int]] = {}
    out.mkdir(parents=True)
    numbers = [int(re.findall(r"\d+", path.stem)[-1]) for path in sequence.masks]
    for frame, path in enumerate(sequence.masks):
        mask = sequence.mask(frame)
        labels = np.flatnonzero(np.bincount(mask.ravel()))
        table = np.zeros(int(mask.max()) + 1, np.uint16)
        for label in labels[labels > 0].tolist():
            table[label] = _continue((frame, label), parent, children, track, rows)
        digits = re.findall(r"\d+", path.stem)[-1]
        tifffile.imwrite(out / f"mask{digits}.tif", table[mask], compression="zlib")
    lines = [f"{name} {numbers[begin]} {numbers[end]} {up}\n" for name, (begin, end, up) in rows.items()]
    (out / "res_track.txt").write_text("".join(lines), "utf-8")


def _continue(
    cell: Cell,
    parent: dict[Cell, Cell],
    children: dict[Cell, list[Cell]],
    track: dict[Cell, int],
    rows: dict[int, list[int]],
) -> int:
    source = parent.get(cell)
    if source is not None and len(children[source]) == 1 and source[0] == cell[0] - 1:
        track[cell] = track[source]
        rows[track[cell]][1] = cell[0]
    else:
        track[cell] = len(rows) + 1
        rows[track[cell]] = [cell[0], cell[0], 0 if source is None else track[source]]
    return track[cell]


def main(link: Callable[[Sequence], Iterable[Link]]) -> None:
    """Run a peer on the folders of the command line: MASKS IMAGES OUT [TRUTH], with - for no images."""
    masks, images, out, *truth = sys.argv[1:]
    sequence = read_sequence(Path(masks), None if images == "-" else Path(images), Path(truth[0]) if truth else None)
    write_result(sequence, link(sequence), Path(out))
