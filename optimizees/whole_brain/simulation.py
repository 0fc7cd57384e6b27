"""Whole-brain simulations: many parameter sets of one model, in one call, on a CPU or a GPU."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from l2l.errors import ConfigError, nearest
from l2l.optimizees.whole_brain.batch import Batch
from l2l.optimizees.whole_brain.model import Floats, Model
from l2l.optimizees.whole_brain.observe.base import Observer, check_names, results, whole_number
from l2l.optimizees.whole_brain.stepping import Scheme
from l2l.optimizees.whole_brain.testing import sound

SEGMENT = 256  #: most samples that are simulated before observers take them


@dataclass(frozen=True)
class Stimulus:
    """An input to the derivative of one state.

    Attributes:
        state: Name of the state.
        pattern: Strength in each region, ``(regions,)``.
        wave: Strength at each step from the start, ``(steps,)``; zero afterwards.
    """

    state: str
    pattern: Floats
    wave: Floats


@dataclass(frozen=True)
class Simulation:
    """How parameter sets are simulated.

    Attributes:
        model: The neural mass model.
        duration: Simulated time in ms, the transient included.
        dt: Step in ms.
        period: Time between samples in ms; each is the mean over it.
        transient: Time at the beginning that observers do not see, in ms.
        integrator: ``euler`` or ``heun``, as in the Ito sense where there is noise.
        stochastic: Whether the states that declare noise get any.
        exact_ou: Whether Ornstein-Uhlenbeck states are updated exactly; else by Euler's rule.
        precision: ``float32`` or ``float64``.
        generator: Of the noise, ``hash`` or ``philox``.
        wrap_delays_at: Delays in steps are taken modulo this number, as in a published GPU program
            whose history is too short; None for true delays.
        stimulus: An input, or None.
        threads: Sets that are simulated at the same time, on a CPU.
        backend: ``numba``, ``numba-cuda`` or ``numpy``; ``auto`` takes a GPU where there is one,
            else the CPU.

    Raises:
        ConfigError: If times are no whole numbers of steps, or a name is unknown.
    """

    model: Model
    duration: float
    dt: float = 0.1
    period: float = 1.0
    transient: float = 0.0
    integrator: str = "euler"
    stochastic: bool = False
    exact_ou: bool = True
    precision: str = "float32"
    generator: str = "hash"
    wrap_delays_at: int | None = None
    stimulus: Stimulus | None = None
    threads: int = 1
    backend: str = "auto"

    def __post_init__(self) -> None:
        _one_of("integrator", self.integrator, ("euler", "heun"))
        _one_of("precision", self.precision, ("float32", "float64"))
        _one_of("generator", self.generator, ("hash", "philox"))
        _one_of("backend", self.backend, ("auto", "numba", "numba-cuda", "numpy"))
        for name in ("duration", "dt", "period", "transient"):
            if not math.isfinite(getattr(self, name)):
                raise ConfigError(f"{name} must be a finite time in ms, got {getattr(self, name)}")
        if self.stimulus is not None and self.stimulus.state not in self.model.state_names:
            raise ConfigError(
                f"the model {self.model.name} has no state {self.stimulus.state!r} to stimulate; "
                f"{nearest(self.stimulus.state, self.model.state_names)}"
            )
        if self.threads < 1:
            raise ConfigError(f"threads must be at least 1, got {self.threads}")
        sound(self.model)
        whole_number(self.period, self.dt, "the period between samples")
        if self.transient:
            whole_number(self.transient, self.period, "the transient")
        if not self.transient < self.duration:
            raise ConfigError(
                f"the transient ({self.transient:g} ms) must be shorter than the duration "
                f"({self.duration:g} ms)"
            )

    @property
    def every(self) -> int:
        """Steps a sample."""
        return whole_number(self.period, self.dt, "the period between samples")

    @property
    def samples(self) -> int:
        """Samples in all, those of the transient included."""
        return math.ceil(self.duration / self.period - 1e-6)

    @property
    def skipped(self) -> int:
        """Samples that observers do not see."""
        return round(self.transient / self.period)

    @property
    def dtype(self) -> Any:
        """Type of the numbers in the simulation."""
        return np.dtype(self.precision).type

    def scheme(self, observers: Sequence[Observer]) -> Scheme:
        """Return what has to be compiled, for what observers want to see."""
        wanted = dict.fromkeys(observer.output or self.model.bold for observer in observers)
        for name in wanted:
            self.model.output(name)
        return Scheme(
            self.model,
            tuple(wanted),
            self.integrator,
            self.stochastic,
            self.exact_ou,
            None if self.stimulus is None else self.stimulus.state,
        )

    def segments(self) -> list[int]:
        """Return the numbers of samples of all segments; the transient ends one."""
        lengths = []
        for length in (self.skipped, self.samples - self.skipped):
            whole, rest = divmod(length, SEGMENT)
            lengths += [SEGMENT] * whole + [rest] * (rest > 0)
        return lengths

    def wave(self, start: int, steps: int) -> Floats:
        """Return the stimulus at steps from ``start``."""
        found = np.zeros(max(steps, 1), self.dtype)
        if self.stimulus is not None:
            given = self.stimulus.wave[start : start + steps]
            found[: len(given)] = given
        return found

    def run(self, batch: Batch, observers: Sequence[Observer]) -> Outcome:
        """Simulate all sets of a batch.

        Args:
            batch: The parameter sets.
            observers: What is wanted of each; they are copied, not changed.

        Returns:
            Which sets stayed finite, and the observers' results. What diverged has NaN.
        """
        from l2l.optimizees.whole_brain.backends import backend

        if batch.model is not self.model:
            raise ConfigError(
                f"the batch is of the model {batch.model.name}, not {self.model.name}"
            )
        check_names(observers)
        outcome: Outcome = backend(self.backend)(self, batch, tuple(observers))
        return outcome


@dataclass
class Outcome:
    """What comes of a batch.

    Attributes:
        ok: Whether each set stayed finite, ``(sets,)``.
        results: Of the observers, ``(sets, ...)`` each.
    """

    ok: npt.NDArray[np.bool_]
    results: dict[str, Floats] = field(default_factory=dict)


class Watch:
    """The observers of some sets, that see a simulation segment by segment.

    Args:
        simulation: How it is simulated.
        observers: To be copied.
        outputs: Names of the outputs, in the order of the segments' columns.
        sets: Number of sets.
        regions: Number of regions.
    """

    def __init__(
        self,
        simulation: Simulation,
        observers: Sequence[Observer],
        outputs: Sequence[str],
        sets: int,
        regions: int,
    ) -> None:
        self.observers = [copy.deepcopy(observer) for observer in observers]
        default = simulation.model.bold
        self.columns = [outputs.index(observer.output or default) for observer in observers]
        self.left = simulation.skipped
        for observer in self.observers:
            observer.start(sets, regions, simulation.period)

    def take(self, segment: Floats) -> None:
        """Take a segment ``(sets, samples, outputs, regions)``."""
        if self.left:  # a segment never holds the transient's end inside
            self.left -= segment.shape[1]
            return
        for observer, column in zip(self.observers, self.columns, strict=True):
            observer.take(segment[:, :, column])

    def results(self) -> Mapping[str, Floats]:
        """Return the results of all observers."""
        return results(self.observers)


def combined(ok: Sequence[bool], parts: Sequence[Mapping[str, Floats]]) -> Outcome:
    """Return the outcome of sets that were simulated one by one; NaN for those that diverged."""
    found = {}
    for name in parts[0] if parts else ():
        column = np.concatenate([part[name] for part in parts])
        if not all(ok) and np.issubdtype(column.dtype, np.floating):
            column[~np.asarray(ok)] = np.nan
        found[name] = column
    return Outcome(np.asarray(ok, bool), found)


def _one_of(what: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ConfigError(f"{what} must be one of {', '.join(known)}; got {value!r}")
