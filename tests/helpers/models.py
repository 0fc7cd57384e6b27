"""Optimizees that the tests of whole runs use."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from l2l import (
    BatchResult,
    Optimizee,
    OptimizeeParameters,
    Parameter,
    ParameterSpace,
    Result,
    TaskFamily,
    option,
)


class StatefulParameters(OptimizeeParameters):
    """Parameters of :class:`Stateful`."""

    delay: float = option(0.0, "mean of the random delay", low=0, unit="s")
    log: str = option("", "file to which each evaluation appends its seed when it ends")


class Stateful(Optimizee):
    """A noisy sphere that does all it should not.

    It keeps state in ``self``, draws from ``random`` and ``np.random`` without seeding them, and
    takes a random time: results must nevertheless not depend on workers or on order.
    """

    Parameters = StatefulParameters
    space = ParameterSpace(
        [Parameter("x", -5.0, 5.0, shape=(3,)), Parameter("n", 1, 4, kind="int")]
    )

    def __init__(self, traj: Any = None, parameters: Any = None) -> None:
        super().__init__(traj, parameters)
        self.calls = 0

    def simulate(self, traj: Any) -> Result:
        self.calls += 1
        noise = random.gauss(0, 0.01) + np.random.normal(0, 0.01)
        sphere = float(np.sum(np.square(traj.individual.x))) + traj.individual.n
        if self.parameters.delay:
            time.sleep(np.random.default_rng().exponential(self.parameters.delay))
        if self.parameters.log:
            append(self.parameters.log, f"{traj.individual.seed}\n")
        return Result(
            sphere + noise + 100.0 * (self.calls - 1),
            observation=traj.individual.x,
            metrics={"calls": self.calls, "pid_free": noise},
        )


def append(path: str | Path, text: str) -> None:
    """Append to a file in one write, so that lines of several processes do not mix."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)


class Samples(TaskFamily[np.ndarray]):
    """Four noisy samples of one constant: what is close to them all is not close to the next."""

    constant = np.array([1.0, -1.0, 0.5])

    def __init__(self, n_tasks: int, n_test: int) -> None:
        self.n_tasks, self.n_test = n_tasks, n_test

    def sample(self, rng: np.random.Generator, difficulty: float) -> np.ndarray:
        return self.constant + difficulty * rng.normal(size=(4, 3))


class FitParameters(StatefulParameters):
    """Parameters of :class:`Fit`."""

    n_tasks: int = option(1, "tasks of an evaluation", low=1)
    n_test: int = option(6, "held-out tasks", low=1)
    failing: int = option(0, "of so many tests one fails, by its seed; 0: none", low=0)


class Fit(Stateful):
    """Fits a constant to samples; as :class:`Stateful` it does all that it should not."""

    Parameters = FitParameters
    figures: ClassVar = {
        "spread": "helpers.drawings:spread",
        "moving": "helpers.drawings:moving",
        "broken": "helpers.drawings:broken",
    }

    def __init__(self, traj: Any = None, parameters: Any = None) -> None:
        super().__init__(traj, parameters)
        self.tasks = Samples(self.parameters.n_tasks, self.parameters.n_test)

    def simulate(self, traj: Any) -> Result:
        individual = traj.individual
        failing = self.parameters.failing
        if individual.test and failing and individual.seed % failing == 0:
            raise ValueError("this test fails")
        noise = super().simulate(traj).metrics["pid_free"]
        distances = [float(np.mean((task - individual.x) ** 2)) for task in individual.tasks]
        loss = float(np.mean(distances))
        metrics = {"closeness": 1 / (1 + loss), "test": float(individual.test)}
        return Result(loss + noise + 100.0 * (self.calls - 1), individual.x, metrics)


class FitMany(Optimizee):
    """The same without noise, many in one call, which is about one list of tasks."""

    space = ParameterSpace([Parameter("x", -5.0, 5.0, shape=(3,))])
    tasks = Samples(2, 6)

    def simulate(self, traj: Any) -> float:
        return float(
            np.mean([np.mean((t - traj.individual.x) ** 2) for t in traj.individual.tasks])
        )

    def simulate_batch(self, params: Any, seeds: Any, tasks: Any) -> BatchResult:
        if any(lane is not tasks[0] for lane in tasks):
            raise ValueError("lanes face different tasks")
        apart = [params["x"][:, None, :] - task for task in tasks[0]]
        return BatchResult(np.mean([np.square(a).mean(axis=(1, 2)) for a in apart], axis=0))


class SweptParameters(OptimizeeParameters):
    """Parameters of :class:`Swept`."""

    metrics: int = option(3, "number of metrics m0, m1, ...", low=0)
    delay: float = option(0.0, "time of a batch", low=0, unit="s")
    log: str = option("", "file to which each batch appends its size when it begins")


class Swept(Optimizee):
    """Cheap sets in batches of at most 128: metric ``mk`` is k x + y."""

    Parameters = SweptParameters
    reusable = True
    space = ParameterSpace({"x": (0.0, 1.0), "y": (-1.0, 1.0)})

    def max_batch(self, memory: int | None) -> int:
        return 128

    def simulate_batch(self, params: dict[str, Any], seeds: Any) -> BatchResult:
        p, x, y = self.parameters, params["x"], params["y"]
        if p.log:
            append(p.log, f"{len(seeds)}\n")
        time.sleep(p.delay)
        return BatchResult(x - y**2, metrics={f"m{k}": k * x + y for k in range(p.metrics)})
