"""Cost of region features against that of reading the frames, and against scikit-image."""

from __future__ import annotations

import time
from itertools import pairwise

from skimage.measure import regionprops_table

from cell_tracker_gnn.features.regions import MaskPixels, frame_levels, measure_frame
from cell_tracker_gnn.io import open_movie
from trackers import Movie

EVERY = 6
PROPERTIES = (
    "label",
    "area",
    "centroid",
    "bbox",
    "axis_major_length",
    "axis_minor_length",
    "orientation",
    "intensity_min",
    "intensity_mean",
    "intensity_max",
    "intensity_std",
)


def measure_reading(movie: Movie) -> dict[str, float]:
    """Milliseconds of CPU per frame, over every sixth frame."""
    opened = open_movie(movie.masks, movie.images)
    spent = dict.fromkeys(("read", "features", "regionprops"), 0.0)
    chosen = range(0, len(opened), EVERY)
    for index in chosen:
        times = [time.process_time()]
        mask, image = opened.masks[index], opened.images[index] if opened.images else None
        times.append(time.process_time())
        levels = frame_levels(image) if image is not None else None
        measure_frame(MaskPixels.of(mask), image, opened.scale, levels)
        times.append(time.process_time())
        regionprops_table(mask, image, properties=PROPERTIES)
        times.append(time.process_time())
        for name, (begin, end) in zip(spent, pairwise(times), strict=True):
            spent[name] += 1000 * (end - begin) / len(chosen)
    return spent
