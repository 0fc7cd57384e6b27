"""Means, deviations and functional connectivity, of series of any length."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from l2l.optimizees.whole_brain.model import Floats
from l2l.optimizees.whole_brain.observe.base import Observer
from l2l.optimizees.whole_brain.observe.moments import Blocks, Moments, correlations


class _Running(Observer):
    """An observer of the moments of a series."""

    _mutual: bool

    def __init__(self, name: str, output: str) -> None:
        self.name = name
        self.output = output

    def start(self, sets: int, regions: int, period: float) -> None:
        """Begin, see :class:`Observer`."""
        self._blocks = Blocks(sets, regions)
        self._moments = Moments(sets, regions, self._mutual)

    def take(self, series: Floats) -> None:
        """Add the samples."""
        for block in self._blocks.take(series):
            self._moments.merge(block)

    def _whole(self) -> Moments:
        moments = self._moments.copy()
        moments.merge(self._blocks.rest())
        return moments


class Statistics(_Running):
    """Mean and standard deviation of each region over time.

    Args:
        name: Of the results ``<name>_mean`` and ``<name>_sd``, both ``(sets, regions)``, in the
            series' unit; the deviation is of the samples, divided by their number.
        output: See :class:`Observer`.
    """

    _mutual = False

    def __init__(self, name: str = "series", output: str = "") -> None:
        super().__init__(name, output)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the means and of the deviations."""
        return f"{self.name}_mean", f"{self.name}_sd"

    def result(self) -> Mapping[str, Floats]:
        """Return the means and deviations; NaN without samples."""
        moments = self._whole()
        if not moments.count:
            moments.mean[:], moments.sums[:] = np.nan, np.nan
        deviation = np.sqrt(moments.sums / max(moments.count, 1))
        values = moments.mean.astype(np.float32), deviation.astype(np.float32)
        return dict(zip(self.names, values, strict=True))


class Connectivity(_Running):
    """Functional connectivity: the correlations of all pairs of regions over time.

    Args:
        name: Of the result, ``(sets, regions, regions)`` float32, 1 on the diagonal. NaN for a
            region that does not vary: what has no correlation has no fitness either.
        output: See :class:`Observer`.
    """

    _mutual = True

    def __init__(self, name: str = "fc", output: str = "") -> None:
        super().__init__(name, output)

    @property
    def names(self) -> tuple[str, ...]:
        """Name of the connectivity."""
        return (self.name,)

    def result(self) -> Mapping[str, Floats]:
        """Return the functional connectivity."""
        return {self.name: correlations(self._whole().sums).astype(np.float32)}
