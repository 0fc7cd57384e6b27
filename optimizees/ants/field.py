"""The worlds of several colonies at once: what ants sense, and what their actions change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from l2l.optimizees.ants import rules
from l2l.optimizees.ants.brain import NumbaBrain
from l2l.optimizees.ants.layout import N_MOTORS, N_SENSES, Bools, Floats, Ints
from l2l.optimizees.ants.worlds import DX, DY, NEST_RADIUS2, World

#: Where scents are compared: ahead, left, right (the first one wins where they are equal), as the
#: receptor and the turn in eighths that leads there.
_NOSES = ((1, 0), (0, 1), (2, 7))
MOVED, TURNED, DROPPED, RESTED, TAKEN, HOME = range(len(rules.COUNTED))


class Field:
    """The state of n worlds ("lanes") and of the ants in them, advanced in NumPy.

    Attributes:
        x, y, heading: ``(n, ants)`` cell and heading of each ant.
        carrying: ``(n, ants)`` whether it carries a piece of food.
        hurt: ``(n, ants)`` whether it ran into a wall in the last tick.
        food: ``(n, size, size)`` pieces left in each cell.
        pheromone: ``(n, size + 2, size + 2)`` in each cell, with a rim around the world.
        counts: ``(n, 6)`` of :data:`rules.COUNTED`.
    """

    def __init__(self, worlds: Sequence[World]) -> None:
        n, size = len(worlds), worlds[0].size
        self.heading: Ints = np.array([world.heading for world in worlds])
        self.x: Ints = np.full(self.heading.shape, size // 2)
        self.y: Ints = self.x.copy()
        self.carrying = np.zeros(self.heading.shape, dtype=np.bool_)
        self.hurt = self.carrying.copy()
        self.food: Ints = np.array([world.food for world in worlds])
        self.pheromone = np.zeros((n, size + 2, size + 2))
        self.counts: Ints = np.zeros((n, len(rules.COUNTED)), dtype=np.int64)
        self._wobble = np.stack([world.wobble for world in worlds], axis=1)
        self.tick = 0

    @property
    def returns(self) -> Floats:
        """Return of each colony so far ``(n,)`` (equation 6)."""
        result: Floats = self.counts @ rules.WORTH
        return result

    def sense(self) -> Bools:
        """Return which receptors are active, ``(n, ants, 12)``.

        The strongest scent of the three cells ahead, if it is one at all; the direction of the
        nest, but not in its centre; whether the ant is on the nest, carries food, ran into a wall;
        whether it sees food or the wall straight ahead; and the heartbeat, always.
        """
        senses = np.zeros((*self.x.shape, N_SENSES), dtype=np.bool_)
        self._smell(senses)
        middle = self._size // 2
        nx, ny = middle - self.x, middle - self.y
        hx, hy = DX[self.heading], DY[self.heading]
        along, across = hx * nx + hy * ny, hx * ny - hy * nx
        ahead = (along > 0) & (np.abs(across) <= rules.OCTANT * along)
        senses[..., 4] = ahead
        senses[..., 3] = ~ahead & ((across > 0) | ((across == 0) & (along < 0)))
        senses[..., 5] = ~ahead & (across < 0)
        senses[..., 6] = nx * nx + ny * ny <= NEST_RADIUS2
        senses[..., 7] = self.carrying
        senses[..., 8] = self.hurt
        lane = np.arange(len(self.x))[:, None]
        for step in range(1, rules.SIGHT + 1):
            qx, qy = self.x + step * hx, self.y + step * hy
            within = self._within(qx, qy)
            food = self.food[lane, np.where(within, qy, 0), np.where(within, qx, 0)]
            senses[..., 9] |= within & (food > 0)
            if step <= rules.FEEL:
                senses[..., 10] |= ~within
        senses[..., 11] = True
        return senses

    def _smell(self, senses: Bools) -> None:
        best, receptor = np.full(self.x.shape, rules.SCENT), np.full(self.x.shape, -1)
        lane = np.arange(len(self.x))[:, None]
        for side, turn in _NOSES:
            towards = (self.heading + turn) % 8
            qx, qy = self.x + DX[towards], self.y + DY[towards]
            within = self._within(qx, qy)
            scent = self.pheromone[lane, np.where(within, qy, 0) + 1, np.where(within, qx, 0) + 1]
            better = within & (scent > best)
            best, receptor = np.where(better, scent, best), np.where(better, side, receptor)
        for side, _ in _NOSES:
            senses[..., side] = receptor == side

    def act(self, spikes: Ints) -> None:
        """Let the ants act, one after the other: turn, move, take or give food, drop pheromone.

        An ant does what a motor neuron with at least one spike says; both turns at once cancel,
        and both cost. One that does not move rests. A step into a wall leads nowhere, and costs.

        Args:
            spikes: ``(n, ants, 4)`` of the motor neurons.
        """
        wobble = self._wobble[self.tick]
        self.hurt[:] = False
        for ant in range(self.x.shape[1]):
            self._act_one(ant, spikes[:, ant] > 0, wobble[:, ant])
        self.spread()
        self.tick += 1

    def _act_one(self, ant: int, does: Bools, wobble: Ints) -> None:
        """Let one ant of each colony act."""
        move, left, right, drop = does.T
        lane, middle = np.arange(len(does)), self._size // 2
        heading = (self.heading[:, ant] + left - right) % 8
        qx, qy = self.x[:, ant] + DX[heading], self.y[:, ant] + DY[heading]
        within = self._within(qx, qy)
        x = self.x[:, ant] = np.where(move & within, qx, self.x[:, ant])
        y = self.y[:, ant] = np.where(move & within, qy, self.y[:, ant])
        self.hurt[:, ant] = move & ~within
        self.heading[:, ant] = np.where(move, heading + wobble, heading) % 8
        carried = self.carrying[:, ant].copy()
        home = carried & ((x - middle) ** 2 + (y - middle) ** 2 <= NEST_RADIUS2)
        taken = ~carried & (self.food[lane, y, x] > 0)
        self.food[lane, y, x] -= taken
        self.carrying[:, ant] = (carried & ~home) | taken
        self.pheromone[lane, y + 1, x + 1] += drop
        for what, how_often in (
            (MOVED, move), (TURNED, left.astype(np.int64) + right), (DROPPED, drop),
            (RESTED, ~move), (TAKEN, taken), (HOME, home),
        ):  # fmt: skip
            self.counts[:, what] += how_often

    def spread(self) -> None:
        """Let the pheromone diffuse to the four neighbours, none through a wall, and evaporate."""
        p = self.pheromone
        p[:, 0], p[:, -1] = p[:, 1], p[:, -2]
        p[:, :, 0], p[:, :, -1] = p[:, :, 1], p[:, :, -2]
        here = p[:, 1:-1, 1:-1]
        around = (p[:, :-2, 1:-1] + p[:, 2:, 1:-1]) + (p[:, 1:-1, :-2] + p[:, 1:-1, 2:])
        share, kept = rules.DIFFUSION / 4, 1 - rules.EVAPORATION
        p[:, 1:-1, 1:-1] = kept * (here + share * (around - 4.0 * here))

    @property
    def _size(self) -> int:
        return int(self.food.shape[1])

    def _within(self, x: Ints, y: Ints) -> Bools:
        return (x >= 0) & (x < self._size) & (y >= 0) & (y < self._size)


class CompiledField(Field):
    """The same, compiled with Numba."""

    def __init__(self, worlds: Sequence[World]) -> None:
        super().__init__(worlds)
        self._senses = np.zeros((*self.x.shape, N_SENSES), dtype=np.bool_)
        self._scratch = np.zeros(self.pheromone.shape[1:])

    def sense(self) -> Bools:
        """Return which receptors are active, ``(n, ants, 12)``; the next call overwrites them."""
        from l2l.optimizees.ants import kernels

        kernels.sense(
            self.x, self.y, self.heading, self.carrying, self.hurt, self.food, self.pheromone,
            self._senses,
        )  # fmt: skip
        return self._senses

    def act(self, spikes: Ints) -> None:
        """Let the ants act."""
        from l2l.optimizees.ants import kernels

        kernels.act(
            self.x, self.y, self.heading, self.carrying, self.hurt, self.food, self.pheromone,
            self.counts, spikes, self._wobble[self.tick],
        )  # fmt: skip
        self.spread()
        self.tick += 1

    def spread(self) -> None:
        """Let the pheromone diffuse and evaporate."""
        from l2l.optimizees.ants import kernels

        kernels.spread(
            self.pheromone, self._scratch, rules.DIFFUSION / 4, 1 - rules.EVAPORATION,
            self.counts[:, DROPPED],
        )  # fmt: skip

    def run(self, brain: NumbaBrain) -> None:
        """Let the ants act for a whole episode, steered by a brain that never stepped before."""
        from l2l.optimizees.ants import kernels

        kernels.episode(
            self.x, self.y, self.heading, self.carrying, self.hurt, self.food, self.pheromone,
            self.counts, self._wobble, self._senses, self._scratch,
            rules.DIFFUSION / 4, 1 - rules.EVAPORATION,
            brain.drive, brain.potential, brain.waiting, brain.arriving, brain.weight, brain.delay,
            brain.steps, np.zeros((*self.x.shape, N_MOTORS), dtype=np.int64),
        )  # fmt: skip
        self.tick = len(self._wobble)
