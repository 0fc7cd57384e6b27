"""MPI programs as optimizees, and what their workers find in their environment."""

from __future__ import annotations

import ctypes
import os
import time
from typing import Any, ClassVar

from l2l.optimizee import Optimizee, Result
from l2l.space import Parameter, ParameterSpace

#: What a rank does wrong, and which.
FAULTS = (
    "fine", "raises 0", "raises 1", "exits 1", "segfaults 2", "aborts 1", "hangs 3", "is killed 3",
    "returns nothing 0",
)  # fmt: skip


class Ring(Optimizee):
    """Sums over all ranks; only rank 0 returns anything."""

    space = ParameterSpace(
        [Parameter("x", -10.0, 10.0), Parameter("fault", kind="categorical", choices=FAULTS)]
    )
    resources: ClassVar = {"ntasks": 4}

    def simulate(self, traj: Any) -> Any:
        from mpi4py import MPI

        world = MPI.COMM_WORLD
        total = world.allreduce(traj.individual.x * (world.rank + 1))
        fault, _, rank = traj.individual.fault.rpartition(" ")
        if fault:
            print(f"rank {world.rank} is here", flush=True)
            if world.rank == int(rank):
                self.fail(fault, world)
            if fault != "returns nothing":
                world.barrier()
                time.sleep(60)  # however the barrier ended: the step is ended for this rank
        nodes = world.gather(os.environ["SLURMD_NODENAME"])
        if world.rank or fault:
            return None
        return Result(total, metrics={"ranks": world.size, "nodes": len(set(nodes))})

    def fail(self, fault: str, world: Any) -> None:
        if fault == "raises":
            raise ZeroDivisionError("on purpose")
        if fault == "exits":
            os._exit(3)
        if fault == "segfaults":
            ctypes.string_at(0)
        if fault == "aborts":
            world.Abort(7)
        if fault == "is killed":
            os.kill(os.getpid(), 9)
        if fault == "hangs":
            time.sleep(600)


class Gated(Optimizee):
    """Waits until a file is there; without MPI, so that ranks do not wait for each other."""

    space = ParameterSpace({"x": (-10.0, 10.0)})

    def __init__(self, gate: str = "/") -> None:
        super().__init__()
        self.gate = gate

    def simulate(self, traj: Any) -> float:
        while not os.path.exists(self.gate):
            time.sleep(0.05)
        return float(traj.individual.x)


class Site(Optimizee):
    """Says where it is and what it has."""

    space = ParameterSpace({"x": (0.0, 1.0)})

    def simulate(self, traj: Any) -> Result:
        env = os.environ
        folder = traj.individual.workdir
        (folder / "file").write_text("written")
        node = int(env.get("SLURMD_NODENAME", "n0").removeprefix("n"))
        time.sleep(traj.individual.x)
        return Result(
            1.0,
            metrics={
                "node": node,
                "driver": int(env["L2L_TEST_DRIVER"]),
                "pid": os.getpid(),
                "threads": int(env["OMP_NUM_THREADS"]),
                "step": int(env.get("SLURM_STEP_ID", -1)),
                "tmp": int(str(folder).startswith("/tmp/l2l-")),
                "task": int(env.get("SLURM_CPUS_PER_TASK", 0)),
            },
        )
