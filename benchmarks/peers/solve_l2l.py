"""A registered optimizer of l2l, with its defaults."""

from __future__ import annotations

from typing import Any

import numpy as np
from solving import Start, serve
from threadpoolctl import threadpool_limits

from l2l import ParameterSpace, registry
from l2l.evaluation import Evaluations
from l2l.space import Parameter

SAMPLERS = ("random_search", "quasi_random", "latin_hypercube")
#: Options that say how many points there are in a generation, and how many more there are then.
SIZES = {"pop_size": 0, "n_parallel_runs": 0, "n_random_steps": 1, "n_samples": 0, "batch": 0}


class Ours:
    """An optimizer in a raw, unbounded space, or in the unit cube where there is a box.

    Samplers, which need one, get [-5, 5]^D.
    """

    def __init__(self, start: Start) -> None:
        cls = registry.load("optimizers", start.name)
        fields = cls.Parameters.__dataclass_fields__
        options = dict(start.options)
        bounded = options.pop("bounded", False) or start.name in SAMPLERS or start.box
        self.observations = options.pop("observations", 0)
        if "sigma" in fields and not bounded:
            options.setdefault("sigma", start.sigma)
        if start.population:
            options |= sized(fields, start.population)
        parameters = cls.Parameters(**options)
        n = 1 if "sigma" in fields else max(1, cls.n_initial(parameters))
        self.space = boxed(start) if bounded else unbounded(start.dimension)
        initial = None if bounded else start.points(n)
        self.optimizer = cls(self.space, parameters, seed=start.seed, initial=initial)
        self.costs = start.population is not None
        self.asked, self.id = np.empty(0), 0
        self.evaluations: Any = None

    @property
    def done(self) -> bool:
        return self.optimizer.done is not None

    def ask(self) -> Any:
        self.asked = self.optimizer.ask()
        if self.costs or self.space.coordinates == "raw":
            return self.asked
        return self.space.repair(self.space.from_search(self.asked))

    def prepare(self, points: Any, values: Any) -> None:
        """Do what the outer loop does between ask and tell."""
        self.evaluations = Evaluations.of(self.asked, -values, self.id)
        if isinstance(self.space.parameters[0].low, int):  # rounded
            self.evaluations.evaluated = self.space.to_search(points)
        if self.observations:  # of which nothing can be learnt, so that no update is left out
            shape = (len(points), self.observations)
            self.evaluations.observation = np.random.default_rng(self.id).normal(5.0, 1.0, shape)
        self.id += len(values)

    def tell(self, points: Any, values: Any) -> None:
        self.optimizer.tell(self.evaluations)

    def recommended(self) -> Any:
        found = self.optimizer.recommended
        assert found is not None
        return self.space.repair(self.space.from_search(found[None]))[0]


def unbounded(dimension: int) -> ParameterSpace:
    return ParameterSpace([Parameter("x", shape=(dimension,))], "raw")


def boxed(start: Start) -> ParameterSpace:
    """Return the space with the bounds of a problem, [-5, 5]^D if it has none."""
    if start.box is None:
        return ParameterSpace([Parameter("x", -5.0, 5.0, shape=(start.dimension,))])
    ends = list(zip(start.box.low.tolist(), start.box.high.tolist(), strict=True))
    whole = [(int(a), int(b)) for a, b in ends[: start.box.integers]]
    return ParameterSpace({f"x{i}": pair for i, pair in enumerate([*whole, *ends[len(whole) :]])})


def sized(fields: Any, population: int) -> dict[str, int]:
    """Return the options that make a generation of so many points."""
    options = {name: population - more for name, more in SIZES.items() if name in fields}
    if {"min_pop_size", "max_pop_size"} <= set(fields):
        options |= {"min_pop_size": population, "max_pop_size": population}
    return options


if __name__ == "__main__":
    with threadpool_limits(1):
        serve(Ours)
