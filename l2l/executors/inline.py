"""Inline: evaluations run in the calling process, for a debugger and for very cheap fitness."""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np

from l2l.evaluate import Evaluator, put_away
from l2l.evaluation import Job, Outcome, Status
from l2l.executors.base import Executor, ExecutorOptions, Task
from l2l.executors.calls import halves, make_calls
from l2l.options import option

_SLICE = 0.02  # collect() gathers outcomes for this long, in s


class InlineOptions(ExecutorOptions):
    """Options of the inline executor. Nothing can be killed here: limits are not enforced."""

    debug: bool = option(False, "let exceptions of the optimizee through, for a debugger")


class InlineExecutor(Executor):
    """Runs evaluations one after the other in this process; no crash or hang is survived."""

    Options = InlineOptions

    def __init__(self, options: ExecutorOptions | None = None) -> None:
        super().__init__(options)
        self._pending: deque[list[Job]] = deque()
        self._landed: list[Outcome] = []

    @property
    def workers(self) -> int:
        """Always one."""
        return 1

    def start(self, task: Task) -> None:
        """Get ready to run jobs of ``task``."""
        self.close()
        self._task = task = self.with_scratch(task)
        self._evaluator = Evaluator(task, debug=self.options.debug)

    def submit(self, jobs: Sequence[Job]) -> None:
        """Take jobs; they run in :meth:`collect`."""
        self._pending.extend(make_calls(self._task, jobs, self.workers))

    def collect(self, timeout: float | None = None) -> list[Outcome]:
        """Run at least one job that waits, and further ones for 20 ms; return what came of them."""
        del timeout  # an evaluation that has begun is waited for
        end = time.monotonic() + _SLICE
        with _own_random_numbers(), _own_folder() as home:
            while self._pending and (not self._landed or time.monotonic() < end):
                self._next()
                os.fchdir(home)
        landed, self._landed = self._landed, []
        return landed

    def _next(self) -> None:
        """Evaluate the first call; it stays pending if an interrupt ends it."""
        call = self._pending[0]
        if self._task.batched:
            outcomes = self._evaluator.batch(call)
        else:
            outcomes = [self._evaluator.evaluate(call[0])]
        self._pending.popleft()
        if len(outcomes) < len(call):  # the batch failed as a whole: find the culprit
            self._pending.extendleft(reversed(halves(call)))
            return
        wall = time.time() - time.monotonic()
        for outcome in outcomes:
            outcome.started += wall
            if outcome.status is not Status.OK:
                put_away(self._task, outcome.job)
        self._landed += outcomes

    def drain(self) -> list[Job]:
        """Forget the jobs that wait, and return them."""
        jobs = [job for call in self._pending for job in call]
        self._pending.clear()
        return jobs

    def close(self) -> None:
        """Forget the jobs that wait; may be called twice."""
        self._pending.clear()
        self.remove_scratch()


@contextlib.contextmanager
def _own_random_numbers() -> Iterator[None]:
    """Give the caller's global generators back as they were."""
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002


@contextlib.contextmanager
def _own_folder() -> Iterator[int]:
    """Yield a descriptor of the caller's current folder, and go back to it."""
    home = os.open(".", os.O_RDONLY)
    try:
        yield home
    finally:
        os.fchdir(home)
        os.close(home)
