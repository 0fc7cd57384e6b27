"""The guard: starts one worker process, feeds it, times it, and ends it with all it started."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from l2l import wire
from l2l.evaluation import Job, Outcome, Status
from l2l.output import Output
from l2l.processes import MARK, end_trees, resident
from l2l.workshop import Workshop

Call = list[Job]  #: one job, or the jobs of one batch

#: Longest time that a worker may take to start, in s. A shared file system can be slow.
START_LIMIT = 300.0
#: Shortest time that loading and setting up an optimizee may take where there is a timeout, in s.
SETUP_LIMIT = 60.0


class Guard:
    """One worker process, as the executor sees it.

    Attributes:
        number: Of the worker, from 0.
        queue: Calls that were handed over and are not answered; the first one is running.
        given: Number of jobs handed over in all.
        greeted: Whether the worker has started.
        ready: Whether its optimizee is set up.
        setup: Time in s that this took.
        spent: Whether it must be replaced: gone, or with processes left over.
        innocent: Whether no call is to blame for that.
        watched: The events of its connection that are waited for.
        since: When the first call of the queue began, on the monotonic clock in s.
    """

    def __init__(self, workshop: Workshop, number: int, serial: int) -> None:
        self.shop = workshop
        self.number = number
        self.queue: deque[Call] = deque()
        self.given = 0
        self.answered = 0
        self.greeted = self.ready = self.spent = self.innocent = False
        self.setup = 0.0
        self.watched = selectors.EVENT_READ
        self.backlog = bytearray()
        self.replies = wire.ReplyReader()
        self.mark = workshop.mark(serial)
        self._start()
        self.since = time.monotonic()

    def _start(self) -> None:
        workshop = self.shop
        with contextlib.ExitStack() as stack:  # what the worker has, we don't
            self.sock, theirs = socket.socketpair()
            stack.enter_context(theirs)
            out, printed = os.pipe()
            stack.callback(os.close, printed)
            lifeline, self._lifeline = os.pipe()
            stack.callback(os.close, lifeline)
            descriptors = (theirs.fileno(), lifeline, workshop.file.fileno())
            arguments = [*map(str, descriptors), str(os.getpid()), workshop.token]
            marks = f"{os.environ.get(MARK, '')} {self.mark}"
            try:
                self.process = subprocess.Popen(
                    [*workshop.command, *arguments],
                    env=workshop.environment_of(self.number) | {MARK: marks},
                    stdin=subprocess.DEVNULL,
                    stdout=printed,
                    stderr=printed,
                    pass_fds=(*descriptors, *workshop.inherited),
                    start_new_session=True,
                )
            except OSError:
                self.sock.close()
                os.close(out)
                os.close(self._lifeline)
                raise
        self.sock.setblocking(False)
        self.output = Output(out, workshop.token)
        self.alive_fd: int | None = None
        with contextlib.suppress(OSError, AttributeError):
            self.alive_fd = os.pidfd_open(self.process.pid)

    @property
    def pid(self) -> int:
        """Process id of the worker."""
        return self.process.pid

    def descriptors(self) -> dict[Any, str]:
        """Return what can be waited for, and what it means."""
        found: dict[Any, str] = {self.sock: "said", self.output.descriptor: "printed"}
        if self.alive_fd is not None:
            found[self.alive_fd] = "ended"
        return found

    # -- talking ------------------------------------------------------------------------------

    def hand_over(self, calls: Sequence[Call]) -> None:
        """Give calls to the worker; those that its connection can't take wait in ``backlog``."""
        idle = not self.queue
        if idle:
            self.since = time.monotonic()
        for call in calls:
            self.queue.append(call)
            self.given += len(call)
            self.backlog += wire.pack_call(call)
        self.flush()
        self.innocent = idle and self.spent  # it was gone before

    def flush(self) -> None:
        """Send as much of the backlog as the connection takes."""
        try:
            while self.backlog:
                sent = self.sock.send(self.backlog)
                del self.backlog[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self.spent = True

    def receive(self) -> list[tuple[Call, list[Outcome]]]:
        """Return the calls that have been answered, and what came of them.

        A batch that failed as a whole has a single outcome.
        """
        landed = []
        wall = time.time() - time.monotonic()
        for data in self._arrived():
            for reply in self.replies.feed(data):
                if reply.kind == wire.Kind.HELLO:
                    self.greeted, self.since = True, time.monotonic()
                elif reply.kind == wire.Kind.READY:
                    self.ready, now = True, time.monotonic()
                    self.setup, self.since = now - self.since, now
                else:
                    landed.append(self._answered(reply, wall))
        return landed

    def _arrived(self) -> list[bytes]:
        """Return what the worker has sent, in pieces."""
        pieces = []
        try:
            while data := self.sock.recv(1 << 18):
                pieces.append(data)
                if len(data) < 1 << 16:
                    return pieces
            self.spent = True
        except BlockingIOError:
            pass
        except OSError:
            self.spent = True
        return pieces

    def _answered(self, reply: wire.Reply, wall: float) -> tuple[Call, list[Outcome]]:
        call = self.queue.popleft()
        self.answered += 1
        self.since = reply.started + reply.duration
        if reply.leftover:
            self.spent = self.innocent = True
        outcomes = wire.unpack_outcomes(reply, call)
        printed: str | None = None
        for outcome in outcomes:
            outcome.started, outcome.duration = reply.started + wall, reply.duration
            outcome.worker = self.number
            if outcome.status is not Status.OK:
                if printed is None:
                    self.output.drain()
                    printed = self.output.of_call(self.answered, reply.started)
                outcome.output = printed
        return call, outcomes

    # -- judging ------------------------------------------------------------------------------

    @property
    def limit(self) -> float | None:
        """How long the worker may be silent, in s."""
        if not self.greeted:
            return START_LIMIT
        timeout = self.shop.timeout
        if timeout is None or not self.queue:
            return None
        return timeout if self.ready else max(SETUP_LIMIT, 10 * timeout)

    @property
    def deadline(self) -> float | None:
        """When the worker must have said something, on the monotonic clock in s."""
        limit = self.limit
        return None if limit is None else self.since + limit

    def late(self, now: float) -> bool:
        """Whether the deadline has passed."""
        deadline = self.deadline
        return deadline is not None and now >= deadline

    def over_memory(self) -> str | None:
        """Return what to say if the worker and its children use too much memory."""
        limit = self.shop.memory_limit
        used = resident(self.pid, limit) if self.queue else 0
        if used <= limit:
            return None
        return (
            f"its processes used {used / 2**20:.0f} MiB, more than the memory limit of "
            f"{limit / 2**20:.0f} MiB, and were killed"
        )

    def verdict(self, status: Status, message: str) -> tuple[Call, list[Outcome]]:
        """Take the running call off the queue, with the outcome that its worker can't give."""
        call = self.queue.popleft()
        since, now = self.since, time.monotonic()
        if not self.ready:
            message = f"{message}, while the optimizee was being set up"
        self.output.drain()
        outcome = Outcome(call[0], status, message=message, worker=self.number)
        outcome.started, outcome.duration = time.time() - now + since, now - since
        outcome.output = self.output.of_call(self.answered + 1, since)
        return call, [outcome]

    # -- ending -------------------------------------------------------------------------------

    def exited(self) -> bool:
        """Whether the process has ended. It is not reaped: its number stays its own."""
        if self.process.returncode is not None:
            return True
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        try:
            return os.waitid(os.P_PID, self.pid, options) is not None
        except ChildProcessError:
            return True

    def end(self) -> str:
        """Kill the worker and everything that it started; return how it had ended before.

        May be called twice.
        """
        if self.process.returncode is not None:
            return self._how_it_ended()
        patience = time.monotonic() + (0.2 if self.spent and not self.innocent else 0.0)
        while not (by_itself := self.exited()) and time.monotonic() < patience:
            time.sleep(0.001)  # its connection has ended: it is about to go
        end_trees([self.pid], self.mark)
        self.reap()
        return self._how_it_ended() if by_itself else "closed its connection, and was killed"

    def reap(self) -> None:
        """Bury the process, which has been killed."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1.0)  # longer only if the kernel itself is stuck
        self.spent = True

    def _how_it_ended(self) -> str:
        code = self.process.returncode
        if code is None or code >= 0:
            return f"exited with code {code} without a result"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = "; if nobody did, memory ran out" if -code == signal.SIGKILL else ""
        return f"killed by {name}{hint}"

    def dismiss(self) -> None:
        """Ask an idle worker to exit."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of everything, after :meth:`end`."""
        self.sock.close()
        self.output.close()
        if self.alive_fd is not None:
            os.close(self.alive_fd)
            self.alive_fd = None
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
