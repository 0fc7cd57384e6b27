"""A program for ``mpiexec -n 4``: the contract of an executor, and the table of faults."""

from __future__ import annotations

import dataclasses
from typing import Any

from helpers.faults import SPACE, finish, make_jobs, task_of

from l2l.evaluation import Status
from l2l.executors.base import Executor
from l2l.executors.mpi.executor import MPIExecutor, MPIOptions
from l2l.testing.executors import check_executor

NAMES = {field.name for field in dataclasses.fields(MPIOptions)}
FAULTS = {
    "raises": Status.FAILED,
    "segfaults": Status.CRASHED,
    "exit_0": Status.CRASHED,
    "is_killed": Status.CRASHED,
    "closes_everything": Status.CRASHED,
    "hangs": Status.TIMEOUT,
    "spins_deaf": Status.TIMEOUT,
    "allocates": Status.MEMORY,
    "child_allocates": Status.MEMORY,
    "returns_nan": Status.INVALID,
    "returns_text": Status.INVALID,
    "returns_three": Status.INVALID,
    "leaves_daemon": Status.OK,
}


def make(**options: Any) -> Executor:
    """Return an executor with those of the options that it has."""
    given = {name: value for name, value in options.items() if name in NAMES}
    return MPIExecutor.join(MPIOptions(**given))


def check_faults() -> None:
    """Each fault has its status, and costs nobody else."""
    for late in (True, False):
        faults = [fault for fault, status in FAULTS.items() if (status is Status.TIMEOUT) is late]
        kinds = [kind for fault in faults for kind in (fault, "none_of_these")]
        individuals = [{"fault": kind, "x": 0.5} for kind in kinds]
        with make(timeout=2.0 if late else 60.0, memory_limit="400MiB", chunk=3) as executor:
            assert executor.workers == 3
            executor.start(task_of("Faulty"))
            outcomes = finish(executor, make_jobs(SPACE, individuals), limit=120.0)
        for number, kind in enumerate(kinds):
            outcome = outcomes[number]
            assert outcome.status is FAULTS.get(kind, Status.OK), f"{kind}: {outcome}"


if __name__ == "__main__":
    make()  # the other ranks stay in here
    check_executor(make)
    check_faults()
    print("all is well")
