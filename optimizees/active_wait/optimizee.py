"""Counting primes the slow way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from l2l.optimizee import Optimizee, OptimizeeParameters
from l2l.options import option
from l2l.space import ParameterSpace


class AWOptimizeeParameters(OptimizeeParameters):
    """Parameters of :class:`AWOptimizee`."""

    difficulty: float = option(
        10_000.0, "primes up to this number are looked for; 10,000 takes about 5 ms", low=4
    )


class AWOptimizee(Optimizee):
    """Counts primes by trial division; fitness is how many there are, to be maximised.

    An individual is ``{"difficulty": n}`` with n between half of ``parameters.difficulty`` and all
    of it, so that the evaluations of a generation take different times. Deterministic.
    """

    Parameters = AWOptimizeeParameters

    def __init__(self, traj: Any = None, parameters: AWOptimizeeParameters | None = None) -> None:
        super().__init__(traj, parameters)
        difficulty = self.parameters.difficulty
        self.bound = [difficulty / 2, float(difficulty)]
        self.space = ParameterSpace({"difficulty": tuple(self.bound)})

    def bounding_func(self, individual: Mapping[str, Any]) -> dict[str, Any]:
        """Return the individual with its difficulty within the bounds."""
        low, high = self.bound
        return {"difficulty": float(np.clip(individual["difficulty"], low, high))}

    def simulate(self, traj: Any) -> tuple[float, ...]:
        """Return the number of primes up to ``traj.individual.difficulty``."""
        return (float(count_primes(int(traj.individual.difficulty))),)


def count_primes(limit: int) -> int:
    """Return the number of primes up to ``limit``, by dividing each number by all that might do."""
    return sum(
        all(number % divisor for divisor in range(2, math.isqrt(number) + 1))
        for number in range(2, limit + 1)
    )
