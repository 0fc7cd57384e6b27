"""What all workers of one executor share."""

from __future__ import annotations

import os
import secrets
import site
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import l2l
from l2l.executors.base import ExecutorOptions, Task
from l2l.gpus import VISIBLE, devices, shared_out
from l2l.processes import janitor_command, machine_memory

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")

#: How the variables begin by which a launcher tells a process that it is an MPI rank.
LAUNCHERS = ("PMI_", "PMI2_", "PMIX_", "OMPI_COMM_WORLD_", "HYDI_", "MPI_LOCAL")
PMI_FD = "PMI_FD"  #: names the descriptor of a rank's connection to its launcher


class Workshop:
    """What all workers of one executor share: the task, the limits, and the janitor.

    Args:
        task: What workers run.
        options: Their limits.
        ranks: Environment variables that make the worker an MPI rank. Without them workers are
            none, whatever this process is: ``import mpi4py`` gives them a world of their own.

    Attributes:
        inherited: Descriptors that workers inherit from this process.
    """

    def __init__(
        self, task: Task, options: ExecutorOptions, ranks: Mapping[str, str] | None = None
    ) -> None:
        import cloudpickle

        self.task = task
        self.timeout = options.timeout
        self.memory_limit = options.memory_bytes or int(0.8 * machine_memory())
        self.token = secrets.token_hex(8)
        self.command = [sys.executable, "-P", "-m", "l2l.worker"]
        self.environment = _environment(options.threads) | dict(ranks or {})
        self.inherited = [int(value) for name, value in (ranks or {}).items() if name == PMI_FD]
        self.gpus = options.gpus
        if self.gpus is not None:
            devices(self.gpus)  # says what is wrong before anything starts
        self.file = tempfile.TemporaryFile(prefix="l2l-")  # noqa: SIM115
        path = [entry or os.getcwd() for entry in sys.path]
        content = (path, os.environ.get("PYTHONPATH"), cloudpickle.dumps(task))
        self.file.write(cloudpickle.dumps(content))
        self.file.flush()
        self._janitor: subprocess.Popen[bytes] | None = None

    def mark(self, number: int | None = None) -> str:
        """Return what all processes of one worker have in their environment, or of all workers."""
        return f"{self.token}:{'' if number is None else f'{number};'}"

    def environment_of(self, number: int) -> dict[str, str]:
        """Return the environment of a worker."""
        if self.gpus is None:
            return self.environment
        return self.environment | {VISIBLE: shared_out(self.gpus, number)}

    def employ_janitor(self) -> None:
        """Start the janitor, unless there is one."""
        if self._janitor is None and sys.platform == "linux":
            command = janitor_command(os.getpid(), self.mark())
            self._janitor = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def close(self) -> None:
        """Dismiss the janitor and forget the task."""
        if self._janitor is not None:
            self._janitor.kill()
            self._janitor.wait()
            self._janitor = None
        self.file.close()


def _environment(threads: int) -> dict[str, str]:
    """Return the environment of a worker."""
    found = {name: text for name, text in os.environ.items() if not name.startswith(LAUNCHERS)}
    found |= dict.fromkeys(_THREADS, str(threads))
    found.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads make neighbours wait
    found.setdefault("GOMP_SPINCOUNT", "0")
    home = str(Path(l2l.__file__).parents[1])
    if home not in (*site.getsitepackages(), site.getusersitepackages()):
        found["PYTHONPATH"] = os.pathsep.join(filter(None, [home, found.get("PYTHONPATH")]))
    return found
