"""The paper's test of an evolved network: ``python -m l2l.optimizees.mountain_car RUN``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from l2l.errors import L2LError
from l2l.optimizees.gym_agent.agent import BACKENDS
from l2l.optimizees.gym_agent.starts import episode_seeds
from l2l.optimizees.mountain_car.optimizee import MountainCar, MountainCarParameters
from l2l.trajectory import Trajectory

STEPS = 200  #: of an episode, at most
SOLVED = 110.0  #: mean steps at which the task counts as solved
WINDOW = 100  #: consecutive episodes that the mean is taken over
ROUND = 10  #: episodes that a candidate drives before the worse half of them is left out


def measure(
    weights: NDArray[np.float64], episodes: int, seed: int = 1, backend: str = "nest"
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return, ``(episodes,)`` each, the steps taken and whether the goal was reached."""
    car = MountainCar(parameters=MountainCarParameters(backend=backend))
    runs = car.drive(weights, episode_seeds(seed, episodes), steps=STEPS)
    return np.array([run.steps for run in runs]), np.array([run.terminated for run in runs])


def report(taken: NDArray[np.int64], solved: NDArray[np.bool_]) -> str:
    """Return what :func:`measure` found, as text."""
    width = min(WINDOW, len(taken))
    means = np.convolve(taken, np.ones(width) / width, mode="valid")
    verdict = "solved" if taken.mean() <= SOLVED else "not solved"
    return (
        f"{len(taken)} episodes of at most {STEPS} steps: {taken.mean():.1f} on average "
        f"({taken.min()}..{taken.max()}), goal reached in {solved.mean():.1%}\n"
        f"mean over any {width} consecutive ones: {means.min():.1f}..{means.max():.1f}\n"
        f"{verdict} (that is at most {SOLVED:g} on average)"
    )


def fittest(run: Trajectory, n: int) -> NDArray[np.int64]:
    """Return the rows of the ``n`` fittest different individuals of a run."""
    rows = np.argsort(-run.score, kind="stable")
    rows = rows[np.isfinite(run.score[rows])]
    weights = run["weights"]
    found: dict[bytes, int] = {}
    for row in rows:
        found.setdefault(weights[row].tobytes(), int(row))
        if len(found) == n:
            break
    return np.array(list(found.values()), dtype=np.int64)


def robust(run: Trajectory, candidates: int, seed: int, backend: str = "nest") -> tuple[int, int]:
    """Return the most robust of a run's fittest, and how many episodes it took to find it.

    Fitness of a few episodes owes something to a lucky start. So the ``candidates`` fittest drive
    ``ROUND`` further episodes each, from the same starts; the better half of them by all their
    steps does so again, until one is left.

    Returns:
        The id of the individual, and the number of episodes.
    """
    weights, left, driven = run["weights"], fittest(run, candidates), 0
    steps = np.zeros(len(left))
    for number in range(len(left)):
        if len(left) == 1:
            break
        starts = seed + 1 + number
        steps += [measure(weights[row], ROUND, starts, backend)[0].sum() for row in left]
        driven += ROUND * len(left)
        order = np.argsort(steps, kind="stable")[: len(left) // 2]
        left, steps = left[order], steps[order]
    return int(run.id[left[0]]), driven


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m l2l.optimizees.mountain_car",
        description="Drive many episodes with the best network of a run, one after the other.",
    )
    made.add_argument("run", metavar="RUN", help="folder of the run")
    made.add_argument(
        "--episodes", type=int, default=1000, metavar="N", help="episodes to drive (1000)"
    )
    made.add_argument("--seed", type=int, default=1, metavar="N", help="of the starts (1)")
    made.add_argument(
        "--candidates", type=int, default=1, metavar="N",
        help="take the most robust of the N fittest, found on other starts (1)",
    )  # fmt: skip
    made.add_argument(
        "--backend", choices=list(BACKENDS), default="nest",
        help="simulator of the network (nest: 0.07 to 0.15 s an episode, numba: 0.01 s)",
    )  # fmt: skip
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Load a run's best network, drive, print the report; return the exit code."""
    options = parser().parse_args(arguments)
    try:
        MountainCar(parameters=MountainCarParameters(backend=options.backend))  # is it installed?
        run = Trajectory(options.run)
        chosen, driven = run.best.id, 0
        if options.candidates > 1:
            chosen, driven = robust(run, options.candidates, options.seed, options.backend)
        entry = run.entry(chosen)
        taken, solved = measure(
            entry.individual["weights"], options.episodes, options.seed, options.backend
        )
    except L2LError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"individual {entry.id} of {options.run}, fitness {entry.fitness[0]:.3f}")
    if driven:
        print(f"the most robust of the {options.candidates} fittest, by {driven} other episodes")
    print(report(taken, solved))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
