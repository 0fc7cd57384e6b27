"""DEAP on evaluations that sleep for a drawn time: generational, Pool, chunksize 1."""

import multiprocessing
import random
from functools import partial

import drawn
from deap import base, creator, tools

creator.create("Fitness", base.Fitness, weights=(-1.0,))
creator.create("Individual", list, fitness=creator.Fitness)


def evaluate(job, mean, log):
    number, individual = job
    drawn.sleep(number, mean, log)
    return (sum(x * x for x in individual),)


def main() -> None:
    args = drawn.arguments()
    random.seed(1)
    toolbox = base.Toolbox()
    individual = (creator.Individual, partial(random.uniform, -1, 1), 2)
    population = [tools.initRepeat(*individual) for _ in range(drawn.POPULATION)]
    toolbox.register("select", tools.selTournament, tournsize=3)
    toolbox.register("mutate", tools.mutGaussian, mu=0, sigma=0.3, indpb=0.5)
    log = args.folder / "log"
    up = (args.folder / "up", args.workers)
    with multiprocessing.Pool(args.workers, drawn.wait_for_all, up) as pool:
        for first in range(0, args.n, len(population)):
            jobs = list(enumerate(population, first))
            results = pool.map(partial(evaluate, mean=args.mean, log=log), jobs, chunksize=1)
            for one, fitness in zip(population, results, strict=True):
                one.fitness.values = fitness
            population = [
                creator.Individual(one) for one in toolbox.select(population, len(population))
            ]
            for one in population:
                toolbox.mutate(one)
    drawn.report(log, args)


if __name__ == "__main__":
    main()
