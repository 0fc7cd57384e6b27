"""Sampler: base of the methods whose points are known from their number alone."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from l2l.errors import ConfigError
from l2l.evaluation import Evaluations
from l2l.optimizer import Optimizer, State
from l2l.optimizers.common.inflight import InFlight
from l2l.space import Floats, ParameterSpace


def need_box(space: ParameterSpace, who: str) -> None:
    """Raise ConfigError if a parameter has no bounds between which to draw it."""
    if not space.bounded:
        free = [p.name for p in space.parameters if p.low is None and p.kind != "categorical"]
        if not free:
            raise ConfigError(
                f"{who} needs the unit cube, and a classic run script works in the parameters' own "
                "units; use l2l.optimize"
            )
        raise ConfigError(
            f"{who} draws each parameter between its bounds, but {', '.join(free)} have none here; "
            "give the optimizee a space with low and high"
        )


class Sampler(Optimizer):
    """Asks for the points of a design, in order, and learns nothing.

    A point follows from its number and the seed, so that a design costs no memory, and a run goes
    on anywhere in it. ``initial`` points, if given, come first, as a generation of their own.
    One by one, the points are the same, in the same order.

    Attributes:
        position: Number of points of the design told so far.
        total: Number of points of the whole design; None if it has no end.
        key: Seed of the design.

    Raises:
        ConfigError: If a parameter has no bounds.
    """

    asynchronous = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        need_box(self.space, type(self).__name__)
        self.position = 0
        self.total: int | None = None
        self._flight, self._next = InFlight(), 0  # number of the point to be asked for alone
        self._block: Floats = np.empty((0, self.space.size))  # of points that end at ...
        self._end = 0
        self.key = int(self.rng.integers(2**63))
        self._asked = 0

    @classmethod
    def n_initial(cls, parameters: Any) -> int:
        """Return 0: it needs no first points from the optimizee."""
        return 0

    @abstractmethod
    def points(self, position: int) -> Floats:
        """Return the points ``(n, d)`` of a generation that begins with number ``position``."""

    def ask(self) -> Floats:
        """Return the next points ``(n, d)``."""
        points = self.points(self.position) if self.initial is None else self.initial.copy()
        self._asked = len(points)
        return points

    def tell(self, evaluations: Evaluations) -> None:
        """Remember the best point, and move on."""
        self.scored(evaluations, self._asked)
        if self.initial is None:
            self.position += len(evaluations)
        self.initial = None

    def ask_one(self) -> Floats | None:
        """Return the next point ``(d,)``; None after the last one."""
        if self.initial is not None and len(self.initial):
            self._flight.add(False)
            return self.first_point()
        if self._next == self.total:
            return None
        if not self._end - len(self._block) <= self._next < self._end:
            self._block = self.points(self._next)
            self._end = self._next + len(self._block)
        self._flight.add(True)
        self._next += 1
        point: Floats = self._block[self._next - 1 - self._end].copy()
        return point

    def tell_one(self, evaluations: Evaluations) -> None:
        """Remember the best point, and count those of the design."""
        number, _ = self.scored_one(evaluations)
        self.position += int(self._flight.land(number)[0])

    def state(self) -> State:
        """Return everything that changes; see :meth:`Optimizer.state` for when."""
        own = {"position": self.position, "key": self.key, "next": self._next}
        return {**super().state(), **own, **self._flight.pack()}

    def restore(self, state: State) -> None:
        """Go back to a state: what follows is bit-identical."""
        super().restore(state)
        self.position, self.key = int(state["position"]), int(state["key"])
        self._next, self._end = int(state.get("next", 0)), 0
        self._block = self._block[:0]
        self._flight.unpack(state)
