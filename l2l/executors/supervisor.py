"""The supervisor: a process elsewhere that evaluates jobs for the outer loop.

It is a local executor with one worker, in an MPI rank, in a process of a pool on another node, in a
task of a job step: so that time limits, memory limits, crashes and output are the same everywhere,
and nothing that a simulator does reaches the engine that carries jobs and outcomes to and fro.
"""

from __future__ import annotations

import atexit
import dataclasses
import os
import pickle
import secrets
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from l2l import wire
from l2l.evaluation import Job, Outcome, Status
from l2l.executors.base import ExecutorOptions, Task
from l2l.executors.local import LocalExecutor, LocalOptions

Fields = tuple[Any, ...]

_DOUBT = 1.0  # time that passes before a SIGKILL counts as a simulation's own, in s
_LOOK = 0.1  # how soon it is noticed that a task is not wanted any more, in s


class Bundle:
    """A task as it goes to supervisors.

    Attributes:
        key: Tells it from others.
        data: All of it, for :class:`Supervisor`.
    """

    def __init__(self, task: Task, options: ExecutorOptions) -> None:
        import cloudpickle

        self.key = secrets.token_hex(8)
        path = [entry or os.getcwd() for entry in sys.path]
        shared = {f.name: getattr(options, f.name) for f in dataclasses.fields(ExecutorOptions)}
        inside = cloudpickle.dumps((task, shared))
        self.data: bytes = pickle.dumps((path, os.environ.get("PYTHONPATH"), os.getcwd(), inside))


def unbundle(data: bytes) -> tuple[Task, dict[str, Any]]:
    """Return the task and the options of a bundle; take on the path and folder of its origin."""
    sys.path[:], python_path, folder, inside = pickle.loads(data)
    if python_path is not None:
        os.environ["PYTHONPATH"] = python_path
    os.chdir(folder)
    task, shared = pickle.loads(inside)
    return task, shared


class Supervisor:
    """Evaluates jobs with one worker, which is replaced as often as it must be.

    Args:
        data: Of the :class:`Bundle`. The process takes on the path and the folder of the outer
            loop's.
    """

    def __init__(self, data: bytes) -> None:
        task, shared = unbundle(data)
        self.name = f"{node_name()}:{os.getpid()}"
        if task.scratch is not None:
            # An earlier attempt at an evaluation that counts as lost may still be running.
            task = dataclasses.replace(task, scratch=task.scratch / self.name.replace(":", "-"))
        self.task = task
        self.unwanted = False  # set by another thread: end at once
        self._calls = wire.CallReader(task.space.size)
        self._executor = LocalExecutor(LocalOptions(**shared, workers=1))
        self._executor.start(task)
        atexit.register(self.close)

    def evaluate(self, call: bytes) -> list[Outcome]:
        """Return the outcomes of the jobs that :func:`l2l.wire.pack_call` has packed."""
        self._calls.feed(call)
        jobs = self._calls.next() or []
        self._executor.submit(jobs)
        outcomes: list[Outcome] = []
        while len(outcomes) < len(jobs) and not self.unwanted:
            landed = self._executor.collect(_LOOK)
            if any(o.status is Status.CRASHED and "SIGKILL" in o.message for o in landed):
                time.sleep(_DOUBT)  # should a whole node be ending, this process goes next
            outcomes += landed
        return outcomes

    def close(self) -> None:
        """End the worker; may be called twice."""
        self._executor.close()
        atexit.unregister(self.close)


def node_name() -> str:
    """Return the name of this node as its batch system calls it, else as it calls itself."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


# -- for engines that call functions ----------------------------------------------------------

_here: dict[str, Supervisor] = {}
_over: set[str] = set()
_working = threading.Lock()


def evaluate(key: str, bundle: bytes | None, call: bytes) -> bytes | None:
    """Evaluate jobs in this process, which becomes a supervisor when it is first called.

    Args:
        key: Of the bundle.
        bundle: Its data; None if it is supposed to be here.
        call: Jobs as :func:`l2l.wire.pack_call` has packed them.

    Returns:
        What :func:`unpack` takes, or None if the bundle is not here and must be sent.
    """
    with _working:
        if key not in _here:
            if bundle is None or key in _over:
                return None
            for other in list(_here):
                _here.pop(other).close()
            _here[key] = Supervisor(bundle)
        supervisor = _here[key]
        outcomes = supervisor.evaluate(call)
        return None if supervisor.unwanted else pack(supervisor.name, outcomes)


def forget(key: str | None = None) -> None:
    """End the workers for a bundle that is over (any if None), in whatever thread they began.

    What is being evaluated is given up; :func:`evaluate` returns None then, and from now on.
    """
    over = list(_here) if key is None else [key]
    _over.update(over)
    for each in over:
        if each in _here:
            _here[each].unwanted = True
    with _working:
        for each in over:
            if each in _here:
                _here.pop(each).close()


def pack(name: str, outcomes: Sequence[Outcome]) -> bytes:
    """Return a supervisor's name and its outcomes as bytes, without their jobs."""
    return pickle.dumps((name, [_fields(outcome) for outcome in outcomes]), 5)


def _fields(o: Outcome) -> Fields:
    came = (o.fitness, o.observation, o.metrics, o.started, o.duration)
    return (o.job.id, int(o.status), *came, o.message, o.traceback, o.output, o.gradient)


def unpack(data: bytes, jobs: Sequence[Job]) -> tuple[str, list[Outcome]]:
    """Return name and outcomes that :func:`pack` has packed, with their jobs again."""
    name, packed = pickle.loads(data)
    by_id: Mapping[int, Job] = {job.id: job for job in jobs}
    outcomes = []
    for number, status, fitness, seen, metrics, started, duration, *said in packed:
        outcome = Outcome(by_id[number], Status(status), fitness, seen, metrics, started, duration)
        outcome.message, outcome.traceback, outcome.output, outcome.gradient = said
        outcomes.append(outcome)
    return name, outcomes
