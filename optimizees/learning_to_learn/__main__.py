"""Tuned learners and others on held-out tasks: ``python -m l2l.optimizees.learning_to_learn RUN``.

Several runs of one configuration with different seeds are taken together.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from l2l.errors import ConfigError, L2LError
from l2l.optimizees.learning_to_learn.baselines import best_of_grid, ideal, unlearned, zero
from l2l.optimizees.learning_to_learn.figures import tuned
from l2l.optimizees.learning_to_learn.learner import Floats
from l2l.optimizees.learning_to_learn.optimizee import LearningToLearn
from l2l.trajectory import Trajectory
from l2l.view.figures import optimizee_of

#: Student's t for 95 %, for 1 to 10 degrees of freedom.
_T95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
#: So many of the last generations' training tasks are learned again.
_LAST = 5


def half_width(values: Floats) -> float:
    """Return half the 95 % confidence interval of the mean of ``(n,)`` values; NaN for one."""
    n = len(values)
    if n < 2:
        return float("nan")
    # Beyond the table, the first terms of its expansion in 1 / (n - 1).
    t = _T95[n - 2] if n - 2 < len(_T95) else 1.96 + 2.37 / (n - 1) + 2.82 / (n - 1) ** 2
    return float(t * np.std(values, ddof=1) / np.sqrt(n))


def report(runs: Sequence[Trajectory], long: int | None = None) -> str:
    """Return a table of losses: of the tuned learners, and of what they are compared with.

    Args:
        runs: Of one configuration.
        long: Steps that a learner set by hand gets in one more line; None: no such line.
    """
    optimizee = _learner_of(runs[0])
    learner, family, amount = optimizee.learner, optimizee.tasks, optimizee.learner.amount
    tasks = family.all_held_out()
    by_hand = learner.losses(best_of_grid(learner, family), tasks, (amount,))[:, 0]
    lines = [
        f"loss on {len(tasks)} held-out tasks after {amount} {learner.unit} (mean, 95 % interval)",
        _line("answer 0", zero(tasks)),
        _line("best without learning", unlearned(family, tasks)),
        _line("set by hand", learner.losses(learner.default, tasks, (amount,))[:, 0]),
        _line("set by hand, best of a grid", by_hand),
    ]
    if long is not None:
        chosen = best_of_grid(learner, family, long)
        name = f"the same, {long} {learner.unit}"
        lines.append(_line(name, learner.losses(chosen, tasks, (long,))[:, 0]))
    found = [tuned(run) for run in runs]
    losses = np.stack([learner.losses(each, tasks, (0, amount)).mean(axis=0) for each in found])
    trained = [
        _on_training_tasks(optimizee, run, each) for run, each in zip(runs, found, strict=True)
    ]
    lines += [
        _line("tuned, before learning", losses[:, 0], "runs"),
        _line("tuned", losses[:, 1], "runs"),
        _line("tuned, last training tasks", np.array(trained), "runs"),
        _line("knowing the family", ideal(family, tasks)),
        _line("factor, best of a grid / tuned", by_hand.mean() / losses[:, 1], "runs"),
    ]
    return "\n".join(lines)


def _line(name: str, values: Floats, over: str = "tasks") -> str:
    extent = f"{values.min():.4g}..{values.max():.4g} over {len(values)} {over}"
    return f"{name:<32} {values.mean():>9.4g} +- {half_width(values):<9.2g} {extent}"


def _on_training_tasks(optimizee: LearningToLearn, run: Trajectory, individual: Any) -> float:
    """Return the loss on the training tasks of the last generations of a run."""
    last = int(run.generation.max())
    tasks = [
        task
        for generation in range(max(0, last - _LAST + 1), last + 1)
        for task in optimizee.tasks.train(run.config["seed"], generation)
    ]
    learner = optimizee.learner
    return float(learner.losses(individual, tasks, (learner.amount,)).mean())


def _learner_of(run: Trajectory) -> LearningToLearn:
    """Return the optimizee of a run, with its options."""
    made = optimizee_of(run)
    if not isinstance(made, LearningToLearn):
        raise ConfigError(f"{run.path} is a run of {type(made).__name__}, not of LearningToLearn")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report on some runs; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m l2l.optimizees.learning_to_learn",
        description="Compare the tuned learners of runs with learners set by hand, on held-out "
        "tasks.",
    )
    parser.add_argument(
        "runs", metavar="RUN", nargs="+", help="folders of runs that differ by seed"
    )
    parser.add_argument(
        "--long", type=int, metavar="N", help="also N steps of a learner set by hand"
    )
    options = parser.parse_args(arguments)
    try:
        print(report([Trajectory(run) for run in options.runs], options.long))
    except L2LError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
