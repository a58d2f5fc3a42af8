"""Simulated sequences to train on."""

from cell_tracker_gnn.data import ArrayFrames, Movie, Scale
from cell_tracker_gnn.io import LineageTable
from cell_tracker_gnn.simulation import SimulationSettings, simulate
from cell_tracker_gnn.training.variants import TrainingSequence


def simulated_sequence(settings: SimulationSettings, *, images: bool = True) -> TrainingSequence:
    """A simulated movie with its true masks as masks and as markers."""
    simulation = simulate(settings)
    frames = list(simulation)
    masks = ArrayFrames([frame.mask for frame in frames])
    seen = ArrayFrames([frame.image for frame in frames]) if images else None
    tracks = simulation.tracks
    lineage = LineageTable(tracks.track, tracks.begin, tracks.end, tracks.parent)
    return TrainingSequence("simulated/01", Movie(masks, seen, Scale.pixels(settings.rank)), masks, lineage)
