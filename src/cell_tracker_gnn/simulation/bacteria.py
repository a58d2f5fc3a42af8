"""A growing colony of rod-shaped bacteria that push each other, as phase contrast shows it; lengths in pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import brentq

from cell_tracker_gnn.data import Floats
from cell_tracker_gnn.simulation.canvas import Canvas
from cell_tracker_gnn.simulation.motion import Stage, repel
from cell_tracker_gnn.simulation.rods import Rods
from cell_tracker_gnn.simulation.rows import Identities
from cell_tracker_gnn.simulation.world import Drawing, Kind

if TYPE_CHECKING:
    from cell_tracker_gnn.simulation.settings import SimulationSettings

__all__ = ["BACTERIA", "BacteriaWorld"]

DOUBLING = 20.0
MEAN_AREA = 2.8
FULL = 0.55


def growth(cells: int, frames: int, rate: float, most: float) -> tuple[int, float]:
    """Founders and growth per frame of a colony with this mean number of rods and at most ``most`` in the end.

    The growth is the logarithm of the factor per frame, as near as possible to ``rate``.
    """
    times = np.arange(frames)

    def mean(g: float) -> float:
        return float(np.mean(np.exp(g * times)))

    def last(g: float) -> float:
        return cells * float(np.exp(g * times[-1])) / mean(g)

    if frames == 1 or rate == 0:
        return cells, 0.0
    if last(rate) > most:
        rate = float(brentq(lambda g: last(g) - most, 0.0, rate)) if last(0.0) < most else 0.0
    founders = max(round(cells / mean(rate)), min(4, cells))
    if founders >= cells:
        return cells, 0.0
    return founders, float(brentq(lambda g: founders * mean(g) - cells, 0.0, 2 * rate + 1.0))


class BacteriaWorld:
    """A colony in phase contrast."""

    SMALLEST = 6

    def __init__(self, settings: SimulationSettings, rng: np.random.Generator) -> None:
        self._rng, self._seeing = rng.spawn(2)
        self._width, self._motion = settings.cell_diameter, settings.motion
        self._extent = np.asarray(settings.extent)
        self._shape, self._step = settings.shape, settings.step
        most = FULL * float(np.prod(self._extent)) / (MEAN_AREA * self._width**2)
        rate = np.log(2) / DOUBLING * settings.division_rate
        founders, self._growth = growth(settings.cells, settings.frames, rate, most)
        self._founders, self._frame, self._identities = founders, 0, Identities()
        self._stage = Stage(2, settings.drift, settings.jump, self._rng, leash=0.15 * min(settings.extent))
        self._level, self._noise = self._seeing.uniform(105, 140), self._seeing.uniform(2.5, 5.0)
        self._slope = self._seeing.uniform(-0.12, 0.12, 2)
        self._rods = self._first(founders)
        for _ in range(20):
            self._rods.relax(self._width)
        self._rods.push[:] = 0.0

    def _first(self, count: int) -> Rods:
        rng, width = self._rng, self._width
        colonies = 1 + count // 12
        middle = self._extent * (0.5 + 0.3 * rng.uniform(-1, 1, (colonies, 2)) * (colonies > 1))
        spread = 1.2 * width * np.sqrt(count / colonies)
        position = middle[rng.integers(colonies, size=count)] + spread * rng.standard_normal((count, 2))
        position = np.clip(position, width, self._extent - width)
        position = repel(position, np.full(count, 1.4 * width), 40)  # rods that cross would never come apart
        limit = self._limits(count)
        return Rods(
            identity=self._identities.give(count),
            parent=np.zeros(count, np.int64),
            position=position,
            angle=rng.uniform(0, np.pi, count),
            length=0.5 * limit * 2 ** (1 - np.log2(1 + rng.random(count))),
            limit=limit,
            vigour=np.exp(np.clip(rng.normal(0.0, 0.1, count), -0.2, 0.2)),
            darkness=np.exp(np.clip(rng.normal(0.0, 0.12, count), -0.3, 0.3)),
            pattern=rng.uniform(0, 2 * np.pi, (count, 2)),
            push=np.zeros((count, 2)),
        )

    def _limits(self, count: int) -> Floats:
        return self._width * np.clip(self._rng.normal(4.3, 0.35, count), 3.4, 5.4)

    @property
    def cells(self) -> Rods:
        """The living cells, in the picture or near it."""
        return self._rods

    def step(self) -> None:
        """Move on by one step."""
        self._frame += 1
        self._divide()
        rods, rng, width = self._rods, self._rng, self._width
        inside = np.all((rods.position > 0) & (rods.position < self._extent), axis=1)
        wanted = self._founders * np.exp(self._growth * self._frame)
        pace = np.clip(1 + 2 * (wanted - inside.sum()) / wanted, 0.4, 1.6)
        rods.length = rods.length * np.exp(self._growth * pace * rods.vigour)
        rods.angle = rods.angle + rng.normal(0.0, 0.05 * self._motion, len(rods))
        rods.position = rods.position + rng.normal(0.0, 0.06 * width * self._motion, rods.position.shape)
        rods.position += rng.normal(0.0, 0.1 * width * self._motion, (len(rods), 1)) * rods.axis
        rods.relax(width)
        rods.position = rods.position + self._stage.step()
        near = np.all((rods.position > -6 * width) & (rods.position < self._extent + 6 * width), axis=1)
        self._rods = rods.take(near)

    def _divide(self) -> None:
        ready = self._rods.length >= self._rods.limit
        mothers, rods = self._rods.take(ready), self._rods.take(~ready)
        for daughters in mothers.divided(self._rng, self._width):
            daughters.parent = mothers.identity
            daughters.identity = self._identities.give(len(daughters))
            daughters.limit = self._limits(len(daughters))
            rods = rods.joined(daughters)
        self._rods = rods

    def draw(self) -> Drawing:
        """Show the present frame."""
        rods, canvas = self._rods, Canvas(self._shape, self._step)
        dark = np.zeros(self._shape, np.float32)
        axis, core = rods.axis, 0.5 * (rods.length - self._width)
        for row in range(len(rods)):
            box = canvas.box(rods.position[row], 0.5 * self._width + core[row] * np.abs(axis[row]))
            if box is None:
                continue
            y, x = canvas.offsets(box, rods.position[row])
            along = np.asarray(y * axis[row, 0] + x * axis[row, 1], np.float32)
            beyond = along - np.clip(along, -core[row], core[row])
            across = x * axis[row, 0] - y * axis[row, 1]
            field = np.asarray(np.hypot(beyond, across) - 0.5 * self._width, np.float32)
            won = canvas.put(row + 1, box, field)
            place = along[won] / self._width
            first, second = rods.pattern[row]
            dark[box][won] = rods.darkness[row] * (
                1 + 0.12 * np.cos(2.5 * place + first) + 0.12 * np.cos(4 * place + second)
            )
        canvas.tidy(self.SMALLEST)
        return Drawing(canvas.mask, self._expose(dark), rods.identity)

    def _expose(self, dark: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Dark rods with a bright halo on a grey, uneven background."""
        rods = ndimage.gaussian_filter(dark, 0.1 * self._width)
        halo = ndimage.gaussian_filter(dark, 0.45 * self._width) - 0.6 * ndimage.gaussian_filter(
            dark, 1.6 * self._width
        )
        y, x = np.ix_(*[np.linspace(-1, 1, n, dtype=np.float32) for n in self._shape])
        light = self._level * (1 + self._slope[0] * y + self._slope[1] * x) + 110 * halo - 105 * rods
        noise = self._noise * self._seeing.standard_normal(self._shape, dtype=np.float32)
        return np.asarray(np.clip(np.rint(light + noise), 0, 255), np.uint8)


BACTERIA = Kind(
    name="bacteria",
    size=(256, 256),
    anisotropy=1.0,
    diameter=8.0,
    volume=MEAN_AREA,
    fill=0.35,
    fewest=1,
    world=BacteriaWorld,
)
