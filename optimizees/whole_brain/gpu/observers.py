"""Observers on a GPU: where it is worth it, a class has a counterpart that works on the device.

The counterpart of an observer gives the same results, to rounding. Of a class that has none (and of
subclasses, which may do something else), the observer itself gets copies of the segments.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from numba import cuda

from l2l.optimizees.whole_brain.gpu import observing
from l2l.optimizees.whole_brain.gpu.connectivity import ConnectivityOnDevice, DynamicsOnDevice
from l2l.optimizees.whole_brain.observe import (
    Bold,
    Coarser,
    Connectivity,
    Dynamics,
    Observer,
    Passing,
)
from l2l.optimizees.whole_brain.observe.base import whole_number

Array = npt.NDArray[Any]
OnDevice = Any  #: an array on the GPU
THREADS = observing.THREADS


class Counterpart(Protocol):
    """What stands for an observer on a GPU; its life is that of an observer."""

    def start(self, slots: int, regions: int, period: float, real: Any) -> None:
        """Begin, for numbers of type ``real``."""

    def take(self, series: OnDevice, ok: OnDevice) -> None:
        """Take ``(slots, samples, n)``; ``ok (slots)`` is 0 where a set has diverged."""

    def result(self) -> Mapping[str, Array]:
        """Return arrays ``(slots, ...)``."""

    def memory(self, regions: int, period: float, samples: int, real: Any) -> int:
        """Return the bytes of the device that a slot needs, for ``samples`` samples in all."""


def counterpart(observer: Observer) -> Counterpart:
    """Return what stands for an observer on a GPU."""
    found: Counterpart = COUNTERPARTS.get(type(observer), OnHost)(observer)
    return found


class OnHost:
    """Gives copies of what lies on the device to an observer on the host.

    Args:
        observer: Is copied.
    """

    def __init__(self, observer: Observer) -> None:
        self.observer = copy.deepcopy(observer)

    def start(self, slots: int, regions: int, period: float, real: Any) -> None:
        """Begin."""
        self.observer.start(slots, regions, period)

    def take(self, series: OnDevice, ok: OnDevice) -> None:
        """Copy the samples to the host; those of diverged sets are zero, as on the CPU."""
        here = series.copy_to_host()
        here[ok.copy_to_host() == 0] = 0
        self.observer.take(here)

    def result(self) -> Mapping[str, Array]:
        """Return the observer's results."""
        return self.observer.result()

    def memory(self, regions: int, period: float, samples: int, real: Any) -> int:
        """Return 0: nothing is kept on the device."""
        return 0


class _Passing:
    """Makes a new series and passes it on."""

    def __init__(self, observer: Passing) -> None:
        self.within = [counterpart(one) for one in observer.observers]

    def start_within(self, slots: int, regions: int, period: float, real: Any) -> None:
        """Begin for the observers within."""
        self.shape, self.real, self.seen = (slots, regions), real, 0
        self.blocks = -(-slots * regions // THREADS)
        for one in self.within:
            one.start(slots, regions, period, real)

    def room(self, series: OnDevice, each: int) -> OnDevice:
        """Return room for the samples that these complete, ``each`` old ones; never none."""
        before, self.seen = self.seen, self.seen + series.shape[1]
        self.before = before // each
        self.new = self.seen // each - self.before
        return cuda.device_array((self.shape[0], max(self.new, 1), self.shape[1]), self.real)

    def pass_on(self, series: OnDevice, ok: OnDevice, skipped: int = 0) -> None:
        """Give what is new to the observers within, less the first samples of all."""
        first = min(max(0, skipped - self.before), self.new)
        if first < self.new:
            if first:
                slots, regions = self.shape
                left = cuda.device_array((slots, self.new - first, regions), self.real)
                observing.copy[slots, THREADS](series, first, left, 0, self.new - first)
                series = left
            for one in self.within:
                one.take(series, ok)

    def result(self) -> Mapping[str, Array]:
        """Return the results of all observers within."""
        return {name: value for one in self.within for name, value in one.result().items()}


class BoldOnDevice(_Passing):
    """:class:`~l2l.optimizees.whole_brain.observe.Bold`."""

    def __init__(self, observer: Bold) -> None:
        super().__init__(observer)
        self.observer = observer

    def start(self, slots: int, regions: int, period: float, real: Any) -> None:
        """Begin at rest."""
        self.rates = self.observer.rates(period)
        self.start_within(slots, regions, self.observer.tr, real)
        self.kept = cuda.to_device(np.zeros((5, slots * regions), real))
        constants, parts = self.rates.constants, self.rates.parts
        self.numbers = real(self.rates.scale), tuple(map(real, constants)), tuple(map(real, parts))

    def take(self, series: OnDevice, ok: OnDevice) -> None:
        """Integrate over the samples and pass on the scans that they complete."""
        rates = self.rates
        steps, in_step = divmod(self.seen, rates.each)
        out = self.room(series, rates.each * rates.interval)
        observing.bold(self.real)[self.blocks, THREADS](
            series, self.kept, in_step, steps % rates.interval, rates.each, rates.substeps,
            rates.interval, *self.numbers, out,
        )  # fmt: skip
        self.pass_on(out, ok, int(self.observer.skip / self.observer.tr + 1e-9))

    def memory(self, regions: int, period: float, samples: int, real: Any) -> int:
        """Return the bytes of the states, of the signal of a segment, and within."""
        rates = self.observer.rates(period)
        each = rates.each * rates.interval
        return _passing(self, regions, self.observer.tr, samples, each, real, 5)


class CoarserOnDevice(_Passing):
    """:class:`~l2l.optimizees.whole_brain.observe.Coarser`."""

    def __init__(self, observer: Coarser) -> None:
        super().__init__(observer)
        self.observer = observer

    def start(self, slots: int, regions: int, period: float, real: Any) -> None:
        """Begin."""
        self.each = self._each(period)
        self.start_within(slots, regions, self.observer.period, real)
        self.kept = cuda.to_device(np.zeros(slots * regions, real))

    def take(self, series: OnDevice, ok: OnDevice) -> None:
        """Pass on the new samples that are complete."""
        in_group = self.seen % self.each
        out = self.room(series, self.each)
        observing.coarser[self.blocks, THREADS](
            series, self.kept, in_group, self.each, self.observer.average, out
        )
        self.pass_on(out, ok)

    def memory(self, regions: int, period: float, samples: int, real: Any) -> int:
        """Return the bytes of the sums, of a segment's new samples, and within."""
        return _passing(self, regions, self.observer.period, samples, self._each(period), real, 1)

    def _each(self, period: float) -> int:
        return whole_number(self.observer.period, period, "the period of a coarser series")


def _passing(
    one: _Passing, regions: int, period: float, samples: int, each: int, real: Any, kept: int
) -> int:
    new = samples // each + 1
    own = (kept + 2 * new) * regions * int(np.dtype(real).itemsize)
    return own + sum(inner.memory(regions, period, new, real) for inner in one.within)


COUNTERPARTS: dict[type[Observer], Any] = {
    Bold: BoldOnDevice,
    Coarser: CoarserOnDevice,
    Connectivity: ConnectivityOnDevice,
    Dynamics: DynamicsOnDevice,
}
