"""pycma, with the restarts of its ``fmin2``: IPOP, the population doubled each time."""

from __future__ import annotations

from typing import Any

import cma
import numpy as np
from solving import Start, serve


class Pycma:
    """``cma`` is the full one, ``sep`` has a diagonal covariance."""

    def __init__(self, start: Start) -> None:
        self.start, self.restarts, self.population = start, 0, start.population
        self.es = self.begun(start.points(1)[0])
        self.asked: Any = None

    def begun(self, mean: Any) -> Any:
        options = {"seed": self.start.seed + self.restarts + 1, "verbose": -9}
        options["CMA_diagonal"] = self.start.name == "sep"
        if self.population:
            options["popsize"] = self.population
        sigma, box = self.start.sigma, self.start.box
        if box:  # each integer gets the same share
            half = 0.5 * (np.arange(len(box.low)) < box.integers)
            options["integer_variables"] = list(range(box.integers))
            options["bounds"] = [box.low - half, box.high + half]
            options["CMA_stds"] = box.high - box.low + 2 * half
            sigma = 0.3
        return cma.CMAEvolutionStrategy(mean, sigma, options)

    def ask(self) -> Any:
        self.asked, box = self.es.ask(), self.start.box
        points = np.array(self.asked)
        if box:
            points[:, : box.integers] = np.rint(points[:, : box.integers])
            points = np.clip(points, box.low, box.high)
        return points

    def tell(self, points: Any, values: Any) -> None:
        self.es.tell(self.asked, values)
        if self.es.stop():
            self.restarts += 1
            self.population = 2 * self.es.popsize
            self.es = self.begun(self.start.restart(self.restarts))

    def recommended(self) -> Any:
        return self.es.result.xfavorite


if __name__ == "__main__":
    serve(Pycma)
