"""What every kind of simulated movie has in common: its facts, its world and what the world shows in a frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Integers
from cell_tracker_gnn.simulation.rows import Rows

if TYPE_CHECKING:
    from cell_tracker_gnn.simulation.settings import SimulationSettings

__all__ = ["Drawing", "Kind", "World"]


@dataclass(frozen=True, eq=False)
class Drawing:
    """What the microscope shows in one frame.

    Parameters
    ----------
    mask
        Pixel value ``i + 1`` belongs to row ``i`` of ``identity``, 0 = background, (y, x) or (z, y, x), int32.
    image
        Intensities of the same shape, uint8 or uint16.
    identity
        Number of each drawn cell, never used again for another cell, shape (n,). A cell may have no pixel at all.

    Examples
    --------
    >>> import numpy as np
    >>> from cell_tracker_gnn.simulation import KINDS, SimulationSettings
    >>> settings = SimulationSettings(frames=2, cells=4, size=(64, 64))
    >>> drawing = KINDS["nuclei"].world(settings, np.random.default_rng(0)).draw()
    >>> drawing.mask.shape, len(drawing.identity) >= int(drawing.mask.max())
    ((64, 64), True)
    """

    mask: NDArray[np.int32]
    image: NDArray[np.generic]
    identity: Integers


class World(Protocol):
    """A field of living cells that is moved on and looked at frame by frame.

    Examples
    --------
    >>> import numpy as np
    >>> from cell_tracker_gnn.simulation import KINDS, SimulationSettings
    >>> settings = SimulationSettings(frames=2, cells=4, size=(64, 64))
    >>> world = KINDS["nuclei"].world(settings, np.random.default_rng(0))
    >>> world.step()
    >>> world.draw().image.shape
    (64, 64)
    """

    @property
    def cells(self) -> Rows:
        """The living cells, in the picture or near it."""
        ...

    def step(self) -> None:
        """Move on by one step, which is a frame where the settings do not put more of them between two frames."""
        ...

    def draw(self) -> Drawing:
        """Show the present frame."""
        ...


@dataclass(frozen=True)
class Kind:
    """One kind of movie.

    Parameters
    ----------
    name
        Name in the settings.
    size
        Default size of a frame in pixels; its length is the only rank the kind has.
    anisotropy
        Default length of a z step in pixels of x; 1 in 2D.
    diameter
        Default diameter of a cell in pixels of x; None where it follows from ``size`` and ``cells`` alone.
    volume
        Area or volume of a mean cell, in units of diameter to the power of the rank.
    fill
        Largest share of the field that the mean number of cells may cover.
    fewest
        Smallest mean number of cells that makes sense.
    world
        Makes the world of these settings, with the random numbers of this generator.

    Examples
    --------
    >>> from cell_tracker_gnn.simulation import KINDS
    >>> KINDS["nuclei3d"].rank, KINDS["nuclei3d"].anisotropy
    (3, 3.0)
    """

    name: str
    size: tuple[int, ...]
    anisotropy: float
    diameter: float | None
    volume: float
    fill: float
    fewest: int
    world: Callable[[SimulationSettings, np.random.Generator], World]

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return len(self.size)
