"""The engine of the slurm executor: Parsl's HighThroughputExecutor, without its data-flow kernel.

The interchange is a child of this process. Managers, one on each node, connect to it over TCP,
encrypted; each has a pool of processes, which are our supervisors. Who starts managers, and where,
is not the engine's business: scaling of blocks belongs to Parsl's data-flow kernel, which polls the
batch system for each executor and knows nothing of wall-times, and so is ours.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from l2l.errors import L2LError, MissingExtra
from l2l.executors.slurm.leash import leashed

_LOOK = 0.5  # the interchange is asked for its managers this often, in s
_ANSWER = 60.0  # longest wait for an answer of the interchange, in s
_BEATS = 6  # heartbeats that may be missed

log = logging.getLogger("l2l")


@dataclass(frozen=True)
class Manager:
    """A node that is connected.

    Attributes:
        name: Its id.
        workers: Supervisors that it has.
        tasks: Chunks that it has.
        active: Whether it gets more.
    """

    name: str
    workers: int
    tasks: int
    active: bool

    @property
    def node(self) -> str:
        """Name of the node."""
        return self.name.split("/")[0]

    @property
    def job(self) -> str:
        """Number of the job that it runs in."""
        return self.name.split("/")[1]

    @property
    def end(self) -> float:
        """When its job reaches its wall-time, unix time in s; inf if that is not known."""
        return float(self.name.split("/")[2]) or float("inf")


class Engine:
    """Parsl's interchange, and what is needed to connect to it.

    Args:
        folder: For keys and settings; all nodes must see it.
        logs: Folder for what Parsl has to say.
        heartbeat: Time without a sign of life after which a node counts as gone, in s.
        address: Of this machine, where nodes can reach it; None: all its addresses are tried.
        settings: What :mod:`l2l.executors.slurm.manager` wants to know of workers.

    Attributes:
        file: Tells managers all they need.

    Raises:
        MissingExtra: If Parsl is not installed.
        L2LError: If the interchange does not start.
    """

    def __init__(
        self,
        folder: Path,
        logs: Path,
        heartbeat: int,
        address: str | None,
        settings: dict[str, Any],
    ) -> None:
        try:
            from parsl.executors import HighThroughputExecutor

            from l2l.executors.slurm.parsllog import Warnings
        except ImportError:
            raise MissingExtra("parsl", "slurm") from None
        self._log = logs / "interchange.log"
        self._heartbeat = heartbeat
        self._managers: list[Manager] = []
        self._looked = -_LOOK
        module = "parsl.executors.high_throughput.interchange"
        command = [sys.executable, "-P", "-m", module]
        make: Any = HighThroughputExecutor
        self._htex: Any = make(
            label="parsl",
            address=address,
            interchange_launch_cmd=leashed(command, str(self._log), signal.SIGKILL),
            heartbeat_period=max(1, heartbeat // _BEATS),
            heartbeat_threshold=heartbeat,
        )
        self._htex.run_dir = str(folder)
        self._htex.log_config = Warnings()
        try:
            self._htex.start()
        except Exception as error:
            self.close()
            raise L2LError(f"Parsl's interchange did not start: {error}\n{self._said()}") from error
        self.file = folder / "manager.json"
        self.file.write_text(json.dumps({**settings, "arguments": self._arguments()}))

    def _arguments(self) -> list[str]:
        """Return what all managers are told."""
        htex = self._htex
        return [
            f"--addresses={','.join(sorted(htex.all_addresses))}",
            f"--port={htex.worker_port}",
            f"--cert_dir={htex.cert_dir}",
            f"--logconf={htex.logconf_path}",
            f"--hb_period={htex.heartbeat_period}",
            f"--hb_threshold={htex.heartbeat_threshold}",
            "--mem_per_worker=None",
            "--drain_period=None",
            "--cpu-affinity=none",
        ]

    # -- talking ------------------------------------------------------------------------------

    def send(self, key: str, bundle: bytes | None, call: bytes) -> Future[Any]:
        """Have a chunk evaluated by the next free supervisor."""
        function = "l2l.executors.slurm.poolwork.evaluate"
        work = {"f": function, "k": {"key": key, "bundle": bundle}}
        future: Future[Any] = self._htex.submit_payload({"task_executor": work}, call)
        return future

    def managers(self) -> list[Manager]:
        """Return the nodes that are connected; asks at most twice a second.

        Raises:
            L2LError: If the interchange has gone, or does not get along with a node.
        """
        now = time.monotonic()
        if now - self._looked < _LOOK:
            return self._managers
        self._check()
        self._looked = now
        try:
            answer = self._htex.command_client.run("MANAGERS", timeout_s=_ANSWER)
        except Exception as error:
            self._check()
            raise L2LError(f"Parsl's interchange does not answer: {error!r}") from error
        self._managers = [
            Manager(m["manager"], m["worker_count"], m["tasks"], m["active"] and not m["draining"])
            for m in answer
        ]
        return self._managers

    def hold(self, manager: Manager) -> None:
        """Give no more work to a node."""
        self._htex.command_client.run(["HOLD_MANAGER", manager.name], timeout_s=_ANSWER)
        self._looked = -_LOOK

    def _check(self) -> None:
        """Raise if the engine is of no use any more."""
        if self._htex.bad_state_is_set:
            raise L2LError(
                f"Parsl refuses to go on: {self._htex.executor_exception}. All nodes must run the "
                "same versions of Python and Parsl as this process: give the executor's option "
                "`python`, or load the same modules (`setup`)"
            )
        process = self._htex.interchange_proc
        if process is not None and process.poll() is not None:
            raise L2LError(
                f"Parsl's interchange has ended (code {process.returncode}); resume the run to go "
                f"on. It said last:\n{self._said()}"
            )

        listener = self._htex._result_queue_thread
        if listener is not None and not listener.is_alive():
            raise L2LError(
                "Parsl listens to its interchange no more; resume the run to go on. It said "
                f"last:\n{self._said()}"
            )

    def _said(self) -> str:
        return tail(self._log)

    def explain(self, error: BaseException) -> str | None:
        """Return what has become of a supervisor; None if it is not gone."""
        from parsl.executors.high_throughput.errors import ManagerLost, WorkerLost

        if isinstance(error, ManagerLost):
            node, job, *_ = error.manager_id.decode().split("/")
            return f"node {node} of job {job} has gone: no sign of life for {self._heartbeat} s"
        if isinstance(error, WorkerLost):
            return f"a supervisor on {error.hostname} was killed"
        self._check()
        return None

    def close(self) -> None:
        """End the interchange. Managers end when they miss it."""
        self._htex.shutdown(timeout=2.0)


def tail(file: Path, size: int = 2000) -> str:
    """Return the end of a text file; nothing if there is none."""
    try:
        with file.open("rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - size))
            return stream.read().decode(errors="replace")
    except OSError:
        return ""
