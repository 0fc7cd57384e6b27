"""The BOLD signal of a running simulation."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np

from l2l.errors import ConfigError, need
from l2l.optimizees.whole_brain.model import Floats
from l2l.optimizees.whole_brain.observe import balloon
from l2l.optimizees.whole_brain.observe.base import Observer, Passing, whole_number
from l2l.optimizees.whole_brain.observe.series import Series

BACKENDS = ("auto", "numba", "numpy")


class Bold(Passing):
    """Integrates the Balloon-Windkessel model and passes the BOLD signal on.

    The model starts at rest. The drive of a step is the mean of the samples in it; a sample of the
    signal is its value at the end of a repetition time, the first one at ``tr``. Blood flow takes
    about 20 s to settle: see ``skip``.

    Args:
        observers: They take the signal ``(sets, scans, regions)``; None keeps it as ``bold``.
        tr: Repetition time in ms: a multiple of ``step`` and of the period of the series.
        convention: ``friston`` or ``deco2014``, see :data:`~.balloon.CONVENTIONS`. Their signals
            differ in size and shape: compare like with like.
        step: Of the integration in ms: a multiple of the period of the series, or a part of it.
        scale: Factor from the series to the drive; the model's ``bold_scale``.
        skip: The signal of the first so many ms is not passed on.
        backend: ``numba``, ``numpy`` (in double precision), or ``auto``: Numba where it is
            installed.
        output: See :class:`Observer`.

    Raises:
        ConfigError: For a convention or backend that does not exist, and at the start for times
            that do not fit together.
    """

    def __init__(
        self,
        observers: Sequence[Observer] | None = None,
        tr: float = 2000.0,
        convention: str = "friston",
        step: float = 1.0,
        scale: float = 1.0,
        skip: float = 0.0,
        backend: str = "auto",
        output: str = "",
    ) -> None:
        super().__init__((Series("bold"),) if observers is None else observers, output)
        if backend not in BACKENDS:
            raise ConfigError(f"the BOLD backend {backend!r} is none of {', '.join(BACKENDS)}")
        self.convention = balloon.convention(convention)
        self.tr = tr
        self.step = step
        self.scale = scale
        self.skip = skip
        self.backend = backend

    def rates(self, period: float) -> balloon.Rates:
        """Return how a series with ``period`` ms between samples becomes steps and scans."""
        if self.step >= period:
            each, substeps = whole_number(self.step, period, "the step of BOLD"), 1
        else:
            each, substeps = 1, whole_number(period, self.step, "the period of BOLD's input")
        interval = whole_number(self.tr, max(self.step, period), "the repetition time of BOLD")
        return balloon.Rates(
            each,
            substeps,
            interval,
            self.scale / each,
            self.convention.step_constants(self.step),
            self.convention.signal_constants(),
        )

    def start(self, sets: int, regions: int, period: float) -> None:
        """Begin at rest, see :class:`Observer`."""
        self._rates = self.rates(period)
        self._sets, self._regions = sets, regions
        self._model: Any = None  # made for the precision of the first segment
        self._seen = 0
        self._to_skip = int(self.skip / self.tr + 1e-9)
        self.start_observers(sets, regions, self.tr)

    def take(self, series: Floats) -> None:
        """Integrate over the samples and pass on the scans that they complete."""
        if self._model is None:
            kind = _implementation(self.backend)
            self._model = kind(self._sets, self._regions, series.dtype, self._rates)
        each, interval = self._rates.each, self._rates.interval
        steps, in_step = divmod(self._seen, each)
        scans, in_interval = divmod(steps, interval)
        self._seen += series.shape[1]
        new = self._seen // (each * interval) - scans
        signal = np.empty((self._sets, new, self._regions), series.dtype)
        self._model.run(series, (in_step, in_interval), signal)
        self.pass_on(signal[:, max(0, self._to_skip - scans) :])


def _implementation(backend: str) -> Any:
    there = importlib.util.find_spec("numba") is not None
    if backend == "numpy" or (backend == "auto" and not there):
        return Arrays
    need("numba", "numba", "numba")
    from l2l.optimizees.whole_brain.observe.compiled import Registers

    return Registers


class Arrays:
    """The states of the model in all sets, in NumPy and double precision.

    Args:
        sets, regions: Their numbers.
        dtype: Precision of the series.
        rates: See :class:`~.balloon.Rates`.
    """

    def __init__(self, sets: int, regions: int, dtype: Any, rates: balloon.Rates) -> None:
        self._states: tuple[Floats, ...] = tuple(np.zeros((4, sets, regions)))
        self._total = np.zeros((sets, regions))
        self._rates = rates

    def run(self, series: Floats, clock: tuple[int, int], out: Floats) -> None:
        """Integrate over samples ``(sets, samples, regions)``.

        Args:
            series: The next segment.
            clock: Samples that are in the current step already, and steps in the repetition time.
            out: Where the scans go that this segment completes, ``(sets, scans, regions)``.
        """
        in_step, in_interval = clock
        rates, scan = self._rates, 0
        s, f, v, q = self._states
        with np.errstate(all="ignore"):  # a set that diverged is NaN, and that is its result
            for sample in range(series.shape[1]):
                self._total += series[:, sample]
                in_step += 1
                if in_step < rates.each:
                    continue
                drive, in_step = self._total * rates.scale, 0
                self._total[:] = 0.0
                for _ in range(rates.substeps):
                    s, f, v, q = balloon.step(s, f, v, q, drive, *rates.constants)
                in_interval += 1
                if in_interval == rates.interval:
                    in_interval = 0
                    out[:, scan] = balloon.signal(v, q, *rates.parts)
                    scan += 1
        self._states = s, f, v, q
