"""Sparse small cells carried one to three diameters a frame by a smooth flow that changes slowly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cell_tracker_gnn.simulation.crowd import Behaviour
from cell_tracker_gnn.simulation.nuclei import NucleiWorld
from cell_tracker_gnn.simulation.world import Kind

if TYPE_CHECKING:
    from cell_tracker_gnn.simulation.settings import SimulationSettings

__all__ = ["FAST", "fast_world"]

CARRIED = Behaviour(speed=0.3, persistence=0.3, stream=1.7, swirl=0.8, turning=0.2, cycle=80.0, packing=1.2)


def fast_world(settings: SimulationSettings, rng: np.random.Generator) -> NucleiWorld:
    """Small cells in a flow."""
    return NucleiWorld(settings, CARRIED, rng)


FAST = Kind(
    name="fast",
    size=(256, 256),
    anisotropy=1.0,
    diameter=9.0,
    volume=np.pi / 4,
    fill=0.12,
    fewest=1,
    world=fast_world,
)
