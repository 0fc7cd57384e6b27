"""Asking for points one by one: those in flight, and what the store is to know of the asks."""

from __future__ import annotations

from typing import Any

import numpy as np

from l2l.errors import L2LError
from l2l.evaluation import Floats, Job, seeds
from l2l.loop.base import Bounding
from l2l.loop.points import Points
from l2l.optimizer import Optimizer
from l2l.records import Block


class Asking:
    """Asks an optimizer for points and keeps those that it has not been told of.

    Attributes:
        n: How many points were asked for, over all starts.
        open: Points that were asked for and not told, by id.
        unwritten: Id, and number of results told before, of each ask that no block has written.
    """

    def __init__(self, optimizer: Optimizer, bounding: Bounding | None, seed: int) -> None:
        self.optimizer = optimizer
        self.bounding = bounding
        self.seed = seed
        self.n = 0
        self.open: dict[int, Points] = {}
        self.unwritten: list[tuple[int, int]] = []

    def ask(self, n: int, told: int) -> list[int]:
        """Ask for up to ``n`` points after so many results were told; return their ids."""
        found: list[int] = []
        while len(found) < n:
            point = self.optimizer.ask_one()
            if point is None:
                break
            self.open[self.n] = self._prepared(self.n, self._checked(point))
            self.unwritten.append((self.n, told))
            found.append(self.n)
            self.n += 1
        return found

    def job(self, number: int) -> Job:
        """Return the job that evaluates a point in flight."""
        generation, index = divmod(number, self.optimizer.cohort)
        return self.open[number].job(0, generation, index, int(seeds(self.seed, number)))

    def asked(self, numbers: list[int]) -> Floats:
        """Return the values ``(n, d)`` that the optimizer asked for, of points in flight."""
        rows = np.array([self.open[number].asked[0] for number in numbers])
        return rows.reshape(len(numbers), self.optimizer.space.size)

    def columns(self) -> Block:
        """Return the columns of the asks that no block has written yet; they are written then."""
        if not self.unwritten:
            return {}
        asks = np.array(self.unwritten, np.int64)
        self.unwritten = []
        return {"ask_id": asks[:, 0], "ask_known": asks[:, 1]}

    def state(self) -> dict[str, Any]:
        """Return the number of asks and the points in flight."""
        numbers = sorted(self.open)
        points = [self.open[number].points[0] for number in numbers]
        return {
            "asked": self.n,
            "open": np.array(numbers, np.int64),
            "points": np.array(points).reshape(len(points), self.optimizer.space.size),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state."""
        self.n = int(state["asked"])
        for number, point in zip(state["open"].tolist(), state["points"], strict=True):
            self.open[number] = self._prepared(number, point)

    def _prepared(self, number: int, point: Floats) -> Points:
        ids, seed = np.array([number], np.int64), int(seeds(self.seed, number))
        return Points.of(ids, point[None].copy(), self.optimizer.space, self.bounding, seed)

    def _checked(self, point: Floats) -> Floats:
        point = np.asarray(point, dtype=np.float64)
        if point.shape != (self.optimizer.space.size,):
            raise L2LError(
                f"{type(self.optimizer).__name__}.ask_one() must return a point of shape "
                f"({self.optimizer.space.size},) or None, got an array of shape {point.shape}"
            )
        return point
