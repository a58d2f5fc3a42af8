"""Movies with known lineage: motion, growth, division, noise and faults of segmentation, in 2D and 3D.

settings -> world (one per kind) -> drawing -> labels of the lineage -> damage -> folder
"""

from __future__ import annotations

from cell_tracker_gnn.simulation.damage import damage
from cell_tracker_gnn.simulation.kinds import KINDS
from cell_tracker_gnn.simulation.movie import SimulatedFrame, Simulation, simulate
from cell_tracker_gnn.simulation.settings import SimulationSettings
from cell_tracker_gnn.simulation.world import Drawing, Kind, World
from cell_tracker_gnn.simulation.write import write_simulation

__all__ = [
    "KINDS",
    "Drawing",
    "Kind",
    "SimulatedFrame",
    "Simulation",
    "SimulationSettings",
    "World",
    "damage",
    "simulate",
    "write_simulation",
]
