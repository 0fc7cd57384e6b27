"""Sizes of the network, meaning of the weights, and what is made of spike counts. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

N_OUT_EXC, N_OUT_INH = 10, 2  #: output neurons of a digit
N_OUT = N_OUT_EXC + N_OUT_INH
EXC, INH, SPREAD = 70.0, -90.0, 50.0  #: mean weights and their standard deviation, in pA
REACH = 5  #: bounds of the readout weights, in standard deviations from the mean

#: Timing, in ms (paper, 3.1.2).
WARM_UP, IMAGE, COOL_DOWN = 100.0, 500.0, 200.0


@dataclass(frozen=True)
class Layout:
    """How many neurons there are of what.

    Args:
        scale: Size of the reservoir, 1 for the paper's 2,000 neurons.
        digits: Number of classes, with an output cluster each.
    """

    scale: float
    digits: int

    @property
    def n_exc(self) -> int:
        """Excitatory neurons of the reservoir."""
        return round(1600 * self.scale)

    @property
    def n_inh(self) -> int:
        """Inhibitory neurons of the reservoir."""
        return round(400 * self.scale)

    @property
    def n_reservoir(self) -> int:
        """Neurons of the reservoir, excitatory ones first."""
        return self.n_exc + self.n_inh

    @property
    def out_degrees(self) -> tuple[int, int]:
        """Targets within the reservoir of an excitatory (6 %) and an inhibitory neuron (8 %)."""
        return round(0.06 * self.n_reservoir), round(0.08 * self.n_reservoir)

    @property
    def senders(self) -> NDArray[np.int64]:
        """The neurons that the outputs listen to: the first 40 % of either kind, 640 + 160."""
        exc, inh = round(0.4 * self.n_exc), round(0.4 * self.n_inh)
        return np.concatenate([np.arange(exc), self.n_exc + np.arange(inh)])

    @property
    def n_outputs(self) -> int:
        """Output neurons: 10 excitatory and then 2 inhibitory ones, digit by digit."""
        return self.digits * N_OUT

    @property
    def shape(self) -> tuple[int, int]:
        """Of the readout weights: a row an output neuron, a column a sender."""
        return self.n_outputs, len(self.senders)

    @property
    def mean_weights(self) -> Floats:
        """Mean of the first readout weights, in pA, of shape :attr:`shape`."""
        row = np.where(self.senders < self.n_exc, EXC, INH)
        return np.tile(row, (self.n_outputs, 1))


def rates(counts: NDArray[np.int64]) -> Floats:
    """Return the clusters' firing rates ``(..., digits)`` in Hz.

    That is the mean over the ten excitatory neurons of a cluster, in the 500 ms of an image.

    Args:
        counts: Spikes ``(..., digits x 12)`` of the output neurons during an image.
    """
    clusters = counts.reshape(*counts.shape[:-1], -1, N_OUT)
    mean: Floats = clusters[..., :N_OUT_EXC].mean(axis=-1) / (IMAGE / 1000)
    return mean


def softmax(x: Floats) -> Floats:
    """Return the softmax along the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    found: Floats = e / e.sum(axis=-1, keepdims=True)
    return found


def one_hot(labels: NDArray[np.int64], digits: int) -> Floats:
    """Return ``(n, digits)``, 1 at the labels and 0 elsewhere."""
    return np.eye(digits)[labels]
