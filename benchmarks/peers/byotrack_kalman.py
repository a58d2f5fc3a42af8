"""ByoTrack's Kalman linker without images; every parameter by its own estimation from the detections.

The masks hold no false cells, so a track is valid from its first cell on (``n_valid=1``), as its documentation advises.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import byotrack
import numpy as np
import torch
from byotrack.implementation.linker.frame_by_frame.kalman_linker import KalmanLinker, KalmanLinkerParameters

from peers.common import Cell, Link, Sequence, centres, main


def detections(sequence: Sequence) -> list[byotrack.Detections]:
    """Centres with the radius of the disc or ball of the same size, in the order of ``sequence.cells``."""
    found = []
    for index in range(len(sequence.masks)):
        mask = sequence.mask(index)
        centre, size = centres(mask)
        sizes = np.array(list(size.values()), np.float32)
        radius = np.sqrt(sizes / np.pi) if mask.ndim == 2 else np.cbrt(0.75 * sizes / np.pi)
        points = np.array(list(centre.values()), np.float32).reshape(-1, mask.ndim)
        found.append(
            byotrack.PointDetections(torch.tensor(points), radius=torch.tensor(radius)[:, None], shape=mask.shape)
        )
    return found


def links(tracks: Iterable[byotrack.Track], sequence: Sequence) -> Iterator[Link]:
    """Links within the tracks and from mothers to daughters."""
    labels = [list(frame) for frame in sequence.cells]
    line: dict[int, list[Cell]] = {}
    tracks = list(tracks)
    for track in tracks:
        ids = enumerate(track.detection_ids.tolist(), start=track.start)
        line[track.identifier] = [(frame, labels[frame][row]) for frame, row in ids if row >= 0]
    for track in tracks:
        cells, before = line[track.identifier], line.get(track.parent_id)
        yield from pairwise(cells)
        if cells and before:
            yield before[-1], cells[0]


def link(sequence: Sequence) -> Iterator[Link]:
    found = detections(sequence)
    settings = KalmanLinkerParameters(n_valid=1, split_factor=-1.0).estimate(found)
    yield from links(KalmanLinker(settings).run(None, found), sequence)


if __name__ == "__main__":
    main(link)
