"""The crew: the guards of one executor, watched together in the calling thread."""

from __future__ import annotations

import contextlib
import logging
import resource
import selectors
import time
from collections.abc import Callable, Iterable, Mapping

from l2l.errors import L2LError
from l2l.evaluation import Outcome, Status
from l2l.executors.base import ExecutorOptions, Task
from l2l.guard import Call, Guard
from l2l.processes import end_trees
from l2l.workshop import Workshop

Events = list[tuple[selectors.SelectorKey, int]]

_LOOK = 0.25  # memory is looked at this often, in s
_STARTS = 3  # starts that may fail in a row
_LONG = 3.0  # a setup that takes longer is reported, in s
_FAREWELL = 0.4  # time that idle workers get to exit, in s

log = logging.getLogger("l2l")


class Crew:
    """Up to ``size`` workers.

    Args:
        task: What they run.
        options: Their limits.
        size: Number of workers.
        land: Called with a call that has ended and its outcomes (a single one if a batch failed
            as a whole).
        give_back: Called with calls that had not begun when their worker went away.
        ranks: Environment variables that make workers MPI ranks; without them they are none.
    """

    def __init__(
        self,
        task: Task,
        options: ExecutorOptions,
        size: int,
        land: Callable[[Call, list[Outcome]], None],
        give_back: Callable[[Iterable[Call]], None],
        ranks: Mapping[str, str] | None = None,
    ) -> None:
        _allow_descriptors(64 + 8 * size)
        self.shop = Workshop(task, options, ranks)
        self.size = size
        self.guards: dict[int, Guard] = {}
        self._land = land
        self._give_back = give_back
        self._selector = selectors.DefaultSelector()
        self._serial = 0
        self._failed_starts = 0
        self._last_words = ""
        self._next_look = 0.0
        self._told = False

    @property
    def busy(self) -> bool:
        """Whether any worker has something to do."""
        return any(guard.queue for guard in self.guards.values())

    def fileno(self) -> int:
        """Return a descriptor that can be read when :meth:`wait` has something to tell."""
        return self._selector.fileno()

    def wait(self, longest: float) -> Events:
        """Return what has happened; wait for it, at most ``longest`` s or until it is time."""
        deadlines = [guard.deadline for guard in self.guards.values()]
        soonest = min([self._next_look, *(d for d in deadlines if d is not None)])
        return self._selector.select(max(0.0, min(longest, soonest - time.monotonic())))

    def serve(self, events: Events) -> None:
        """Do what the events ask for; judge workers, and remove those that are gone."""
        for key, mask in events:
            number, what = key.data
            guard = self.guards[number]
            if what == "said":
                if mask & selectors.EVENT_WRITE:
                    guard.flush()
                    self._watch_backlog(guard)
                self._take(guard)
            elif what == "ended":
                guard.spent = True
            elif not guard.output.drain():
                self._selector.unregister(key.fileobj)
        for guard in list(self.guards.values()):
            if guard.spent:
                self._bury(guard)
        self._judge()

    def hand_over(self, guard: Guard, calls: list[Call]) -> None:
        """Give calls to a worker."""
        guard.hand_over(calls)
        self._watch_backlog(guard)

    def _watch_backlog(self, guard: Guard) -> None:
        """Wait for room in a worker's connection as long as something waits to be sent."""
        watched = selectors.EVENT_READ | (selectors.EVENT_WRITE if guard.backlog else 0)
        if guard.watched != watched:
            guard.watched = watched
            self._selector.modify(guard.sock, watched, (guard.number, "said"))

    def _take(self, guard: Guard) -> None:
        """Take what a worker has said."""
        greeted, ready = guard.greeted, guard.ready
        for call, outcomes in guard.receive():
            self._land(call, outcomes)
        if guard.greeted and not greeted:
            self._failed_starts = 0
        if guard.ready and not ready and guard.setup > _LONG and not self._told:
            self._told = True
            guard.output.drain()
            *_, last = ("", *guard.output.before_calls().strip().splitlines())
            log.info("workers were set up in %.0f s. %s", guard.setup, last)

    # -- coming -------------------------------------------------------------------------------

    def hire(self, missing: int) -> None:
        """Start workers.

        Raises:
            L2LError: If none can be started; says why.
        """
        for _ in range(min(missing, self.size - len(self.guards))):
            if self._failed_starts >= _STARTS:
                self._give_up_hiring(
                    f"{self._failed_starts} workers in a row did not start; the last one "
                    f"{self._last_words.strip()}"
                )
                return
            try:
                self._hire()
            except OSError as error:
                self._give_up_hiring(f"no worker can be started: {error}")
                return

    def _give_up_hiring(self, why: str) -> None:
        """Do with the workers there are, or raise if there are none."""
        if not any(guard.greeted for guard in self.guards.values()):
            raise L2LError(why)
        if self.size > len(self.guards):
            log.warning(
                "going on with %d instead of %d workers: %s", len(self.guards), self.size, why
            )
            self.size = len(self.guards)

    def _hire(self) -> None:
        number = next(n for n in range(self.size) if n not in self.guards)
        self.shop.employ_janitor()
        guard = Guard(self.shop, number, self._serial)
        self._serial += 1
        self.guards[number] = guard
        for descriptor, what in guard.descriptors().items():
            self._selector.register(descriptor, selectors.EVENT_READ, (number, what))

    # -- going --------------------------------------------------------------------------------

    def _judge(self) -> None:
        """End workers that are past their deadline or beyond the memory limit."""
        now = time.monotonic()
        look = now >= self._next_look
        if look:
            self._next_look = now + _LOOK
        for guard in list(self.guards.values()):
            if guard.late(now):
                self._take(guard)  # it may have been in time
            if guard.late(now):
                self._stop_late(guard, now)
            elif look and (message := guard.over_memory()) is not None:
                self.condemn(guard, Status.MEMORY, message)

    def _stop_late(self, guard: Guard, now: float) -> None:
        if guard.greeted:
            message = f"ran longer than its timeout of {guard.limit:g} s, and was killed"
            self.condemn(guard, Status.TIMEOUT, message)
        else:
            self._bury(guard)

    def condemn(self, guard: Guard, status: Status, message: str) -> None:
        """Kill a worker for what its running call does."""
        guard.end()
        self._land(*guard.verdict(status, message))
        self._remove(guard)

    def _bury(self, guard: Guard) -> None:
        """Remove a worker that is gone or must go, and say what became of its running call."""
        self._take(guard)  # what it said before
        how = guard.end()
        if not guard.greeted:
            self._failed_starts += 1
            guard.output.drain()
            self._last_words = f"{how}\n{guard.output.text()}"
        elif guard.queue and not guard.innocent:
            self._land(*guard.verdict(Status.CRASHED, how))
        self._remove(guard)

    def dismiss(self, guard: Guard) -> None:
        """Remove a worker that has nothing to do."""
        guard.end()
        self._remove(guard)

    def _remove(self, guard: Guard) -> None:
        """Forget a worker that has been ended; what it had not begun goes back."""
        for descriptor in guard.descriptors():
            with contextlib.suppress(KeyError):
                self._selector.unregister(descriptor)
        guard.close()
        del self.guards[guard.number]
        self._give_back(guard.queue)

    def close(self) -> None:
        """End all workers and whatever they have started: idle ones may exit by themselves."""
        guards = list(self.guards.values())
        idle = [guard for guard in guards if guard.ready and not guard.queue]
        for guard in idle:
            guard.dismiss()
        end = time.monotonic() + _FAREWELL
        for guard in idle:
            while not guard.exited() and time.monotonic() < end:
                time.sleep(0.001)
        end_trees([guard.pid for guard in guards], self.shop.mark())
        for guard in guards:
            guard.reap()
            guard.queue.clear()
            self._remove(guard)
        self.shop.close()
        self._selector.close()


def _allow_descriptors(wanted: int) -> None:
    """Raise the limit of open files where many workers need it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted + 256:
        most = wanted + 1024 if hard == resource.RLIM_INFINITY else min(hard, wanted + 1024)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
