"""Who is who and whose daughter: links, events and tracks of cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Self

import numpy as np

from cell_tracker_gnn.data.arrays import Floats, Integers
from cell_tracker_gnn.data.cells import Cells
from cell_tracker_gnn.data.movie import Movie

__all__ = ["DECISIONS", "KINDS", "Events", "Lineage", "Links", "Tracks"]

KINDS: tuple[str, ...] = ("move", "gap", "division", "merge", "split")
"""The kinds of link, in the order of their integer codes in :attr:`Links.kind`.

Where two cells are one mask for a few frames, ``merge`` leads from the vanishing cell to the merged mask and ``split``
from the merged mask to the cell that reappears, whose parent is its own old track. Both come beside the other links."""

DECISIONS: tuple[str, ...] = ("link", "division", "beginning", "end")
"""What a lineage decides, in the order of the integer codes in :attr:`Events.kind`."""


@dataclass(frozen=True, eq=False)
class Links:
    """Links from a cell to a later one.

    Parameters
    ----------
    source, target
        Row of the earlier and of the later cell in :class:`Cells`, shape (m,).
    kind
        Code of the kind, an index into :data:`KINDS`, shape (m,).
    probability
        Probability that the link is right, in [0, 1], shape (m,).
    margin
        How much worse the best lineage without the link is, in nats of the objective of the linking, shape (m,); NaN
        where it is not known.

    Examples
    --------
    >>> from cell_tracker_gnn.io import read_lineage
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
    >>> folder = write_simulation(simulate(SimulationSettings(frames=3, cells=4, size=(64, 64))), "nuclei")
    >>> lineage = read_lineage(folder / "01_GT")
    >>> from cell_tracker_gnn.data import KINDS
    >>> links = lineage.links
    >>> frame = lineage.cells.frame
    >>> int(frame[links.target[0]] - frame[links.source[0]]), KINDS[links.kind[0]]
    (1, 'move')
    """

    source: Integers
    target: Integers
    kind: Integers
    probability: Floats
    margin: Floats

    def __len__(self) -> int:
        return len(self.source)

    @classmethod
    def empty(cls) -> Self:
        """No link at all."""
        none = np.zeros(0, np.int64)
        return cls(none, none, none, np.zeros(0), np.zeros(0))


@dataclass(frozen=True, eq=False)
class Events:
    """Divisions, beginnings after the first frame and ends before the last frame.

    Parameters
    ----------
    cell
        Row of the mother, of the cell without a parent or of the cell without a child in :class:`Cells`, shape (e,).
    kind
        Code of the kind, an index into :data:`DECISIONS`, never that of a link, shape (e,).
    probability
        Probability that the cell does divide, has no parent or has no child in the movie, in [0, 1], shape (e,).
    margin
        How much worse the best lineage without the event is, in nats, shape (e,); infinite where there is none.

    Examples
    --------
    >>> from cell_tracker_gnn import Tracker
    >>> from cell_tracker_gnn.data import DECISIONS
    >>> lineage = Tracker.from_pretrained().track({"t": [0, 1, 2, 2], "y": [5, 6, 7, 40], "x": [5, 5, 5, 40]})
    >>> [DECISIONS[kind] for kind in lineage.events.kind], lineage.events.cell.tolist()
    (['beginning'], [3])
    """

    cell: Integers
    kind: Integers
    probability: Floats
    margin: Floats

    def __len__(self) -> int:
        return len(self.cell)

    @classmethod
    def empty(cls) -> Self:
        """No event at all."""
        none = np.zeros(0, np.int64)
        return cls(none, none, np.zeros(0), np.zeros(0))


@dataclass(frozen=True, eq=False)
class Tracks:
    """One row per track; a track has one cell in every frame from ``begin`` to ``end``.

    A cell that is missed for some frames goes on as a new track whose parent is the old one; ``identity`` is the same
    number for both, while daughters get identities of their own.

    Parameters
    ----------
    track
        Track number, 1, 2, 3, ..., shape (k,).
    begin, end
        First and last frame (index in the movie), shape (k,).
    parent
        Track number of the parent or 0, shape (k,).
    identity
        Number of the cell that the track belongs to, continued over gaps, shape (k,).

    Examples
    --------
    >>> from cell_tracker_gnn.io import read_lineage
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
    >>> folder = write_simulation(simulate(SimulationSettings(frames=3, cells=4, size=(64, 64))), "nuclei")
    >>> lineage = read_lineage(folder / "01_GT")
    >>> tracks = lineage.tracks
    >>> tracks.track.tolist(), tracks.begin.tolist(), tracks.end.tolist(), tracks.parent.tolist()
    ([1, 2, 3, 4], [0, 0, 0, 0], [2, 2, 2, 2], [0, 0, 0, 0])
    """

    track: Integers
    begin: Integers
    end: Integers
    parent: Integers
    identity: Integers

    def __len__(self) -> int:
        return len(self.track)


@dataclass(frozen=True, eq=False)
class Lineage:
    """Who is who and whose daughter: cells, the chosen links and the tracks they form.

    Parameters
    ----------
    cells
        All detections, linked or not.
    links
        The chosen links, ordered by source and target.
    track
        Track number of each cell, shape (n,).
    tracks
        The tracks, ordered by number.
    movie, run
        The movie and how it was tracked, for the writers.
    events
        Divisions, beginnings and ends with their probabilities.
    summary
        How many decisions are expected to be wrong and which lineages are safe: the content of ``summary.json``.

    Examples
    --------
    >>> from cell_tracker_gnn.io import read_lineage
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
    >>> folder = write_simulation(simulate(SimulationSettings(frames=3, cells=4, size=(64, 64))), "nuclei")
    >>> lineage = read_lineage(folder / "01_GT")
    >>> len(lineage.cells) == len(lineage.track), int(lineage.track.max()) == len(lineage.tracks)
    (True, True)
    >>> lineage.write("result")
    """

    cells: Cells
    links: Links
    track: Integers
    tracks: Tracks
    movie: Movie | None = field(default=None, repr=False)
    run: dict[str, object] = field(default_factory=dict, repr=False)
    events: Events = field(default_factory=Events.empty, repr=False)
    summary: dict[str, object] = field(default_factory=dict, repr=False)

    @property
    def mark(self) -> Integers:
        """Label of each cell in the masks of the movie, shape (n,); points have labels of their own."""
        points = self.movie.points if self.movie is not None else None
        return self.cells.label if points is None else points.mark

    @property
    def centre(self) -> Floats:
        """Centre of each cell in pixels of the movie, shape (n, rank); points have coordinates of their own."""
        points = self.movie.points if self.movie is not None else None
        return self.cells.centroid if points is None else points.centre

    def write(
        self,
        path: str | PathLike[str],
        *,
        overwrite: bool = False,
        wide_labels: bool = False,
        draw: bool = False,
        formats: Sequence[str] = ("ctc", "csv"),
    ) -> None:
        """Write the CTC result, all tables, ``summary.json`` and ``run.json`` into the folder ``path``.

        Parameters
        ----------
        path
            A new or empty folder.
        overwrite
            Replace a former result.
        wide_labels
            Write 32-bit masks, for more than 65,535 tracks.
        draw
            Also write the CTC result of tracked points, as small discs.
        formats
            What to write beside ``run.json`` and ``summary.json``: ``ctc``, ``csv``, ``parquet``, ``geff``,
            ``trackmate``, ``ome-zarr``.

        Raises
        ------
        OutputError
            If the folder is not empty and ``overwrite`` is False, or cannot be written.
        """
        from cell_tracker_gnn.io.result import write_result

        write_result(self, path, overwrite=overwrite, wide_labels=wide_labels, draw=draw, formats=formats)
