"""Power spectra: density, peaks, slope, bands, dominant frequency.

The power spectral density is one-sided, of the whole series without a window, in Hz^2/Hz for rates
in Hz, at the frequencies ``k / T``, 0 < f < Nyquist, k = 1, 2, ... (T: the series' length): its sum
over all bins divided by T is the variance. The published code's ``|fft|^2`` is
``samples * rate / 2`` times as large, so that it depends on the length of the simulation.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from l2l.optimizees.whole_brain.model import Floats

if TYPE_CHECKING:
    from l2l.optimizees.whole_brain.analysis.signals import Signals

#: Hz, upper limit excluded, so that each frequency is in one band.
BANDS = {
    "delta": (0.5, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 12.0),
    "beta": (12.0, 30.0),
    "gamma": (30.0, 100.0),
}
#: The slope is fitted to every tenth frequency above the first limit, in Hz.
SLOPE_RANGE, SLOPE_EVERY = (0.1, 1000.0), 10


def density(signals: Signals) -> Floats:
    """Return the power spectral density ``(bins,)``, mean of all regions, float64."""
    bins = (signals.samples - 1) // 2
    parts = signals.spectrum[:, 1 : bins + 1].view(np.float32)  # real, imaginary, real, ...
    squares = np.einsum("rk,rk->k", parts, parts).astype(np.float64)
    power = squares[0::2] + squares[1::2]
    return np.asarray(power * (2.0 / (signals.regions * signals.samples * signals.context.rate)))


def frequencies(signals: Signals) -> Floats:
    """Return the frequencies ``(bins,)`` of :func:`density`, in Hz."""
    return np.arange(1, (signals.samples - 1) // 2 + 1) / signals.seconds


def peaks(signals: Signals) -> tuple[float, float, float, float]:
    """Return frequency and height of the highest peak, then of the most prominent one.

    In Hz and Hz^2/Hz, of all peaks with the least prominence that the context asks for; NaN if
    there is none.
    """
    from scipy.signal import find_peaks

    power = signals.density
    places, found = find_peaks(power, prominence=signals.context.peak_prominence)
    if not len(places):
        return (math.nan,) * 4
    highest = places[power[places].argmax()]
    prominent = places[found["prominences"].argmax()]
    hertz = frequencies(signals)
    return (
        float(hertz[highest]),
        float(power[highest]),
        float(hertz[prominent]),
        float(power[prominent]),
    )


def slope(signals: Signals) -> tuple[float, float]:
    """Return the exponent a of the fit ``b / f^a`` to the density, and its R^2.

    Least squares of log power on log frequency; NaN with fewer than 3 frequencies or without power.
    """
    hertz = frequencies(signals)
    within = (hertz > SLOPE_RANGE[0]) & (hertz < SLOPE_RANGE[1])
    x = np.log(hertz[within][::SLOPE_EVERY])
    if len(x) < 3:
        return math.nan, math.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.log(signals.density[within][::SLOPE_EVERY])
        x, y = x - x.mean(), y - y.mean()
        steepness = (x @ y) / (x @ x)
        return float(-steepness), float(steepness * (x @ y) / (y @ y))


def band_power(signals: Signals, low: float, high: float) -> float:
    """Return the variance within ``low <= f < high`` (Hz), mean of regions, in Hz^2."""
    # limits in bins, so that rounding does not decide on which side of one a frequency is
    first, end = (math.ceil(f * signals.seconds - 1e-6) - 1 for f in (low, high))
    return float(signals.density[max(first, 0) : max(end, 0)].sum() / signals.seconds)


def relative_power(signals: Signals, low: float, high: float) -> float:
    """Return a band's share of all power, 0..1; NaN where there is no power."""
    total = float(signals.density.sum() / signals.seconds)
    return band_power(signals, low, high) / total if total > 0 else math.nan


def dominant_frequency(signals: Signals) -> Floats:
    """Return the frequency of the most power, ``(regions,)`` in Hz, to 1 Hz.

    Welch's estimate: periodic Hann windows of 1 s, but of 64 samples at least (or the whole series
    if it is shorter), half overlapping, each less its mean. NaN for a constant region.
    """
    from scipy.fft import rfft

    from l2l.optimizees.whole_brain.analysis import kernels

    length = min(max(int(signals.context.rate), 64), signals.samples)
    step = length - length // 2
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)
    number = (signals.samples - length) // step + 1
    parts = np.empty((signals.regions, number, length), dtype=np.float32)
    kernels.segments(signals.rows, window, step, parts)
    values = rfft(parts, overwrite_x=True).view(np.float32)  # real, imaginary, real, ...
    squares = np.einsum("rsk,rsk->rk", values, values)
    power = squares[:, 0::2] + squares[:, 1::2]
    power[:, 0] /= 2  # one-sided: all others stand for a negative frequency too
    if length % 2 == 0:
        power[:, -1] /= 2
    best = power.argmax(axis=1) * (signals.context.rate / length)
    return np.where(power.any(axis=1), best, np.nan)
