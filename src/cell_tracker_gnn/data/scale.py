"""How long a pixel and a frame are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from cell_tracker_gnn.errors import InputError

__all__ = ["Scale"]


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
