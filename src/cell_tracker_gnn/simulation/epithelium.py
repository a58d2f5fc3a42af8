"""Packed tissue: cells cover the field without background, grow, divide often and exchange neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.simulation.camera import Camera
from cell_tracker_gnn.simulation.canvas import Canvas, body_field, half_box
from cell_tracker_gnn.simulation.crowd import Behaviour, Crowd
from cell_tracker_gnn.simulation.population import Population
from cell_tracker_gnn.simulation.world import Drawing, Kind

if TYPE_CHECKING:
    from cell_tracker_gnn.simulation.settings import SimulationSettings

__all__ = ["EPITHELIUM", "EpitheliumWorld"]

TISSUE = Behaviour(
    speed=0.05,
    swirl=0.05,
    persistence=0.7,
    turning=0.04,
    cycle=40.0,
    death=0.002,
    elongation=0.1,
    roughness=0.02,
    packing=1.08,
    reach=0.35,
    margin=2.0,
)


class EpitheliumWorld:
    """An epithelium with bright membranes."""

    SMALLEST = 6
    MEMBRANE = 1.6

    def __init__(self, settings: SimulationSettings, rng: np.random.Generator) -> None:
        living, seeing = rng.spawn(2)
        self._shape, self._step, self._border = settings.shape, settings.step, settings.border
        self._diameter = self._mean_diameter(settings)
        blur = tuple(max(0.035 * self._diameter, 0.6) / step for step in settings.step)
        self._crowd = Crowd(settings, TISSUE, self._diameter, living)
        self._camera = Camera(settings.shape, blur, 0.8, settings.frames, seeing)
        self._number = 0

    @staticmethod
    def _mean_diameter(settings: SimulationSettings) -> float:
        """Diameter of a mean cell, a little more than the share of the field: border cells are partly outside."""
        diameter = settings.cell_diameter
        for _ in range(20):
            covered = float(np.prod(np.asarray(settings.extent) + 2 * TISSUE.reach * diameter))
            diameter = (covered / (settings.facts.volume * settings.cells)) ** (1 / settings.rank)
        return diameter

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
        canvas = Canvas(self._shape, self._step, cover=True)
        # beyond its outline a cell reaches as far as a gap between cells can be wide
        half, axes = half_box(cells, TISSUE.roughness) + 0.5 * self._diameter, cells.axes
        light = np.zeros(len(cells) + 1, np.float32)
        light[1:] = 0.25 * cells.brightness * (1 + cells.mitosis + (cells.vigour < 1))
        for row in range(len(cells)):
            box = canvas.box(cells.position[row], half[row])
            if box is not None:
                offsets = canvas.offsets(box, cells.position[row])
                field, _ = body_field(axes[row], cells.frame[row], cells.outline[row], TISSUE.roughness, offsets)
                canvas.put(row + 1, box, field)
        canvas.tidy(self.SMALLEST)
        canvas.fill()
        membrane = edges(canvas.mask)
        signal = light[canvas.mask] + self.MEMBRANE * membrane
        if self._border:
            canvas.mask[membrane] = 0
            canvas.tidy(self.SMALLEST)
        return Drawing(canvas.mask, self._camera.expose(signal, self._number), cells.identity)


def edges(mask: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Pixels whose next pixel along some axis belongs to another cell."""
    found = np.zeros(mask.shape, bool)
    for axis in range(mask.ndim):
        here = [slice(None)] * mask.ndim
        there = [slice(None)] * mask.ndim
        here[axis], there[axis] = slice(None, -1), slice(1, None)
        found[tuple(here)] |= mask[tuple(here)] != mask[tuple(there)]
    return found


EPITHELIUM = Kind(
    name="epithelium",
    size=(256, 256),
    anisotropy=1.0,
    diameter=None,
    volume=np.pi / 4,
    fill=1.0,
    fewest=6,
    world=EpitheliumWorld,
)
