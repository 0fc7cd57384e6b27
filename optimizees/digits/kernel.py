"""The readouts of an ensemble as plain loops, which Numba compiles: for searching fast.

Exact integration of ``iaf_psc_alpha`` (Rotter & Diesmann 1999), as NEST does it, so that the spikes
are NEST's to the step. Excitatory and inhibitory currents have one time constant in this network,
so they are one current here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l2l.optimizees.compiled import compiled
from l2l.optimizees.digits.layout import EXC, INH, N_OUT, N_OUT_EXC, Floats
from l2l.optimizees.spiking.neuron import AlphaLIF

Ints = NDArray[np.int64]


def spike_counts(
    weights: Floats,
    senders: tuple[Ints, Ints],
    background: tuple[Ints, Ints, float],
    windows: Ints,
    delay: int,
    resolution: float,
) -> Ints:
    """Return the spikes ``(n, images, outputs)`` of n readouts.

    Args:
        weights: ``(n, outputs, senders)`` in pA, as they act.
        senders: Steps in which spikes of the senders were sent, ascending, and which sender.
        background: The same for the background, which outputs it reaches, and its weight in pA.
        windows: ``(steps,)`` which image's a spike in a step is, -1 for none.
        delay: Of all synapses, in steps.
        resolution: In ms.
    """
    neuron = AlphaLIF(dt=resolution)
    p = neuron.propagators()
    n_steps = len(windows)
    source = np.arange(N_OUT)
    inner = np.where(source < N_OUT_EXC, EXC, INH)
    counts = np.zeros((len(weights), int(windows.max()) + 1, weights.shape[1]), dtype=np.int64)
    _advance(
        np.ascontiguousarray(weights.swapaxes(1, 2)), *_by_step(*senders[:2], delay, n_steps),
        *_by_step(*background[:2], delay, n_steps), background[2], inner, windows, delay,
        p, neuron.V_th - neuron.E_L, neuron.V_reset - neuron.E_L, neuron.refractory_steps, counts,
    )  # fmt: skip
    return counts


def _by_step(sent: Ints, who: Ints, delay: int, n_steps: int) -> tuple[Ints, Ints]:
    """Return where the arrivals of each step begin, ``(steps + 1,)``, and who they are from.

    A spike at the end of step k - 1 carries the time of k; with a delay of 1 it arrives in step k.
    """
    return np.searchsorted(sent - 1 + delay, np.arange(n_steps + 1)), who


@compiled()
def _advance(
    weights: Floats,
    first: Ints,
    who: Ints,
    first_noise: Ints,
    who_noise: Ints,
    noise_weight: float,
    inner: Floats,
    windows: Ints,
    delay: int,
    p: Floats,
    theta: float,
    reset: float,
    refractory: int,
    counts: Ints,
) -> None:
    """Take all steps of all lanes; V, then currents, then arrivals, then threshold, as NEST."""
    lanes, _, n = weights.shape
    size = inner.shape[0]
    slots = delay + 1
    for lane in range(lanes):
        v, y, current = np.zeros(n), np.zeros(n), np.zeros(n)
        wait, ring = np.zeros(n, np.int64), np.zeros((slots, n))
        arriving = np.zeros(n)
        for s in range(windows.shape[0]):
            arriving[:] = ring[s % slots]
            ring[s % slots] = 0.0
            for k in range(first[s], first[s + 1]):
                for i in range(n):
                    arriving[i] += weights[lane, who[k], i]
            for k in range(first_noise[s], first_noise[s + 1]):
                arriving[who_noise[k]] += noise_weight
            later = (s + delay) % slots
            for i in range(n):
                if wait[i] == 0:
                    v[i] = p[2] * y[i] + p[3] * current[i] + p[1] * v[i] + v[i]
                else:
                    wait[i] -= 1
                current[i] = p[6] * y[i] + p[7] * current[i]
                y[i] = p[7] * y[i] + p[10] * arriving[i]
                if v[i] >= theta:
                    v[i] = reset
                    wait[i] = refractory
                    if windows[s] >= 0:
                        counts[lane, windows[s], i] += 1
                    own = i % size
                    for j in range(i - own, i - own + size):
                        if j != i:
                            ring[later, j] += inner[own]
