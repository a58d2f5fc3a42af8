"""Masks of simulated movies as one array."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.simulation import Simulation


def masks_of(simulation: Simulation) -> NDArray[np.int32]:
    """The masks of all frames, shape (t, ...)."""
    return np.stack([frame.mask for frame in simulation])
