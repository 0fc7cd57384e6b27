"""The loops of the analysis, in Numba. Importing this module imports Numba.

All arrays are float32, with samples last, and what is written to is given by the caller. The
kernels release the interpreter's lock.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from l2l.optimizees.compiled import compiled

BLOCK = 1024  #: samples of all regions that a second-level cache holds
LANES = 64  #: sums and maxima that are kept side by side
GROUP = 8  #: taps of a filter that are added up before the sum is stored


@compiled(nogil=True)
def describe(x: Any, means: Any, maxima: Any, minima: Any, rows: Any) -> None:
    """Write mean, maximum and minimum of ``(regions, samples)``, and ``rows = x - mean``.

    Sums are kept in lanes, in float64: a single one would wait for itself at each sample.
    """
    regions, samples = x.shape
    whole = samples // LANES * LANES
    sums = np.empty(LANES)
    high, low = np.empty(LANES, dtype=x.dtype), np.empty(LANES, dtype=x.dtype)
    for i in range(regions):
        sums[:], high[:], low[:] = 0.0, x[i, 0], x[i, 0]
        for start in range(0, whole, LANES):
            p = x[i, start : start + LANES]
            for k in range(LANES):
                sums[k] += p[k]
                high[k] = p[k] if p[k] > high[k] else high[k]
                low[k] = p[k] if p[k] < low[k] else low[k]
        total, top, bottom = 0.0, high[0], low[0]
        for k in range(LANES):
            total += sums[k]
            top, bottom = max(top, high[k]), min(bottom, low[k])
        for value in x[i, whole:]:
            total += value
            top, bottom = max(top, value), min(bottom, value)
        means[i], maxima[i], minima[i] = total / samples, top, bottom
        mean = np.float32(means[i])
        for t in range(samples):
            rows[i, t] = x[i, t] - mean


@compiled(nogil=True)
def segments(x: Any, window: Any, step: int, out: Any) -> None:
    """Write overlapping segments of ``(regions, samples)``, each less its mean, times a window.

    Args:
        x: The signals.
        window: ``(length,)``.
        step: Samples between the beginnings of segments.
        out: ``(regions, segments, length)``.
    """
    length = len(window)
    whole = length // LANES * LANES
    lanes = np.empty(LANES, dtype=x.dtype)
    for i in range(x.shape[0]):
        for k in range(out.shape[1]):
            p, o = x[i, k * step : k * step + length], out[i, k]
            lanes[:] = 0.0
            for start in range(0, whole, LANES):
                for lane in range(LANES):
                    lanes[lane] += p[start + lane]
            total = np.float32(0.0)
            for value in lanes:
                total += value
            for value in p[whole:]:
                total += value
            mean = np.float32(total / length)
            for t in range(length):
                o[t] = (p[t] - mean) * window[t]


@compiled(nogil=True)
def count_leads(x: Any, y: Any, counts: Any) -> None:
    """Add up the signs of the sines of phase differences.

    Args:
        x, y: ``(regions, samples)`` the analytic signal, real and imaginary part.
        counts: ``(regions, regions)`` int64: in ``[i, j]``, j > i, samples in which i leads j by
            0..pi, less those in which it follows.
    """
    regions, samples = x.shape
    for start in range(0, samples, BLOCK):
        stop = min(start + BLOCK, samples)
        for i in range(0, regions - 1, 2):  # two at a time: half as many loads of the other
            x0, y0 = x[i, start:stop], y[i, start:stop]
            x1, y1 = x[i + 1, start:stop], y[i + 1, start:stop]
            for j in range(i + 1, regions):
                xj, yj = x[j, start:stop], y[j, start:stop]
                first, second = np.int32(0), np.int32(0)
                for t in range(stop - start):
                    # sin(i - j) > 0, as two rounded products: equal signals are equal, not noise
                    a, b = y0[t] * xj[t], x0[t] * yj[t]
                    first = np.int32(first + np.int32(a > b) - np.int32(a < b))
                    a, b = y1[t] * xj[t], x1[t] * yj[t]
                    second = np.int32(second + np.int32(a > b) - np.int32(a < b))
                counts[i, j] += first
                counts[i + 1, j] += second


@compiled(nogil=True)
def count_larger(angle: Any, counts: Any) -> None:
    """Add up the signs of differences, as :func:`count_leads` does, of phases in (-pi, pi]."""
    regions, samples = angle.shape
    for start in range(0, samples, BLOCK):
        stop = min(start + BLOCK, samples)
        for i in range(0, regions - 1, 2):
            a, b = angle[i, start:stop], angle[i + 1, start:stop]
            for j in range(i + 1, regions):
                c = angle[j, start:stop]
                first, second = np.int32(0), np.int32(0)
                for t in range(stop - start):
                    first = np.int32(first + np.int32(a[t] > c[t]) - np.int32(a[t] < c[t]))
                    second = np.int32(second + np.int32(b[t] > c[t]) - np.int32(b[t] < c[t]))
                counts[i, j] += first
                counts[i + 1, j] += second


@compiled(nogil=True)
def slide(within: Any, means: Any, step: int, many: int, out: Any) -> None:
    """Write Pearson's correlations of all pairs in sliding windows.

    A window adds up the products of its pieces; the sum moves on by a piece that enters and one
    that leaves, in float64, so that what cancels is far below what float32 resolves.

    Args:
        within: ``(pieces, regions, regions)`` products of deviations from the piece's mean.
        means: ``(pieces, regions)`` these means.
        step: Samples of a piece.
        many: Pieces of a window.
        out: ``(pieces - many + 1, pairs)`` set to the correlations, row by row of i < j; NaN where
            a region is constant.
    """
    pieces, n = means.shape
    total, sums = np.zeros((n, n)), np.zeros(n)
    scale, middle = np.empty(n), np.empty(n)
    for piece in range(pieces):
        leaving = piece - many
        for i in range(n):
            mean, before = float(means[piece, i]), 0.0
            if leaving >= 0:
                before = float(means[leaving, i])
            sums[i] += mean - before
            mean, before = step * mean, step * before
            for j in range(i, n):
                total[i, j] += within[piece, i, j] + mean * means[piece, j]
            if leaving >= 0:
                for j in range(i, n):
                    total[i, j] -= within[leaving, i, j] + before * means[leaving, j]
        if leaving < -1:
            continue
        for i in range(n):
            middle[i] = sums[i] / many
            offset = step * many * middle[i] * middle[i]
            variance = total[i, i] - offset
            # below this it is rounding, of a constant far from the mean
            known = variance > 1e-12 * offset and variance > 0.0
            scale[i] = 1.0 / np.sqrt(variance) if known else np.nan
        k = 0
        for i in range(n):
            factor, mean = scale[i], step * many * middle[i]
            row = out[leaving + 1, k : k + n - 1 - i]
            for j in range(i + 1, n):
                row[j - i - 1] = (total[i, j] - mean * middle[j]) * factor * scale[j]
            k += n - 1 - i


@compiled(nogil=True)
def diamond(x: Any, y: Any, out: Any) -> None:
    """Write a number in [-2, 2] that is larger where the angle of (x, y) in (-pi, pi] is.

    It is the way along the square |x| + |y| = 1, and costs a division, not an arc tangent.
    All arrays are ``(regions, samples)``.
    """
    one, two = np.float32(1.0), np.float32(2.0)
    for i in range(x.shape[0]):
        for t in range(x.shape[1]):
            a, b = abs(x[i, t]), abs(y[i, t])
            way = b / (a + b) if a + b > 0 else np.float32(0.0)
            way = two - way if x[i, t] < 0 else way
            out[i, t] = way if y[i, t] >= 0 else -one * way


@compiled(nogil=True)
def smooth(x: Any, taps: Any, half: int, padded: Any, out: Any) -> None:
    """Filter a signal that goes on at both ends as it ends there.

    Args:
        x: ``(samples,)``.
        taps: ``(2 half + 1 + zeros,)``, with as many zeros as fill up the last group.
        half: Half the width of the filter.
        padded: ``(samples + len(taps),)`` scratch.
        out: ``(samples,)``.
    """
    samples = len(x)
    padded[:half] = x[0]
    padded[half : half + samples] = x
    padded[half + samples :] = x[samples - 1]
    out[:] = 0.0
    for k in range(0, len(taps), GROUP):
        w0, w1, w2, w3 = taps[k], taps[k + 1], taps[k + 2], taps[k + 3]
        w4, w5, w6, w7 = taps[k + 4], taps[k + 5], taps[k + 6], taps[k + 7]
        p = padded[k:]
        for t in range(samples):
            out[t] += (
                (w0 * p[t] + w1 * p[t + 1]) + (w2 * p[t + 2] + w3 * p[t + 3])
                + ((w4 * p[t + 4] + w5 * p[t + 5]) + (w6 * p[t + 6] + w7 * p[t + 7]))
            )  # fmt: skip


@compiled(nogil=True)
def largest(x: Any, lanes: Any) -> Any:
    """Return the maximum of ``(samples,)``; ``lanes`` is scratch ``(LANES,)``."""
    whole = len(x) // LANES * LANES
    lanes[:] = x[0]
    for start in range(0, whole, LANES):
        p = x[start : start + LANES]
        for k in range(LANES):
            lanes[k] = p[k] if p[k] > lanes[k] else lanes[k]
    top = lanes[0]
    for k in range(1, LANES):
        top = max(top, lanes[k])
    for value in x[whole:]:
        top = max(top, value)
    return top


@compiled(nogil=True)
def count_states(x: Any, level: Any, shortest: int, lengths: Any, numbers: Any) -> None:
    """Measure the stays of a signal below (0) and above (1) a level.

    A stay of less than ``shortest`` samples belongs to the one before it, or, with none before it,
    to the one after it.

    Args:
        x: ``(samples,)``.
        level: The signal is up where it is larger.
        shortest: Samples.
        lengths: ``(2,)`` set to the samples in each state.
        numbers: ``(2,)`` set to the number of stays in each.
    """
    lengths[:], numbers[:] = 0, 0
    current, length, start, samples = -1, 0, 0, len(x)
    while start < samples:
        state = int(x[start] > level)
        t = start + 1
        while t < samples and int(x[t] > level) == state:
            t += 1
        if t - start >= shortest and state != current:
            if current >= 0:
                lengths[current] += length
                numbers[current] += 1
                length = 0
            current = state
        length += t - start
        start = t
    if current >= 0:
        lengths[current] += length
        numbers[current] += 1


@compiled(nogil=True)
def states(
    x: Any, taps: Any, half: int, ratio: float, floor: float, shortest: int, durations: Any
) -> None:
    """Measure the UP and DOWN states of all regions, see :mod:`.states`.

    Args:
        x: ``(regions, samples)``.
        taps: Of the smoothing filter, see :func:`smooth`.
        half: Half its width.
        ratio, floor: The level is ``ratio`` times the smoothed signal's maximum plus ``floor``.
        shortest: Samples of the shortest state.
        durations: ``(regions, 2)`` set to the mean samples of a DOWN and an UP state; 0 for none.
    """
    regions, samples = x.shape
    padded = np.empty(samples + len(taps), dtype=x.dtype)
    smoothed = np.empty(samples, dtype=x.dtype)
    lanes = np.empty(LANES, dtype=x.dtype)
    lengths, numbers = np.empty(2, dtype=np.int64), np.empty(2, dtype=np.int64)
    for i in range(regions):
        smooth(x[i], taps, half, padded, smoothed)
        level = ratio * largest(smoothed, lanes) + floor
        count_states(smoothed, level, shortest, lengths, numbers)
        for k in range(2):
            durations[i, k] = lengths[k] / numbers[k] if numbers[k] else 0.0
