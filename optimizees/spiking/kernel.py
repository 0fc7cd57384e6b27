"""The network's steps as plain loops, which Numba compiles."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


def advance(
    step: int,
    p: F8,
    theta: float,
    reset: float,
    refractory: int,
    pending: F8,
    currents: F8,
    first: I8,
    targets: I8,
    weights: F8,
    delays: I8,
    receives: NDArray[np.bool_],
    active: NDArray[np.bool_],
    state: F8,
    wait: I8,
    ring: F8,
    counts: I8,
    steps: int,
    raster: NDArray[np.bool_],
) -> None:
    """Take ``steps`` steps in place; see ``Network`` for the arrays.

    The order within a step is NEST's: V, then the currents, then the spikes that arrive now, then
    the threshold. So a spike that arrives in a step moves V in the next one at the earliest.
    """
    lanes, n = currents.shape
    slots = ring.shape[1]
    lag = pending.shape[0]
    awake = np.empty(n, np.int64)
    for lane in range(lanes):
        if not active[lane]:
            continue
        row = lane if weights.shape[0] > 1 else 0
        d_row = lane if delays.shape[0] > 1 else 0
        v, y_ex, i_ex, y_in, i_in = state[0], state[1], state[2], state[3], state[4]
        count = 0
        for i in range(n):  # one at rest that nothing can reach need not be looked at
            busy = receives[i] or v[lane, i] != 0.0 or wait[lane, i] > 0 or currents[lane, i] != 0.0
            for s in range(lag):
                busy = busy or pending[s, lane, i] != 0.0
            if busy:
                awake[count] = i
                count += 1
        for s in range(steps):
            slot = (step + s) % slots
            for place in range(count):
                i = awake[place]
                drive = pending[s, lane, i] if s < lag else currents[lane, i]
                if receives[i]:
                    if wait[lane, i] == 0:
                        v[lane, i] = (
                            p[0] * drive
                            + p[2] * y_ex[lane, i]
                            + p[3] * i_ex[lane, i]
                            + p[4] * y_in[lane, i]
                            + p[5] * i_in[lane, i]
                            + p[1] * v[lane, i]
                            + v[lane, i]
                        )
                    else:
                        wait[lane, i] -= 1
                    i_ex[lane, i] = p[6] * y_ex[lane, i] + p[7] * i_ex[lane, i]
                    i_in[lane, i] = p[8] * y_in[lane, i] + p[9] * i_in[lane, i]
                    y_ex[lane, i] = p[7] * y_ex[lane, i] + p[10] * ring[lane, slot, i, 0]
                    y_in[lane, i] = p[9] * y_in[lane, i] + p[11] * ring[lane, slot, i, 1]
                    ring[lane, slot, i, 0] = 0.0
                    ring[lane, slot, i, 1] = 0.0
                elif wait[lane, i] == 0:  # without synapses only the current moves V
                    v[lane, i] = p[0] * drive + p[1] * v[lane, i] + v[lane, i]
                else:
                    wait[lane, i] -= 1
                if v[lane, i] >= theta:
                    v[lane, i] = reset
                    wait[lane, i] = refractory
                    counts[lane, i] += 1
                    if raster.shape[0] > 0:
                        raster[s, lane, i] = True
                    for k in range(first[i], first[i + 1]):
                        w = weights[row, k]
                        later = (step + s + delays[d_row, k]) % slots
                        ring[lane, later, targets[k], 0 if w > 0.0 else 1] += w


def advance_numpy(
    step: int,
    p: F8,
    theta: float,
    reset: float,
    refractory: int,
    pending: F8,
    currents: F8,
    first: I8,
    targets: I8,
    weights: F8,
    delays: I8,
    receives: NDArray[np.bool_],
    active: NDArray[np.bool_],
    state: F8,
    wait: I8,
    ring: F8,
    counts: I8,
    steps: int,
    raster: NDArray[np.bool_],
) -> None:
    """Do the same with arrays over lanes and neurons, term by term in the same order."""
    on = np.flatnonzero(active)
    slots, lag, fan_out = ring.shape[1], len(pending), np.diff(first)
    v, y_ex, i_ex, y_in, i_in = (part[on] for part in state)
    rest, total, queue = wait[on], counts[on], ring[on]
    for s in range(steps):
        slot = (step + s) % slots
        drive = (pending[s] if s < lag else currents)[on]
        moved = p[0] * drive + p[2] * y_ex + p[3] * i_ex + p[4] * y_in + p[5] * i_in + p[1] * v + v
        v = np.where(rest == 0, moved, v)
        rest = np.maximum(rest - 1, 0)
        i_ex, i_in = p[6] * y_ex + p[7] * i_ex, p[8] * y_in + p[9] * i_in
        y_ex = p[7] * y_ex + p[10] * queue[:, slot, :, 0]
        y_in = p[9] * y_in + p[11] * queue[:, slot, :, 1]
        queue[:, slot] = 0.0
        spikes = v >= theta
        if raster.size:
            raster[s, on] = spikes
        if not spikes.any():
            continue
        v, rest = np.where(spikes, reset, v), np.where(spikes, refractory, rest)
        total += spikes
        lane, neuron = np.nonzero(spikes)
        fans = fan_out[neuron]
        # the synapses of all neurons that spike, one run of indices after the other
        k = np.repeat(first[neuron] - np.cumsum(fans) + fans, fans) + np.arange(fans.sum())
        lane = np.repeat(lane, fans)
        w = weights[on[lane] if len(weights) > 1 else 0, k]
        later = (step + s + delays[on[lane] if len(delays) > 1 else 0, k]) % slots
        np.add.at(queue, (lane, later, targets[k], np.where(w > 0.0, 0, 1)), w)
    state[:, on] = v, y_ex, i_ex, y_in, i_in
    wait[on], counts[on], ring[on] = rest, total, queue


@functools.lru_cache(maxsize=1)
def advance_numba() -> Callable[..., Any]:
    """Return :func:`advance` compiled by Numba, once a process."""
    import numba

    from l2l.optimizees.compiled import compiled

    f1, f2, f3, f4 = (numba.types.Array(numba.float64, d, "C") for d in (1, 2, 3, 4))
    i1, i2 = (numba.types.Array(numba.int64, d, "C") for d in (1, 2))
    b1, b3 = (numba.types.Array(numba.boolean, d, "C") for d in (1, 3))
    whole, real = numba.int64, numba.float64
    signature = numba.void(
        whole, f1, real, real, whole, f3, f2, i1, i1, f2, i2, b1, b1, f3, i2, f4, i2, whole, b3
    )
    function: Callable[..., Any] = compiled(signature)(advance)
    return function
