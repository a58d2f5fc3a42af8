"""A zoo of small movies with known links, each with one difficulty, for tests and documentation.

Labels are permuted in every frame, so that no label tells which cell is which in another frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Point = tuple[float, ...]
Cell = dict[int, Point]
"""Centre of a cell, in pixels of x, by frame; a missing frame in between is a missed detection."""


@dataclass(frozen=True, eq=False)
class Case:
    """A movie and its truth.

    Parameters
    ----------
    name
        Name of the case.
    masks
        Label images, (t, y, x) or (t, z, y, x).
    images
        Intensities of the same shape, or None.
    links
        True links, one row (frame_from, label_from, frame_to, label_to) each, also across gaps and to daughters,
        shape (m, 4). A detection that holds two merged cells has no link; the cells are linked across it.
    step
        Length of a pixel along (z, y, x) or (y, x), in pixels of x.
    """

    name: str
    masks: NDArray[np.int32]
    images: NDArray[np.uint16] | None
    links: NDArray[np.int64]
    step: tuple[float, ...]


def perfect() -> Case:
    """Five cells that hardly move."""
    starts = [(12, 12), (12, 50), (32, 31), (52, 12), (52, 50)]
    return _case("perfect", (64, 64), [_walk(start, (0.8, -0.6), range(6)) for start in starts])


def one_cell() -> Case:
    """One cell on its way through the field."""
    return _case("one_cell", (48, 48), [_walk((12, 10), (3, 4), range(6))])


def single_frame() -> Case:
    """Two cells and a movie of one frame, so no link at all."""
    return _case("single_frame", (48, 48), [_walk((14, 14), (0, 0), range(1)), _walk((34, 30), (0, 0), range(1))])


def no_cell() -> Case:
    """Three frames of background."""
    return _case("no_cell", (32, 32), [], frames=3)


def swap() -> Case:
    """A large bright and a small dim cell whose ways cross, so that each ends where the other began."""
    ways = [_walk((18, 10), (3.2, 6), range(8)), _walk((40, 52), (-3.2, -6), range(8))]
    return _case("swap", (64, 64), ways, radii=(6, 4), light=(900, 400))


def missed() -> Case:
    """Three cells, one of them not detected in a frame in the middle."""
    cells = [_walk((12, 12), (1, 2), range(7)), _walk((32, 20), (0, 2), range(7)), _walk((52, 12), (-1, 2), range(7))]
    del cells[1][3]
    return _case("missed", (64, 64), cells)


def gap_of_two() -> Case:
    """Three cells, one of them not detected in two frames in a row."""
    cells = [_walk((12, 12), (1, 2), range(8)), _walk((32, 20), (0, 2), range(8)), _walk((52, 12), (-1, 2), range(8))]
    del cells[1][3], cells[1][4]
    return _case("gap_of_two", (64, 64), cells)


def empty_frame() -> Case:
    """Two cells, and one frame without any detection."""
    cells = [_walk((16, 16), (1, 1), range(6)), _walk((44, 40), (-1, 1), range(6))]
    for cell in cells:
        del cell[3]
    return _case("empty_frame", (64, 64), cells)


def division() -> Case:
    """A mother that divides after the third frame, beside a cell that does not."""
    cells = [
        _walk((24, 32), (0, 1), range(3)),
        _walk((19, 34), (-2, 0.5), range(3, 7)),
        _walk((29, 34), (2, 0.5), range(3, 7)),
        _walk((54, 12), (0, 1), range(7)),
    ]
    return _case("division", (64, 64), cells, radii=(6.5, 4.6, 4.6, 5.5), mothers={1: 0, 2: 0})


def late_division() -> Case:
    """A division of which one daughter is detected one frame late."""
    cells = [
        _walk((24, 32), (0, 1), range(3)),
        _walk((19, 34), (-2, 0.5), range(3, 7)),
        _walk((31, 34.5), (2, 0.5), range(4, 7)),
        _walk((54, 12), (0, 1), range(7)),
    ]
    return _case("late_division", (64, 64), cells, radii=(6.5, 4.6, 4.6, 5.5), mothers={1: 0, 2: 0})


def merge() -> Case:
    """Two cells that touch and are one detection in the middle frame."""
    cells = [_walk((26, 18), (0, 2), range(5)), _walk((36, 18), (0, 2), range(5)), _walk((54, 44), (0, -1), range(5))]
    return _case("merge", (64, 64), cells, merged=(2, 0, 1))


def touching() -> Case:
    """A cluster of six cells that touch and turn slowly around its middle."""
    cells = [
        {t: (32 + 9.5 * np.sin(a + 0.15 * t), 32 + 9.5 * np.cos(a + 0.15 * t)) for t in range(6)}
        for a in np.arange(6) * np.pi / 3
    ]
    return _case("touching", (64, 64), cells)


def drift() -> Case:
    """A lattice of cells that the stage shifts by more than their spacing between two frames; some leave or enter."""
    rng = np.random.default_rng(11)
    lattice = [np.array([y, x]) + rng.uniform(-2, 2, 2) for y in range(-24, 120, 16) for x in range(-60, 120, 16)]
    shift = {0: 0.0, 1: 1.0, 2: 2.0, 3: 23.0, 4: 24.0, 5: 25.0}
    cells = []
    for place in lattice:
        way = {t: (float(place[0]), float(place[1] + s)) for t, s in shift.items()}
        cells.append({t: p for t, p in way.items() if all(0 <= c < 96 for c in p)})
    cells = [cell for cell in cells if cell]
    return _case("drift", (96, 96), cells, radii=tuple(rng.uniform(3.5, 5.5, len(cells))))


def border() -> Case:
    """A cell that leaves at the border, one that enters, and one that leaves while another enters at its place."""
    cells = [
        {t: (12.0, 46.0 + 5 * t) for t in range(4)},
        {t: (34.0, -14.0 + 5 * t) for t in range(3, 7)},
        {t: (50.0, 56.0 + 4 * t) for t in range(3)},
        {t: (50.0, 64.0 - 4 * (t - 3)) for t in range(3, 7)},
    ]
    return _case("border", (64, 64), cells)


def anisotropic_3d() -> Case:
    """Cells in a volume whose z step is four times the x step; one of them moves along z only, one divides."""
    cells = [
        _walk((20, 12, 12), (4, 0, 0), range(5)),
        _walk((24, 34, 14), (0, 1, 2), range(5)),
        _walk((24, 14, 36), (0, 0, 1), range(2)),
        _walk((18, 14, 38), (-2, 0, 1), range(2, 5)),
        _walk((30, 14, 38), (2, 0, 1), range(2, 5)),
    ]
    return _case(
        "anisotropic_3d", (12, 48, 48), cells, radii=(6, 6, 7, 5.5, 5.5), mothers={3: 2, 4: 2}, step=(4.0, 1.0, 1.0)
    )


CASES: dict[str, Callable[[], Case]] = {
    make.__name__: make
    for make in (
        perfect,
        one_cell,
        single_frame,
        no_cell,
        swap,
        missed,
        gap_of_two,
        empty_frame,
        division,
        late_division,
        merge,
        touching,
        drift,
        border,
        anisotropic_3d,
    )
}


def _walk(start: Point, velocity: Point, frames: range) -> Cell:
    return {t: tuple(float(s + v * (t - frames[0])) for s, v in zip(start, velocity, strict=True)) for t in frames}


def _case(
    name: str,
    shape: tuple[int, ...],
    cells: list[Cell],
    *,
    radii: tuple[float, ...] = (),
    light: tuple[int, ...] = (),
    mothers: dict[int, int] | None = None,
    merged: tuple[int, int, int] | None = None,
    frames: int = 0,
    step: tuple[float, ...] = (),
) -> Case:
    """Draw cells as discs; ``mothers`` names each daughter's mother, ``merged`` a frame and two cells that are one."""
    rng = np.random.default_rng([ord(letter) for letter in name])
    step = step or (1.0,) * len(shape)
    radii = radii or (5.5,) * len(cells)
    light = light or tuple(int(v) for v in rng.integers(400, 900, len(cells)))
    frames = frames or 1 + max(max(cell) for cell in cells)
    masks = np.zeros((frames, *shape), np.int32)
    images = np.zeros(masks.shape, np.uint16)
    labels: dict[tuple[int, int], int] = {}
    for t in range(frames):
        present = [i for i, cell in enumerate(cells) if t in cell]
        drawn = _draw(shape, step, [cells[i][t] for i in present], [radii[i] for i in present])
        images[t] = _expose(drawn, [light[i] for i in present], rng)
        numbers = 1 + rng.permutation(len(present))
        names = dict(zip(present, numbers.tolist(), strict=True))
        if merged and t == merged[0]:
            numbers[present.index(merged[2])] = names[merged[1]]
            del names[merged[1]], names[merged[2]]
        masks[t] = np.append(0, numbers)[drawn]
        labels.update({(i, t): label for i, label in names.items()})
    return Case(name, masks, images, _links(labels, mothers or {}), step)


def _draw(
    shape: tuple[int, ...], step: tuple[float, ...], centres: list[Point], radii: list[float]
) -> NDArray[np.int64]:
    """Discs with the row of their cell plus 1; a contested pixel belongs to the cell in which it is deeper."""
    grid = np.meshgrid(*[(np.arange(n) + 0.5) * s for n, s in zip(shape, step, strict=True)], indexing="ij")
    depth, drawn = np.zeros(shape), np.zeros(shape, np.int64)
    for row, (centre, radius) in enumerate(zip(centres, radii, strict=True)):
        distance = np.sqrt(sum((axis - c) ** 2 for axis, c in zip(grid, centre, strict=True))) - radius
        drawn[distance < depth] = row + 1
        depth = np.minimum(depth, distance)
    return drawn


def _expose(drawn: NDArray[np.int64], light: list[int], rng: np.random.Generator) -> NDArray[np.uint16]:
    signal = ndimage.gaussian_filter(np.append(0.0, light)[drawn], 0.7)
    return np.clip(signal + 100 + rng.normal(0, 10, drawn.shape), 0, 65535).astype(np.uint16)


def _links(labels: dict[tuple[int, int], int], mothers: dict[int, int]) -> NDArray[np.int64]:
    frames: dict[int, list[int]] = {}
    for cell, t in sorted(labels):
        frames.setdefault(cell, []).append(t)
    pairs = [((cell, a), (cell, b)) for cell, own in frames.items() for a, b in pairwise(own)]
    pairs += [((mother, frames[mother][-1]), (cell, frames[cell][0])) for cell, mother in mothers.items()]
    rows = sorted((a[1], labels[a], b[1], labels[b]) for a, b in pairs)
    return np.array(rows, np.int64).reshape(-1, 4)
