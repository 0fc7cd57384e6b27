"""DEAP: its operators, multiprocessing.Pool, and the pickle a generation of its documentation.

``pool.map`` cuts a generation into eight chunks unless it is told a ``--chunksize``.
"""

import argparse
import multiprocessing
import pickle
import random

import numpy as np
from deap import base, creator, tools
from measure import DIMENSIONS, HIGH, LOW, Meter, arguments, sphere

creator.create("Fitness", base.Fitness, weights=(-1.0,))
creator.create("Individual", list, fitness=creator.Fitness)


def evaluate(individual) -> tuple[float]:
    return (sphere(individual),)


def make_toolbox() -> base.Toolbox:
    toolbox = base.Toolbox()
    toolbox.register("value", random.uniform, LOW, HIGH)
    individual = (creator.Individual, toolbox.value, DIMENSIONS)
    toolbox.register("individual", tools.initRepeat, *individual)
    toolbox.register("population", tools.initRepeat, list, toolbox.individual)
    toolbox.register("evaluate", evaluate)
    toolbox.register("mate", tools.cxBlend, alpha=0.5)
    toolbox.register("mutate", tools.mutGaussian, mu=0, sigma=0.3, indpb=0.1)
    toolbox.register("select", tools.selTournament, tournsize=3)
    return toolbox


def main() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--chunksize", type=int)
    args = arguments(parser)
    random.seed(1)
    toolbox = make_toolbox()
    statistics = tools.Statistics(lambda individual: individual.fitness.values)
    statistics.register("mean", np.mean)
    statistics.register("min", np.min)
    logbook, hall_of_fame = tools.Logbook(), tools.HallOfFame(20)
    population = toolbox.population(n=args.population)
    evaluations = 0
    with multiprocessing.Pool(args.workers) as pool:
        pool.map(toolbox.evaluate, population)
        meter = Meter()
        for generation in range(args.generations):
            if generation:
                population = [toolbox.clone(i) for i in toolbox.select(population, len(population))]
                for left, right in zip(population[::2], population[1::2], strict=True):
                    toolbox.mate(left, right)  # all change, so that all are evaluated
                    del left.fitness.values, right.fitness.values
                for individual in population:
                    toolbox.mutate(individual)
            fitnesses = pool.map(toolbox.evaluate, population, args.chunksize)
            for individual, fitness in zip(population, fitnesses, strict=True):
                individual.fitness.values = fitness
            evaluations += len(population)
            hall_of_fame.update(population)
            logbook.record(gen=generation, evals=evaluations, **statistics.compile(population))
            checkpoint = {
                "population": population,
                "generation": generation,
                "halloffame": hall_of_fame,
                "logbook": logbook,
                "rndstate": random.getstate(),
            }
            with open(args.folder / "checkpoint.pkl", "wb") as file:
                pickle.dump(checkpoint, file)
        meter.stop()
        pool.close()
        pool.join()
    meter.report(evaluations)


if __name__ == "__main__":
    main()
