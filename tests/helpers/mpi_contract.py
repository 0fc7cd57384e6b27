"""A program for ``mpiexec -n 4``: the contract of an executor, and the table of faults."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from helpers.faults import check_faults

from l2l.executors.base import Executor
from l2l.executors.mpi.executor import MPIExecutor, MPIOptions
from l2l.testing.executors import check_executor

NAMES = {field.name for field in dataclasses.fields(MPIOptions)}


def make(**options: Any) -> Executor:
    """Return an executor with those of the options that it has."""
    given = {name: value for name, value in options.items() if name in NAMES}
    return MPIExecutor.join(MPIOptions(**given))


if __name__ == "__main__":
    make()  # the other ranks stay in here
    check_executor(make)
    check_faults(functools.partial(make, chunk=3))
    print("all is well")
