"""btrack with the cell configuration that its documentation ships (it is downloaded there, so it is written out here).

Motion features only, global optimisation on, the imaging volume taken from the masks, the default search radius.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from btrack import BayesianTracker
from btrack.btypes import PyTrackObject
from btrack.config import TrackerConfig
from btrack.models import HypothesisModel, MotionModel

from peers.common import Cell, Link, Sequence, main

CONSTANT_VELOCITY = np.eye(6) + np.eye(6, k=3)


def configuration(shape: tuple[int, ...]) -> TrackerConfig:
    depth = (0, shape[0]) if len(shape) == 3 else (-1e5, 1e5)
    return TrackerConfig(
        name="cell",
        motion_model=MotionModel(
            name="cell_motion",
            dt=1.0,
            measurements=3,
            states=6,
            accuracy=7.5,
            prob_not_assign=0.1,
            max_lost=5,
            A=CONSTANT_VELOCITY,
            H=np.eye(3, 6),
            P=150.0 * np.diag([0.1, 0.1, 0.1, 1, 1, 1]),
            G=15.0 * np.array([0.5, 0.5, 0.5, 1, 1, 1]),
            R=5.0 * np.eye(3),
        ),
        hypothesis_model=HypothesisModel(
            name="cell_hypothesis",
            hypotheses=["P_FP", "P_init", "P_term", "P_link", "P_branch", "P_dead"],
            lambda_time=5.0,
            lambda_dist=3.0,
            lambda_link=10.0,
            lambda_branch=50.0,
            eta=1e-10,
            theta_dist=20.0,
            theta_time=5.0,
            dist_thresh=40,
            time_thresh=2,
            apop_thresh=5,
            segmentation_miss_rate=0.1,
            apoptosis_rate=0.001,
            relax=True,
        ),
        volume=((0, shape[-1]), (0, shape[-2]), depth),
    )


def link(sequence: Sequence) -> Iterator[Link]:
    cells: list[Cell] = []
    objects = []
    for frame, centre in enumerate(sequence.cells):
        for label, place in centre.items():
            z = place[0] if len(place) == 3 else 0.0
            objects.append(
                PyTrackObject.from_dict({"ID": len(cells), "t": frame, "x": place[-1], "y": place[-2], "z": z})
            )
            cells.append((frame, label))
    with BayesianTracker() as tracker:
        tracker.configure(configuration(sequence.mask(0).shape))
        tracker.append(objects)
        tracker.track()
        tracker.optimise()
        tracks = {track.ID: (track.parent, [cells[ref] for ref in track.refs if ref >= 0]) for track in tracker.tracks}
    for name, (parent, line) in tracks.items():
        yield from pairwise(line)
        if parent != name and parent in tracks and line and tracks[parent][1]:
            yield tracks[parent][1][-1], line[0]


if __name__ == "__main__":
    main(link)
