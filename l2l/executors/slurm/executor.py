"""Slurm: workers on many nodes, in the allocation this process is in or in jobs of their own."""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from l2l.cluster import slurm
from l2l.cluster.allocation import Allocation
from l2l.errors import ConfigError
from l2l.evaluation import Outcome
from l2l.executors.base import ExecutorOptions, Task
from l2l.executors.remote import RemoteExecutor
from l2l.executors.slurm.allocated import Allocated
from l2l.executors.slurm.htex import Engine
from l2l.executors.slurm.options import SlurmOptions
from l2l.executors.slurm.pilots import Pilots

_TEND = 0.5  # how often nodes and pilots are looked after, in s


class SlurmExecutor(RemoteExecutor):
    """Runs evaluations on the nodes of a Slurm cluster, by Parsl's high-throughput executor.

    Inside an allocation (sbatch, salloc) one job step starts a manager on each node. Elsewhere, on
    a login node, jobs are submitted that bring the workers; only the outer loop and Parsl's
    interchange run here.

    A node that gives no sign of life for ``heartbeat`` s has gone: what it was evaluating is LOST.
    """

    Options = SlurmOptions

    def __init__(self, options: ExecutorOptions | None = None) -> None:
        super().__init__(options)
        self.options = self.options._replace(gpus=self.options.gpus_of_node)
        self._engine: Engine | None = None
        self._nodes: Allocated | Pilots | None = None
        self._counted = 0  # results that have landed
        self._next_look = 0.0

    @property
    def workers(self) -> int:
        """Number of workers: of the nodes that are there; before any is, of those expected."""
        if self._engine is None or self._nodes is None:
            return 1
        return self._slots() or self._nodes.expected

    # -- the engine ---------------------------------------------------------------------------

    def start(self, task: Task) -> None:
        """Start the engine, and get ready to run jobs of ``task``.

        Raises:
            MissingExtra: If Parsl is not installed.
            ConfigError: If there is neither an allocation nor ``sbatch``.
            L2LError: If the first pilot can't be submitted, or the interchange does not start.
        """
        self.close()
        if not self._piloting() and Allocation.here() is None:
            raise ConfigError(
                "pilots: false needs an allocation, and SLURM_JOB_ID is not set. Run this inside "
                "a job (salloc, sbatch, l2l submit), or leave `pilots` out"
            )
        if self._piloting() and shutil.which("sbatch") is None:
            raise ConfigError(
                "the executor slurm needs an allocation (SLURM_JOB_ID is not set) or the command "
                "sbatch, and found neither. Run it on a login node of a Slurm cluster, inside a "
                "job, or choose --executor local"
            )
        if task.scratch is None:  # all nodes must see it: /tmp is no place for it
            self._own_scratch = Path(tempfile.mkdtemp(prefix=".l2l-", dir=os.getcwd()))
            task = dataclasses.replace(task, scratch=self._own_scratch)
        super().start(task)

    def _piloting(self) -> bool:
        wanted: bool | None = self.options.pilots
        return Allocation.here() is None if wanted is None else wanted

    def _open(self) -> None:
        options: SlurmOptions = self.options
        assert self._task.scratch is not None
        logs = (self._task.logs or self._task.scratch).absolute()
        logs.mkdir(exist_ok=True)
        settings = {
            "workers_per_node": options.workers_per_node,
            "threads": options.threads,
            "hyperthreads": options.hyperthreads,
            "memory": options.memory_bytes,
        }
        scratch = self._task.scratch.absolute()
        self._engine = Engine(scratch, logs, options.heartbeat, options.address, settings)
        self._counted = 0
        if self._piloting():
            per_node = options.workers_per_node or max(1, _cpus(options) // options.threads)
            self._nodes = Pilots(self._engine, options, logs, per_node)
        else:
            here = Allocation.here()
            assert here is not None
            counts = [options.workers_per_node or n // options.threads for n in here.cpus]
            workers = sum(max(1, n) for n in counts)
            self._nodes = Allocated(here, self._engine.file, logs, workers, options.python)

    def _send(self, key: str, bundle: bytes | None, call: bytes) -> Future[Any]:
        assert self._engine is not None
        return self._engine.send(key, bundle, call)

    def _slots(self) -> int:
        assert self._engine is not None
        return sum(manager.workers for manager in self._engine.managers() if manager.active)

    def _parting(self) -> int:
        assert self._engine is not None
        return sum(manager.tasks for manager in self._engine.managers() if not manager.active)

    def _explain(self, error: BaseException) -> str | None:
        assert self._engine is not None
        return self._engine.explain(error)

    def _shut(self) -> None:
        try:
            if self._nodes is not None:
                self._nodes.close()
        finally:
            if self._engine is not None:
                self._engine.close()
            self._engine = self._nodes = None
            self.remove_scratch()

    # -- looking after nodes ------------------------------------------------------------------

    def _feed(self) -> None:
        """Look after the nodes, and send chunks to them."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + _TEND
            self._tend()
        super()._feed()

    def _tend(self) -> None:
        assert self._engine is not None
        managers = self._engine.managers()
        if isinstance(self._nodes, Pilots):
            away = sum(len(flight.jobs) for flight in self._flights.values())
            wanted = away + sum(len(call) for call in self._pending)
            slots = max(1, self._slots())
            longest = (self._pace.cost(slots) or 0.0) * self._size(slots)
            self._nodes.tend(managers, wanted, self._counted, longest)
        elif self._nodes is not None:
            self._nodes.tend(managers)

    def collect(self, timeout: float | None = None) -> list[Outcome]:
        """Return what has landed; wait for at least one outcome, at most ``timeout`` s."""
        outcomes = super().collect(timeout)
        self._counted += len(outcomes)
        return outcomes


def _cpus(options: SlurmOptions) -> int:
    """Return how many CPUs the smallest node has that a pilot may get; 1 if that is not known."""
    where = ["--partition", options.partition] if options.partition else []
    done = slurm.call(["sinfo", "--noheader", "--format=%c", *where])
    numbers = [int(n) for n in done.stdout.replace("+", "").split() if n.isdigit()]
    return min(numbers, default=1)
