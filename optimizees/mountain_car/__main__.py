"""The paper's test of an evolved network: ``python -m l2l.optimizees.mountain_car RUN``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from l2l.errors import L2LError
from l2l.optimizees.mountain_car.optimizee import MountainCar, episode_seeds
from l2l.trajectory import Trajectory

STEPS = 200  #: of an episode, at most
SOLVED = 110.0  #: mean steps at which the task counts as solved
WINDOW = 100  #: consecutive episodes that the mean is taken over


def measure(
    weights: NDArray[np.float64], episodes: int, seed: int = 1
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return, ``(episodes,)`` each, the steps taken and whether the goal was reached."""
    from l2l.optimizees.mountain_car.episode import drive

    runs = [drive(weights, each, steps=STEPS) for each in episode_seeds(seed, episodes)]
    return np.array([run.steps for run in runs]), np.array([run.solved for run in runs])


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


def robust(run: Trajectory, candidates: int, seed: int) -> int:
    """Return the id of the one that takes fewest steps among the best ``candidates`` of a run.

    Fitness of a few episodes owes something to a lucky start; 10 further episodes each tell.
    """
    order = np.argsort(-run.score, kind="stable")[:candidates]
    order = order[np.isfinite(run.score[order])]
    weights = run["weights"]
    means = [measure(weights[row], 10, seed)[0].mean() for row in order]
    return int(run.id[order[int(np.argmin(means))]])


def main(arguments: Sequence[str] | None = None) -> int:
    """Load a run's best network, drive, print the report; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m l2l.optimizees.mountain_car",
        description="Drive many episodes with the best network of a run, one after the other.",
    )
    parser.add_argument("run", metavar="RUN", help="folder of the run")
    parser.add_argument(
        "--episodes", type=int, default=1000, metavar="N",
        help="episodes to drive, 0.07 to 0.15 s each (1000)",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="of the start positions (1)"
    )
    parser.add_argument(
        "--candidates", type=int, default=1, metavar="N",
        help="take the most robust of the N fittest (1)",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    try:
        MountainCar()  # says what is not installed
        run = Trajectory(options.run)
        chosen = run.best.id
        if options.candidates > 1:
            chosen = robust(run, options.candidates, options.seed + 1)
        entry = run.entry(chosen)
        taken, solved = measure(entry.individual["weights"], options.episodes, options.seed)
    except L2LError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"individual {entry.id} of {options.run}, fitness {entry.fitness[0]:.3f}")
    print(report(taken, solved))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
