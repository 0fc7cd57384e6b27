"""Optimizees that the tests of whole runs use."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import numpy as np

from l2l import Optimizee, OptimizeeParameters, Parameter, ParameterSpace, Result, option


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
