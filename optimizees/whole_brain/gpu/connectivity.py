"""Functional connectivity and its dynamics on a GPU."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import cuda

from l2l.optimizees.whole_brain.gpu import observing
from l2l.optimizees.whole_brain.observe import Connectivity, Dynamics

Array = npt.NDArray[Any]
OnDevice = Any  #: an array on the GPU
THREADS = observing.THREADS


class _Products:
    """Running means and products of all pairs of regions."""

    def __init__(self, slots: int, regions: int, real: Any) -> None:
        shape = slots, regions
        self.count, self.blocks, self.slots = 0, -(-slots * regions // THREADS), slots
        self.mean = cuda.to_device(np.zeros(shape))
        self.rough = cuda.device_array(shape, real)
        self.error, self.apart = cuda.device_array(shape), cuda.device_array(shape)
        self.sums = cuda.to_device(np.zeros((slots, regions, regions)))

    def add(self, series: OnDevice, first: int, samples: int) -> None:
        """Add some samples of a series."""
        span = series, first, samples, self.count
        observing.centre[self.blocks, THREADS](*span, self.mean, self.rough, self.error, self.apart)
        observing.merge[self.slots, THREADS](*span, self.rough, self.error, self.apart, self.sums)
        self.count += samples

    def correlations(self) -> OnDevice:
        """Return the correlations ``(slots, n, n)`` in single precision."""
        out = cuda.device_array(self.sums.shape, np.float32)
        observing.correlate[self.slots, THREADS](self.sums, out)
        return out

    @staticmethod
    def memory(regions: int, real: Any) -> int:
        """Return the bytes a slot needs, correlations included."""
        return 12 * regions**2 + (24 + int(np.dtype(real).itemsize)) * regions


class ConnectivityOnDevice:
    """:class:`~l2l.optimizees.whole_brain.observe.Connectivity`.

    Samples are merged as they come, a segment at once; segments are the same for all sets.
    """

    def __init__(self, observer: Connectivity) -> None:
        self.name = observer.name

    def start(self, slots: int, regions: int, period: float, real: Any) -> None:
        """Begin."""
        self.products = _Products(slots, regions, real)

    def take(self, series: OnDevice, ok: OnDevice) -> None:
        """Add the samples."""
        self.products.add(series, 0, series.shape[1])

    def result(self) -> Mapping[str, Array]:
        """Return the functional connectivity."""
        return {self.name: self.products.correlations().copy_to_host()}

    def memory(self, regions: int, period: float, samples: int, real: Any) -> int:
        """Return the bytes of the products."""
        return _Products.memory(regions, real)


class DynamicsOnDevice:
    """:class:`~l2l.optimizees.whole_brain.observe.Dynamics`; patterns of windows stay here."""

    def __init__(self, observer: Dynamics) -> None:
        self.observer = observer

    def start(self, slots: int, regions: int, period: float, real: Any) -> None:
        """Begin; the observer checks what it was given."""
        copy.deepcopy(self.observer).start(0, regions, period)
        self.slots, self.regions, self.real = slots, regions, real
        self.length, self.hop = self._lengths(period)
        self.count, self.ahead = 0, 0
        shape = slots, self.length, regions
        self.buffer, self.spare = (cuda.device_array(shape, real) for _ in range(2))
        self.windows: list[OnDevice] = []

    def _lengths(self, period: float) -> tuple[int, int]:
        return round(self.observer.window / period), round(self.observer.hop / period)

    def take(self, series: OnDevice, ok: OnDevice) -> None:
        """Compute the connectivity of the windows that the samples complete."""
        first, samples = 0, series.shape[1]
        while first < samples:
            if self.ahead:
                taken = min(samples - first, self.ahead)
                self.ahead -= taken
            else:
                taken = min(samples - first, self.length - self.count)
                self._copy(series, first, self.buffer, self.count, taken)
                self.count += taken
                if self.count == self.length:
                    self._complete()
            first += taken

    def _copy(self, source: OnDevice, first: int, target: OnDevice, at: int, count: int) -> None:
        observing.copy[self.slots, THREADS](source, first, target, at, count)

    def _complete(self) -> None:
        products = _Products(self.slots, self.regions, self.real)
        products.add(self.buffer, 0, self.length)
        pairs = self.regions * (self.regions - 1) // 2
        self.windows.append(cuda.device_array((self.slots, pairs), np.float32))
        observing.pattern[self.slots, THREADS](products.correlations(), self.windows[-1])
        self.count, self.ahead = max(0, self.length - self.hop), max(0, self.hop - self.length)
        if self.count:
            self._copy(self.buffer, self.hop, self.spare, 0, self.count)
            self.buffer, self.spare = self.spare, self.buffer

    def result(self) -> Mapping[str, Array]:
        """Return the correlations of windows."""
        windows = len(self.windows)
        if windows < 2:
            return {self.observer.name: np.zeros((self.slots, 0), np.float32)}
        found = cuda.device_array((self.slots, windows * (windows - 1) // 2), np.float32)
        pairs = self.windows[0].shape[1]
        patterns = cuda.device_array((self.slots, windows, pairs), np.float32)
        for place, window in enumerate(self.windows):
            self._copy(window.reshape(self.slots, 1, pairs), 0, patterns, place, 1)
        self.windows.clear()
        observing.compare[(self.slots, windows), THREADS](patterns, windows, found)
        return {self.observer.name: found.copy_to_host()}

    def memory(self, regions: int, period: float, samples: int, real: Any) -> int:
        """Return the bytes of the buffers, of the products, and of all patterns, twice."""
        length, hop = self._lengths(period)
        patterns = max(0, samples - length) // hop + 1
        buffers = 2 * length * regions * int(np.dtype(real).itemsize)
        return buffers + _Products.memory(regions, real) + 4 * patterns * regions**2
