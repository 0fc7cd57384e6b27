"""One evaluation on its way to a worker and back, and a generation of them as arrays."""

from __future__ import annotations

import contextlib
import enum
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Status(enum.IntEnum):
    """How an evaluation ended."""

    OK = 0
    FAILED = 1  #: it raised an exception, in its constructor or in ``simulate``
    CRASHED = 2  #: a signal ended it, or the worker went away without a record
    TIMEOUT = 3  #: it was still running at its deadline
    MEMORY = 4  #: its processes used more than the memory limit
    LOST = 5  #: the node or the job that ran it has gone
    INVALID = 6  #: it returned NaN, inf, None or the wrong number of fitness values


@dataclass(slots=True)
class Job:
    """One evaluation to be run.

    Attributes:
        id: Number of the evaluation in the run, from 0; that of a test on held-out tasks is
            negative: it is none of those that make up the run.
        generation: Number of the generation, from 0.
        index: Place in its generation, from 0; of a test: which part of the held-out tasks.
        draw: 0, and one more for each retry after a failure.
        seed: Of all its randomness, 1..2^32-1.
        values: Its parameters, ``(d,)``, in their own units.
    """

    id: int
    generation: int
    index: int
    draw: int
    seed: int
    values: Floats

    @property
    def test(self) -> bool:
        """Whether it is a test on held-out tasks."""
        return self.id < 0


@dataclass(slots=True)
class Table:
    """Named numbers of the lanes of one batch.

    Attributes:
        names: Column of each name.
        values: ``(n, k)``.
    """

    names: dict[str, int]
    values: Floats


class Row(Mapping[str, float]):
    """The named numbers of one lane: a row of a table, which travels once for all of its rows."""

    __slots__ = ("place", "table")

    def __init__(self, table: Table, place: int) -> None:
        self.table = table
        self.place = place

    @property
    def numbers(self) -> Floats:
        """The numbers ``(k,)``."""
        row: Floats = self.table.values[self.place]
        return row

    def __getitem__(self, name: str) -> float:
        return float(self.table.values[self.place, self.table.names[name]])

    def __iter__(self) -> Iterator[str]:
        return iter(self.table.names)

    def __len__(self) -> int:
        return len(self.table.names)

    def __repr__(self) -> str:
        return repr(dict(self))


@dataclass(slots=True)
class Outcome:
    """What came of one job.

    Attributes:
        job: The job.
        status: How it ended.
        fitness: One value an objective, unweighted; None where it did not end ok.
        observation: What an observing optimizer learns from, ``(k,)``; None if there is none.
        metrics: Further named numbers.
        started: Unix time at which it began, in s.
        duration: How long it ran, in s.
        worker: Number of the worker that ran it.
        message: One line that says what went wrong.
        traceback: Of the exception, if there was one.
        output: The end of what it printed (at most 64 KiB), kept where it did not end ok.
        gradient: Of each objective by each value, ``(m * d,)``, NaN where none was given; None if
            it was not asked for.
    """

    job: Job
    status: Status
    fitness: tuple[float, ...] | None = None
    observation: Floats | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    started: float = 0.0
    duration: float = 0.0
    worker: int = 0
    message: str = ""
    traceback: str = ""
    output: str = ""
    gradient: Floats | None = None


@dataclass(slots=True)
class Failure:
    """What is kept of an attempt that did not end ok.

    Attributes:
        id: Number of the evaluation.
        draw: Which attempt it was, from 0.
        status: How it ended.
        message: One line that says what went wrong.
        traceback: Of the exception, if there was one.
        output: The end of what it printed, at most 64 KiB.
    """

    id: int
    draw: int
    status: Status
    message: str = ""
    traceback: str = ""
    output: str = ""

    @property
    def test(self) -> bool:
        """Whether it was an attempt at a test on held-out tasks."""
        return self.id < 0

    @classmethod
    def of(cls, outcome: Outcome) -> Failure:
        """Return the failure that an outcome is."""
        o = outcome
        return cls(o.job.id, o.job.draw, o.status, o.message, o.traceback, o.output)


@dataclass
class Evaluations:
    """A generation (or a part of one) as arrays, ordered by id; what an optimizer is told.

    Attributes:
        id: ``(n,)`` numbers of the evaluations in the run.
        asked: ``(n, d)`` search coordinates that the optimizer asked for.
        evaluated: ``(n, d)`` search coordinates of what was run, after bounding and rounding.
        fitness: ``(n, m)`` unweighted; NaN where the status is not ok.
        status: ``(n,)`` of :class:`Status`.
        observation: ``(n, k)``, NaN where the status is not ok; None if there is none.
        metrics: ``(n,)`` each.
        gradient: ``(n, d)`` of the score by the search coordinates, NaN where there is none; None
            if the optimizee has no ``value_and_grad``.
    """

    id: Ints
    asked: Floats
    evaluated: Floats
    fitness: Floats
    status: NDArray[np.uint8]
    observation: Floats | None = None
    metrics: dict[str, Floats] = field(default_factory=dict)
    gradient: Floats | None = None

    @classmethod
    def of(cls, points: Floats, fitness: Any, first_id: int = 0) -> Evaluations:
        """Return evaluations of ``points`` ``(n, d)``, for an ask/tell loop without a run.

        Args:
            points: What was asked for, ``(n, d)``.
            fitness: ``(n,)`` or ``(n, m)``; NaN or inf marks an evaluation that failed.
            first_id: Number of the first one.
        """
        values = np.asarray(fitness, dtype=np.float64)
        values = values.reshape(len(points), -1)
        good: NDArray[np.bool_] = np.asarray(np.isfinite(values).all(axis=1))
        return cls(
            id=np.arange(first_id, first_id + len(points)),
            asked=points,
            evaluated=points,
            fitness=np.where(good[:, None], values, np.nan),
            status=np.where(good, Status.OK, Status.INVALID).astype(np.uint8),
        )

    def __len__(self) -> int:
        return len(self.id)

    @property
    def ok(self) -> NDArray[np.bool_]:
        """``(n,)`` whether each ended ok."""
        return np.equal(self.status, Status.OK)

    def scores(self, weights: tuple[float, ...]) -> Floats:
        """Return ``(n,)`` what is maximised: fitness times weights; -inf where not ok."""
        if len(weights) == 1:  # a matrix product costs more than the rest of a cheap method
            weighted = self.fitness[:, 0] * weights[0]
        else:
            weighted = self.fitness @ np.asarray(weights)  # NaN where not ok
        return np.where(self.ok, weighted, -np.inf)


def seeds(run_seed: int, ids: Any, draw: int = 0) -> NDArray[np.uint32]:
    """Return the seeds ``(n,)`` of evaluations, each in 1..2^32-1.

    They depend on nothing but the run's seed, the evaluation and its draw; a splitmix64 hash
    (Steele, Lea & Flood 2014, fig. 16) makes those of neighbours unrelated.
    """
    with np.errstate(over="ignore"):
        numbers = np.asarray(ids, dtype=np.int64).astype(np.uint64)  # those of tests are negative
        z: NDArray[np.uint64] = numbers + _mix(np.uint64(run_seed % 2**64) + np.uint64(1))
        z = _mix(z + _mix(np.asarray(draw, dtype=np.uint64) + np.uint64(0x5851F42D4C957F2D)))
    return (z % np.uint64(2**32 - 1) + np.uint64(1)).astype(np.uint32)


@contextlib.contextmanager
def seeded_globals(seed: int) -> Iterator[None]:
    """Seed ``random`` and ``np.random`` for a while; afterwards they are as they were."""
    before = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002


def _mix(z: Any) -> Any:
    z = np.asarray(z + np.uint64(0x9E3779B97F4A7C15))
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
