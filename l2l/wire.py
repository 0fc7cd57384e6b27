"""What guard and worker say to each other, as bytes.

To the worker go calls: one job, or the jobs of one batch. Back come replies: ``HELLO`` (it has
started), ``READY`` (the optimizee is set up), and one for each call, in order. The common case, an
evaluation that ended ok with nothing but fitness, is a few packed numbers; all else is a pickle of
what ``l2l`` itself has made, between two processes of one user.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from l2l.evaluation import Job, Outcome, Status

_COUNT = struct.Struct("<I")
_JOB = struct.Struct("<qqqII")  # id, generation, index, draw, seed
_REPLY = struct.Struct("<BBHIdd")  # kind, flag, objectives, bytes that follow, started, duration


class Kind(IntEnum):
    """What a reply is about."""

    HELLO = 0
    READY = 1
    FITNESS = 2  #: ended ok, with nothing but fitness
    OUTCOMES = 3  #: of the jobs of a call; a single one if a batch failed as a whole


@dataclass(slots=True)
class Reply:
    """One reply of a worker.

    Attributes:
        kind: What it is about, a :class:`Kind`.
        leftover: Whether the evaluation left child processes behind.
        started: When the evaluation began, on the monotonic clock in s.
        duration: In s.
        body: Fitness, or a list of the fields of outcomes.
    """

    kind: int
    leftover: bool
    started: float
    duration: float
    body: Any


# -- calls ------------------------------------------------------------------------------------


def pack_call(jobs: Sequence[Job]) -> bytes:
    """Return one call as bytes."""
    parts = [_COUNT.pack(len(jobs))]
    for job in jobs:
        parts.append(_JOB.pack(job.id, job.generation, job.index, job.draw, job.seed))
        parts.append(np.ascontiguousarray(job.values, dtype=np.float64).tobytes())
    return b"".join(parts)


class CallReader:
    """Takes bytes as they arrive, and gives calls back.

    Args:
        size: Number d of values of a job.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._data = b""
        self._at = 0

    def feed(self, data: bytes) -> None:
        """Take more bytes."""
        self._data = self._data[self._at :] + data
        self._at = 0

    def next(self) -> list[Job] | None:
        """Return the next call, or None if it is not yet complete."""
        data, at = self._data, self._at
        if len(data) - at < 4:
            return None
        (n,) = _COUNT.unpack_from(data, at)
        width = _JOB.size + 8 * self.size
        if len(data) - at < 4 + n * width:
            return None
        at += 4
        jobs = []
        for _ in range(n):
            number, generation, index, draw, seed = _JOB.unpack_from(data, at)
            values = np.frombuffer(data, np.float64, self.size, at + _JOB.size)
            jobs.append(Job(number, generation, index, draw, seed, values))
            at += width
        self._at = at
        return jobs


# -- replies ----------------------------------------------------------------------------------


def pack_signal(kind: Kind) -> bytes:
    """Return HELLO or READY as bytes."""
    return _REPLY.pack(kind, 0, 0, 0, 0.0, 0.0)


def pack_outcomes(outcomes: Sequence[Outcome], leftover: bool = False) -> bytes:
    """Return the reply to one call as bytes."""
    first = outcomes[0]
    fitness, times = first.fitness, (first.started, first.duration)
    bare = first.observation is None and first.gradient is None and not first.metrics
    if len(outcomes) == 1 and fitness and bare:
        m = len(fitness)
        head = _REPLY.pack(Kind.FITNESS, leftover, m, 8 * m, *times)
        return head + struct.pack(f"<{m}d", *fitness)
    body = pickle.dumps([_fields(outcome) for outcome in outcomes], 5)
    return _REPLY.pack(Kind.OUTCOMES, leftover, 0, len(body), *times) + body


def _fields(outcome: Outcome) -> tuple[Any, ...]:
    return (
        int(outcome.status),
        outcome.fitness,
        outcome.observation,
        outcome.metrics,
        outcome.message,
        outcome.traceback,
        outcome.gradient,
    )


def unpack_outcomes(reply: Reply, jobs: Sequence[Job]) -> list[Outcome]:
    """Return the outcomes that a reply to the call of ``jobs`` carries, without times."""
    if reply.kind == Kind.FITNESS:
        return [Outcome(jobs[0], Status.OK, reply.body)]
    outcomes = []
    for job, fields in zip(jobs, reply.body, strict=False):  # a batch may have a single one
        status, fitness, seen, metrics, message, trace, gradient = fields
        outcome = Outcome(job, Status(status), fitness, seen, metrics)
        outcome.message, outcome.traceback, outcome.gradient = message, trace, gradient
        outcomes.append(outcome)
    return outcomes


class ReplyReader:
    """Takes bytes as they arrive, and gives replies back."""

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> Iterator[Reply]:
        """Take more bytes; yield all replies that are complete."""
        data = self._data + data if self._data else data
        at, end = 0, len(data)
        while end - at >= _REPLY.size:
            kind, leftover, m, length, started, duration = _REPLY.unpack_from(data, at)
            if end - at < _REPLY.size + length:
                break
            at += _REPLY.size
            body: Any = None
            if kind == Kind.FITNESS:
                body = struct.unpack_from(f"<{m}d", data, at)
            elif length:
                body = pickle.loads(memoryview(data)[at : at + length])
            at += length
            self._data = data[at:]
            yield Reply(kind, leftover != 0, started, duration, body)
        self._data = data[at:]


def output_mark(token: str, call: int | None = None) -> bytes:
    """Return what a worker prints after its call number ``call``, or how all of these begin."""
    return f"\0l2l {token} {'' if call is None else f'{call}{chr(0)}'}".encode()
