"""Solution quality per evaluation: one point at a time and told late, against generations.

The 24 functions of COCO's bbob suite, population 32. Asynchronous runs have 16 greedy workers,
whose evaluations take log-normal times (sigma 1) that are drawn, not waited for: each result is
told as it lands, and the next point is asked for. The same with one worker knows no delay. All have
the same number of evaluations, start at the same points and are compared problem by problem.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
from bbob import optimizer_for, play
from common import Report, arguments, fill, markdown
from contest import ROOT
from peers.problems import TARGETS, Problem, problem_of
from threadpoolctl import threadpool_limits

from l2l.evaluation import Evaluations
from l2l.optimizer import Optimizer

#: 32 individuals each; mirrored ones come in pairs.
OPTIONS: dict[str, dict[str, Any]] = {
    "cma_es": {"pop_size": 32},
    "xnes": {"pop_size": 16},
    "natural_evolution_strategies": {"pop_size": 16},
    "evolution_strategies": {"pop_size": 16},
    "cross_entropy": {"pop_size": 32},
    "face": {"min_pop_size": 32},
    "genetic_algorithm": {"pop_size": 32},
    "simulated_annealing": {"n_parallel_runs": 32},
    "parallel_tempering": {"n_parallel_runs": 32},
}
#: What the population is where it is left to the algorithm, in another table.
FREE = ("cma_es", "cross_entropy")
MODES = {0: "generations", 1: "1 worker", 16: "16 workers"}
PER_D = 300
#: None of these was used while the methods were made asynchronous.
INSTANCES = (11, 12)
#: Of a paired difference, in standard errors; and a loss that is small whatever its error.
NOISE, SMALL = 2.0, 0.01
PAGE = ROOT / "docs" / "which-optimizer.md"


def play_async(
    optimizer: Optimizer, problem: Problem, budget: int, workers: int, seed: int
) -> float:
    """Return the best value within a budget of evaluations that land after log-normal times."""
    durations = np.random.default_rng(seed)
    flying: list[tuple[float, int, Any]] = []
    best, asked, landed, now = np.inf, 0, 0, 0.0
    while landed < budget and best > TARGETS[-1] and optimizer.done is None:
        while len(flying) < workers and asked < budget:
            point = optimizer.ask_one()
            if point is None:
                break
            heapq.heappush(flying, (now + durations.lognormal(0.0, 1.0), asked, point))
            asked += 1
        now, number, point = heapq.heappop(flying)
        value = problem.value(point)
        best, landed = min(best, value), landed + 1
        optimizer.tell_one(Evaluations.of(point[None], np.array([-value]), number))
    return best


def solve(
    name: str, options: dict[str, Any], dimension: int, which: tuple[int, int], workers: int
) -> float:
    """Return the share of targets that a run reaches; 0 workers: in generations."""
    problem = problem_of(*which, dimension)
    with threadpool_limits(1):
        optimizer = optimizer_for(name, options, problem)
        budget = PER_D * dimension
        if workers:
            best = play_async(optimizer, problem, budget, workers, problem.seed)
        else:
            best, _ = play(optimizer, problem.value, budget)
    return float((best <= TARGETS).mean())


def solve_all(
    name: str, options: dict[str, Any], dimension: int, workers: int, quick: bool
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the shares ``(n,)`` of targets, one a problem."""
    functions = range(1, 25, 4) if quick else range(1, 25)
    which = [(f, i) for f in functions for i in (INSTANCES[:1] if quick else INSTANCES)]
    with ProcessPoolExecutor(2) as pool:
        n = len(which)
        shares = pool.map(
            solve, [name] * n, [options] * n, [dimension] * n, which, [workers] * n, chunksize=4
        )
        return np.array(list(shares))


def compare(report: Report, name: str, options: dict[str, Any], d: int, quick: bool) -> list[str]:
    """Run one method in all modes, add its row to the report and return its cells."""
    label = f"{name}, D{d}" + ("" if options else ", free size")
    first, cells = None, [name, f"{d}"]
    for workers, mode in MODES.items():
        shares = solve_all(name, options, d, workers, quick)
        if first is None:
            first = shares
            cells.append(with_error(shares))
            continue
        away = shares - first
        error = float(away.std(ddof=1) / np.sqrt(len(away)))
        cells += [with_error(shares), f"{away.mean():+.3f} ± {error:.3f}"]
        worst = float(first.mean() - max(NOISE * error, SMALL))
        report.add(
            f"{label}: {mode}", float(shares.mean()), "solved",
            reference="generations", reference_value=float(first.mean()),
            at_least=round(worst, 3) if options else None,
        )  # fmt: skip
    print(" | ".join(cells), flush=True)
    return cells


def with_error(shares: Any) -> str:
    """Return mean and standard error."""
    return f"{shares.mean():.3f} ± {shares.std(ddof=1) / np.sqrt(len(shares)):.3f}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return the rows as Markdown."""
    head = ["", "D", "generations", "1 worker", "difference", "16 workers", "difference"]
    return markdown(head, rows, right=range(1, 7))


def main() -> int:
    args = arguments(__doc__, docs=f"write the tables into {PAGE.name}")
    report = Report(f"Share of targets solved at {PER_D} D evaluations, one by one")
    dimensions = (2,) if args.quick else (2, 10)
    fixed = [
        compare(report, name, options, d, args.quick)
        for name, options in OPTIONS.items()
        for d in dimensions
    ]
    free = [compare(report, name, {}, d, args.quick) for name in FREE for d in dimensions]
    if args.docs:
        fill(PAGE, {"async": table(fixed), "async free": table(free)})
    return report.end(args)


if __name__ == "__main__":
    sys.exit(main())
