"""What a tuned learner is compared with: no learning, learning set by hand, and the best possible.

All losses are ``(tasks,)``: mean squared errors on the points by which learning is judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from l2l.optimizees.learning_to_learn.learner import Floats, Learner
from l2l.optimizees.learning_to_learn.sinusoids import AMPLITUDE, PHASE, Sinusoid, Sinusoids
from l2l.optimizees.learning_to_learn.volterra import N_JUDGED, WASHOUT, Filter, Filters, delays
from l2l.tasks import TaskFamily

#: Seed and generations of the training tasks that the grid is searched with.
GRID_SEED, GRID_GENERATIONS = 0, 5


def best_of_grid(
    learner: Learner[Any], family: TaskFamily[Any], amount: int | None = None
) -> Mapping[str, Any]:
    """Return the individual of the learner's grid that learns training tasks best."""
    rounds = [family.train(GRID_SEED, generation) for generation in range(GRID_GENERATIONS)]
    tasks = [task for round_ in rounds for task in round_]
    amounts = (learner.amount if amount is None else amount,)
    losses = [learner.losses(individual, tasks, amounts).mean() for individual in learner.grid]
    return learner.grid[int(np.argmin(np.nan_to_num(losses, nan=np.inf)))]


def zero(tasks: Sequence[Any]) -> Floats:
    """Return the losses of the answer 0."""
    return np.array([np.mean(_target(task) ** 2) for task in tasks])


def unlearned(family: TaskFamily[Any], tasks: Sequence[Any]) -> Floats:
    """Return the losses of the best one answer to all tasks: the mean of the family.

    No learner is better before it learns. The mean of all filters is 0.
    """
    if not isinstance(family, Sinusoids):
        return zero(tasks)
    amplitude, phase = np.mean(AMPLITUDE), PHASE[1] - PHASE[0]
    found = []
    for task in tasks:
        # The mean of sin(f x + p) over p in 0..pi is 2/pi cos(f x), and that of cos(f x) over f
        # within 1 -+ s is cos(x) sin(s x) / (s x).
        x = task.x_judged
        answer = amplitude * 2.0 / phase * np.cos(x) * np.sinc(family.spread * x / np.pi)
        found.append(np.mean((answer - task(x)) ** 2))
    return np.array(found)


def _target(task: Any) -> Floats:
    found: Floats = task(task.x_judged) if isinstance(task, Sinusoid) else task.target[-N_JUDGED:]
    return found


def ideal(family: TaskFamily[Any], tasks: Sequence[Any]) -> Floats:
    """Return the losses of one who knows the family: least squares on its own functions."""
    if isinstance(family, Sinusoids):
        return np.array([_sinusoid(task, family.spread) for task in tasks])
    if isinstance(family, Filters):
        return np.array([_filter(task) for task in tasks])
    raise TypeError(f"expected Sinusoids or Filters, got {family!r}")


def _sinusoid(task: Sinusoid, spread: float) -> float:
    """Fit amplitude and phase at each of many frequencies; take the best for the examples."""
    fits = []
    for frequency in np.linspace(1.0 - spread, 1.0 + spread, 401 if spread else 1):
        seen, new = (
            np.stack([np.sin(frequency * x), np.cos(frequency * x)], axis=1)
            for x in (task.x, task.x_judged)
        )
        target = task(task.x)
        weights = np.linalg.lstsq(seen, target, rcond=None)[0]
        error = np.mean((new @ weights - task(task.x_judged)) ** 2)
        fits.append((float(np.mean((seen @ weights - target) ** 2)), float(error)))
    return min(fits)[1]


def _filter(task: Filter) -> float:
    """Fit all products of one and two delayed inputs."""
    lagged = delays(task.inputs)
    pairs = [lagged[:, i] * lagged[:, j] for i in range(lagged.shape[1]) for j in range(i + 1)]
    known = np.column_stack([np.ones(len(lagged)), lagged, *pairs])
    seen = slice(WASHOUT, -N_JUDGED)
    weights = np.linalg.lstsq(known[seen], task.target[seen], rcond=None)[0]
    return float(np.mean((known[-N_JUDGED:] @ weights - task.target[-N_JUDGED:]) ** 2))
