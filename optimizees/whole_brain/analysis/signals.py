"""The series of one set, and what several metrics compute from it, once."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from l2l.errors import need
from l2l.optimizees.whole_brain.analysis import dynamics, phases, spectrum, states
from l2l.optimizees.whole_brain.analysis.compare import upper
from l2l.optimizees.whole_brain.analysis.context import Context
from l2l.optimizees.whole_brain.model import Floats

Single = npt.NDArray[np.float32]


class Signals:
    """The series of one quantity of one set; what metrics are functions of.

    All is computed when it is first asked for, and kept. Arrays must not be changed.

    Attributes:
        series: ``(samples, regions)`` float32, in Hz where it is a rate.
        context: What else metrics need to know.
    """

    def __init__(self, series: Single, context: Context) -> None:
        need("scipy", "scipy", "scipy")
        need("numba", "numba", "numba")
        self.series = series
        self.context = context

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(self.series)

    @property
    def regions(self) -> int:
        """Number of regions."""
        return int(self.series.shape[1])

    @property
    def seconds(self) -> float:
        """Length of the series, in s."""
        return self.samples * self.context.period / 1000.0

    @functools.cached_property
    def finite(self) -> bool:
        """Whether all samples are numbers."""
        return bool(np.isfinite(self.means).all())  # sums in float64 don't overflow

    @functools.cached_property
    def raw(self) -> Single:
        """The series with samples last, ``(regions, samples)``."""
        return np.ascontiguousarray(self.series.T)

    @functools.cached_property
    def _described(self) -> tuple[Floats, Single, Single, Single]:
        from l2l.optimizees.whole_brain.analysis import kernels

        means = np.empty(self.regions)
        maxima, minima = np.empty((2, self.regions), dtype=np.float32)
        rows = np.empty_like(self.raw)
        kernels.describe(self.raw, means, maxima, minima, rows)
        return means, maxima, minima, rows

    @property
    def means(self) -> Floats:
        """Mean of each region ``(regions,)``, float64."""
        return self._described[0]

    @property
    def maxima(self) -> Single:
        """Largest value of each region ``(regions,)``."""
        return self._described[1]

    @property
    def minima(self) -> Single:
        """Smallest value of each region ``(regions,)``."""
        return self._described[2]

    @property
    def rows(self) -> Single:
        """The series less each region's mean, with samples last ``(regions, samples)``."""
        return self._described[3]

    @functools.cached_property
    def covariance(self) -> Floats:
        """Covariance of regions ``(regions, regions)``, of the population, float64."""
        return (self.rows @ self.rows.T).astype(np.float64) / self.samples

    @functools.cached_property
    def fc(self) -> Floats:
        """Functional connectivity: Pearson's correlation ``(regions, regions)``, float64.

        NaN in the row and the column of a region that is constant.
        """
        variance = np.diag(self.covariance)
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.covariance / np.sqrt(np.outer(variance, variance))

    @functools.cached_property
    def upper_fc(self) -> Floats:
        """Functional connectivity of pairs ``(regions (regions - 1) / 2,)``."""
        return upper(self.fc)

    @functools.cached_property
    def spectrum(self) -> npt.NDArray[np.complex64]:
        """Fourier transform of ``rows``, ``(regions, samples // 2 + 1)``."""
        from scipy.fft import rfft

        return np.asarray(rfft(self.rows))

    @functools.cached_property
    def hilbert(self) -> Single:
        """Hilbert transform of each region, ``(regions, samples)``."""
        return phases.hilbert(self.spectrum, self.samples)

    @functools.cached_property
    def pli(self) -> Floats:
        """Phase lag index of pairs ``(regions (regions - 1) / 2,)``, 0..1 (Stam et al. 2007)."""
        return phases.pli(self)

    @functools.cached_property
    def density(self) -> Floats:
        """Power spectral density ``(bins,)`` in Hz^2/Hz, mean of regions, see :mod:`.spectrum`."""
        return spectrum.density(self)

    @functools.cached_property
    def peaks(self) -> tuple[float, float, float, float]:
        """Frequency and height of two peaks, see :func:`.spectrum.peaks`."""
        return spectrum.peaks(self)

    @functools.cached_property
    def slope(self) -> tuple[float, float]:
        """Exponent of the spectrum and score of its fit, see :func:`.spectrum.slope`."""
        return spectrum.slope(self)

    @functools.cached_property
    def states(self) -> Floats:
        """Mean durations of DOWN and UP states ``(2,)`` in s, see :mod:`.states`."""
        return states.durations(self)

    @functools.cached_property
    def windows(self) -> Floats:
        """Functional connectivity of pairs in sliding windows, ``(windows, pairs)``."""
        return dynamics.windowed_fc(self)

    @functools.cached_property
    def window_products(self) -> dynamics.Products:
        """Inner products of these, see :class:`.dynamics.Products`."""
        return dynamics.products(self.windows, self.regions)

    @functools.cached_property
    def fcd(self) -> Floats:
        """Functional connectivity dynamics ``(windows, windows)``, see :func:`.dynamics.fcd`."""
        return dynamics.fcd(self.window_products)

    @functools.cached_property
    def upper_fcd(self) -> Floats:
        """FCD of pairs of windows ``(windows (windows - 1) / 2,)``."""
        return upper(self.fcd)

    @functools.cached_property
    def phase_fcd(self) -> Floats:
        """Phase FCD values ``(m,)``, see :func:`.dynamics.phase_fcd`."""
        return dynamics.phase_fcd(self)


def signals(series: Any, context: Context) -> Signals:
    """Return the signals of one set's series ``(samples, regions)``, for use without `evaluate`."""
    return Signals(np.asarray(series, dtype=np.float32), context)
