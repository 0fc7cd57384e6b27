"""How functional connectivity changes: FCD of sliding windows and of phases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from l2l.optimizees.whole_brain.analysis.compare import upper
from l2l.optimizees.whole_brain.model import Floats

if TYPE_CHECKING:
    from l2l.optimizees.whole_brain.analysis.signals import Signals

PHASE_EDGE = 10  #: patterns dropped at both ends, where the filter has seen less
PHASE_MEAN = 3  #: neighbouring patterns whose mean is taken


def windowed_fc(signals: Signals) -> Floats:
    """Return the functional connectivity of pairs in each window ``(windows, pairs)``, float32.

    Windows begin every ``fcd_step`` and hold ``fcd_window``; all that are complete count. NaN for
    the pairs of a region that is constant in a window.

    Windows overlap, so products are summed once for each piece of ``fcd_step``, less the means of
    the piece, and a window adds up its pieces (Chan, Golub, LeVeque 1983).
    """
    from l2l.optimizees.whole_brain.analysis import kernels

    length, step = signals.context.fcd_samples, signals.context.fcd_stride
    n, many = signals.regions, length // step
    number = signals.samples // step
    pieces = signals.rows[:, : number * step].reshape(n, number, step).transpose(1, 0, 2)
    means = pieces @ np.full(step, 1 / step, dtype=np.float32)
    pieces = pieces - means[:, :, None]
    out = np.empty((number - many + 1, n * (n - 1) // 2), dtype=np.float32)
    kernels.slide(pieces @ pieces.transpose(0, 2, 1), means, step, many, out)
    return out


@dataclass(frozen=True)
class Products:
    """Inner products of windows, of which correlations are made.

    Attributes:
        centred: ``(w, w)`` inner products of the entries above the diagonal, each less their mean.
        means: ``(w,)`` these means.
        regions: Number of regions.
    """

    centred: Floats
    means: Floats
    regions: int


def products(windows: Floats, regions: int) -> Products:
    """Return the inner products of functional connectivity in windows ``(w, pairs)``."""
    means = windows.mean(axis=1, dtype=np.float64)
    centred = windows - means.astype(windows.dtype)[:, None]
    return Products((centred @ centred.T).astype(np.float64), means, regions)


def fcd(windows: Products) -> Floats:
    """Return functional connectivity dynamics ``(w, w)``: how similar each two windows are.

    Pearson's correlation of the entries above the diagonal (Hansen et al. 2015); NaN for a window
    in which a region is constant.
    """
    return _normalised(windows.centred)


def published_fcd_variance(windows: Products, complete: bool) -> float:
    """Return the variance of FCD as the published code has it.

    It correlates whole matrices with their diagonals, leaves out the last window if it is complete,
    and takes the variance of the whole ``(w, w)`` matrix in which all but the entries
    ``[i, j >= i + 2]`` were set to 0: mostly zeros, so that it is more the mean of FCD than its
    variance that it measures.

    Args:
        windows: Inner products.
        complete: Whether the last window ends with the series.
    """
    n, k = windows.regions, len(windows.means) - int(complete)
    means, pairs = windows.means[:k], n * (n - 1)
    whole = (pairs * means + n) / n**2  # means of whole matrices: each pair twice, n ones
    off, on = means - whole, 1 - whole
    covariance = 2 * windows.centred[:k, :k] + pairs * np.outer(off, off) + n * np.outer(on, on)
    return float(np.triu(_normalised(covariance), 2).var())


def _normalised(products: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = 1 / np.sqrt(np.diag(products))
        return products * scale * scale[:, None]


def phase_fcd(signals: Signals) -> Floats:
    """Return phase FCD values ``(m,)``: cosines between patterns of phase differences.

    The series is filtered to ``phase_band`` (the gain of a Butterworth filter of order 2, forwards
    and backwards, applied to the spectrum); its phases every ``phase_step`` give patterns
    ``cos(phase_i - phase_j)``, i < j, ten of which are dropped at each end. Means of three
    neighbours are compared, each with each (Deco & Kringelbach 2016; Cabral et al. 2017). With T
    patterns left there are ``(T - 2)(T - 3) / 2`` values.

    No pattern is ever stored: with ``c = cos(phase)`` and ``s = sin(phase)``, the inner product of
    two is half of ``(c c')^2 + (s s')^2 + (c s')^2 + (s c')^2 - n``.
    """
    phase = _band_phases(signals)
    if len(phase) <= PHASE_MEAN:
        return np.full(1, np.nan)
    c, s = np.ascontiguousarray(phase.real), np.ascontiguousarray(phase.imag)
    mixed = c @ s.T
    # sum over all i, j of cos(phase_i - phase_j)(t) cos(phase_i - phase_j)(t')
    products = (c @ c.T) ** 2 + (s @ s.T) ** 2 + mixed**2 + mixed.T**2
    products = (products - signals.regions) / 2  # of pairs i < j: the diagonal is n ones
    for axis in (0, 1):  # inner products of sums of three neighbours
        products = sliding_window_view(products, PHASE_MEAN, axis=axis).sum(axis=-1)
    norms = np.sqrt(np.diag(products).astype(np.float64))
    return upper(products / np.outer(norms, norms))


def _band_phases(signals: Signals) -> Floats:
    """Return ``exp(i phase)`` of the filtered series, ``(patterns, regions)``."""
    from scipy.fft import ifft

    context, samples = signals.context, signals.samples
    low, high = context.phase_band
    hertz = np.arange(1, signals.spectrum.shape[1]) / signals.seconds
    gain = 1 / (1 + ((hertz**2 - low * high) / ((high - low) * hertz)) ** 4)  # order 2, squared
    step = context.samples_of(context.phase_step or context.period)
    # every step-th value of the transform is the transform of the spectrum, folded step times
    length = samples // step if samples % step == 0 else samples
    folds = -(-(len(gain) + 1) // length)
    folded = np.zeros((signals.regions, folds * length), dtype=np.complex64)
    np.multiply(signals.spectrum[:, 1:], gain.astype(np.float32), out=folded[:, 1 : len(gain) + 1])
    z = ifft(folded.reshape(signals.regions, folds, length).sum(axis=1))
    z = z[:, :: step if length == samples else 1][:, PHASE_EDGE:-PHASE_EDGE].T
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(z / np.abs(z))
