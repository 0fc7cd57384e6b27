"""Sampler: base of the methods whose points are known from their number alone."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from l2l.errors import ConfigError
from l2l.evaluation import Evaluations
from l2l.optimizer import Optimizer, State
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

    Attributes:
        position: Number of points of the design told so far.
        key: Seed of the design.

    Raises:
        ConfigError: If a parameter has no bounds.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        need_box(self.space, type(self).__name__)
        self.position = 0
        self.key = int(self.rng.integers(2**63))
        self._asked = 0

    @classmethod
    def n_initial(cls, parameters: Any) -> int:
        """Return 0: it needs no first points from the optimizee."""
        return 0

    @abstractmethod
    def points(self) -> Floats:
        """Return the points ``(n, d)`` of the next generation, from :attr:`position` on."""

    def ask(self) -> Floats:
        """Return the next points ``(n, d)``."""
        points = self.points() if self.initial is None else self.initial.copy()
        self._asked = len(points)
        return points

    def tell(self, evaluations: Evaluations) -> None:
        """Remember the best point, and move on."""
        self.scored(evaluations, self._asked)
        if self.initial is None:
            self.position += len(evaluations)
        self.initial = None

    def state(self) -> State:
        """Return everything that changes; see :meth:`Optimizer.state` for when."""
        return {**super().state(), "position": self.position, "key": self.key}

    def restore(self, state: State) -> None:
        """Go back to a state: what follows is bit-identical."""
        super().restore(state)
        self.position, self.key = int(state["position"]), int(state["key"])
