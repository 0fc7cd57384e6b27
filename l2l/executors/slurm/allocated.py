"""Managers inside an allocation: one job step, with a manager on each node."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import site
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import l2l
from l2l.cluster import slurm
from l2l.cluster.allocation import Allocation
from l2l.errors import L2LError
from l2l.executors.slurm.htex import Manager, tail
from l2l.executors.slurm.leash import leashed

_STARTS = 3  # job steps in a row of which no node connects
_FAREWELL = 2.0  # time that a job step gets to end, in s

#: What the step of the driver, or the options of the job, must not hand on to our step.
MISLEADING = (
    "SRUN_CPUS_PER_TASK", "SLURM_CPUS_PER_TASK", "SLURM_TRES_PER_TASK", "SLURM_EXACT",
    "SLURM_NTASKS", "SLURM_NPROCS", "SLURM_MEM_PER_CPU", "SLURM_MEM_PER_NODE", "SLURM_MPI_TYPE",
    "SLURM_GPUS_PER_TASK", "SLURM_GPU_BIND", "SLURM_NTASKS_PER_GPU", "SLURM_NTASKS_PER_NODE",
    "SLURM_DISTRIBUTION", "SLURM_OUTPUTMODE", "SLURM_STDOUTMODE", "SLURM_STDINMODE",
)  # fmt: skip

log = logging.getLogger("l2l")


def step_command(nodes: int | str, manager: Sequence[str]) -> list[str]:
    """Return the command that starts one manager on each of ``nodes``.

    The step takes all CPUs, memory and GPUs that the job has on its nodes, and shares the driver's
    node with it (``--overlap``); it goes on when a node fails, and when a manager ends.
    """
    # A manager that was killed alone is started again: its node is not lost.
    again = 'for i in 1 2 3; do "$@"; [ $? -gt 128 ] || exit 0; done'
    return [
        "srun", "--overlap", "--no-kill", "--kill-on-bad-exit=0", "--wait=0", f"--nodes={nodes}",
        f"--ntasks={nodes}", "--ntasks-per-node=1", "--mem=0", "--cpu-bind=none", "--mpi=none",
        "--export=ALL", "--input=none", "--quiet", "sh", "-c", again, "l2l-manager", *manager,
    ]  # fmt: skip


def manager_command(python: str, file: Path) -> list[str]:
    """Return the command of a manager."""
    quiet = "ignore:resource_tracker:UserWarning"  # it complains when a job is cancelled
    return [python, "-P", "-W", quiet, "-m", "l2l.executors.slurm.manager", str(file)]


def with_package(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what the environment of managers must have for this package to be found there."""
    home = str(Path(l2l.__file__).parents[1])
    if home in (*site.getsitepackages(), site.getusersitepackages()):
        return {}
    return {"PYTHONPATH": os.pathsep.join(filter(None, [home, environment.get("PYTHONPATH")]))}


class Allocated:
    """The managers of the allocation that this process is in.

    Args:
        allocation: Its nodes.
        file: What managers must know.
        logs: Folder for what they print.
        workers: Workers that are expected on all nodes together.
        python: The interpreter on the nodes.
    """

    def __init__(
        self, allocation: Allocation, file: Path, logs: Path, workers: int, python: str
    ) -> None:
        self.expected = workers
        self._allocation = allocation
        self._manager = manager_command(python, file)
        self._output = logs / f"managers-{allocation.job}.log"
        self._failed = 0
        self._next_try = 0.0
        self._connected = False
        self._step = self._start(str(len(allocation.nodes)), [])

    def _start(self, nodes: str, more: Sequence[str]) -> subprocess.Popen[bytes]:
        program, *options = step_command(nodes, self._manager)
        environment = {k: v for k, v in os.environ.items() if k not in MISLEADING}
        for name in ("MEM_PER_NODE", "MEM_PER_CPU"):
            environment[f"L2L_{name}"] = os.environ.get(f"SLURM_{name}", "")
        return subprocess.Popen(
            leashed([program, *more, *options], str(self._output), signal.SIGTERM),
            env=environment | with_package(os.environ),
            stdin=subprocess.DEVNULL,
        )

    def tend(self, managers: Sequence[Manager]) -> None:
        """Start the step again if it has ended and nobody is left.

        Raises:
            L2LError: If it did not work repeatedly; says what was printed.
        """
        if managers:
            self._connected, self._failed = True, 0
        if managers or self._step.poll() is None or time.monotonic() < self._next_try:
            return
        self._next_try = time.monotonic() + slurm.INTERVAL
        if (alive := slurm.nodes_of(self._allocation.job)) is None:
            log.warning("all managers have ended, and Slurm does not say which nodes are left")
            return
        self._failed += not self._connected
        if self._failed >= _STARTS:
            raise L2LError(
                f"no node of job {self._allocation.job} could be used: {self._failed} job "
                f"steps ended before a manager connected. {self._output} ends with:\n"
                f"{tail(self._output)}"
            )
        self._connected = False
        log.warning("all managers of the allocation have ended; starting them on %s", alive)
        self._step = self._start(str(len(alive)), [f"--nodelist={','.join(alive)}"])

    def close(self) -> None:
        """End the step."""
        with contextlib.suppress(ProcessLookupError):
            self._step.terminate()
        end = time.monotonic() + _FAREWELL
        while self._step.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        if self._step.poll() is None:
            self._step.kill()
            self._step.wait()
