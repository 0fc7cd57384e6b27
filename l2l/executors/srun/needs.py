"""What one job step needs, and how many steps an allocation can hold."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from l2l.cluster.allocation import counts
from l2l.errors import ConfigError, nearest


@dataclass(frozen=True)
class Needs:
    """The resources of one job step, in Slurm's words.

    Attributes:
        ntasks: MPI ranks (``-n``).
        nodes: Nodes to spread them over (``-N``); as few as can hold them if None.
        cpus_per_task: CPUs of each rank (``-c``).
        mem: Memory on each node (``--mem``).
        gpus_per_task: GPUs of each rank.
        gres: Generic resources on each node (``--gres``).
    """

    ntasks: int = 1
    nodes: int | None = None
    cpus_per_task: int = 1
    mem: str | None = None
    gpus_per_task: int | None = None
    gres: str | None = None

    @classmethod
    def of(cls, options: Any, resources: Mapping[str, Any], threads: int) -> Needs:
        """Return the needs: what the configuration says, else the optimizee, else the default.

        Raises:
            ConfigError: If the optimizee asks for what there is not.
        """
        names = [field.name for field in fields(cls)]
        for name, value in resources.items():
            if name not in names:
                raise ConfigError(f"resources: {name!r} is unknown; {nearest(name, names)}")
            if name not in ("mem", "gres") and not (type(value) is int and value > 0):
                raise ConfigError(f"resources: {name} must be a positive number, got {value!r}")
        wanted: dict[str, Any] = {"cpus_per_task": threads, **resources}
        configured = {name: getattr(options, name) for name in names}
        wanted |= {name: value for name, value in configured.items() if value is not None}
        if wanted["cpus_per_task"] < threads:
            raise ConfigError(
                f"cpus_per_task={wanted['cpus_per_task']} is less than threads={threads}: give "
                "each rank as many CPUs as it has threads"
            )
        return cls(**wanted)

    def arguments(
        self, cpus: Sequence[int], environment: Mapping[str, str] = os.environ
    ) -> list[str]:
        """Return the arguments of ``srun`` that ask for it.

        Args:
            cpus: Of each node of the allocation.
            environment: Of the job.
        """
        found = [f"--ntasks={self.ntasks}", f"--cpus-per-task={self.cpus_per_task}"]
        found.append(f"--nodes={self.nodes or self._fewest(cpus)}")
        if self.mem is not None:
            found.append(f"--mem={self.mem}")
        elif share := _share_of_memory(cpus, environment):
            found.append(share)
        if self.gpus_per_task is not None:
            found.append(f"--gpus-per-task={self.gpus_per_task}")
        if self.gres is not None:
            found.append(f"--gres={self.gres}")
        return found

    def steps(self, cpus: Sequence[int]) -> int:
        """Return how many steps nodes with so many CPUs can hold; 0 if not one.

        Slurm knows better what else there is (memory, GPUs, whole cores): this is the most.
        """
        rooms = [n // self.cpus_per_task for n in cpus]
        nodes = self.nodes or (1 if max(rooms, default=0) >= self.ntasks else None)
        if nodes is None:
            return sum(rooms) // self.ntasks
        each = -(-self.ntasks // nodes)
        slots = [room // each for room in rooms]
        count = sum(slots) // nodes
        while count and sum(min(slot, count) for slot in slots) < nodes * count:
            count -= 1
        return count

    def _fewest(self, cpus: Sequence[int]) -> str:
        """Return the fewest nodes that can hold the ranks, and the most."""
        left = self.ntasks
        for number, room in enumerate(
            sorted((n // self.cpus_per_task for n in cpus), reverse=True)
        ):
            left -= room
            if left <= 0:
                return "1" if number == 0 else f"{number + 1}-{min(self.ntasks, len(cpus))}"
        return f"1-{self.ntasks}"  # Slurm will say what is missing


def _share_of_memory(cpus: Sequence[int], environment: Mapping[str, str]) -> str | None:
    """Return the argument that gives a step its share of the job's memory.

    Without one, the first step on a node takes all of it, and the others wait.
    """
    if each := environment.get("SLURM_MEM_PER_CPU"):
        return f"--mem-per-cpu={each}"
    node = environment.get("SLURM_MEM_PER_NODE")
    if node is None or not node.isdigit() or int(node) == 0:
        return None
    return f"--mem-per-cpu={max(1, int(node) // max(cpus))}"


def cpus_of_nodes(environment: Mapping[str, str] = os.environ) -> list[int]:
    """Return the number of CPUs of each node of the allocation that this process is in.

    Raises:
        ConfigError: If it is in none.
    """
    if "SLURM_JOB_ID" not in environment or "SLURM_JOB_CPUS_PER_NODE" not in environment:
        raise ConfigError(
            "executor srun: expected to be inside an allocation of Slurm, and SLURM_JOB_ID is not "
            "set. Get one with `salloc -N 2 ...` and start the run there, or let `l2l submit` "
            "write the batch script"
        )
    return counts(environment["SLURM_JOB_CPUS_PER_NODE"])
