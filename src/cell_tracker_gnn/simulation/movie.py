"""A simulated movie, frame by frame, with the lineage of its cells."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Tracks
from cell_tracker_gnn.simulation.damage import damage
from cell_tracker_gnn.simulation.lineage import Recorder
from cell_tracker_gnn.simulation.settings import SimulationSettings

__all__ = ["SimulatedFrame", "Simulation", "simulate"]


class SimulatedFrame(NamedTuple):
    """One frame: its number from 0, the image and the mask of true labels, (y, x) or (z, y, x).

    Examples
    --------
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate
    >>> frame = next(iter(simulate(SimulationSettings(frames=3, cells=5, size=(64, 64)))))
    >>> frame.number, frame.image.shape, frame.mask.shape
    (0, (64, 64), (64, 64))
    """

    number: int
    image: NDArray[np.generic]
    mask: NDArray[np.int32]


class Simulation:
    """A movie that is made while it is read; nothing but the table of tracks grows with its length.

    Every iteration makes the same movie from the start.

    Parameters
    ----------
    settings
        Settings of the movie.

    Examples
    --------
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate
    >>> simulation = simulate(SimulationSettings(frames=3, cells=5, size=(64, 64)))
    >>> [number for number, image, mask in simulation]
    [0, 1, 2]
    >>> int(simulation.tracks.end.max())
    2
    """

    def __init__(self, settings: SimulationSettings) -> None:
        self.settings = settings
        self._tracks: Tracks | None = None

    def __len__(self) -> int:
        return self.settings.frames

    def __iter__(self) -> Iterator[SimulatedFrame]:
        recorder = Recorder()
        yield from self._play(recorder)
        self._tracks = recorder.tracks

    def _play(self, recorder: Recorder) -> Iterator[SimulatedFrame]:
        settings = self.settings
        steps = (settings.frames - 1) * settings.every + 1
        world = settings.facts.world(replace(settings, frames=steps), np.random.default_rng([settings.seed, 0]))
        for number in range(settings.frames):
            for _ in range(settings.every if number else 0):
                world.step()
                recorder.meet(world.cells)
            drawing = world.draw()
            if settings.whole:
                drawing = replace(drawing, mask=whole_cells(drawing.mask))
            yield SimulatedFrame(number, drawing.image, recorder.label(drawing))

    @property
    def tracks(self) -> Tracks:
        """One row per true label; makes the whole movie once if it has not yet been read to its end.

        A mother that divides ends at t and her two daughters begin at t + 1; a cell that leaves the picture ends.
        """
        if self._tracks is None:
            recorder = Recorder()
            deque(self._play(recorder), maxlen=0)
            self._tracks = recorder.tracks
        return self._tracks

    def damaged(self, frame: SimulatedFrame) -> NDArray[np.integer]:
        """Mask of a frame as a poor segmentation would give it, with labels that mean nothing in another frame.

        Depends on nothing but the settings and the frame, so that frames may be asked for in any order.
        """
        s = self.settings
        rng = np.random.default_rng([s.seed, 1, frame.number])
        return damage(
            frame.mask, rng, missed=s.missed, merged=s.merged, split=s.split, spurious=s.spurious, jitter=s.jitter
        )


def whole_cells(mask: NDArray[np.int32]) -> NDArray[np.int32]:
    """Copy of a mask without the cells that touch its border along (y, x); what is cut along z stays."""
    kept = np.ones(int(mask.max(initial=0)) + 1, bool)
    for axis in (-2, -1):
        kept[mask.take([0, -1], axis)] = False
    return mask * kept[mask]


def simulate(settings: SimulationSettings) -> Simulation:
    """Movie with these settings; frames are made when they are read.

    Parameters
    ----------
    settings
        Settings of the movie.

    Returns
    -------
    The movie, which yields ``(number, image, mask)`` and has its lineage in ``tracks``.

    Examples
    --------
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate
    >>> movie = simulate(SimulationSettings("nuclei3d", frames=2, cells=3, size=(8, 48, 48)))
    >>> [image.shape for number, image, mask in movie]
    [(8, 48, 48), (8, 48, 48)]
    """
    return Simulation(settings)
