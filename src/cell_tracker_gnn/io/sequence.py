"""Where images, masks and lineage of a training sequence lie, in the layout of the Cell Tracking Challenge."""

from __future__ import annotations

import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from cell_tracker_gnn.errors import MissingInputError
from cell_tracker_gnn.io.paths import existing, expanded, has_tiffs

__all__ = ["SequencePaths", "find_sequence"]


@dataclass(frozen=True)
class SequencePaths:
    """The parts of one training sequence.

    Parameters
    ----------
    name
        Data set and sequence, as in ``"Fluo-N2DL-HeLa/01"``.
    images
        Intensity images, or None.
    masks
        Full masks, a folder or a stack.
    markers
        Masks whose labels are those of the lineage table; they may mark only the middle of a cell.
    lineage
        Lineage table, ``man_track.txt``.

    Examples
    --------
    >>> from cell_tracker_gnn.io import find_sequence
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
    >>> folder = write_simulation(simulate(SimulationSettings(frames=3, cells=4, size=(64, 64))), "nuclei")
    >>> paths = find_sequence(folder / "01")
    >>> paths.name, paths.lineage.relative_to(folder).as_posix()
    ('nuclei/01', '01_GT/TRA/man_track.txt')
    """

    name: str
    images: Path | None
    masks: Path
    markers: Path
    lineage: Path


def find_sequence(
    data: str | PathLike[str],
    *,
    images: str | PathLike[str] | None = None,
    masks: str | PathLike[str] | None = None,
    lineage: str | PathLike[str] | None = None,
) -> SequencePaths:
    """Find the parts of a sequence such as ``Fluo-N2DL-HeLa/01``, whose own folder may be absent.

    Images lie in ``01``; full masks in ``01_ST/SEG``, else ``01_GT/TRA``; markers and lineage in ``01_GT/TRA``.

    Parameters
    ----------
    data
        Path of the sequence; the ending ``_GT`` or ``_ST`` is ignored.
    images, masks, lineage
        Paths to take instead. The folder of ``lineage`` holds the markers, if it holds TIFF files at all; else the
        masks are the markers, too.

    Raises
    ------
    MissingInputError
        If masks or lineage are not there; the message suggests where to look.

    Examples
    --------
    >>> from cell_tracker_gnn.io import find_sequence
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
    >>> folder = write_simulation(simulate(SimulationSettings(frames=3, cells=4, size=(64, 64))), "nuclei")
    >>> find_sequence(folder / "01").name
    'nuclei/01'
    """
    given = expanded(data)
    folder = given if given.name else given.resolve()
    base = folder.with_name(re.sub(r"_(GT|ST)$", "", folder.name))
    truth, silver = base.with_name(base.name + "_GT") / "TRA", base.with_name(base.name + "_ST") / "SEG"
    table = existing(lineage) if lineage is not None else _lineage_of(base, truth)
    full = (
        existing(masks) if masks is not None else next((place for place in (silver, truth) if has_tiffs(place)), None)
    )
    if full is None:
        raise MissingInputError(f"{base} has masks neither in {silver} nor in {truth}; say where they are with masks")
    pictures = existing(images) if images is not None else base if has_tiffs(base) else None
    markers = table.parent if has_tiffs(table.parent) else full
    return SequencePaths(f"{base.resolve().parent.name}/{base.name}", pictures, full, markers, table)


def _lineage_of(base: Path, truth: Path) -> Path:
    table = truth / "man_track.txt"
    if table.is_file():
        return table
    if not base.parent.is_dir():
        existing(base.parent)
    found = sorted(base.glob("*_GT/TRA/man_track.txt")) + sorted(base.parent.glob("*_GT/TRA/man_track.txt"))
    candidates = [str(path.parents[1]).removesuffix("_GT") for path in found[:5]]
    remedy = f"did you mean {' or '.join(candidates)}?" if candidates else "say where it is with --lineage"
    raise MissingInputError(f"{base} has no lineage table {table}; {remedy}")
