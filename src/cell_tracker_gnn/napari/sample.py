"""Sample data: the movie of the demonstration."""

from __future__ import annotations

import numpy as np

from cell_tracker_gnn.demo import DEMO
from cell_tracker_gnn.napari.layers import LayerData
from cell_tracker_gnn.simulation import simulate

__all__ = ["simulated_nuclei"]


def simulated_nuclei() -> list[LayerData]:
    """Images of dividing nuclei, and masks with the faults of a usual segmentation."""
    movie = simulate(DEMO)
    frames = [(frame.image, movie.damaged(frame)) for frame in movie]
    images, masks = (np.stack(planes) for planes in zip(*frames, strict=True))
    return [(images, {"name": "nuclei", "colormap": "gray"}, "image"), (masks, {"name": "masks"}, "labels")]
