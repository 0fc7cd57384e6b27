"""evosax (JAX on the CPU): SNES, Open_ES and xNES with their defaults.

The option ``x64`` makes JAX use float64, which is not its default.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from evosax import algorithms
from solving import Start, serve

COMPILED: dict[Any, Any] = {}


def compiled(name: str, population: int, dimension: int) -> Any:
    """Return the algorithm with its functions compiled, once a process and shape."""
    key = (name, population, dimension)
    if key not in COMPILED:
        es = getattr(algorithms, name)(population_size=population, solution=np.zeros(dimension))
        COMPILED[key] = es, jax.jit(es.init), jax.jit(es.ask), jax.jit(es.tell)
    return COMPILED[key]


class Evosax:
    """One run; its default population is that of the paper, 4 + 3 ln D, made even."""

    def __init__(self, start: Start) -> None:
        d = start.dimension
        jax.config.update("jax_enable_x64", bool(start.options.get("x64")))
        n = start.population or 2 * ((4 + int(3 * np.log(d)) + 1) // 2)
        self.es, init, self._ask, self._tell = compiled(start.name, n, d)
        self.params = self.es.default_params
        if "std_init" in vars(self.params):  # xNES of evosax 0.3 multiplies by it twice
            sigma = start.sigma**0.5 if start.name == "xNES" else start.sigma
            self.params = self.params.replace(std_init=sigma)
        self.key, key = jax.random.split(jax.random.key(start.seed))
        self.state = init(key, start.points(1)[0], self.params)
        self.asked: Any = None

    def ask(self) -> Any:
        self.key, key = jax.random.split(self.key)
        self.asked, self.state = self._ask(key, self.state, self.params)
        return np.asarray(self.asked)

    def tell(self, points: Any, values: Any) -> None:
        self.key, key = jax.random.split(self.key)
        self.state, _ = self._tell(key, self.asked, values, self.state, self.params)
        self.state.mean.block_until_ready()

    def recommended(self) -> Any:
        return np.asarray(self.es.get_mean(self.state))


if __name__ == "__main__":
    serve(Evosax)
