"""Coding: observations become active input neurons, spikes of output neurons become actions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

N_HIDDEN = 5  #: neurons of the hidden layer, as in the paper
N_BINS = 30  #: input neurons of one observed variable, as in the paper
LIMIT = 20.0  #: weights are in [-20, 20]


@dataclass(frozen=True)
class Coding:
    """What couples an environment to a network of three layers.

    Attributes:
        low: Lower ends of the ranges of the observed variables, ``(k,)``.
        high: Upper ends, ``(k,)``.
        bins: Input neurons of each variable, ``(k,)``: equally wide bins of its range.
        outputs: Output neurons of each component of the action. In a component the neuron that
            spikes most decides; a tie goes to the lowest one.
        first: Number of the first action, where the action is one of a numbered set.
        ranges: Where the action is a vector of real numbers, lowest and highest value of each
            component: its output neurons stand for evenly spaced values between them.
        shape: Shape of the action; None for a number.
        hidden: Neurons of the hidden layer.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    bins: tuple[int, ...]
    outputs: tuple[int, ...]
    first: int = 0
    ranges: tuple[tuple[float, float], ...] | None = None
    shape: tuple[int, ...] | None = None
    hidden: int = N_HIDDEN

    @property
    def n_inputs(self) -> int:
        """Number of input neurons."""
        return sum(self.bins)

    @property
    def n_outputs(self) -> int:
        """Number of output neurons."""
        return sum(self.outputs)

    @property
    def n_weights(self) -> int:
        """Number of weights: from input to hidden to output layer, all-to-all."""
        return self.hidden * (self.n_inputs + self.n_outputs)

    def split(
        self, weights: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the weights to the hidden layer ``(inputs, hidden)`` and on ``(hidden, outputs)``.

        Both in row-major order: the weights of one sending neuron stand side by side. The input
        neurons of the first variable come first, in ascending order of its value.
        """
        weights = np.asarray(weights, dtype=np.float64)
        if weights.shape != (self.n_weights,):
            raise ValueError(f"expected weights of shape ({self.n_weights},), got {weights.shape}")
        cut = self.n_inputs * self.hidden
        return (
            weights[:cut].reshape(self.n_inputs, self.hidden),
            weights[cut:].reshape(self.hidden, self.n_outputs),
        )

    def active_inputs(self, observation: Sequence[float]) -> tuple[int, ...]:
        """Return the input neurons whose bins hold an observation ``(k,)``, one a variable.

        A bin is (high - low) / bins wide (equation 8 of the paper has a plus there). What is beyond
        the range belongs to the bin at its end.

        Raises:
            FloatingPointError: If a variable is not a finite number: the environment diverged.
        """
        active, offset = [], 0
        for value, low, high, bins in zip(observation, self.low, self.high, self.bins, strict=True):
            if not math.isfinite(value):
                raise FloatingPointError(f"the environment returned an observation of {value}")
            place = (value - low) / (high - low) * bins
            active.append(offset + int(min(max(place, 0), bins - 1)))
            offset += bins
        return tuple(active)

    def action(self, spikes: NDArray[np.int64]) -> Any:
        """Return the action that the spikes of the output neurons ``(n_outputs,)`` stand for."""
        if len(self.outputs) == 1 and self.shape is None:
            return self.first + int(np.argmax(spikes))
        cuts = np.cumsum(self.outputs)[:-1]
        winners = [int(np.argmax(part)) for part in np.split(spikes, cuts)]
        if self.ranges is None:
            return np.array(winners).reshape(self.shape)
        values = [
            low + (high - low) * winner / (count - 1)
            for winner, count, (low, high) in zip(winners, self.outputs, self.ranges, strict=True)
        ]
        return np.array(values, dtype=np.float32).reshape(self.shape)
