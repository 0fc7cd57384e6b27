"""Functional connectivity dynamics: how the connectivity of one time resembles that of another."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from l2l.errors import ConfigError, need
from l2l.optimizees.whole_brain.analysis import Context, signals, upper
from l2l.optimizees.whole_brain.model import Floats
from l2l.optimizees.whole_brain.observe.base import Observer
from l2l.optimizees.whole_brain.observe.moments import BLOCK, Moments, correlations
from l2l.optimizees.whole_brain.observe.series import Series


class Dynamics(Observer):
    """Functional connectivity dynamics (FCD) of sliding windows (Hansen et al. 2015).

    The connectivity of a window is computed when the window is complete; of the series no more than
    a window is kept. Each window leaves its ``n (n - 1) / 2`` correlations in single precision: FCD
    compares all with all, so these stay, 2 MB a window for 1,000 regions. Windows cost
    ``window / hop`` times as much as :class:`~.connectivity.Connectivity` does: make series in ms
    :class:`~.series.Coarser` first.

    Args:
        window: Length of a window in ms, rounded to whole samples, at least two.
        hop: Time between the beginnings of windows in ms, rounded to whole samples.
        name: Of the result: the correlations of all pairs of windows a < b, row by row,
            ``(sets, windows (windows - 1) / 2)`` float32. The first window begins with the first
            sample; all that are complete count. NaN where a region is constant in a window.
        output: See :class:`Observer`.
    """

    def __init__(
        self,
        window: float = 60_000.0,
        hop: float = 2000.0,
        name: str = "fcd",
        output: str = "",
    ) -> None:
        self.window = window
        self.hop = hop
        self.name = name
        self.output = output

    @property
    def names(self) -> tuple[str, ...]:
        """Name of the FCD."""
        return (self.name,)

    def start(self, sets: int, regions: int, period: float) -> None:
        """Begin, see :class:`Observer`."""
        self._length = round(self.window / period)
        self._hop = round(self.hop / period)
        if self._length < 2 or self._hop < 1:
            raise ConfigError(
                f"FCD has windows of {self.window:g} ms every {self.hop:g} ms, but the samples are "
                f"{period:g} ms apart; take two samples for a window and one for the hop, or more"
            )
        if regions < 3:
            raise ConfigError(
                f"FCD compares the correlations of pairs of regions, but {regions} regions have "
                f"{regions // 2}; leave FCD out"
            )
        self._sets, self._regions = sets, regions
        self._buffer: Floats = np.zeros((sets, 0, regions), np.float32)
        self._count = 0  # samples of the current window that are there
        self._ahead = 0  # samples until it begins, where windows leave gaps
        self._windows: list[Floats] = []

    def take(self, series: Floats) -> None:
        """Compute the connectivity of the windows that the samples complete."""
        if not self._buffer.shape[1]:
            self._buffer = np.empty((self._sets, self._length, self._regions), series.dtype)
        first, samples = 0, series.shape[1]
        while first < samples:
            if self._ahead:
                last = min(samples, first + self._ahead)
                self._ahead -= last - first
            else:
                last = min(samples, first + self._length - self._count)
                end = self._count + last - first
                self._buffer[:, self._count : end] = series[:, first:last]
                self._count = end
                if end == self._length:
                    self._complete()
            first = last

    def _complete(self) -> None:
        self._windows.append(_pattern(self._buffer))
        self._count = max(0, self._length - self._hop)
        self._ahead = max(0, self._hop - self._length)
        if self._count:
            self._buffer[:, : self._count] = self._buffer[:, self._hop :].copy()

    def result(self) -> Mapping[str, Floats]:
        """Return the correlations of windows."""
        if len(self._windows) < 2:
            return {self.name: np.zeros((self._sets, 0), np.float32)}
        patterns = np.stack(self._windows, axis=1)
        return {self.name: upper(np.matmul(patterns, patterns.transpose(0, 2, 1)))}


def _pattern(series: Floats) -> Floats:
    """Return the correlations of pairs of regions, less their mean and of length 1, float32."""
    sets, samples, regions = series.shape
    moments = Moments(sets, regions, mutual=True)
    for first in range(0, samples, BLOCK):
        moments.merge(series[:, first : first + BLOCK])
    pairs = upper(correlations(moments.sums))
    pairs -= pairs.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        pairs /= np.sqrt(np.einsum("sp,sp->s", pairs, pairs))[:, None]
    return pairs.astype(np.float32)


class PhaseDynamics(Series):
    """Phase FCD: how the phase differences of one time resemble those of another.

    A filter needs the whole series, so the samples are kept: let it look at BOLD, a sample each
    repetition time. What is computed says
    :func:`l2l.optimizees.whole_brain.analysis.dynamics.phase_fcd`.

    Args:
        band: Limits of the phases' band in Hz.
        name: Of the result ``(sets, values)``, in -1..1, float32; of T samples,
            ``(T - 22) (T - 23) / 2`` values.
        output: See :class:`Observer`.
    """

    def __init__(
        self,
        band: tuple[float, float] = (0.01, 0.09),
        name: str = "phase_fcd",
        output: str = "",
    ) -> None:
        super().__init__(name, output)
        self.band = band

    def start(self, sets: int, regions: int, period: float) -> None:
        """Begin, see :class:`Observer`."""
        need("scipy", "scipy", "scipy")  # now, not after the simulation
        self._context = Context(period=period, phase_band=self.band)
        super().start(sets, regions, period)

    def result(self) -> Mapping[str, Floats]:
        """Return the phase FCD."""
        series = super().result()[self.name]
        values = [signals(one, self._context).phase_fcd for one in series]
        return {self.name: np.array(values, np.float32)}
