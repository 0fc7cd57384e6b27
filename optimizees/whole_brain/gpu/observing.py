"""Kernels of the observers that work on a GPU.

A series is ``(slots, samples, n)``; a slot is a set's place on the GPU. What is summed over a whole
simulation is in double precision, as in :mod:`l2l.optimizees.whole_brain.observe.moments`.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numba import cuda

from l2l.optimizees.whole_brain.gpu.translate import SIMULATED, device, translated
from l2l.optimizees.whole_brain.observe import balloon

THREADS = 4 if SIMULATED else 128
DOUBLE = np.float64


@functools.cache
def bold(real: Any) -> Any:
    """Return the kernel of the Balloon-Windkessel model; a thread a slot and region.

    ``kept`` is ``(5, slots * n)``: the four states, and the sum of samples for the next step.
    """
    step, signal = translated(balloon.step, real), translated(balloon.signal, real)
    zero = real(0.0)

    def integrate(series, kept, in_step, in_interval, each, substeps, interval, scale, constants,
                  parts, out):  # fmt: skip
        place = cuda.grid(1)
        n = series.shape[2]
        if place < kept.shape[1]:
            slot, region = place // n, place % n
            s, f, v, q = kept[0, place], kept[1, place], kept[2, place], kept[3, place]
            total = kept[4, place]
            scan = 0
            for sample in range(series.shape[1]):
                total += series[slot, sample, region]
                in_step += 1
                if in_step == each:
                    in_step = 0
                    for _ in range(substeps):
                        s, f, v, q = step(s, f, v, q, total * scale, *constants)
                    total = zero
                    in_interval += 1
                    if in_interval == interval:
                        in_interval = 0
                        out[slot, scan, region] = signal(v, q, *parts)
                        scan += 1
            kept[0, place], kept[1, place], kept[2, place], kept[3, place] = s, f, v, q
            kept[4, place] = total

    return cuda.jit(integrate)


@cuda.jit
def coarser(series, kept, in_group, each, average, out):
    """Write the mean of every ``each`` samples, or the last; ``kept (slots * n)`` is their sum."""
    place = cuda.grid(1)
    n = series.shape[2]
    if place < kept.size:
        slot, region = place // n, place % n
        total, new = kept[place], 0
        for sample in range(series.shape[1]):
            value = series[slot, sample, region]
            total += value
            in_group += 1
            if in_group == each:
                in_group = 0
                out[slot, new, region] = total / out.dtype.type(each) if average else value
                total = total - total
                new += 1
        kept[place] = total


@cuda.jit
def copy(series, first, target, at, count):
    """Copy samples from ``first`` on to the place ``at`` of another series; a block a slot."""
    slot, n = cuda.blockIdx.x, series.shape[2]
    for place in range(cuda.threadIdx.x, count * n, cuda.blockDim.x):
        target[slot, at + place // n, place % n] = series[slot, first + place // n, place % n]


@cuda.jit
def centre(series, first, samples, count, mean, rough, error, apart):
    """Find the mean of samples as ``rough + error``, and move the mean of all samples so far.

    A thread a slot and region; ``count`` samples came before. ``apart`` is the distance of the new
    mean from that of those.
    """
    place = cuda.grid(1)
    n = series.shape[2]
    if place < mean.size:
        slot, i = place // n, place % n
        start = series[slot, first, i]
        total = start - start
        for t in range(first, first + samples):
            total += series[slot, t, i] - start
        own = start + total / series.dtype.type(samples)
        total = start - start
        for t in range(first, first + samples):
            total += series[slot, t, i] - own
        error[slot, i] = DOUBLE(total) / DOUBLE(samples)
        rough[slot, i] = own
        apart[slot, i] = DOUBLE(own) + error[slot, i] - mean[slot, i]
        mean[slot, i] += apart[slot, i] * (DOUBLE(samples) / DOUBLE(count + samples))


@cuda.jit
def merge(series, first, samples, count, rough, error, apart, sums):
    """Add products of pairs of regions to ``sums (slots, n, n)`` (Chan et al. 1979, eq. 2.1)."""
    slot, n = cuda.blockIdx.x, series.shape[2]
    weight = DOUBLE(count) * DOUBLE(samples) / DOUBLE(count + samples)
    for place in range(cuda.threadIdx.x, n * n, cuda.blockDim.x):
        i, j = place // n, place % n
        if j <= i:
            total = rough[slot, i] - rough[slot, i]
            for t in range(first, first + samples):
                away = series[slot, t, j] - rough[slot, j]
                total += (series[slot, t, i] - rough[slot, i]) * away
            moved = DOUBLE(total) + weight * apart[slot, i] * apart[slot, j]
            moved -= DOUBLE(samples) * error[slot, i] * error[slot, j]
            sums[slot, i, j] += moved
            if i != j:
                sums[slot, j, i] = sums[slot, i, j]


@cuda.jit
def correlate(sums, out):
    """Write correlations; 1 on the diagonal, NaN for regions that do not vary."""
    slot, n = cuda.blockIdx.x, sums.shape[1]
    for place in range(cuda.threadIdx.x, n * n, cuda.blockDim.x):
        i, j = place // n, place % n
        scale = sums[slot, i, i] * sums[slot, j, j]
        if not scale > 0.0:
            out[slot, i, j] = math.nan
        elif i == j:
            out[slot, i, j] = 1.0
        else:
            out[slot, i, j] = max(-1.0, min(1.0, sums[slot, i, j] / math.sqrt(scale)))


@device
def added(values, own):
    """Return the sum of all threads' numbers; ``values`` has a place for each."""
    cuda.syncthreads()
    values[cuda.threadIdx.x] = own
    cuda.syncthreads()
    total = DOUBLE(0.0)
    for k in range(cuda.blockDim.x):
        total += values[k]
    return total


@cuda.jit
def pattern(fc, out):
    """Write the correlations of all pairs of regions, less their mean and of length 1."""
    values = cuda.shared.array(THREADS, np.float64)
    slot, n = cuda.blockIdx.x, fc.shape[1]
    own = DOUBLE(0.0)
    for place in range(cuda.threadIdx.x, n * n, cuda.blockDim.x):
        i, j = place // n, place % n
        if i < j:
            own += fc[slot, i, j]
    mean = added(values, own) / DOUBLE(n * (n - 1) // 2)
    own = DOUBLE(0.0)
    for place in range(cuda.threadIdx.x, n * n, cuda.blockDim.x):
        i, j = place // n, place % n
        if i < j:
            own += (fc[slot, i, j] - mean) ** 2
    length = math.sqrt(added(values, own))
    for place in range(cuda.threadIdx.x, n * n, cuda.blockDim.x):
        i, j = place // n, place % n
        if i < j:
            found = (fc[slot, i, j] - mean) / length if length > 0.0 else math.nan
            out[slot, i * n - i * (i + 1) // 2 + j - i - 1] = found


@cuda.jit
def compare(patterns, windows, out):
    """Write the products of all pairs of patterns ``(slots, windows, pairs)``; a pair a block."""
    values = cuda.shared.array(THREADS, np.float64)
    slot, later = cuda.blockIdx.x, cuda.blockIdx.y
    for earlier in range(later):
        own = DOUBLE(0.0)
        for place in range(cuda.threadIdx.x, patterns.shape[2], cuda.blockDim.x):
            own += DOUBLE(patterns[slot, earlier, place]) * DOUBLE(patterns[slot, later, place])
        total = added(values, own)
        if cuda.threadIdx.x == 0:
            row = earlier * windows - earlier * (earlier + 1) // 2
            out[slot, row + later - earlier - 1] = total
