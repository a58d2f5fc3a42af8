"""Measurements of tracked cells as tables: place, motion, shape, brightness, family and fate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Frames, Integers, Lineage
from cell_tracker_gnn.errors import FrameMismatchError
from cell_tracker_gnn.features.regions import MaskPixels, measure_frame
from cell_tracker_gnn.io.components import connected

__all__ = ["COLUMNS", "Columns", "Measurements", "measure"]

Columns = dict[str, NDArray[np.generic]]

COLUMNS: dict[str, str] = {
    "frame": "frame number of the input",
    "label": "label in the masks of the input",
    "track": "track in the result; ends at divisions and gaps",
    "cell": "number of the cell, the same on both sides of a gap (identity in tracks.csv of the result)",
    "lineage": "family: all cells connected by divisions, named after its first cell",
    "generation": "number of divisions since the first cell of the lineage",
    "time": "time since frame 0",
    "z, y, x": "centre",
    "area, volume": "size in 2D, in 3D",
    "major_axis, intermediate_axis, minor_axis": "lengths of the ellipse or ellipsoid with the same second moments",
    "elongation": "major axis divided by minor axis",
    "touches_border": "whether the mask reaches the border of the frame",
    "intensity_mean_C, intensity_sum_C, intensity_max_C": "brightness within the mask in channel C",
    "step": "distance to the cell one frame before, or before the gap",
    "speed": "step divided by the time that it took",
    "displacement": "distance to the first place of the cell; in cells.csv so far, in tracks.csv at the end",
    "parent, sister": "cell that divided, and the other daughter; 0 for none",
    "begin, end": "first and last frame",
    "birth, death": "how the cell begins: division, movie (first frame), border or appears; and ends: division, movie "
    "(last frame), border or disappears",
    "begin_time, end_time, duration": "time of the first and of the last frame, and from the one to the other",
    "cycle": "time from division to division; empty where either was not seen",
    "path": "length of the way, straight over gaps",
    "directness": "displacement divided by path",
    "mean_speed, max_speed": "of the steps",
    "mean_area, mean_volume": "mean size",
    "lag, msd, pairs": "frames between two places of a cell, mean squared distance between them, how many there are",
}
"""What the columns of the tables are; lengths and times are in the units of the scale."""


@dataclass(frozen=True, eq=False)
class Measurements:
    """Tables of measurements, see :data:`COLUMNS`.

    Parameters
    ----------
    cells
        One row per cell and frame.
    tracks
        One row per cell, from birth to end, over gaps.
    msd
        Mean squared displacement by cell and lag; cell 0 is all cells together.

    Examples
    --------
    >>> from cell_tracker_gnn.io import read_lineage
    >>> from cell_tracker_gnn.measurement import measure
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
    >>> folder = write_simulation(simulate(SimulationSettings(frames=3, cells=4, size=(64, 64))), "nuclei")
    >>> lineage = read_lineage(folder / "01_GT")
    >>> tables = measure(lineage)
    >>> sorted(set(tables.msd))
    ['cell', 'lag', 'msd', 'pairs', 'time']
    """

    cells: Columns
    tracks: Columns
    msd: Columns


@dataclass(frozen=True, eq=False)
class _Family:
    """Cells over time: one row per identity, ordered by number."""

    number: Integers
    row: Integers
    first: Integers
    last: Integers
    parent: Integers
    lineage: Integers
    generation: Integers


def measure(lineage: Lineage, images: Sequence[Frames] = ()) -> Measurements:
    """Measure every cell of a lineage; masks and images are read frame by frame.

    Parameters
    ----------
    lineage
        The result; without masks there are no shapes, borders and intensities.
    images
        One sequence of frames per channel, of the frame numbers and shape of the masks.

    Raises
    ------
    FrameMismatchError
        If images are not of the frames or shape of the lineage.

    Examples
    --------
    >>> from cell_tracker_gnn.io import open_frames, read_lineage
    >>> from cell_tracker_gnn.measurement import measure
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
    >>> folder = write_simulation(simulate(SimulationSettings(frames=3, cells=4, size=(64, 64))), "nuclei")
    >>> lineage = read_lineage(folder / "01_GT")
    >>> tables = measure(lineage, [open_frames(folder / "01")])
    >>> len(tables.cells["speed"]) == len(lineage.cells), len(tables.tracks["cycle"]) == len(lineage.tracks)
    (True, True)
    """
    cells = lineage.cells
    family = _family(lineage)
    place = cells.position
    time = cells.number * cells.scale.interval
    by_cell = np.lexsort((cells.frame, family.row))
    follows = np.diff(family.row[by_cell], prepend=-1) == 0
    step, speed = np.full(len(cells), np.nan), np.full(len(cells), np.nan)
    now, before = by_cell[follows], by_cell[np.flatnonzero(follows) - 1]
    step[now] = np.linalg.norm(place[now] - place[before], axis=1)
    speed[now] = step[now] / (time[now] - time[before])
    so_far = np.linalg.norm(place - place[family.first[family.row]], axis=1) if len(cells) else np.zeros(0)
    shapes = _shapes(lineage, images)
    table: Columns = {
        "frame": cells.number,
        "label": cells.label,
        "track": lineage.track,
        "cell": family.number[family.row],
        "lineage": family.lineage[family.row],
        "generation": family.generation[family.row],
        "time": time,
        **dict(zip("zyx"[-cells.rank :], place.T, strict=True)),
        **shapes,
        "step": step,
        "speed": speed,
        "displacement": so_far,
    }
    return Measurements(table, _tracks(lineage, family, table), _msd(lineage, family))


def _family(lineage: Lineage) -> _Family:
    """Identities with their first and last cells, parents, lineages and generations."""
    cells, tracks = lineage.cells, lineage.tracks
    place = np.searchsorted(tracks.track, lineage.track)
    number, row = np.unique(tracks.identity[place], return_inverse=True)
    order = np.lexsort((cells.frame, row))
    first = order[np.diff(row[order], prepend=-1) > 0]
    last = order[np.diff(row[order], append=len(number)) > 0]
    # The parent of a cell is that of its first track.
    of_track = dict(zip(tracks.track.tolist(), tracks.identity.tolist(), strict=True))
    begun_by = tracks.parent[place[first]]
    parent = np.array([of_track.get(track, 0) for track in begun_by.tolist()], np.int64)
    child = np.flatnonzero(parent)
    mother = np.searchsorted(number, parent[child])
    component = connected(len(number), mother, child)
    oldest = np.full(len(number), np.iinfo(np.int64).max)
    np.minimum.at(oldest, component, number)
    generation = np.zeros(len(number), np.int64)
    for i in child[np.argsort(cells.frame[first[child]], kind="stable")].tolist():
        generation[i] = generation[np.searchsorted(number, parent[i])] + 1
    return _Family(number, row, first, last, parent, oldest[component], generation)


def _shapes(lineage: Lineage, images: Sequence[Frames]) -> Columns:
    """Size, axes, border and intensities of each cell, measured in its mask."""
    cells, movie = lineage.cells, lineage.movie
    size_name = "area" if cells.rank == 2 else "volume"
    if movie is None or movie.points is not None:
        return {size_name: cells.volume} if cells.size.any() else {}
    for channel in images:
        if tuple(channel.numbers) != tuple(movie.numbers) or tuple(channel.shape) != tuple(movie.shape):
            raise FrameMismatchError(
                f"the images have {len(channel)} frames of shape {channel.shape}, the masks {len(movie)} of "
                f"{movie.shape}; give the images that were tracked"
            )
    n, rank = len(cells), cells.rank
    size, axes, box = np.zeros(n), np.full((n, rank), np.nan), np.zeros((n, 2 * rank), np.int64)
    levels = [np.full((n, 4), np.nan) for _ in images]
    for index in range(len(movie)):
        rows = np.arange(*np.searchsorted(cells.frame, [index, index + 1]))
        pixels = MaskPixels.of(movie.masks[index])
        measured = measure_frame(pixels, None, cells.scale)
        at = np.searchsorted(measured.label, lineage.mark[rows])
        size[rows], axes[rows], box[rows] = measured.size[at], measured.axes[at], measured.box[at]
        for values, channel in zip(levels, images, strict=True):
            values[rows] = measure_frame(pixels, channel[index], cells.scale).intensity[at]
    border = ((box[:, :rank] == 0) | (box[:, rank:] == movie.shape)).any(axis=1)
    names = ("major_axis", "minor_axis") if rank == 2 else ("major_axis", "intermediate_axis", "minor_axis")
    found: Columns = {size_name: replace(cells, size=size.astype(np.int64)).volume}
    found |= dict(zip(names, axes.T, strict=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        found["elongation"] = np.where(axes[:, -1] > 0, axes[:, 0] / axes[:, -1], np.nan)
    found["touches_border"] = border.astype(np.int64)
    for number, values in enumerate(levels):
        found |= {f"intensity_mean_{number}": values[:, 1], f"intensity_sum_{number}": values[:, 1] * size}
        found[f"intensity_max_{number}"] = values[:, 2]
    return found


def _tracks(lineage: Lineage, family: _Family, table: Mapping[str, NDArray[np.generic]]) -> Columns:
    """One row per cell from birth to end."""
    cells, time = lineage.cells, np.asarray(table["time"], np.float64)
    first, last, row = family.first, family.last, family.row
    count = np.maximum(np.bincount(row, minlength=len(family.number)), 1)
    step, speed = (np.nan_to_num(np.asarray(table[name], np.float64)) for name in ("step", "speed"))
    path = np.bincount(row, weights=step, minlength=len(count)) if len(row) else np.zeros(0)
    fastest = np.zeros(len(count))
    np.maximum.at(fastest, row, speed)
    moved = np.linalg.norm(cells.position[last] - cells.position[first], axis=1) if len(row) else np.zeros(0)
    steps = np.where(count > 1, 1.0, np.nan)
    duration = time[last] - time[first]
    birth, death, sister = _fates(lineage, family, table)
    cycle = np.where((birth == "division") & (death == "division"), duration + lineage.cells.scale.interval, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        motion = {
            "path": path, "displacement": moved, "directness": np.where(path > 0, moved / path, np.nan),
            "mean_speed": np.where(duration > 0, path / duration, np.nan), "max_speed": fastest * steps,
        }  # fmt: skip
    sizes = {}
    for name in ("area", "volume", *(name for name in table if name.startswith("intensity_mean"))):
        if name in table:
            sums = np.bincount(row, weights=np.asarray(table[name], np.float64), minlength=len(count))
            sizes[f"mean_{name}" if name in ("area", "volume") else name] = sums / count if len(row) else np.zeros(0)
    return {
        "cell": family.number, "lineage": family.lineage, "generation": family.generation, "parent": family.parent,
        "sister": sister, "begin": cells.number[first], "end": cells.number[last], "birth": birth, "death": death,
        "begin_time": time[first], "end_time": time[last], "duration": duration, "cycle": cycle, **motion, **sizes,
    }  # fmt: skip


def _fates(
    lineage: Lineage, family: _Family, table: Mapping[str, NDArray[np.generic]]
) -> tuple[NDArray[np.str_], NDArray[np.str_], Integers]:
    """How each cell begins and ends, and its sister."""
    cells, n = lineage.cells, len(family.number)
    border = np.asarray(table.get("touches_border", np.zeros(len(cells))), np.bool_)
    divides = np.isin(family.number, family.parent)
    first, last = cells.frame[family.first], cells.frame[family.last]
    end = len(cells.numbers) - 1
    birth = np.select(
        [family.parent > 0, first == 0, border[family.first]], ["division", "movie", "border"], "appears"
    ).astype(np.str_)
    death = np.select([divides, last == end, border[family.last]], ["division", "movie", "border"], "disappears")
    sister = np.zeros(n, np.int64)
    order = np.lexsort((family.number, family.parent))
    parents = family.parent[order]
    pairs = np.flatnonzero((parents[1:] == parents[:-1]) & (parents[1:] > 0))
    sister[order[pairs]], sister[order[pairs + 1]] = family.number[order[pairs + 1]], family.number[order[pairs]]
    return birth, death.astype(np.str_), sister


def _msd(lineage: Lineage, family: _Family) -> Columns:
    """Mean squared displacement of each cell, and of all, for lags up to a quarter of the movie."""
    cells, place = lineage.cells, lineage.cells.position
    longest = max(1, (len(cells.numbers) - 1) // 4) if len(cells.numbers) > 1 else 0
    span = longest + 1 + len(cells.numbers)
    key = family.row * span + cells.frame
    order = np.argsort(key)
    sums = np.zeros((longest, len(family.number) + 1))
    pairs = np.zeros_like(sums)
    for lag in range(1, longest + 1):
        at = np.searchsorted(key[order], key + lag)
        there = np.zeros(len(key), np.bool_)
        inside = at < len(key)
        there[inside] = key[order[at[inside]]] == key[inside] + lag
        later = order[at[there]]
        squared = ((place[later] - place[there]) ** 2).sum(axis=1)
        sums[lag - 1, 1:] = np.bincount(family.row[there], weights=squared, minlength=len(family.number))
        pairs[lag - 1, 1:] = np.bincount(family.row[there], minlength=len(family.number))
    sums[:, 0], pairs[:, 0] = sums[:, 1:].sum(axis=1), pairs[:, 1:].sum(axis=1)
    chosen = np.nonzero(pairs)
    lags, cell = chosen[0] + 1, chosen[1]
    by_cell = np.lexsort((lags, cell))
    found = {
        "cell": np.concatenate([[0], family.number])[cell], "lag": lags, "time": lags * cells.scale.interval,
        "msd": sums[chosen] / pairs[chosen], "pairs": pairs[chosen].astype(np.int64),
    }  # fmt: skip
    return {name: np.asarray(values)[by_cell] for name, values in found.items()}
