"""Every setting of a simulated movie in one frozen, validated value."""

from __future__ import annotations

import difflib
from dataclasses import asdict, dataclass

import numpy as np

from cell_tracker_gnn.errors import SettingsError
from cell_tracker_gnn.simulation.kinds import KINDS
from cell_tracker_gnn.simulation.world import Kind

__all__ = ["SimulationSettings"]

SMALLEST_DIAMETER = 4.0
DAMAGES = ("missed", "merged", "split", "spurious", "jitter")


@dataclass(frozen=True)
class SimulationSettings:
    """Settings of one simulated movie.

    Parameters
    ----------
    kind
        A name of :data:`~cell_tracker_gnn.simulation.KINDS`.
    frames
        Number of frames.
    size
        Pixels of a frame, (y, x) or (z, y, x); empty for the default of the kind.
    cells
        Mean number of cells per frame; the number stays within a third of it, but for ``bacteria``, whose colony
        grows and has this number on average over the frames.
    seed
        The same settings with the same seed give the same movie, byte by byte.
    diameter
        Mean diameter of a cell (of ``bacteria`` the width) in pixels of x; None for the default of the kind, smaller
        where the cells would not fit. Cannot be chosen for ``epithelium``, where it follows from size and number.
    anisotropy
        Length of a z step in pixels of x; None for the default of the kind. Without effect in 2D.
    motion
        Factor on the speed of the cells.
    division_rate
        Factor on the number of divisions per frame, 0 for none (a colony of ``bacteria`` then does not grow).
    death_rate
        Factor on the number of deaths per frame.
    leaving, arriving
        Share of the cells in the picture that leave it per step, and that come into it, other than over its border:
        they float, go out of focus or are pushed out of a tissue. Their number stays within its limits. Without effect
        on ``bacteria``.
    variety
        How much divisions differ from each other: with 0 a mother is round, the daughters part along her former long
        axis, touch and share the size that she had. With 1 she shrinks by up to a half before she divides, is round or
        elongated, the daughters part along or across (as those of a metaphase plate do), may differ twofold in size and
        come to lie up to about two diameters of the mother apart. The more variety, the more elongated all cells of a
        movie may be. Without effect on ``bacteria``.
    unrest
        Standard deviation of the logarithm of each body axis as it changes from frame to frame, as the outlines of
        squeezed cells and those of careless annotators do. Without effect on ``bacteria``.
    drift
        Speed of the microscope stage in pixels per frame, in a slowly changing direction within (y, x).
    jump
        Length in pixels of the jumps of the stage, one in about ten frames; 0 for none.
    border
        Whether a line of background one pixel wide parts the cells of an ``epithelium``.
    every
        Every how many steps of the life of the cells one is shown; speeds, rates and the drift are those of a step.
        With 4 or more cells divide, and with 5 or more they die, without having been seen to prepare for it.
    whole
        Whether cells that touch the border of the field along y or x are left out of the masks, as many segmentations
        leave them out.
    missed, merged, split, spurious
        Faults of the damaged masks as fractions of the cells of a frame, see
        :func:`~cell_tracker_gnn.simulation.damage`.
    jitter
        Fraction of the cells of the damaged masks whose outline is one or two pixels off.

    Raises
    ------
    SettingsError
        If a value is out of range, the kind is unknown or the cells do not fit into the field.

    Examples
    --------
    >>> from cell_tracker_gnn.simulation import SimulationSettings
    >>> SimulationSettings(kind="bacteria", frames=10, cells=20, missed=0.05).facts.rank
    2
    """

    kind: str = "nuclei"
    frames: int = 30
    size: tuple[int, ...] = ()
    cells: int = 30
    seed: int = 0
    diameter: float | None = None
    anisotropy: float | None = None
    motion: float = 1.0
    division_rate: float = 1.0
    death_rate: float = 1.0
    leaving: float = 0.0
    arriving: float = 0.0
    variety: float = 0.0
    unrest: float = 0.0
    drift: float = 0.0
    jump: float = 0.0
    border: bool = False
    every: int = 1
    whole: bool = False
    missed: float = 0.0
    merged: float = 0.0
    split: float = 0.0
    spurious: float = 0.0
    jitter: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            near = difflib.get_close_matches(self.kind, KINDS, 1, 0.0)[0]
            raise SettingsError(
                f"the kind of simulation {self.kind!r} is unknown; did you mean {near!r}? (one of {', '.join(KINDS)})"
            )
        if self.frames < 1:
            raise SettingsError(f"frames is {self.frames}; give at least 1")
        if self.every < 1:
            raise SettingsError(f"every is {self.every}; give 1 to show every step, or more")
        if self.seed < 0:
            raise SettingsError(f"seed is {self.seed}; give a whole number, 0 or more")
        self._check_factors()
        self._check_field()

    def _check_factors(self) -> None:
        shares = ("leaving", "arriving")
        for name in ("motion", "division_rate", "death_rate", *shares, "variety", "unrest", "drift", "jump"):
            value = getattr(self, name)
            if not 0 <= value < np.inf:
                raise SettingsError(f"{name} is {value}; give a finite number, 0 or more")
        for name in shares:
            if getattr(self, name) > 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; give a share of the cells of at most 1")
        for name in DAMAGES:
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise SettingsError(f"{name} is {value}; give a fraction of the cells from 0 to 1")
        if self.missed + self.merged + self.split > 1:
            raise SettingsError("missed, merged and split sum to more than 1; give fractions of at most 1 together")
        if self.anisotropy is not None and not 0 < self.anisotropy < np.inf:
            raise SettingsError(f"anisotropy is {self.anisotropy}; give the positive length of a z step in pixels of x")
        if self.diameter is not None and not SMALLEST_DIAMETER <= self.diameter < np.inf:
            raise SettingsError(f"diameter is {self.diameter}; give at least {SMALLEST_DIAMETER:g} pixels")

    def _check_field(self) -> None:
        kind = self.facts
        if len(self.shape) != kind.rank or min(self.shape) < 1:
            axes = "(z, y, x)" if kind.rank == 3 else "(y, x)"
            raise SettingsError(f"size is {self.shape}, but {self.kind!r} needs {kind.rank} positive numbers {axes}")
        if self.cells < kind.fewest:
            raise SettingsError(f"cells is {self.cells}; give at least {kind.fewest} for {self.kind!r}")
        if kind.diameter is None and self.diameter is not None:
            raise SettingsError(f"the diameter of {self.kind!r} follows from size and cells; leave it out")
        if self.cell_diameter < SMALLEST_DIAMETER or self.occupied > kind.fill:
            raise SettingsError(
                f"{self.cells} cells do not fit into a field of {self.shape} pixels; "
                "give fewer cells, a larger size or a smaller diameter"
            )
        if min(self.extent) < 2 * self.cell_diameter and kind.diameter is not None:
            raise SettingsError(
                f"a field of {self.shape} pixels is too small for cells {self.cell_diameter:g} pixels wide; "
                "give a size of at least two diameters along every axis"
            )

    @property
    def facts(self) -> Kind:
        """The facts about the kind."""
        return KINDS[self.kind]

    @property
    def shape(self) -> tuple[int, ...]:
        """Pixels of a frame, (y, x) or (z, y, x)."""
        return tuple(self.size) or self.facts.size

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return self.facts.rank

    @property
    def step(self) -> tuple[float, ...]:
        """Length of a pixel along (z, y, x) or (y, x), in pixels of x."""
        z = self.facts.anisotropy if self.anisotropy is None else float(self.anisotropy)
        return (z, 1.0, 1.0) if self.rank == 3 else (1.0, 1.0)

    @property
    def extent(self) -> tuple[float, ...]:
        """Length of the field along (z, y, x) or (y, x), in pixels of x."""
        return tuple(n * s for n, s in zip(self.shape, self.step, strict=True))

    @property
    def cell_diameter(self) -> float:
        """Mean diameter of a cell in pixels of x, chosen here where the settings leave it open."""
        kind = self.facts
        fill = 1.0 if kind.diameter is None else 0.8 * kind.fill
        fitting = float((fill * np.prod(self.extent) / (kind.volume * self.cells)) ** (1 / self.rank))
        if kind.diameter is None:
            return fitting
        return float(self.diameter) if self.diameter is not None else min(kind.diameter, fitting, min(self.extent) / 2)

    @property
    def occupied(self) -> float:
        """Share of the field that the mean number of cells covers."""
        volume = self.facts.volume * self.cell_diameter**self.rank
        return float((1 - 1e-9) * self.cells * volume / np.prod(self.extent))

    def as_dict(self) -> dict[str, object]:
        """Return the settings as plain values."""
        return asdict(self)
