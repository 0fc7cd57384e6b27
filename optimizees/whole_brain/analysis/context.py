"""What metrics need to know beside the series."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from l2l.errors import ConfigError
from l2l.optimizees.whole_brain.analysis.compare import upper
from l2l.optimizees.whole_brain.model import Floats


@dataclass(frozen=True, eq=False)
class Context:
    """What metrics need to know beside the series.

    Attributes:
        period: Time between samples, in ms.
        weights: Structural connectivity ``(n, n)``.
        lengths: Tract lengths ``(n, n)`` in mm.
        target_fc: Functional connectivity ``(n, n)`` to compare with.
        target_fcd: FCD values ``(m,)`` to compare with, as the metric ``FCD`` gives them.
        target_phfcd: Phase FCD values ``(m,)``, as the metric ``phFCD`` gives them.
        network: Indices of the regions of a network, such as the default mode.
        seed_region: Index of the region whose correlations are ranked (``ratio_zscore_dmn``).
        fcd_window: Length of the windows of FCD, in ms; a multiple of ``fcd_step``.
        fcd_step: Time between their beginnings, in ms.
        phase_band: Limits in Hz of the band whose phases phase FCD takes.
        phase_step: Time between phase patterns, in ms; None for each sample.
        peak_prominence: Least prominence of a peak of the power spectral density, in Hz^2/Hz.
            The published code's 1 in its units is 5e-7 here for 4 s of samples of 1 ms.
        up_ratio: A region is UP where its smoothed rate exceeds this share of its maximum ...
        up_floor: ... plus this rate, in Hz.
        up_smoothing: Standard deviation of the Gaussian that smooths, in ms.
        up_shortest: Shortest state, in ms.

    Raises:
        ConfigError: If a value is out of range or an array of the wrong shape.
    """

    period: float
    weights: Floats | None = None
    lengths: Floats | None = None
    target_fc: Floats | None = None
    target_fcd: Floats | None = None
    target_phfcd: Floats | None = None
    network: Sequence[int] | None = None
    seed_region: int | None = None
    fcd_window: float = 1000.0
    fcd_step: float = 100.0
    phase_band: tuple[float, float] = (0.01, 0.09)
    phase_step: float | None = None
    peak_prominence: float = 5e-7
    up_ratio: float = 0.3
    up_floor: float = 0.2
    up_smoothing: float = 10.0
    up_shortest: float = 20.0

    def __post_init__(self) -> None:
        for name in _NUMBERS:
            value = getattr(self, name)
            if not (name == "phase_step" and value is None) and not _is_number(value):
                raise ConfigError(f"{name} must be a number, got {value!r}")
        for name in ("period", "fcd_window", "fcd_step", "up_smoothing"):
            if not 0 < getattr(self, name) < np.inf:
                raise ConfigError(f"{name} must be a time above 0 in ms, got {getattr(self, name)}")
        for name in ("weights", "lengths", "target_fc"):
            _check_square(name, getattr(self, name))
        for name in ("target_fcd", "target_phfcd"):
            _check_values(name, getattr(self, name))
        ratio = self.fcd_window / self.fcd_step
        if abs(ratio - round(ratio)) > 1e-6:
            raise ConfigError(
                f"fcd_window must be a multiple of fcd_step, got {self.fcd_window:g} and "
                f"{self.fcd_step:g} ms"
            )
        band: Any = self.phase_band
        numbers = isinstance(band, (tuple, list)) and len(band) == 2 and all(map(_is_number, band))
        if not numbers or not 0 < band[0] < band[1]:
            raise ConfigError(
                f"phase_band must be (low, high) in Hz with 0 < low < high, got {band!r}"
            )

    def samples_of(self, time: float) -> int:
        """Return how many samples a time in ms is, at least one."""
        return max(1, round(time / self.period))

    def check_windows(self, samples: int) -> None:
        """Raise ConfigError if a series has too few samples for FCD, or windows don't fit."""
        if self.fcd_samples % self.fcd_stride:
            raise ConfigError(
                f"fcd_window must be a multiple of fcd_step, got {self.fcd_window:g} and "
                f"{self.fcd_step:g} ms: {self.fcd_samples} and {self.fcd_stride} samples"
            )
        if self.fcd_samples < 2:
            raise ConfigError(
                f"windows of FCD last {self.fcd_window:g} ms (fcd_window), which is one sample; "
                "give it and fcd_step for a series of this period"
            )
        if self.fcd_samples + 2 * self.fcd_stride > samples:
            raise ConfigError(
                f"FCD needs three windows or more: windows of {self.fcd_window:g} ms every "
                f"{self.fcd_step:g} ms, and the series lasts {samples * self.period:g} ms. "
                "Simulate longer, or shorten fcd_window"
            )

    def check_band(self, samples: int) -> None:
        """Raise ConfigError if a series does not hold the band of phase FCD."""
        low, high = self.phase_band
        if samples / self.rate * low < 1 or high >= self.rate / 2:
            raise ConfigError(
                f"phase FCD looks at {low:g} to {high:g} Hz (phase_band), but the series lasts "
                f"{samples / self.rate:g} s and resolves up to {self.rate / 2:g} Hz: choose a band "
                "with a period of its lower limit in the series, below the highest frequency"
            )

    @property
    def rate(self) -> float:
        """Samples per second."""
        return 1000.0 / self.period

    @property
    def fcd_samples(self) -> int:
        """Samples of a window of FCD."""
        return self.samples_of(self.fcd_window)

    @property
    def fcd_stride(self) -> int:
        """Samples between the beginnings of two of them."""
        return self.samples_of(self.fcd_step)

    @functools.cached_property
    def upper_weights(self) -> Floats:
        """The weights of pairs ``(n (n - 1) / 2,)``; the mean of both directions."""
        return _symmetric_upper(self.weights)

    @functools.cached_property
    def upper_lengths(self) -> Floats:
        """The tract lengths of pairs ``(n (n - 1) / 2,)``."""
        return _symmetric_upper(self.lengths)

    @functools.cached_property
    def upper_target(self) -> Floats:
        """The target's functional connectivity of pairs ``(n (n - 1) / 2,)``."""
        return _symmetric_upper(self.target_fc)


def _symmetric_upper(matrix: Floats | None) -> Floats:
    whole = np.asarray(matrix, dtype=np.float64)
    return upper((whole + whole.T) / 2)


#: The attributes that are one number.
_NUMBERS = (
    "period", "fcd_window", "fcd_step", "phase_step", "peak_prominence", "up_ratio", "up_floor",
    "up_smoothing", "up_shortest",
)  # fmt: skip


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, (int, float, np.number))
        and not isinstance(value, bool)
        and bool(np.isfinite(value))
    )


def _check_square(name: str, matrix: Any) -> None:
    if matrix is None:
        return
    array = np.asarray(matrix)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or not np.isfinite(array).all():
        raise ConfigError(
            f"{name} must be a matrix (regions, regions) of finite numbers, got the shape "
            f"{array.shape}" + ("" if array.ndim != 2 or len(set(array.shape)) > 1 else " with NaN")
        )


def _check_values(name: str, values: Any) -> None:
    if values is not None and (np.ndim(values) != 1 or not all(map(_is_number, values))):
        raise ConfigError(
            f"{name} must be finite values (m,), got an array of shape {np.shape(values)}"
        )
