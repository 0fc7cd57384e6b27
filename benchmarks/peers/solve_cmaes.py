"""cmaes, with the IPOP restarts of its documentation."""

from __future__ import annotations

from typing import Any

import numpy as np
from cmaes import CMA, SepCMA
from solving import Start, serve


class Cmaes:
    """``cma`` is the full one, ``sep`` has a diagonal covariance."""

    def __init__(self, start: Start) -> None:
        self.start, self.restarts, self.population = start, 0, start.population
        self.es = self.begun(start.points(1)[0])

    def begun(self, mean: Any) -> Any:
        which = SepCMA if self.start.name == "sep" else CMA
        options = {"population_size": self.population} if self.population else {}
        return which(mean, self.start.sigma, seed=self.start.seed + self.restarts, **options)

    def ask(self) -> Any:
        return np.array([self.es.ask() for _ in range(self.es.population_size)])

    def tell(self, points: Any, values: Any) -> None:
        self.es.tell(list(zip(points, values.tolist(), strict=True)))
        if self.es.should_stop():
            self.restarts += 1
            self.population = 2 * self.es.population_size
            self.es = self.begun(self.start.restart(self.restarts))

    def recommended(self) -> Any:
        return self.es._mean


if __name__ == "__main__":
    serve(Cmaes)
