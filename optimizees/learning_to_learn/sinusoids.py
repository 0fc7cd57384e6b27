"""Sinusoids: a family of regression tasks (Finn et al. 2017, arXiv:1703.03400, section 5.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l2l.optimizees.learning_to_learn.family import Family

Floats = NDArray[np.float64]

AMPLITUDE = (0.1, 5.0)
PHASE = (0.0, np.pi)  #: in rad
INPUT = (-5.0, 5.0)
N_JUDGED = 20  #: points by which learning is judged


@dataclass(frozen=True)
class Sinusoid:
    """One task: ``y = amplitude * sin(frequency * x + phase)``.

    Attributes:
        amplitude: 0.1 to 5.
        phase: 0 to pi.
        frequency: 1, or around it.
        x: ``(k,)`` inputs of the examples for learning.
        x_judged: ``(20,)`` inputs by which learning is judged.
        seed: Of what the learner draws at random, such as a fresh network.
    """

    amplitude: float
    phase: float
    frequency: float
    x: Floats
    x_judged: Floats
    seed: int

    def __call__(self, x: Floats) -> Floats:
        """Return the sinusoid at ``x``."""
        return np.asarray(self.amplitude * np.sin(self.frequency * x + self.phase))


class Sinusoids(Family[Sinusoid]):
    """Sinusoids of random amplitude and phase, and of random frequency if wanted.

    At difficulty 0 all have the amplitude 2.55 and the phase pi/2; from there the ranges grow.

    Args:
        sizes: Of the :class:`Family`.
        spread: Frequencies are within 1 - spread and 1 + spread.
    """

    def __init__(self, *sizes: int, spread: float = 0.0) -> None:
        super().__init__(*sizes)
        self.spread = spread

    def sample(self, rng: np.random.Generator, difficulty: float) -> Sinusoid:
        """Return a sinusoid from the middle ``difficulty`` of the ranges."""
        frequency = (1.0 - self.spread, 1.0 + self.spread)
        amplitude, phase, frequency_ = (
            float(0.5 * (low + high) + difficulty * (high - low) * (rng.random() - 0.5))
            for low, high in (AMPLITUDE, PHASE, frequency)
        )
        x = rng.uniform(*INPUT, self.examples)
        return Sinusoid(
            amplitude, phase, frequency_, x, rng.uniform(*INPUT, N_JUDGED), int(rng.integers(2**32))
        )
