"""Remote: jobs go in chunks to supervisors elsewhere, by an engine that gives futures."""

from __future__ import annotations

import logging
import math
import queue
import time
from abc import abstractmethod
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from l2l import wire
from l2l.errors import L2LError
from l2l.evaluation import Job, Outcome, Status
from l2l.executors import supervisor
from l2l.executors.base import Executor, ExecutorOptions, Task
from l2l.executors.calls import make_calls
from l2l.executors.pace import Pace
from l2l.executors.signals import uninterrupted
from l2l.options import option

_CHUNK = 0.1  # work of a chunk, in s
_MOST = 256  # evaluations of a chunk
_BYTES = 1 << 22  # values of a chunk
_SHORT = 0.5  # chunks shorter than this are sent ahead, in s
_TELL = 0.5  # losses of so many s are told of together
_LOOK = 0.2  # how often new supervisors are looked for, in s

log = logging.getLogger("l2l")


class RemoteOptions(ExecutorOptions):
    """Options of executors whose workers are elsewhere."""

    chunk: int | None = option(
        None, "evaluations that go to a worker at once; as many as take 0.1 s if none", low=1
    )


@dataclass
class _Flight:
    """A chunk that was sent, and when (monotonic clock, s)."""

    jobs: list[Job]
    since: float


class RemoteExecutor(Executor):
    """Sends chunks of jobs to supervisors; a subclass says by which engine.

    No more chunks are under way than supervisors can begin at once (twice as many where they are
    short), so that work goes to whoever is free first, and most of it can be drained.
    """

    Options = RemoteOptions

    def __init__(self, options: ExecutorOptions | None = None) -> None:
        super().__init__(options)
        self._pending: deque[list[Job]] = deque()
        self._flights: dict[Future[Any], _Flight] = {}
        self._done: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()
        self._landed: list[Outcome] = []
        self._numbers: dict[str, int] = {}  # of supervisors, by name
        self._pace = Pace()
        self._bundle: supervisor.Bundle | None = None
        self._told = 0  # chunks that the bundle was sent with
        self._gone: Counter[str] = Counter()  # losses that nobody was told of, by reason
        self._tell_at = 0.0

    # -- the engine ---------------------------------------------------------------------------

    @abstractmethod
    def _open(self) -> None:
        """Start the engine. Supervisors may come later."""

    @abstractmethod
    def _send(self, key: str, bundle: bytes | None, call: bytes) -> Future[Any]:
        """Have :func:`l2l.executors.supervisor.evaluate` called by the next free supervisor."""

    @abstractmethod
    def _slots(self) -> int:
        """Return how many supervisors there are now.

        Raises:
            L2LError: If there will never be any; says why.
        """

    @abstractmethod
    def _explain(self, error: BaseException) -> str | None:
        """Return what has become of a supervisor that is gone; None if that is not the reason."""

    @abstractmethod
    def _shut(self) -> None:
        """End the engine and all supervisors at once; may be called twice."""

    # -- the executor -------------------------------------------------------------------------

    def start(self, task: Task) -> None:
        """Start the engine, and get ready to run jobs of ``task``."""
        self.close()
        if task.scratch is not None:
            task.scratch.mkdir(mode=0o700, exist_ok=True)
        self._task = task
        self._fits = _BYTES // (8 * task.space.size)  # jobs of a chunk
        self._bundle = supervisor.Bundle(task, self.options)
        self._told = 0
        self._pace = Pace()
        self._open()

    def submit(self, jobs: Sequence[Job]) -> None:
        """Take jobs; returns at once."""
        with uninterrupted():
            self._pending.extend(make_calls(self._task, jobs, self.workers))
            self._feed()

    def collect(self, timeout: float | None = None) -> list[Outcome]:
        """Return what has landed; wait for at least one outcome, at most ``timeout`` s.

        Returns an empty list at once where no job is waiting or running.

        Raises:
            L2LError: If supervisors can't do their work; says why.
        """
        left = math.inf if timeout is None else timeout
        end = time.monotonic() + left
        while not self._landed and left >= 0.0 and (self._pending or self._flights):
            arrived = self._wait(min(left, _LOOK))
            with uninterrupted():
                for future in arrived:
                    self._take(future)
                if self._gone and time.monotonic() > self._tell_at:
                    self._tell_losses()
                self._feed()
            left = end - time.monotonic()
        landed, self._landed = self._landed, []
        return landed

    def _wait(self, longest: float) -> list[Future[Any]]:
        """Return chunks that have come back; wait for one, at most ``longest`` s."""
        arrived = []
        try:
            arrived.append(self._done.get(timeout=longest) if longest else self._done.get_nowait())
            while True:
                arrived.append(self._done.get_nowait())
        except queue.Empty:
            return arrived

    def drain(self) -> list[Job]:
        """Forget the jobs that were not sent, and return them; those sent go on."""
        with uninterrupted():
            jobs = [job for call in self._pending for job in call]
            self._pending.clear()
        return jobs

    def ages(self) -> list[float]:
        """Return for how long each evaluation has been away, in s."""
        now = time.monotonic()
        return [now - flight.since for flight in self._flights.values() for _ in flight.jobs]

    def close(self) -> None:
        """End the engine and all supervisors; may be called twice."""
        with uninterrupted():
            self._tell_losses()
            self._pending.clear()
            self._landed.clear()
            self._flights.clear()
            self._numbers.clear()
            self._done = queue.SimpleQueue()  # late chunks of the old engine go nowhere
            if self._bundle is not None:
                self._bundle = None
                self._shut()

    # -- what comes back ----------------------------------------------------------------------

    def _take(self, future: Future[Any]) -> None:
        flight = self._flights.pop(future, None)
        if flight is None:
            return
        error = future.exception()
        packed = None if error is not None else future.result()
        if packed is None:
            self._pace.end(flight.since)
        if error is not None:
            self._landed += self._lost(flight, error)
            return
        if packed is None:  # a supervisor that does not know the task yet
            self._fly(flight.jobs, informed=False)
            return
        name, outcomes = supervisor.unpack(packed, flight.jobs)
        number = self._numbers.setdefault(name, len(self._numbers))
        for outcome in outcomes:
            outcome.worker = number
        self._pace.end(flight.since, [outcome.duration for outcome in outcomes])
        self._landed += outcomes

    def _lost(self, flight: _Flight, error: BaseException) -> list[Outcome]:
        """Return the outcomes of a chunk whose supervisor has gone."""
        why = self._explain(error)
        if why is None:
            raise L2LError(f"a worker can't do its work: {error}") from error
        gone = time.monotonic() - flight.since
        if not self._gone:
            self._tell_at = time.monotonic() + _TELL  # a node has many supervisors
        self._gone[why] += len(flight.jobs)
        return [
            Outcome(job, Status.LOST, message=why, started=time.time() - gone, duration=gone)
            for job in flight.jobs
        ]

    def _tell_losses(self) -> None:
        """Tell of what was lost, once for each reason."""
        for why, n in self._gone.items():
            log.warning("%s; %d evaluation%s lost with it", why, n, "s" if n > 1 else "")
        self._gone.clear()

    # -- what goes out ------------------------------------------------------------------------

    def _feed(self) -> None:
        """Send chunks as long as there are supervisors for them."""
        if not self._pending:
            return
        slots = self._slots()
        if not slots:
            return
        room = slots * self._ahead(slots) + self._parting()
        while self._pending and len(self._flights) < room:
            n = self._size(slots)
            jobs = [job for _ in range(n) for job in self._pending.popleft()]
            self._fly(jobs, informed=self._told >= slots)

    def _parting(self) -> int:
        """Return how many chunks are with supervisors that get no more, and are not counted."""
        return 0

    def _ahead(self, slots: int) -> int:
        """Return how many chunks of a supervisor may be under way."""
        cost = self._pace.cost(slots)
        if cost is None or self._task.batched:
            return 1
        return 2 if cost * self._size(slots) < _SHORT else 1

    def _size(self, slots: int) -> int:
        """Return how many calls the next chunk has; of batches always one."""
        if self._task.batched:
            return 1
        most: int | None = self.options.chunk
        if most is None:
            cost = self._pace.cost(slots)
            if cost is None:
                return 1
            most = min(_MOST, 2 * self._pace.largest, math.ceil(_CHUNK / max(cost, 1e-6)))
            most = min(most, math.ceil(len(self._pending) / (2 * slots)))  # leave the others some
        return max(1, min(most, len(self._pending), self._fits))

    def _fly(self, jobs: list[Job], *, informed: bool) -> None:
        assert self._bundle is not None
        data = None if informed else self._bundle.data
        self._told += not informed
        future = self._send(self._bundle.key, data, wire.pack_call(jobs))
        self._flights[future] = _Flight(jobs, self._pace.leave())
        future.add_done_callback(self._done.put)
