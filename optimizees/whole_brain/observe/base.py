"""What watches a simulation while it runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from l2l.errors import ConfigError
from l2l.optimizees.whole_brain.model import Floats


class Observer(ABC):
    """Takes a simulation's output segment by segment and keeps what is asked of it.

    Life: ``start`` once, ``take`` for each segment in order, ``result`` at the end. How a series is
    cut into segments never changes a result, not by a bit; nor do the other sets of the call.
    ``start`` on an observer that was used makes it new. An observer keeps no memory that grows with
    the simulated time, unless its documentation says so.

    One observer per thread: ``copy.deepcopy`` of one that is configured and not started gives
    another, so that each thread can simulate a set with observers of its own.

    Attributes:
        output: Name of the state or observed quantity it looks at; empty for the one that drives
            BOLD in the model. Observers within another one look at what that one makes.
    """

    output: str = ""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Names of its results."""

    @abstractmethod
    def start(self, sets: int, regions: int, period: float) -> None:
        """Begin a simulation of ``sets`` parameter sets, with ``period`` ms between samples."""

    @abstractmethod
    def take(self, series: Floats) -> None:
        """Take the next samples ``(sets, samples, regions)``. The array is left as it is."""

    @abstractmethod
    def result(self) -> Mapping[str, Floats]:
        """Return arrays ``(sets, ...)`` by name, of all samples taken since the start."""


class Passing(Observer):
    """An observer that makes another series of what it sees, and passes it on to observers within.

    Args:
        observers: They take the new series. No two of their results may have one name.
        output: See :class:`Observer`.
    """

    def __init__(self, observers: Sequence[Observer], output: str = "") -> None:
        if not observers:
            raise ConfigError(
                f"{type(self).__name__} passes a series on, so it needs at least one observer; "
                "give it a Series to keep what it makes"
            )
        check_names(observers)
        self.observers = tuple(observers)
        self.output = output

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the results of the observers within."""
        return tuple(name for observer in self.observers for name in observer.names)

    def start_observers(self, sets: int, regions: int, period: float) -> None:
        """Begin for the observers within, which see samples ``period`` ms apart."""
        for observer in self.observers:
            observer.start(sets, regions, period)

    def pass_on(self, series: Floats) -> None:
        """Give the next samples to the observers within."""
        if series.shape[1]:
            for observer in self.observers:
                observer.take(series)

    def result(self) -> Mapping[str, Floats]:
        """Return the results of the observers within."""
        return results(self.observers)


def check_names(observers: Sequence[Observer]) -> None:
    """Refuse observers that give two results the same name, with a ConfigError."""
    names = [name for observer in observers for name in observer.names]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"two observers call a result {name!r}; give one of them another name="
            )


def results(observers: Sequence[Observer]) -> dict[str, Floats]:
    """Return the results of several observers."""
    return {name: value for observer in observers for name, value in observer.result().items()}


def whole_number(time: float, period: float, what: str) -> int:
    """Return how many periods make up a time; ConfigError unless a whole number of at least 1.

    Args:
        time: In ms.
        period: In ms.
        what: What the time is, for the message.
    """
    count = round(time / period) if time > 0 and period > 0 else 0
    if count < 1 or abs(count * period - time) > 1e-6 * time:
        raise ConfigError(
            f"{what} is {time:g} ms, but must be a whole number of times the {period:g} ms between "
            f"samples; take {max(count, 1) * period:g} ms"
        )
    return count
