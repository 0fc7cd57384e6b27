"""Parsl's manager on one node: ``python -m l2l.executors.slurm.manager FILE``, started by ``srun``.

It counts what the node has for us, and becomes Parsl's process worker pool, whose processes are our
supervisors. It ends when the outer loop has gone.
"""

from __future__ import annotations

import atexit
import json
import multiprocessing
import os
import runpy
import socket
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

_PATIENCE = 60.0  # longest wait for the run folder, in s
_PROBE = 10  # longest wait for the interchange, in s
_PARSL = "parsl.executors.high_throughput"
_POOL = f"{_PARSL}.process_worker_pool"
_PRELOAD = [
    f"{_PARSL}.executor",
    f"{_PARSL}.mpi_resource_management",
    "l2l.executors.slurm.poolwork",
]


def main(file: str) -> None:
    """Run the node's pool. It ends when nothing has been heard of the interchange for long.

    Where that was the network, it is started anew, and connects again.

    Args:
        file: JSON that :class:`l2l.executors.slurm.htex.Engine` has written.
    """
    settings = json.loads(_read(Path(file)))
    workers = count_workers(settings)
    job, end = os.environ.get("SLURM_JOB_ID", "0"), os.environ.get("L2L_BLOCK_END", "0")
    os.environ["PARSL_CORES"] = str(workers)
    sys.argv = [
        _POOL,
        f"--uid={node_name()}/{job}/{end}/{os.getpid()}",
        f"--block_id={job}",
        f"--max_workers_per_node={workers}",
        f"--address_probe_timeout={_PROBE}",
        *settings["arguments"],
    ]
    _fork_workers()
    runpy.run_module(_POOL, run_name="__main__", alter_sys=True)
    print(f"{node_name()}: nothing heard of the outer loop; trying once more", file=sys.stderr)
    atexit._run_exitfuncs()  # ends what multiprocessing has started
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _fork_workers() -> None:
    """Have the pool's processes forked from one that has imported all they need.

    Parsl would have each of them import everything anew: with 128 workers on a node that is a
    minute of its time, gigabytes of its memory, and a storm of requests to the file system.
    """
    import parsl.multiprocessing

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    vars(parsl.multiprocessing)["SpawnContext"] = context


def node_name() -> str:
    """Return the name of this node in Slurm."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def _read(file: Path) -> str:
    """Return the text of a file; wait for it while its folder can't be reached."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            return file.read_text()
        except OSError:
            if time.monotonic() > end:
                raise
        time.sleep(0.5)


# -- what the node has for us -------------------------------------------------------------------


def count_workers(settings: dict[str, Any]) -> int:
    """Return how many workers this node has.

    As many as were asked for, else one for each ``threads`` of its cores that belong to the job;
    not more than its memory is enough for.
    """
    wanted: int | None = settings["workers_per_node"]
    cores = count_cores(settings["hyperthreads"])
    workers = wanted or max(1, cores // settings["threads"])
    limit: int | None = settings["memory"]
    if limit is not None:
        there = memory_here()
        workers = min(workers, there // limit)
        if workers < 1:
            sys.exit(
                f"{node_name()}: memory_limit is {limit / 2**20:.0f} MiB, but the job has only "
                f"{there / 2**20:.0f} MiB on this node. Ask for more (mem), or set a lower limit"
            )
    return workers


def count_cores(hyperthreads: bool) -> int:
    """Return how many cores of this node belong to the job.

    Where Slurm counts hyper-threads as CPUs, those of one core count once unless asked otherwise.
    They can be told apart where Slurm confines the job to its CPUs.
    """
    mine = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    cpus = int(os.environ.get("SLURM_CPUS_ON_NODE", 0)) or len(mine) or 1
    if not hyperthreads and len(mine) == cpus:
        return len(_cores_of(mine))
    return cpus


def _cores_of(cpus: Collection[int]) -> set[str]:
    """Return the cores that CPUs are threads of."""
    cores = set()
    for cpu in cpus:
        try:
            path = f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
            cores.add(Path(path).read_text().strip())
        except OSError:
            cores.add(str(cpu))
    return cores


def memory_here() -> int:
    """Return the memory of the job on this node, in bytes."""
    from l2l.processes import machine_memory

    given = int(os.environ.get("L2L_MEM_PER_NODE") or 0)  # in MB, as Slurm told the job
    for_cpu = int(os.environ.get("L2L_MEM_PER_CPU") or 0)
    given = given or for_cpu * int(os.environ.get("SLURM_CPUS_ON_NODE", 0))
    return min(machine_memory(), given * 2**20) if given else machine_memory()


if __name__ == "__main__":
    main(sys.argv[1])
