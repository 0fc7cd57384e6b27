"""Worlds: where the food lies, and where the ants look at first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from l2l.optimizees.ants.layout import Ints
from l2l.tasks import Ramp, TaskFamily

#: The eight headings, counterclockwise from east, in cells: dx and dy.
DX: Ints = np.array([1, 1, 0, -1, -1, -1, 0, 1])
DY: Ints = np.array([0, 1, 1, 1, 0, -1, -1, -1])

NEST_RADIUS2 = 5  #: the nest is all cells whose squared distance to the centre is at most this
PATCH_RADIUS2 = 5  #: so is a patch of food
N_PATCHES = 2
WOBBLE = 0.1  #: probability that a step turns an ant by 45 degrees, to either side


@dataclass(frozen=True)
class World:
    """A square of cells within walls, the nest in its middle.

    Attributes:
        food: ``(size, size)`` pieces of food in each cell, ``[y, x]``.
        heading: ``(ants,)`` of the ants at the start, 0..7 counterclockwise from east.
        wobble: ``(ticks, ants)`` by how many eighths of a turn the ground turns an ant that moves.
    """

    food: Ints
    heading: Ints
    wobble: Ints

    @property
    def size(self) -> int:
        """Cells along each side."""
        return len(self.food)


class Worlds(TaskFamily[World]):
    """Worlds with two patches of food around the nest.

    Args:
        ticks: Length of an episode.
        ants: Number of ants.
        size: Cells along each side, odd.
        pieces: Pieces of food in each of the 21 cells of a patch.
        n_tasks: Worlds of one evaluation.
        n_test: Held-out worlds.
        ramp: Generations in which the food moves from beside the nest to its final distance.
    """

    def __init__(
        self,
        ticks: int = 800,
        ants: int = 15,
        *,
        size: int = 71,
        pieces: int = 10,
        n_tasks: int = 1,
        n_test: int = 20,
        ramp: int = 0,
    ) -> None:
        self.ticks, self.ants, self.size, self.pieces = ticks, ants, size, pieces
        self.n_tasks, self.n_test = n_tasks, n_test
        self.ramp = Ramp(ramp) if ramp else None

    def difficulty(self, generation: int) -> float:
        """Return how far the food has moved away from the nest in a generation, 0..1."""
        return self.ramp(generation) if self.ramp else 1.0

    def sample(self, rng: np.random.Generator, difficulty: float) -> World:
        """Return a world; at difficulty 1 the food lies 0.4 to 0.75 of the way to the wall."""
        half = self.size // 2
        near, far = 5 + difficulty * (0.4 * half - 5), 6 + difficulty * (0.75 * half - 6)
        around = rng.uniform(0, 2 * np.pi)
        angles = around + 2 * np.pi / N_PATCHES * (
            np.arange(N_PATCHES) + rng.uniform(-0.25, 0.25, N_PATCHES)
        )
        away = rng.uniform(near, far, N_PATCHES)
        y, x = np.mgrid[: self.size, : self.size] - half
        food = np.zeros((self.size, self.size), dtype=np.int64)
        for angle, distance in zip(angles, away, strict=True):
            cx, cy = np.rint(distance * np.array([np.cos(angle), np.sin(angle)]))
            food[(x - cx) ** 2 + (y - cy) ** 2 <= PATCH_RADIUS2] = self.pieces
        food[x**2 + y**2 <= NEST_RADIUS2] = 0
        wobble = rng.choice(
            np.array([-1, 0, 1]), (self.ticks, self.ants), p=[WOBBLE, 1 - 2 * WOBBLE, WOBBLE]
        )
        return World(food, rng.integers(8, size=self.ants), wobble.astype(np.int64))
