"""The worker: ``python -m l2l.worker``, the one program that runs simulator code.

It is started by a :class:`l2l.guard.Guard`, which feeds it, reads what it prints, and may kill it
at any time. It never imports the script that started the run.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import faulthandler
import fcntl
import os
import pickle
import select
import signal
import socket
import sys
import termios
from collections.abc import Sequence
from typing import Any

from l2l import wire
from l2l.evaluate import Evaluator
from l2l.evaluation import Job, Status
from l2l.executors.base import Task

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def main(arguments: Sequence[str]) -> None:
    """Run the worker until its guard closes the connection.

    Args:
        arguments: File descriptors of the connection, the lifeline and the task, the process id
            of the guard, and the token that tells what calls have printed apart.
    """
    connection, lifeline, task_file, guard = (int(text) for text in arguments[:4])
    for descriptor in (connection, lifeline, task_file):
        os.set_inheritable(descriptor, False)
    _die_with(guard, lifeline)
    _be_deaf()
    faulthandler.enable()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    sock = socket.socket(fileno=connection)
    sock.sendall(wire.pack_signal(wire.Kind.HELLO))
    data = os.pread(task_file, os.fstat(task_file).st_size, 0)
    os.close(task_file)
    sys.path[:], python_path, task = pickle.loads(data)
    _restore_environment(python_path)
    del sys.argv[1:]
    Worker(sock, pickle.loads(task), arguments[4]).run()


def _die_with(guard: int, lifeline: int) -> None:
    """Make the kernel kill this process, and its process group, when the guard's process ends.

    The lifeline is a pipe whose other end only the guard has: its end is an event for which the
    kernel sends SIGKILL to the whole group, at once and whatever the simulation is doing.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_ASYNC)
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write("500")  # where memory runs out, take the simulation, not the outer loop
    else:
        import threading

        threading.Thread(target=_await_end, args=(lifeline,), daemon=True).start()
    if os.getppid() != guard or select.select([lifeline], [], [], 0)[0]:
        os._exit(1)  # it had ended before this was set up


def _be_deaf() -> None:
    """Leave requests to stop to the outer loop, which lets evaluations end.

    A batch system sends them to all processes of a job. They are not ignored, for the programs
    that a simulation starts would inherit that.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, _hear_nothing)
        signal.siginterrupt(number, False)


def _hear_nothing(number: int, frame: Any) -> None:
    pass


def _await_end(lifeline: int) -> None:
    """Kill the process group when the lifeline ends (where the kernel can't be asked to)."""
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)


def _restore_environment(python_path: str | None) -> None:
    """Give children the PYTHONPATH that the user has set, not the one that found l2l."""
    os.environ.pop("PYTHONPATH", None)
    if python_path is not None:
        os.environ["PYTHONPATH"] = python_path


class Worker:
    """Runs calls one after the other, and replies to each before it begins the next."""

    def __init__(self, sock: socket.socket, task: Task, token: str) -> None:
        self.sock = sock
        self.task = task
        self.token = token
        self.pid = os.getpid()
        self.home = os.open(".", os.O_RDONLY | os.O_CLOEXEC)
        self.evaluator = Evaluator(task)
        self.calls = wire.CallReader(task.space.size)
        self.unread = array.array("i", [0])
        self.done = 0  # number of calls

    def run(self) -> None:
        """Set the optimizee up, then run calls until there are no more."""
        with contextlib.suppress(Exception, SystemExit):  # the first evaluation will tell
            self.evaluator.prepare()
        self.sock.sendall(wire.pack_signal(wire.Kind.READY))
        while True:
            jobs = self.calls.next()
            if jobs is not None:
                self.call(jobs)
            elif data := self.sock.recv(1 << 18):
                self.calls.feed(data)
            else:
                return

    def call(self, jobs: list[Job]) -> None:
        """Run one call and reply to it."""
        if self.task.batched:
            outcomes = self.evaluator.batch(jobs)
            ok = all(outcome.status is Status.OK for outcome in outcomes)
        else:
            outcomes = [self.evaluator.evaluate(jobs[0])]
            ok = outcomes[0].status is Status.OK
        if os.getpid() != self.pid:
            os._exit(1)  # a child that was forked in simulate() has come back out of it
        leftover = not self.evaluator.reusable and _has_children()
        self.tidy(ok)
        self.sock.sendall(wire.pack_outcomes(outcomes, leftover))
        while leftover:
            signal.pause()  # the guard ends this process and its children

    def tidy(self, ok: bool) -> None:
        """Go back to the first folder, and tell what this call printed from what comes next."""
        self.done += 1
        os.fchdir(self.home)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # users replace and close them
                stream.flush()
        if not ok:
            ctypes.CDLL(None).fflush(None)
        with contextlib.suppress(OSError):
            fcntl.ioctl(1, termios.FIONREAD, self.unread)
            if self.unread[0] or not ok:
                os.write(1, wire.output_mark(self.token, self.done))


def _has_children() -> bool:
    """Whether there are child processes; those that have ended are buried."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


if __name__ == "__main__":
    main(sys.argv[1:])
