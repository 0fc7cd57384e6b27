"""What the 250 weights and 250 delays of an ant's network mean, and its neurons.

Twelve receptors, ten hidden neurons and four motor neurons: 110 connections from the first eleven
receptors to the hidden layer, 10 from the heartbeat, 90 within the hidden layer (all but those of a
neuron to itself) and 40 to the motor neurons.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SENSES = (
    "pheromone left", "pheromone ahead", "pheromone right",
    "nest left", "nest ahead", "nest right",
    "queen", "reward", "nociceptor", "green", "red", "heartbeat",
)  # fmt: skip
MOTORS = ("move", "left", "right", "pheromone")
N_SENSES, N_HIDDEN, N_MOTORS = len(SENSES), 10, len(MOTORS)
N_SENDERS = N_SENSES + N_HIDDEN  #: receptors, then hidden neurons
N_RECEIVERS = N_HIDDEN + N_MOTORS  #: hidden neurons, then motor neurons
N_SYNAPSES = N_SENSES * N_HIDDEN + N_HIDDEN * (N_HIDDEN - 1) + N_HIDDEN * N_MOTORS  #: 250

WEIGHT_LIMIT = 20.0  #: weights are in [-20, 20], in mV
MAX_DELAY = 5  #: delays are whole numbers in [1, 5], in ms

# The neurons: iaf_psc_delta with NEST's defaults, potentials relative to rest.
DT = 1.0  #: resolution, in ms
TAU_M = 10.0  #: membrane time constant, in ms
C_M = 250.0  #: membrane capacity, in pF
THRESHOLD = 15.0  #: above rest, in mV; a spike resets to rest
REFRACTORY = 2  #: refractory time, in steps
LEAK = math.exp(-DT / TAU_M)  #: what is left of a potential after a step
PER_CURRENT = TAU_M / C_M * (1.0 - LEAK)  #: mV that 1 pA adds in a step

#: Current into an active receptor, in pA: it spikes each 5 ms.
CURRENT = 2000.0
#: Of the ring that holds what is under way: a power of two, and more than the longest delay.
SLOTS = 8


def _connections() -> tuple[Ints, Ints]:
    """Return senders and receivers ``(250,)``, in the order of the weights."""
    hidden = range(N_HIDDEN)
    pairs = [(s, h) for s in range(N_SENSES) for h in hidden]
    pairs += [(N_SENSES + a, b) for a in hidden for b in hidden if a != b]
    pairs += [(N_SENSES + h, N_HIDDEN + m) for h in hidden for m in range(N_MOTORS)]
    sender, receiver = np.array(pairs, dtype=np.int64).T
    return sender, receiver


#: Sender (0..21) and receiver (0..13) of each connection ``(250,)``.
SENDER, RECEIVER = _connections()


def matrix(values: Any, absent: float = 0.0) -> NDArray[Any]:
    """Return values ``(n, 250)`` of the connections as matrices ``(n, 22, 14)``.

    Args:
        values: Weights or delays, a row a network, ordered by sender.
        absent: What stands where there is no connection.
    """
    values = np.asarray(values)
    if values.ndim != 2 or values.shape[1] != N_SYNAPSES:
        raise ValueError(f"expected values of shape (n, {N_SYNAPSES}), got {values.shape}")
    result = np.full((len(values), N_SENDERS, N_RECEIVERS), absent, dtype=values.dtype)
    result[:, SENDER, RECEIVER] = values
    return result
