"""DEAP: the generations of ``eaSimple``, with lists of floats, blend and Gaussian mutation."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from deap import algorithms, base, creator, tools
from solving import Start, serve

creator.create("Fitness", base.Fitness, weights=(-1.0,))
creator.create("Individual", list, fitness=creator.Fitness)
#: Probabilities of mating and mutating, as in DEAP's examples with ``eaSimple``.
CXPB, MUTPB = 0.5, 0.2


class Deap:
    """Asks for the individuals whose fitness is not valid; the best ever is recommended."""

    def __init__(self, start: Start) -> None:
        random.seed(start.seed)
        self.toolbox = base.Toolbox()
        self.toolbox.register("mate", tools.cxBlend, alpha=0.5)
        self.toolbox.register("mutate", tools.mutGaussian, mu=0, sigma=1, indpb=0.2)
        self.toolbox.register("select", tools.selTournament, tournsize=3)
        first = start.points(start.population or 100)
        self.population = [creator.Individual(x) for x in first.tolist()]
        self.best = tools.HallOfFame(1)
        self.invalid = self.population

    def ask(self) -> Any:
        if self.population[0].fitness.valid or self.invalid is not self.population:
            while True:  # a generation without a new individual needs no evaluation
                chosen = self.toolbox.select(self.population, len(self.population))
                self.population = algorithms.varAnd(chosen, self.toolbox, CXPB, MUTPB)
                self.invalid = [x for x in self.population if not x.fitness.valid]
                if self.invalid:
                    break
        return np.array(self.invalid)

    def tell(self, points: Any, values: Any) -> None:
        for individual, value in zip(self.invalid, values.tolist(), strict=True):
            individual.fitness.values = (value,)
        self.best.update(self.population)

    def recommended(self) -> Any:
        return np.array(self.best[0])


if __name__ == "__main__":
    serve(Deap)
