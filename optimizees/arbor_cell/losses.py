"""How far responses are from the reference: mean squares, and spike-aware losses.

All take traces ``(n, stimuli, samples)`` and the reference ``(stimuli, samples)``, both in mV.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l2l.optimizees.arbor_cell.setup import Floats

WINDOW = 5.0  #: ms that an observation of the voltage is a mean over


def mean_squares(traces: Floats, reference: Floats) -> Floats:
    """Return the mean squared difference of each stimulus, ``(n, stimuli)`` mV^2.

    Equation 2 of the paper, which divides by T^2 where a mean divides by T: a constant factor.
    """
    squares: Floats = np.square(traces - reference).mean(axis=2)
    return squares


def spike_losses(traces: Floats, reference: Floats, threshold: float) -> Floats:
    """Return L and S of equations 4 and 5 for each stimulus, ``(n, 2 * stimuli)`` mV.

    L0, S0, L1, S1, ... as in equation 3. L is the difference of the mean voltages; S the mean
    difference where the reference is above ``threshold``, in absolute value (the paper's has a
    sign, and would reward spikes that are too large). S is 0 where the reference has no spike.
    """
    level = np.abs((traces - reference).mean(axis=2))
    spiking = reference > threshold
    count = spiking.sum(axis=1)
    above = np.where(spiking, traces - reference, 0.0).sum(axis=2)
    spikes = np.abs(above) / np.maximum(count, 1)
    return np.stack([level, spikes], axis=2).reshape(len(traces), -1)


def windows(traces: Floats, reference: Floats, sampling: float) -> Floats:
    """Return differences to the reference in means over 5 ms, ``(n, k)`` mV."""
    width = max(1, round(WINDOW / sampling))
    k = traces.shape[2] // width
    difference = (traces - reference)[:, :, : k * width]
    means: Floats = difference.reshape(*traces.shape[:2], k, width).mean(axis=3)
    return means.reshape(len(traces), -1)


def spike_counts(traces: Floats, threshold: float) -> NDArray[np.int64]:
    """Return how often the voltage rises through ``threshold``, over the last axis."""
    above = np.asarray(traces) > threshold
    counts: NDArray[np.int64] = (above[..., 1:] & ~above[..., :-1]).sum(axis=-1)
    return counts
