"""What is known of each cell of a movie."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data.arrays import Floats, Integers
from cell_tracker_gnn.data.scale import Scale

__all__ = ["Cells"]


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
