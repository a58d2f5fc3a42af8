"""The life of cells that move on their own: they walk, grow, divide, die, enter and leave.

Used by the kinds whose cells do not differ in how they live but only in numbers (:class:`Behaviour`) and looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Floats
from cell_tracker_gnn.simulation.census import Field, Target, Zone, place
from cell_tracker_gnn.simulation.motion import Flow, Stage, random_directions, repel, turn
from cell_tracker_gnn.simulation.population import DYING, MITOSIS, NEWBORN_FLATNESS, Population
from cell_tracker_gnn.simulation.rows import Identities

if TYPE_CHECKING:
    from cell_tracker_gnn.simulation.settings import SimulationSettings

__all__ = ["Behaviour", "Crowd"]

MEAN_GROWTH = 0.72
"""Mean size of the cells of a growing population relative to their size at division."""

UNREST_LASTS = 0.5
"""Share of a passing deformation that is still there in the next frame."""


@dataclass(frozen=True)
class Behaviour:
    """How the cells of a kind live; speeds in mean diameters per frame.

    Parameters
    ----------
    speed
        Root mean square of one component of the own velocity.
    persistence
        Correlation of the own velocity between two frames.
    stream, swirl
        Speed of the common stream and of the smooth flow, see :class:`Flow`.
    turning
        Standard deviation of the rotation per frame, in radians.
    cycle
        Mean number of frames from birth to division.
    death
        Probability per frame that a healthy cell begins to die.
    elongation
        Standard deviation of the logarithm of the body axes.
    roughness
        Amplitude of the waves of the outline relative to the radius.
    packing
        Distance at which two cells begin to push each other, relative to the sum of their radii.
    reach
        How far outside the field a cell is still in the picture, in diameters.
    margin
        How far the domain goes beyond the field, in diameters.
    """

    speed: float
    persistence: float = 0.8
    stream: float = 0.0
    swirl: float = 0.0
    turning: float = 0.05
    cycle: float = 60.0
    death: float = 0.0005
    elongation: float = 0.13
    roughness: float = 0.025
    packing: float = 1.0
    reach: float = 0.2
    margin: float = 2.5


class Crowd:
    """Living cells in and around a field of view.

    Parameters
    ----------
    settings
        Settings of the movie.
    behaviour
        How the cells live.
    diameter
        Mean diameter of a cell in pixels of x.
    rng
        Source of every random number.

    Attributes
    ----------
    cells
        The cells of the present frame, in the picture or near it.
    """

    def __init__(
        self, settings: SimulationSettings, behaviour: Behaviour, diameter: float, rng: np.random.Generator
    ) -> None:
        self._behaviour, self._diameter, self._rng, self._rank = behaviour, diameter, rng, settings.rank
        motion = settings.motion * diameter
        self._speed = behaviour.speed * motion
        self._death = behaviour.death * settings.death_rate
        self._leaving, self._arriving = settings.leaving, settings.arriving
        self._variety, self._unrest = settings.variety, settings.unrest
        # Mothers and newborn cells are as different in form as can be at a variety of 1.
        self._forms = min(settings.variety, 1.0)
        self._elongation = behaviour.elongation
        if settings.variety:
            self._elongation *= 1 + 2 * settings.variety * rng.random()
        self._cycle = behaviour.cycle / settings.division_rate if settings.division_rate else np.inf
        margin = behaviour.margin * diameter + (behaviour.stream + behaviour.swirl) * motion
        self._field = Field(settings.extent, behaviour.reach * diameter, margin)
        rise = 0.24 * min(1.0, settings.frames / self._cycle)
        self._target = Target(settings.cells, settings.frames, rise)
        self._flow = Flow(settings.extent, behaviour.stream * motion, behaviour.swirl * motion, rng)
        self._stage = Stage(settings.rank, settings.drift, settings.jump, rng)
        self._frame, self._identities = 0, Identities()
        self.cells = self._newcomers(np.zeros((0, settings.rank)))
        self._settle()

    def _settle(self) -> None:
        nowhere = np.zeros(self._rank)
        for _ in range(3):
            self._census(nowhere)
            radius = self.cells.radius * self._behaviour.packing
            self.cells.position = repel(self.cells.position, radius, 10)
        self._census(nowhere)

    def step(self) -> None:
        """Move on by one step."""
        self._frame += 1
        self.cells.seen = self._field.shows(self.cells.position)
        self._commit()
        self._divide()
        self._die()
        self._come_and_go()
        shift = self._stage.step()
        self._move(shift)
        self._census(shift)

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Whether each cell is near enough to the field to be in the picture, shape (n,)."""
        return self._field.shows(self.cells.position)

    @property
    def _excess(self) -> float:
        return float(self.shown.sum() / self._target.at(self._frame) - 1)

    @property
    def _room(self) -> int:
        """How many more cells the picture may hold, those counted twice that are about to divide."""
        shown = self.shown
        return self._target.high - int(shown.sum()) - int((self.cells.committed & shown).sum())

    def _commit(self) -> None:
        """Let cells go into mitosis as far as the number of cells in the picture allows, the others wait."""
        cells, shown = self.cells, self.shown
        due = np.flatnonzero(~cells.committed & (cells.dying == 0) & (cells.cycle - cells.age - 1 <= MITOSIS))
        due = self._rng.permutation(due)
        waits = shown[due] & (np.cumsum(shown[due]) > self._room)
        cells.committed[due[~waits]] = True
        cells.cycle[due[waits]] += self._rng.uniform(3.0, 8.0, int(waits.sum()))

    def _divide(self) -> None:
        ready = self.cells.committed & (self.cells.age + 1 >= self.cells.cycle)
        mothers = self.cells.take(ready)
        self.cells = self.cells.take(~ready)
        self.cells.age += 1
        if len(mothers):
            self.cells = self.cells.joined(self._daughters(mothers))

    def _daughters(self, mothers: Population) -> Population:
        rng, n = self._rng, len(mothers)
        variety = self._variety
        axis = mothers.frame[:, :, -1]
        if variety:  # daughters of a metaphase plate part across it
            across = rng.random(n) < 0.5 * self._forms
            axis = np.where(across[:, None], mothers.frame[:, :, 0], axis)
        axis = axis + 0.3 * rng.standard_normal((n, self._rank))
        axis /= np.linalg.norm(axis, axis=1, keepdims=True)
        share = 0.5 + np.clip(rng.normal(0.0, 0.02 + 0.06 * variety, n), -0.05 - 0.12 * variety, 0.05 + 0.12 * variety)
        pair = self._newcomers(np.concatenate([mothers.position, mothers.position]))
        pair.parent = np.concatenate([mothers.identity, mothers.identity])
        volume = mothers.volume * rng.uniform(0.97, 1.05, n)
        if variety:  # daughters of a mother that has shrunk are as small as she is, or flat already
            volume *= np.maximum(1 - mothers.compaction, 0.3) ** -rng.uniform(0.0, 1.0, n)
        pair.born = np.concatenate([share, 1 - share]) * np.tile(volume, 2)
        pair.grown = np.maximum(pair.grown, 1.3 * pair.born)
        pair.age[:] = 0.0
        pair.seen = np.tile(mothers.seen, 2)
        pair.brightness = np.tile(mothers.brightness, 2) * np.exp(rng.normal(0.0, 0.05, 2 * n))
        pair.frame[:, :, 0] = np.tile(axis, (2, 1))
        pair.frame = np.linalg.qr(pair.frame)[0]
        apart = rng.uniform(1.02, 1.25, n)
        if variety:
            apart *= np.exp(variety * rng.uniform(0.0, 1.1, n))
        way = np.concatenate([axis, -axis])
        pair.position += way * (pair.axes[:, 0] * np.tile(apart, 2))[:, None]
        pair.velocity += way * (0.12 * pair.radius)[:, None]
        return pair

    def _die(self) -> None:
        gone = self.cells.dying == 1
        self.cells = self.cells.take(~gone)
        cells, shown = self.cells, self.shown
        cells.dying = np.maximum(cells.dying - 1, 0)
        hazard = self._death + np.clip(0.1 * self._excess, 0.0, 0.02)
        healthy = (cells.dying == 0) & ~cells.committed & (cells.newborn == 0)
        chosen = np.flatnonzero(healthy & (self._rng.random(len(cells)) < hazard))
        spare = int(shown.sum()) - int((shown & (cells.dying > 0)).sum()) - self._target.low
        allowed = ~shown[chosen] | (np.cumsum(shown[chosen]) <= spare)
        cells.dying[chosen[allowed]] = DYING

    def _come_and_go(self) -> None:
        """Let cells leave the picture up or down, and others come in that way, as far as their number allows."""
        cells, shown = self.cells, self.shown
        if self._leaving:
            leaves = np.flatnonzero(shown & ~cells.committed & (self._rng.random(len(cells)) < self._leaving))
            spare = max(int(shown.sum()) - self._target.low, 0)
            self.cells = cells.take(np.delete(np.arange(len(cells)), self._rng.permutation(leaves)[:spare]))
        if self._arriving:
            count = int(self._rng.poisson(self._arriving * int(self.shown.sum())))
            self._enter(min(count, self._room), self._field.shows)

    def _move(self, shift: Floats) -> None:
        cells, behaviour = self.cells, self._behaviour
        self._flow.step()
        fresh = self._rng.standard_normal(cells.velocity.shape) * cells.speed[:, None]
        cells.velocity = behaviour.persistence * cells.velocity + np.sqrt(1 - behaviour.persistence**2) * fresh
        # a crowd denser than wanted spreads, as growing tissue does, rather than losing cells in the middle
        spread = np.clip(0.15 * self._excess, 0.0, 0.02) / self._rank
        outward = spread * (cells.position - self._field.extent / 2)
        moved = cells.position + cells.velocity + self._flow.at(cells.position) + outward
        cells.position = repel(moved, cells.radius * behaviour.packing, 6) + shift
        cells.frame = turn(cells.frame, behaviour.turning, self._rng)
        drifting = 0.05 * self._rng.standard_normal(cells.texture[..., -1].shape)
        cells.texture[..., -1] += drifting
        if self._unrest:
            fresh = self._rng.normal(0.0, self._unrest, cells.unrest.shape)
            cells.unrest = np.clip(UNREST_LASTS * cells.unrest + fresh, -0.5, 0.5)

    def _census(self, shift: Floats) -> None:
        """Drop cells that went away, fill the margin, and hold the number in the picture between the limits."""
        self.cells = self.cells.take(self._field.holds(self.cells.position))
        self._fill_margin(shift)
        shown = self.shown
        if not self._frame and not self.cells.seen.any():
            self._enter(round(self._target.at(0)) - int(shown.sum()), self._field.shows)
            self.cells.seen = self.shown
            return
        self._remove(shown & ~self.cells.seen, -self._room)
        self._enter(self._target.low - int(self.shown.sum()), self._field.edge)

    def _fill_margin(self, shift: Floats) -> None:
        density = self._target.at(self._frame) / self._field.shown_volume
        wanted = int(density * self._field.unwatched_volume(shift) + self._rng.random())
        unwatched = self._field.unwatched(self.cells.position, shift)
        missing = wanted - int(unwatched.sum())
        self._enter(missing, lambda position: self._field.unwatched(position, shift))
        if missing < 0:
            self._remove(unwatched & ~self.shown, -missing)

    def _remove(self, candidates: NDArray[np.bool_], count: int) -> None:
        if count > 0:
            gone = self._rng.permutation(np.flatnonzero(candidates))[:count]
            self.cells = self.cells.take(np.delete(np.arange(len(self.cells)), gone))

    def _enter(self, count: int, zone: Zone) -> None:
        if count > 0:
            spacing = 0.95 * self._diameter * self._behaviour.packing
            new = place(count, zone, self._field, self.cells.position, spacing=spacing, rng=self._rng)
            self.cells = self.cells.joined(self._newcomers(new))

    def _newcomers(self, position: Floats) -> Population:
        """Cells at these positions (n, rank) with everything else at random."""
        rng, (n, rank) = self._rng, position.shape
        unit = np.pi / 4 if rank == 2 else np.pi / 6
        grown = unit * self._diameter**rank / MEAN_GROWTH * np.exp(np.clip(rng.normal(0.0, 0.12, n), -0.3, 0.3))
        cycle = np.maximum(self._cycle * rng.gamma(40.0, 1 / 40.0, n), 2 * MITOSIS)
        youth = 1 - np.log2(1 + rng.random(n))  # a growing population has twice as many newborn as dividing cells
        age = youth * (cycle - MITOSIS - 1) if np.isfinite(self._cycle) else np.zeros(n)
        stretch = _stretch(rng, self._elongation, n, rank)
        outline = _waves(rng, n, 4, rank, (2.0, 4.0))
        plate, flatness = np.zeros((n, rank)), np.full(n, NEWBORN_FLATNESS)
        if self._variety:
            plate = _stretch(rng, 0.5 * self._forms, n, rank)
            flatness *= 1 + self._forms * rng.uniform(-1.2, 0.5, n)
        return Population(
            identity=self._identities.give(n),
            parent=np.zeros(n, np.int64),
            position=position.copy(),
            velocity=np.zeros((n, rank)),
            speed=self._speed * np.exp(rng.normal(0.0, 0.35, n)),
            frame=np.linalg.qr(rng.standard_normal((n, rank, rank)))[0],
            stretch=stretch,
            unrest=np.zeros((n, rank)),
            born=(0.5 if np.isfinite(self._cycle) else MEAN_GROWTH) * grown,
            grown=grown,
            age=age,
            cycle=cycle,
            committed=np.zeros(n, bool),
            compaction=np.full(n, 0.1) + 0.4 * (rng.random(n) * self._variety if self._variety else np.zeros(n)),
            plate=plate,
            flatness=flatness,
            dying=np.zeros(n, np.int64),
            seen=np.zeros(n, bool),
            brightness=np.exp(np.clip(rng.normal(0.0, 0.2, n), -0.5, 0.5)),
            outline=outline,
            texture=_waves(rng, n, 8, rank, (2.5, 7.0)),
            spots=random_directions(rng, 2 * n, rank).reshape(n, 2, rank) * rng.uniform(0.2, 0.7, (n, 2, 1)),
        )


def _stretch(rng: np.random.Generator, spread: float, count: int, rank: int) -> Floats:
    """Logarithms of body axes, the shortest first, summing to 0 for each cell, shape (count, rank)."""
    stretch = np.sort(rng.normal(0.0, spread, (count, rank)), axis=1)
    return np.asarray(stretch - stretch.mean(axis=1, keepdims=True))


def _waves(rng: np.random.Generator, count: int, waves: int, rank: int, pitch: tuple[float, float]) -> Floats:
    vectors = random_directions(rng, count * waves, rank).reshape(count, waves, rank)
    vectors *= rng.uniform(*pitch, (count, waves, 1))
    return np.concatenate([vectors, rng.uniform(0, 2 * np.pi, (count, waves, 1))], axis=2)
