"""The shared types: frozen, arrays inside, no graph library in any signature.

Axis order is (t, z, y, x) everywhere; a 2D movie has no z axis. ``rank`` is the number of spatial axes, 2 or 3.
"""

from cell_tracker_gnn.data.arrays import Floats, Integers
from cell_tracker_gnn.data.cells import Cells
from cell_tracker_gnn.data.frames import ArrayFrames, Frames, WrappedFrames
from cell_tracker_gnn.data.lineage import DECISIONS, KINDS, Events, Lineage, Links, Tracks
from cell_tracker_gnn.data.movie import Movie, Points
from cell_tracker_gnn.data.scale import Scale

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
