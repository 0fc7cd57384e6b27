"""Optimizees with which the contract suite tries an executor."""

from __future__ import annotations

import ctypes
import os
import random
import sys
import time
from typing import Any

import numpy as np

from l2l.optimizee import BatchResult, Optimizee, Result
from l2l.space import Parameter, ParameterSpace

#: What a job can make :class:`Trouble` do; the first ones need no worker that can be killed.
TROUBLES = ("fine", "raise", "nan", "none", "two", "exit", "hang", "vanish", "segfault")


class Noisy(Optimizee):
    """A noisy parabola that keeps state and draws from the global generators."""

    space = ParameterSpace([Parameter("x", -10.0, 10.0), Parameter("delay", 0.0, 10.0)])

    def __init__(self, traj: Any = None, parameters: Any = None) -> None:
        super().__init__(traj, parameters)
        self.calls = 0

    def simulate(self, traj: Any) -> Result:
        """Return x^2 and noise, and more of it if this object was used before."""
        self.calls += 1
        noise = random.random() + np.random.random()  # noqa: NPY002
        time.sleep(traj.individual.delay)
        fitness = traj.individual.x**2 + noise + 100 * (self.calls - 1)
        seed = traj.individual.seed
        return Result(fitness, observation=[noise, seed], metrics={"calls": self.calls})


class Trouble(Optimizee):
    """Does what its parameter says."""

    space = ParameterSpace([Parameter("what", kind="categorical", choices=TROUBLES)])

    def simulate(self, traj: Any) -> Any:
        """Return 1.0, or fail."""
        what = traj.individual.what
        print(f"this is {what}", flush=True)
        if what == "raise":
            raise ValueError("raised on purpose")
        if what == "exit":
            sys.exit("left on purpose")
        if what == "hang":
            time.sleep(1000)
        if what == "vanish":
            os._exit(0)
        if what == "segfault":
            ctypes.string_at(0)
        return {"nan": float("nan"), "none": None, "two": (1.0, 2.0)}.get(what, 1.0)


class Lanes(Optimizee):
    """Evaluates many individuals in one call; a negative x is a lane that diverges."""

    space = ParameterSpace([Parameter("x", -10.0, 10.0), Parameter("group", 0, 3, kind="int")])
    group_by = ("group",)

    def simulate_batch(self, params: dict[str, Any], seeds: Any) -> BatchResult:
        """Return x + group; a mixed batch is refused, and a batch with an x above 9 crashes."""
        x, group = params["x"], params["group"]
        if len(set(group.tolist())) != 1:
            raise ValueError("a batch must be of one group")
        if (x > 9).any():
            raise ValueError("an x above 9")
        return BatchResult(x + group, ok=x >= 0, metrics={"n": np.full(len(x), float(len(x)))})
