"""COCO's bbob suite for optimizers that are asked and told: what each of them solves.

24 functions, 51 targets 1e2 ... 1e-8 above the optimum, evaluation anywhere allowed (nothing is
clipped), start uniform in [-4, 4]^D. Instances 1-5 are for tuning, 11-15 for the reported table.

    python benchmarks/bbob.py cma_es --dimension 10 --instances 1-5 --set restarts=none
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml
from peers.problems import GROUPS, SIGMA, TARGETS, Points, Problem, problem_of
from threadpoolctl import threadpool_limits

from l2l import ParameterSpace, registry
from l2l.evaluation import Evaluations
from l2l.optimizer import Optimizer
from l2l.space import Parameter


@dataclass
class Solved:
    """What came of one run: the share of targets reached, and the best value."""

    function: int
    instance: int
    fraction: float
    best: float
    evaluations: int


def play(optimizer: Optimizer, value: Callable[[Points], float], budget: int) -> tuple[float, int]:
    """Return the best value that an optimizer reaches within a budget, and what it used."""
    best, used = np.inf, 0
    while used < budget and best > TARGETS[-1] and optimizer.done is None:
        points = optimizer.ask()
        values = np.array([value(x) for x in points[: budget - used]])
        best, used = min(best, float(values.min())), used + len(values)
        if len(values) < len(points):
            break
        optimizer.tell(Evaluations.of(points, -values, used - len(values)))
    return best, used


def optimizer_for(name: str, options: dict[str, Any], problem: Problem) -> Optimizer:
    """Return a registered optimizer at the start of a problem."""
    cls = registry.load("optimizers", name)
    fields = cls.Parameters.__dataclass_fields__
    rng = np.random.default_rng(problem.seed)
    width = next((name for name in ("sigma", "noise_std") if name in fields), None)
    if width is not None:
        options = {width: SIGMA, **options}
    parameters = cls.Parameters(**options)
    n = 1 if width is not None else max(1, cls.n_initial(parameters))
    initial = rng.uniform(-4, 4, (n, problem.dimension))
    space = ParameterSpace([Parameter("x", shape=(problem.dimension,))], "raw")
    return cls(space, parameters, seed=problem.seed, initial=initial)


def solve(name: str, options: dict[str, Any], dimension: int, per_d: int, which: Any) -> Solved:
    """Return what a registered optimizer solves of one ``(function, instance)``."""
    problem = problem_of(*which, dimension)
    with threadpool_limits(1):
        optimizer = optimizer_for(name, options, problem)
        best, used = play(optimizer, problem.value, per_d * dimension)
    return Solved(*which, float((best <= TARGETS).mean()), best, used)


def solve_all(
    name: str,
    options: dict[str, Any],
    dimension: int,
    per_d: int,
    functions: Sequence[int],
    instances: Sequence[int],
    workers: int = 1,
) -> list[Solved]:
    """Return what a registered optimizer solves of each problem."""
    todo = [(f, i) for f in functions for i in instances]
    if workers == 1:
        return [solve(name, options, dimension, per_d, which) for which in todo]
    with ProcessPoolExecutor(workers) as pool:
        jobs = [pool.submit(solve, name, options, dimension, per_d, which) for which in todo]
        return [job.result() for job in jobs]


def numbers(text: str) -> list[int]:
    """Return ``1,3,5-7`` as numbers."""
    parts = (part.partition("-") for part in text.split(","))
    return [n for a, _, b in parts for n in range(int(a), int(b or a) + 1)]


def summary(solved: Sequence[Solved]) -> str:
    """Return the solved fraction, overall, by group of functions and by function, as a text."""

    def mean(first: int, last: int) -> str:
        rows = [s.fraction for s in solved if first <= s.function <= last]
        return f"{np.mean(rows):.3f}" if rows else "-"

    groups = "  ".join(f"{name} {mean(*ends)}" for name, ends in GROUPS.items())
    each = " ".join(f"f{f}:{mean(f, f)}" for f in sorted({s.function for s in solved}))
    return f"all {mean(1, 24)}  {groups}\n{each}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("optimizer", help="name of a registered optimizer")
    parser.add_argument("--dimension", type=int, default=10)
    parser.add_argument("--per-d", type=int, default=1000, help="evaluations, times D")
    parser.add_argument("--functions", type=numbers, default=numbers("1-24"))
    parser.add_argument("--instances", type=numbers, default=numbers("1-5"))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE")
    given = parser.parse_args()
    options = {k: yaml.safe_load(v) for k, _, v in (entry.partition("=") for entry in given.set)}
    started = time.perf_counter()
    solved = solve_all(
        given.optimizer, options, given.dimension, given.per_d, given.functions, given.instances,
        given.workers,
    )  # fmt: skip
    print(summary(solved))
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
