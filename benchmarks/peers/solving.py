"""What all who solve problems share: how they begin, the loop, and how they are told what to do.

A script of a peer calls ``serve(make)`` with ``make(start)``, which returns a solver:

- ``ask()`` returns points ``(n, D)``,
- ``tell(points, values)`` takes their values ``(n,)``, which are minimised,
- ``prepare(points, values)``, if there is one, comes before tell and is not timed,
- ``recommended()`` returns the point ``(D,)`` that it would settle for,
- ``done`` says whether it has ended by itself (optional).

The script is started with the name of the algorithm and options as JSON, and reads tasks from its
standard input, a line of JSON each; for each it prints a line of JSON. Only numpy and COCO are
used, because each peer runs in an environment of its own.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from costing import cost
from problems import HIGH, LOW, SIGMA, TARGETS, Box, Points, Problem, noisy_problem, problem_of

#: Budgets, times D, after which the best value is noted.
MARKS = (10, 30, 100, 300, 1000)


@dataclass
class Start:
    """How a solver begins.

    Attributes:
        name: Of the algorithm.
        options: Further options of it.
        dimension: D.
        seed: Of its randomness.
        population: How many points it shall ask for; None: its default.
        sigma: First standard deviation, for methods that begin at one point.
        box: Bounds, and how many of the first coordinates are integers; None: there are none.
    """

    name: str
    options: dict[str, Any]
    dimension: int
    seed: int
    population: int | None = None
    sigma: float = SIGMA
    box: Box | None = None

    def points(self, n: int) -> Points:
        """Return ``n`` first points ``(n, D)``; the first one is the same for every ``n``."""
        return self._drawn(np.random.default_rng(self.seed), (n, self.dimension))

    def restart(self, number: int) -> Points:
        """Return the point ``(D,)`` at which restart ``number`` (from 1) begins."""
        return self._drawn(np.random.default_rng([self.seed, number]), (self.dimension,))

    def _drawn(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Points:
        low, high = (self.box.low, self.box.high) if self.box else (LOW, HIGH)
        return rng.uniform(low, high, shape)


def quality(make: Callable[[Start], Any], start: Start, problem: Problem, per_d: int) -> Any:
    """Return the best values at the marks, and the value of the recommended point."""
    d = problem.dimension
    budget, noise = per_d * d, np.random.default_rng([problem.seed, 1])
    marks = {mark: mark * d for mark in MARKS if mark <= per_d}
    best_at: dict[int, float] = {}
    best, used, began = np.inf, 0, time.process_time()
    solver = make(start)
    while used < budget and (problem.noise or best > TARGETS[-1]):
        if getattr(solver, "done", False):
            break
        points = np.asarray(solver.ask(), dtype=np.float64)
        true = np.array([problem.value(x) for x in points[: budget - used]])
        for mark, end in marks.items():
            if mark not in best_at and used + len(true) >= end:
                best_at[mark] = min(best, float(true[: end - used].min()))
        best, used = min(best, float(true.min())), used + len(true)
        if len(true) == len(points):
            told = true + problem.noise * noise.standard_normal(len(true))
            if hasattr(solver, "prepare"):
                solver.prepare(points, told)
            solver.tell(points, told)
    recommended = solver.recommended() if problem.noise else None
    return {
        "best_at": {mark: best_at.get(mark, best) for mark in marks},
        "best": best,
        "used": used,
        "recommended": None if recommended is None else problem.value(np.asarray(recommended)),
        "cpu_s": time.process_time() - began,
    }


def tasks() -> Iterator[dict[str, Any]]:
    """Yield what standard input asks for."""
    for line in sys.stdin:
        yield json.loads(line)


def serve(make: Callable[[Start], Any]) -> None:
    """Do what standard input asks for, until it ends."""
    warnings.simplefilter("ignore")
    name, options = sys.argv[1], json.loads(sys.argv[2])
    for task in tasks():
        d = task["dimension"]
        try:
            if task["suite"] == "cost":
                start = Start(name, options, d, task["instance"], task["population"], sigma=1.0)
                found = cost(make, start, task)
            else:
                place = (task["function"], task["instance"], d)
                noise = task["suite"] == "noise"
                problem = noisy_problem(*place) if noise else problem_of(*place, task["suite"])
                start = Start(name, options, d, problem.seed, box=problem.box)
                found = quality(make, start, problem, task["per_d"])
        except Exception as error:
            found = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:300]}
        print(json.dumps(found), flush=True)
