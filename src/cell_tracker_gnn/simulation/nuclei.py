"""Fluorescent cell nuclei, in 2D and in 3D: ellipsoids with an uneven outline and a texture that moves with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Floats
from cell_tracker_gnn.simulation.camera import Camera
from cell_tracker_gnn.simulation.canvas import Canvas, body_field, half_box
from cell_tracker_gnn.simulation.crowd import Behaviour, Crowd
from cell_tracker_gnn.simulation.population import Population
from cell_tracker_gnn.simulation.world import Drawing, Kind

if TYPE_CHECKING:
    from cell_tracker_gnn.simulation.settings import SimulationSettings

__all__ = ["NUCLEI", "NUCLEI3D", "NucleiWorld", "nuclei_world"]

WALKING = Behaviour(speed=0.07)


class NucleiWorld:
    """Nuclei of any rank that live as ``behaviour`` says."""

    SMALLEST = 6
    CONTRAST = 0.13
    SPOT_WIDTH = 0.17

    def __init__(self, settings: SimulationSettings, behaviour: Behaviour, rng: np.random.Generator) -> None:
        living, seeing = rng.spawn(2)
        diameter = settings.cell_diameter
        self._shape, self._step, self._behaviour = settings.shape, settings.step, behaviour
        blur = tuple(max(0.05 * diameter, 0.7) / step for step in settings.step)
        self._crowd = Crowd(settings, behaviour, diameter, living)
        self._camera = Camera(settings.shape, blur, 0.7, settings.frames, seeing)
        self._number = 0

    @property
    def cells(self) -> Population:
        """The living cells, in the picture or near it."""
        return self._crowd.cells

    def step(self) -> None:
        """Move on by one step."""
        self._crowd.step()
        self._number += 1

    def draw(self) -> Drawing:
        """Show the present frame."""
        cells = self._crowd.cells
        canvas = Canvas(self._shape, self._step)
        signal = np.zeros(self._shape, np.float32)
        axes, half, light = cells.axes, half_box(cells, self._behaviour.roughness), cells.light
        for row in range(len(cells)):
            box = canvas.box(cells.position[row], half[row])
            if box is None:
                continue
            offsets = canvas.offsets(box, cells.position[row])
            field, body = body_field(
                axes[row], cells.frame[row], cells.outline[row], self._behaviour.roughness, offsets
            )
            won = canvas.put(row + 1, box, field)
            signal[box][won] = light[row] * self._texture(body[won], cells.texture[row], cells.spots[row])
        self._hide_beyond_reach(canvas.mask)
        canvas.tidy(self.SMALLEST)
        return Drawing(canvas.mask, self._camera.expose(signal, self._number), cells.identity)

    def _hide_beyond_reach(self, mask: NDArray[np.int32]) -> None:
        """Leave slivers of cells whose centre is well outside the field without a label, as annotators do."""
        labels = np.arange(1, len(self._crowd.cells) + 1, dtype=np.int32)
        labels[~self._crowd.shown] = 0
        mask[...] = np.concatenate([np.zeros(1, np.int32), labels])[mask]

    def _texture(self, body: NDArray[np.float32], texture: Floats, spots: Floats) -> NDArray[np.float32]:
        """Light at body coordinates (m, rank): waves of chromatin and dark nucleoli, about 1, shape (m,)."""
        waves = np.cos(body @ texture[:, :-1].T.astype(np.float32) + texture[:, -1].astype(np.float32)).sum(axis=1)
        apart = np.sum((body[:, None, :] - spots[None].astype(np.float32)) ** 2, axis=2)
        dark = np.exp(-apart / np.float32(2 * self.SPOT_WIDTH**2)).sum(axis=1)
        return np.asarray(np.maximum(1 + self.CONTRAST * waves - 0.4 * dark, 0.15), np.float32)


def nuclei_world(settings: SimulationSettings, rng: np.random.Generator) -> NucleiWorld:
    """Nuclei that walk slowly."""
    return NucleiWorld(settings, WALKING, rng)


NUCLEI = Kind(
    name="nuclei",
    size=(256, 256),
    anisotropy=1.0,
    diameter=22.0,
    volume=np.pi / 4,
    fill=0.45,
    fewest=1,
    world=nuclei_world,
)

NUCLEI3D = Kind(
    name="nuclei3d",
    size=(16, 128, 128),
    anisotropy=3.0,
    diameter=14.0,
    volume=np.pi / 6,
    fill=0.3,
    fewest=1,
    world=nuclei_world,
)
