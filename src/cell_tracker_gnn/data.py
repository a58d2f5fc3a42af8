"""The shared types: frozen, arrays inside, no graph library in any signature.

Axis order is (t, z, y, x) everywhere; a 2D movie has no z axis. ``rank`` is the number of spatial axes, 2 or 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from os import PathLike
from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.errors import FrameMismatchError, InputError

__all__ = [
    "DECISIONS",
    "KINDS",
    "ArrayFrames",
    "Cells",
    "Events",
    "Floats",
    "Frames",
    "Integers",
    "Lineage",
    "Links",
    "Movie",
    "Points",
    "Scale",
    "Tracks",
    "WrappedFrames",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

KINDS: tuple[str, ...] = ("move", "gap", "division", "merge", "split")
"""The kinds of link, in the order of their integer codes in :attr:`Links.kind`.

Where two cells are one mask for a few frames, ``merge`` leads from the vanishing cell to the merged mask and ``split``
from the merged mask to the cell that reappears, whose parent is its own old track. Both come beside the other links."""

DECISIONS: tuple[str, ...] = ("link", "division", "beginning", "end")
"""What a lineage decides, in the order of the integer codes in :attr:`Events.kind`."""


@dataclass(frozen=True)
class Scale:
    """Physical size of one pixel step and of one frame step.

    Parameters
    ----------
    step
        Length of one pixel along (z, y, x) or (y, x), in ``unit``.
    unit
        Unit of length, ``"pixel"`` when nothing is known.
    interval
        Time between two frames, in ``interval_unit``.
    interval_unit
        Unit of time, ``"frame"`` when nothing is known.

    Examples
    --------
    >>> from cell_tracker_gnn import Scale
    >>> scale = Scale((2.0, 0.5, 0.5), unit="µm", interval=300.0, interval_unit="second")
    >>> scale.rank, scale.is_known
    (3, True)
    """

    step: tuple[float, ...]
    unit: str = "pixel"
    interval: float = 1.0
    interval_unit: str = "frame"

    def __post_init__(self) -> None:
        if len(self.step) not in (2, 3) or not all(np.isfinite(self.step)) or min(self.step) <= 0:
            raise InputError(f"the scale {self.step} is not two or three positive numbers (z, y, x); correct --scale")

    @classmethod
    def pixels(cls, rank: int) -> Self:
        """One unit per pixel along each of the ``rank`` spatial axes."""
        return cls((1.0,) * rank)

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return len(self.step)

    @property
    def is_known(self) -> bool:
        """Whether anybody said how long a pixel is, be it only along one axis relative to the others."""
        return self.unit != "pixel" or any(length != 1.0 for length in self.step)


@runtime_checkable
class Frames(Protocol):
    """A lazy sequence of frames that all have the same shape; item ``i`` is read when it is asked for."""

    @property
    def numbers(self) -> tuple[int, ...]:
        """Frame number of each item, as in the input's file names, strictly increasing."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one frame, (y, x) or (z, y, x)."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> NDArray[np.generic]: ...


@dataclass(frozen=True, eq=False)
class ArrayFrames:
    """Frames of anything array-like with a leading time axis: numpy, zarr, dask, a list of arrays.

    Parameters
    ----------
    array
        Item ``i`` is frame ``i``, (y, x) or (z, y, x).
    numbers
        Frame number of each item; 0, 1, 2, ... when left out.

    Examples
    --------
    >>> import numpy as np
    >>> from cell_tracker_gnn.data import ArrayFrames
    >>> frames = ArrayFrames(np.zeros((2, 64, 48)), numbers=(10, 20))
    >>> len(frames), frames.shape, frames.numbers
    (2, (64, 48), (10, 20))
    """

    array: Sequence[NDArray[np.generic]] | NDArray[np.generic]
    numbers: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.numbers:
            object.__setattr__(self, "numbers", tuple(range(len(self.array))))
        if len(self.numbers) != len(self.array):
            raise FrameMismatchError(
                f"{len(self.numbers)} frame numbers were given for {len(self.array)} frames; give one per frame"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one frame."""
        return tuple(np.shape(self.array[0])) if len(self.array) else ()

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: int, /) -> NDArray[np.generic]:
        return np.asarray(self.array[index])


@dataclass(frozen=True, eq=False)
class WrappedFrames:
    """Frames made one by one of others, with their numbers, shape and length; subclasses say what an item is.

    Parameters
    ----------
    frames
        The others.

    Examples
    --------
    >>> import numpy as np
    >>> from cell_tracker_gnn.data import ArrayFrames, WrappedFrames
    >>> class Inverted(WrappedFrames):
    ...     def __getitem__(self, index):
    ...         return 255 - self.frames[index]
    >>> int(Inverted(ArrayFrames(np.zeros((2, 4, 4), np.uint8)))[0].max())
    255
    """

    frames: Frames

    @property
    def numbers(self) -> tuple[int, ...]:
        """Frame number of each item."""
        return self.frames.numbers

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one frame, (y, x) or (z, y, x)."""
        return self.frames.shape

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True, eq=False)
class Points:
    """Centres of the cells of a movie without masks, ordered by frame and then by place.

    In each frame the first point has label 1 in the movie's masks, the second one label 2, and so on.

    Parameters
    ----------
    frame
        Index of the frame in the movie (0, 1, 2, ...), shape (n,).
    centre
        Place in the frames of the movie, in pixels, shape (n, rank), (z, y, x).
    label
        The ``id`` in the input, or the number of the row, shape (n,).
    position
        Coordinates as in the input, shape (n, rank), (z, y, x).
    scale
        Physical size of one unit of ``position``.
    spacing
        Usual distance between neighbours, in units of ``scale``.

    Examples
    --------
    >>> from cell_tracker_gnn.io import open_points
    >>> points = open_points({"t": [0, 0, 1], "y": [5.0, 30.0, 6.0], "x": [5.0, 40.0, 5.0]}).points
    >>> points.frame.tolist(), points.label.tolist(), points.rows(1)
    ([0, 0, 1], [0, 1, 2], slice(2, 3, None))
    """

    frame: Integers
    centre: Floats
    label: Integers
    position: Floats
    scale: Scale
    spacing: float

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def mark(self) -> Integers:
        """Label of each point in the movie's masks, shape (n,)."""
        return np.arange(len(self)) - np.searchsorted(self.frame, self.frame) + 1

    def rows(self, index: int) -> slice:
        """Rows of the points of one frame."""
        first, last = np.searchsorted(self.frame, [index, index + 1])
        return slice(int(first), int(last))


@dataclass(frozen=True, eq=False)
class Movie:
    """Instance masks with their images, frame by frame, both lazy.

    Parameters
    ----------
    masks
        Label images, 0 = background; a label need not mean the same cell in another frame.
    images
        Intensity images of the same frame numbers and shape, or None.
    scale
        Physical size of a pixel.
    points
        The points that the masks stand for, if they are discs around points; None for masks of cells.

    Examples
    --------
    >>> import numpy as np
    >>> from cell_tracker_gnn import Movie, Scale
    >>> from cell_tracker_gnn.data import ArrayFrames
    >>> masks = np.zeros((3, 64, 48), np.int64)
    >>> movie = Movie(ArrayFrames(masks), images=None, scale=Scale((0.5, 0.5), unit="µm"))
    >>> len(movie), movie.shape, movie.rank, movie.numbers
    (3, (64, 48), 2, (0, 1, 2))
    """

    masks: Frames
    images: Frames | None
    scale: Scale
    points: Points | None = None

    @property
    def numbers(self) -> tuple[int, ...]:
        """Frame numbers as in the input."""
        return self.masks.numbers

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one frame, (y, x) or (z, y, x)."""
        return self.masks.shape

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return self.scale.rank

    def __len__(self) -> int:
        return len(self.masks)


@dataclass(frozen=True, eq=False)
class Cells:
    """One row per detection, ordered by frame and then by label.

    Lengths are in pixels; :attr:`position` and :attr:`diameter` are in the unit of ``scale``.

    Parameters
    ----------
    frame
        Index of the frame in the movie (0, 1, 2, ...), shape (n,).
    label
        Label in the input masks, shape (n,).
    centroid
        Centre of mass in pixels, shape (n, rank), (z, y, x).
    box
        Bounding box in pixels, first corner and one past the last corner, shape (n, 2 * rank).
    size
        Number of pixels, shape (n,).
    axes
        Major, (intermediate,) minor axis length of the ellipse with the same second moments, in units of ``scale``,
        shape (n, rank).
    direction
        Unit vector of the major axis, shape (n, rank).
    intensity
        Minimum, mean, maximum and standard deviation inside the mask, shape (n, 4); NaN without images.
    appearance
        Mean, standard deviation and maximum intensity relative to the dark and the bright level of the frame,
        shape (n, 3); NaN without images.
    embedding
        Learned features, shape (n, d); d is 0 without images or without an encoder.
    numbers
        Frame number of every frame of the movie, as in the input.
    shape
        Shape of one frame.
    scale
        Physical size of a pixel.

    Examples
    --------
    >>> from cell_tracker_gnn.io import read_lineage
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
    >>> folder = write_simulation(simulate(SimulationSettings(frames=3, cells=4, size=(64, 64))), "nuclei")
    >>> lineage = read_lineage(folder / "01_GT")
    >>> cells = lineage.cells
    >>> cells.rank, cells.centroid.shape == (len(cells), 2)
    (2, True)
    >>> first = cells.select(cells.frame == 0)
    >>> len(first)
    4
    """

    frame: Integers
    label: Integers
    centroid: Floats
    box: Integers
    size: Integers
    axes: Floats
    direction: Floats
    intensity: Floats
    appearance: Floats
    embedding: NDArray[np.float32]
    numbers: tuple[int, ...]
    shape: tuple[int, ...]
    scale: Scale

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return self.scale.rank

    @property
    def position(self) -> Floats:
        """Centre of mass in units of ``scale``, shape (n, rank)."""
        return np.asarray(self.centroid * np.asarray(self.scale.step))

    @property
    def volume(self) -> Floats:
        """Area or volume in units of ``scale``, shape (n,)."""
        return np.asarray(self.size * np.prod(self.scale.step), dtype=np.float64)

    @property
    def diameter(self) -> Floats:
        """Diameter of the circle or sphere of the same area or volume, in units of ``scale``, shape (n,)."""
        if self.rank == 2:
            return np.asarray(2.0 * np.sqrt(self.volume / np.pi))
        return np.asarray(np.cbrt(6.0 * self.volume / np.pi))

    @property
    def number(self) -> Integers:
        """Frame number of each cell as in the input, shape (n,)."""
        return np.asarray(self.numbers, dtype=np.int64)[self.frame] if len(self) else np.zeros(0, np.int64)

    def select(self, chosen: NDArray[np.generic]) -> Self:
        """Rows chosen by an index or boolean array."""
        names = [f.name for f in fields(self) if f.name not in ("numbers", "shape", "scale")]
        rows = {name: getattr(self, name)[chosen] for name in names}
        return replace(self, **rows)


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
    >>> lineage = Tracker.from_pretrained().track({"t": [0, 1, 1], "y": [5, 6, 40], "x": [5, 5, 40]})
    >>> [DECISIONS[kind] for kind in lineage.events.kind], lineage.events.cell.tolist()
    (['beginning'], [2])
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
