"""Local: workers on this machine, each in the hands of a guard."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterable, Sequence

from l2l.evaluate import put_away
from l2l.evaluation import Job, Outcome, Status
from l2l.executors.base import Executor, ExecutorOptions, Task, available_cores
from l2l.executors.calls import halves, make_calls
from l2l.executors.crew import Crew
from l2l.executors.signals import uninterrupted
from l2l.guard import Call, Guard
from l2l.options import option

_HAND_OVER = 0.02  # work that a worker is given at once, in s
_MOST = 64  # evaluations that a worker is given at once


class LocalOptions(ExecutorOptions):
    """Options of the local executor."""

    workers: int | None = option(None, "number of workers; default: available cores", low=1)


class LocalExecutor(Executor):
    """Runs evaluations in worker processes that can be killed.

    There are no threads here: workers are fed, timed and judged while :meth:`collect` waits. Use
    it from one thread, and from the one that started it: workers end with that thread.
    """

    Options = LocalOptions

    def __init__(self, options: ExecutorOptions | None = None) -> None:
        super().__init__(options)
        self._crew: Crew | None = None
        self._pending: deque[Call] = deque()
        self._landed: list[Outcome] = []
        self._cost: float | None = None  # of one call, in s

    @property
    def workers(self) -> int:
        """Number of worker processes."""
        options: LocalOptions = self.options
        return options.workers or max(1, available_cores() // options.threads)

    def start(self, task: Task) -> None:
        """Get ready to run jobs of ``task``; workers start when there are jobs."""
        self.close()
        self._task = task = self.with_scratch(task)
        self._cost = None
        self._crew = Crew(task, self.options, self.workers, self._land, self._give_back)

    @property
    def crew(self) -> Crew:
        """The workers. Raises RuntimeError before :meth:`start` and after :meth:`close`."""
        if self._crew is None:
            raise RuntimeError("expected start(task) before jobs are submitted and collected")
        return self._crew

    def submit(self, jobs: Sequence[Job]) -> None:
        """Take jobs; returns at once."""
        with uninterrupted():
            self._pending.extend(make_calls(self._task, jobs, self.workers))
            self.crew.serve(self.crew.wait(0.0))  # workers may have gone while they were idle
            self._feed()

    def collect(self, timeout: float | None = None) -> list[Outcome]:
        """Return what has landed; wait for at least one outcome, at most ``timeout`` s.

        Returns an empty list at once where no job is waiting or running.

        Raises:
            L2LError: If workers can't be started; carries what they printed.
        """
        crew = self.crew
        left = math.inf if timeout is None else timeout
        end = time.monotonic() + left
        while not self._landed and left >= 0.0 and (self._pending or crew.busy):
            events = crew.wait(left)
            with uninterrupted():
                crew.serve(events)
                self._feed()
            left = end - time.monotonic()
        # No signal can be handled between the two halves of this line.
        landed, self._landed = self._landed, []
        return landed

    def drain(self) -> list[Job]:
        """Forget the jobs that no worker has, and return them; those handed over go on."""
        with uninterrupted():
            jobs = [job for call in self._pending for job in call]
            self._pending.clear()
        return jobs

    def ages(self) -> list[float]:
        """Return for how long each evaluation runs; 0 for those that wait in a worker's queue."""
        now = time.monotonic()
        return [
            max(0.0, now - guard.since) if place == 0 else 0.0
            for guard in self.crew.guards.values()
            for place, call in enumerate(guard.queue)
            for _ in call
        ]

    def close(self) -> None:
        """End all workers and whatever they have started; may be called twice."""
        with uninterrupted():
            if self._crew is not None:
                self._crew.close()
                self._crew = None
            self._pending.clear()
            self._landed.clear()
            self.remove_scratch()

    # -- what comes back ----------------------------------------------------------------------

    def _land(self, call: Call, outcomes: list[Outcome]) -> None:
        """Take the outcomes of a call."""
        cost = outcomes[0].duration
        self._cost = cost if self._cost is None else 0.8 * self._cost + 0.2 * cost
        if len(outcomes) < len(call):  # the batch failed as a whole: find the culprit
            self._give_back(halves(call))
            return
        for outcome in outcomes:
            if outcome.status is not Status.OK:
                put_away(self._task, outcome.job)
        self._landed += outcomes

    def _give_back(self, calls: Iterable[Call]) -> None:
        """Take calls that must be handed over again."""
        self._pending.extendleft(reversed(list(calls)))

    # -- what goes out ------------------------------------------------------------------------

    def _feed(self) -> None:
        """Give calls to workers that have little left, and replace those that did enough."""
        if not self._pending:
            return
        crew, pending = self.crew, self._pending
        most = self.options.max_tasks_per_worker or math.inf
        for guard in [g for g in crew.guards.values() if g.given >= most and not g.queue]:
            crew.dismiss(guard)
        crew.hire(len(pending) - sum(not guard.queue for guard in crew.guards.values()))
        share = math.ceil(len(pending) / (2 * len(crew.guards)))  # leave some for the others
        for guard in crew.guards.values():
            has, room = len(guard.queue), self._room(guard)
            if guard.greeted and guard.given < most and has <= room // 2 and has < room:
                n = int(min(room - has, share, most - guard.given, len(pending)))
                crew.hand_over(guard, [pending.popleft() for _ in range(n)])

    def _room(self, guard: Guard) -> int:
        """Return how many calls a worker may have at once: as many as take 20 ms."""
        if not guard.ready or self._cost is None or self._task.batched:
            return 1
        small = 2**20 // (8 * self._task.space.size)
        return max(1, min(_MOST, small, math.ceil(_HAND_OVER / max(self._cost, 1e-6))))
