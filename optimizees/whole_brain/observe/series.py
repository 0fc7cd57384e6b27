"""Time series that are kept, and series made coarser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from l2l.optimizees.whole_brain.model import Floats
from l2l.optimizees.whole_brain.observe.base import Observer, Passing, whole_number


class Series(Observer):
    """Keeps all samples, so its memory grows with the simulated time.

    Args:
        name: Of the result, ``(sets, samples, regions)``.
        output: See :class:`Observer`.
    """

    def __init__(self, name: str = "series", output: str = "") -> None:
        self.name = name
        self.output = output

    @property
    def names(self) -> tuple[str, ...]:
        """Name of the series."""
        return (self.name,)

    def start(self, sets: int, regions: int, period: float) -> None:
        """Begin, see :class:`Observer`."""
        self._kept: list[Floats] = [np.zeros((sets, 0, regions), np.float32)]

    def take(self, series: Floats) -> None:
        """Keep a copy of the samples."""
        self._kept.append(series.copy())

    def result(self) -> Mapping[str, Floats]:
        """Return the series."""
        self._kept = [np.concatenate(self._kept, axis=1)]
        return {self.name: self._kept[0]}


class Coarser(Passing):
    """Passes a series on with a longer period.

    Args:
        period: Between the new samples in ms: a multiple of the period of the series.
        observers: They take the new series.
        average: Whether a new sample is the mean of those it stands for, or the last of them
            (decimation, which lets through what is faster than half the new rate).
        output: See :class:`Observer`.
    """

    def __init__(
        self,
        period: float,
        observers: Sequence[Observer],
        average: bool = True,
        output: str = "",
    ) -> None:
        super().__init__(observers, output)
        self.period = period
        self.average = average

    def start(self, sets: int, regions: int, period: float) -> None:
        """Begin, see :class:`Observer`."""
        self._each = whole_number(self.period, period, "the period of a coarser series")
        self._waiting: Floats = np.zeros((sets, 0, regions), np.float32)
        self.start_observers(sets, regions, self.period)

    def take(self, series: Floats) -> None:
        """Pass on the new samples that are complete."""
        if self._waiting.shape[1]:
            series = np.concatenate((self._waiting, series), axis=1)
        sets, samples, regions = series.shape
        whole = samples // self._each * self._each
        self._waiting = series[:, whole:].copy()
        groups = series[:, :whole].reshape(sets, whole // self._each, self._each, regions)
        self.pass_on(groups.mean(axis=2) if self.average else groups[:, :, -1])
