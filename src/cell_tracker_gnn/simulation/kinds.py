"""The kinds of simulated movies by name; a new kind is one more file and one more entry here."""

from __future__ import annotations

from cell_tracker_gnn.simulation.bacteria import BACTERIA
from cell_tracker_gnn.simulation.epithelium import EPITHELIUM
from cell_tracker_gnn.simulation.fast import FAST
from cell_tracker_gnn.simulation.nuclei import NUCLEI, NUCLEI3D
from cell_tracker_gnn.simulation.world import Kind

__all__ = ["KINDS"]

KINDS: dict[str, Kind] = {kind.name: kind for kind in (NUCLEI, NUCLEI3D, BACTERIA, EPITHELIUM, FAST)}
