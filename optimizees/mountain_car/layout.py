"""What the 315 weights mean, and how a state of the car becomes active input neurons."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

N_BINS = 30  #: input neurons of each of the two state variables
N_INPUT = 2 * N_BINS
N_HIDDEN = 5
N_OUTPUT = 3  #: one an action of the environment: 0 push left, 1 do nothing, 2 push right
N_WEIGHTS = N_INPUT * N_HIDDEN + N_HIDDEN * N_OUTPUT  #: 315

POSITION = (-1.2, 0.6)  #: range of the position
VELOCITY = (-0.07, 0.07)  #: range of the velocity; the paper's 0.7 is a misprint
LIMIT = 20.0  #: weights are in [-20, 20]


def split(weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weights from input to hidden layer ``(60, 5)`` and on to the outputs ``(5, 3)``.

    Both in row-major order: the weights of one sending neuron stand side by side. Input neurons
    0..29 stand for position, 30..59 for velocity, each in ascending order.
    """
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (N_WEIGHTS,):
        raise ValueError(f"expected weights of shape ({N_WEIGHTS},), got {weights.shape}")
    cut = N_INPUT * N_HIDDEN
    return weights[:cut].reshape(N_INPUT, N_HIDDEN), weights[cut:].reshape(N_HIDDEN, N_OUTPUT)


def active_inputs(position: float, velocity: float) -> tuple[int, int]:
    """Return the two input neurons whose bins hold the position and the velocity.

    A bin is (max - min) / 30 wide (equation 8 of the paper has a plus there); the upper end of the
    range belongs to the last bin.
    """
    return _bin(position, *POSITION), N_BINS + _bin(velocity, *VELOCITY)


def _bin(value: float, low: float, high: float) -> int:
    return int(min(max((value - low) / (high - low) * N_BINS, 0), N_BINS - 1))


def winner(spikes: NDArray[np.int64]) -> int:
    """Return the action whose output neuron spiked most.

    A tie goes to the lowest action: left before nothing before right. So a silent network pushes
    left.
    """
    return int(np.argmax(spikes))
