"""Volterra filters: a family of tasks that need memory and nonlinearity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l2l.optimizees.learning_to_learn.family import Family

Floats = NDArray[np.float64]

LAGS = 10  #: inputs that a filter sees, the present one included
MEMORY = (1.0, 4.0)  #: time constant of the kernels, in steps
QUADRATIC = (0.0, 0.5)  #: share of the variance that the second-order kernel makes
WASHOUT = 50  #: steps before the examples, in which the reservoir forgets its start
N_JUDGED = 100  #: steps after the examples, by which learning is judged


@dataclass(frozen=True)
class Filter:
    """One task: an input series, and what a filter makes of it.

    Attributes:
        inputs: ``(steps,)`` uniform within [-1, 1].
        target: ``(steps,)`` of mean 0 and variance 1.
        seed: Of what the learner draws at random: its reservoir.
    """

    inputs: Floats
    target: Floats
    seed: int


class Filters(Family[Filter]):
    """Random Volterra filters of second order: y = k1 * u + k2 * u u, with fading kernels.

    Such families are used by Subramoney, Scherr & Maass 2019 (arXiv:1909.07486). At difficulty 0
    all filters are linear and their time constant is 1 step.
    """

    def sample(self, rng: np.random.Generator, difficulty: float) -> Filter:
        """Return a filter from the lower ``difficulty`` of the ranges."""
        memory, share = (
            low + difficulty * (high - low) * rng.random() for low, high in (MEMORY, QUADRATIC)
        )
        inputs = rng.uniform(-1.0, 1.0, WASHOUT + self.examples + N_JUDGED)
        lagged = delays(inputs)
        fading = np.exp(-np.arange(LAGS) / memory)
        first = lagged @ (rng.standard_normal(LAGS) * fading)
        kernel = rng.standard_normal((LAGS, LAGS)) * np.outer(fading, fading)
        second = np.einsum("ti,ij,tj->t", lagged, kernel, lagged)
        target = np.sqrt(1.0 - share) * standard(first) + np.sqrt(share) * standard(second)
        return Filter(inputs, standard(target), int(rng.integers(2**32)))


def delays(inputs: Floats) -> Floats:
    """Return the present and the last inputs ``(steps, LAGS)``, 0 before the start."""
    padded = np.concatenate([np.zeros(LAGS - 1), inputs])
    return np.lib.stride_tricks.sliding_window_view(padded, LAGS)[:, ::-1]


def standard(series: Floats) -> Floats:
    """Return a series with mean 0 and variance 1."""
    return np.asarray((series - series.mean()) / series.std())
