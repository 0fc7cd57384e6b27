"""The growth curve, and what a network's growth is judged by."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

NEAR = 0.1  #: A population is at its target if its calcium is off by this share of it, at most.


def growth(calcium: ArrayLike, rate: float, target: float, onset: float = 0.0) -> Floats:
    """Return the change of synaptic elements at given calcium, in elements/ms.

    The Gaussian growth curve of Butz & van Ooyen 2013, PLoS Comput. Biol. 9:e1003259:
    elements grow between ``onset`` (eta) and ``target`` (epsilon), fastest half-way, and are lost
    below and above.

    Args:
        calcium: Of a neuron, in Hz (see :class:`Growth`).
        rate: The largest growth (nu), in elements/ms.
        target: Calcium above which elements are lost, in Hz.
        onset: Calcium below which elements are lost, in Hz.
    """
    middle = 0.5 * (onset + target)
    width = (target - onset) / (2 * math.sqrt(math.log(2)))
    return rate * (2 * np.exp(-(((np.asarray(calcium) - middle) / width) ** 2)) - 1)


@dataclass(frozen=True)
class Growth:
    """How a network grew. The last axis is the population: 0 excitatory, 1 inhibitory.

    Attributes:
        times: ``(k,)`` of the records, in ms.
        calcium: ``(k, 2)`` mean over a population, in Hz: it counts the spikes of the last seconds,
            and is the rate of a neuron that fires regularly.
        connections: ``(k, 2)`` number of connections that start in a population.
        rates: ``(2,)`` mean rates over the window at the end, in Hz, from the spikes themselves.
    """

    times: Floats
    calcium: Floats
    connections: NDArray[np.int64]
    rates: Floats

    def distance(self, targets: Floats, window: float) -> Floats:
        """Return how far calcium is from the targets ``(2,)``, relative to them.

        The mean of the absolute differences over the records of the last ``window`` ms.
        """
        last = self.calcium[self.times > self.times[-1] - window]
        return np.asarray(np.abs(last / targets - 1).mean(axis=0))

    def time_to_target(self, targets: Floats) -> float:
        """Return when both populations are at their targets for the first time, in ms.

        The end of the simulation if they never are.
        """
        there = (np.abs(self.calcium / targets - 1) <= NEAR).all(axis=1)
        return float(self.times[there.argmax()] if there.any() else self.times[-1])

    def overshoot(self, targets: Floats) -> float:
        """Return how far calcium rose above a target at most, relative to it; 0 if it did not."""
        return max(0.0, float((self.calcium / targets - 1).max()))
