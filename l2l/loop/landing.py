"""Landing: what comes back from the executor, with retries, losses and the way to a stop."""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence

from l2l.evaluation import Failure, Job, Outcome, Status, seeds
from l2l.executors.base import Executor
from l2l.interrupt import NEAR_THE_END, StopRequest

log = logging.getLogger("l2l")

#: Longest wait for results before the loop looks at signals and the clock again, in s.
HEARTBEAT = 0.2
#: Results that land within so many s are taken together, up to so many.
MOMENT, MANY = 0.005, 100
#: What is kept of the wall-time for writing the state and ending workers, in s.
MARGIN = 10.0
#: So many run times are remembered, and looked at from this number on.
TIMES, _ENOUGH = 512, 8


class Landing:
    """Hands jobs to an executor and takes what lands.

    Args:
        executor: Evaluates.
        request: A wish to stop.
        seed: Of the run.
        times: Run times of what landed before this start of the run, in s.

    Attributes:
        in_flight: Jobs that were handed over and have not landed.
    """

    def __init__(
        self, executor: Executor, request: StopRequest, seed: int, times: Iterable[float] = ()
    ) -> None:
        self.executor = executor
        self.request = request
        self.seed = seed
        self.in_flight = 0
        self._losses: Counter[int] = Counter()
        self._times = deque(times, maxlen=TIMES)
        self._deadline = math.inf
        self._reason: str | None = None  # for which the deadline was set

    @property
    def stopping(self) -> bool:
        """Whether no new work is handed over any more."""
        return self._reason is not None

    @property
    def going(self) -> bool:
        """Whether anything that was handed over may still land in time."""
        return self.in_flight > 0 and time.monotonic() < self._deadline

    def submit(self, jobs: Sequence[Job]) -> None:
        """Hand jobs over."""
        self.executor.submit(jobs)
        self.in_flight += len(jobs)

    def take(self) -> tuple[list[Outcome], list[Failure]]:
        """Return the outcomes that stand and all failures that have landed; wait for some a while.

        What was lost is handed over again as it was, and what failed with its next draw. After a
        request to stop that is left to a resume.
        """
        landed = self._collect()
        self._times.extend(o.duration for o in landed if o.status is Status.OK)
        failures = [Failure.of(o) for o in landed if o.status is not Status.OK]
        if failures:
            again = {o.job.id: job for o in landed if (job := self._next_try(o)) is not None}
            landed = [o for o in landed if o.job.id not in again]
            self.in_flight -= len(again)
            if again and not self.stopping:
                self.submit(list(again.values()))
        self.in_flight -= len(landed)
        return landed, failures

    def look_for_stop(self) -> None:
        """After a request to stop, leave what has not begun, and say until when the rest may run.

        A signal to end that follows the one that only announced the end leaves less time.
        """
        reason = self.request.reason
        if reason is None:
            return
        if reason != self._reason:
            if not self.stopping:
                self.in_flight -= len(self.executor.drain())
            self._reason = reason
            left = self._time_left()
            self._deadline = min(self._deadline, time.monotonic() + left)
            if self.in_flight:
                log.info("%s: what is running gets %.3g s to end", reason, left)
        if self.in_flight and self._hopeless():
            log.info("nothing that is running can end in time; a resume runs it again")
            self._deadline = -math.inf

    # -- what lands ---------------------------------------------------------------------------

    def _collect(self) -> list[Outcome]:
        """Return what has landed; where results come fast, those of a moment together.

        To write results costs as much as a few cheap evaluations, so that these share a write.
        Those of a batch are many already: they don't wait, and a kill costs so much less.
        """
        until = time.monotonic() + MOMENT
        landed = more = self.executor.collect(HEARTBEAT)
        while more and len(landed) < MANY and (left := until - time.monotonic()) > 0:
            more = self.executor.collect(left)
            landed = landed + more
        return landed

    def _next_try(self, outcome: Outcome) -> Job | None:
        """Return the job that tries it again, or None where the outcome stands."""
        job, options = outcome.job, self.executor.options
        if outcome.status is Status.OK:
            return None
        if outcome.status is Status.LOST:
            self._losses[job.id] += 1
            return job if self._losses[job.id] <= options.max_losses else None
        if job.draw >= options.retries:
            return None
        draw = job.draw + 1
        return dataclasses.replace(job, draw=draw, seed=int(seeds(self.seed, [job.id], draw)[0]))

    # -- the end ------------------------------------------------------------------------------

    def _time_left(self) -> float:
        """Return how long what is running may go on, in s."""
        grace: float = self.executor.options.grace
        if self.request.signal is not NEAR_THE_END:
            return grace
        from l2l.cluster.allocation import time_left

        left = time_left()
        return grace if left is None else max(0.0, left - MARGIN)

    def _hopeless(self) -> bool:
        """Whether nothing that runs can end before the deadline, as far as run times tell.

        What has run for longer than usual may end at any moment.
        """
        ages = self.executor.ages()
        if not ages or len(self._times) < _ENOUGH:
            return False
        usual = sorted(self._times)[len(self._times) // 4]
        left = self._deadline - time.monotonic()
        return all(age < usual and usual - age > left for age in ages)
