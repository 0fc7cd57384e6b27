"""srun: one job step per evaluation, for simulators that are MPI programs themselves."""

from __future__ import annotations

import functools
import math
import shutil
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from l2l.cluster import slurm
from l2l.cluster.allocation import Allocation
from l2l.errors import ConfigError, L2LError
from l2l.evaluation import Job, Outcome
from l2l.executors.base import Executor, ExecutorOptions, Task
from l2l.executors.calls import halves, make_calls
from l2l.executors.signals import uninterrupted
from l2l.executors.srun.needs import Needs, cpus_of_nodes
from l2l.executors.srun.stepcrew import StepCrew
from l2l.executors.supervisor import Bundle
from l2l.guard import Call
from l2l.options import option


class SrunOptions(ExecutorOptions):
    """Options of the srun executor; what is None comes from the optimizee's ``resources``."""

    ntasks: int | None = option(None, "MPI ranks of one evaluation (-n); default: 1", low=1)
    nodes: int | None = option(
        None, "nodes of one evaluation (-N); default: as few as can hold it", low=1
    )
    cpus_per_task: int | None = option(None, "CPUs of one rank (-c); default: threads", low=1)
    mem: str | None = option(
        None, "memory of one evaluation on each of its nodes (--mem), such as 4G; default: the "
        "job's memory, shared out by CPUs",
    )  # fmt: skip
    gpus_per_task: int | None = option(None, "GPUs of one rank", low=1)
    gres: str | None = option(None, "generic resources of one evaluation on each node (--gres)")
    mpi: str = option("pmi2", "how ranks find each other (--mpi): pmi2, pmix, none")
    arguments: Any = option(None, "further arguments of srun, a list")
    max_steps: int | None = option(
        None, "most evaluations at the same time; default: what the allocation can hold", low=1
    )
    heartbeat: float = option(20.0, "silence after which a rank counts as lost", low=5.0, unit="s")

    def check(self) -> None:
        """Validate the list of arguments."""
        super().check()
        given = self.arguments
        if given is not None and not (
            isinstance(given, (list, tuple)) and all(isinstance(text, str) for text in given)
        ):
            raise ConfigError(f"SrunOptions.arguments must be a list of texts, got {given!r}")


class SrunExecutor(Executor):
    """Runs each evaluation (or batch) in a job step of its own.

    All ranks of the step run ``simulate``, and what rank 0 returns is the record. A rank that does
    not end ok fails the evaluation. Nothing is computed in this process. There are no threads:
    ``srun`` processes are watched while :meth:`collect` waits. Use it from the thread that started
    it: steps end with that thread.
    """

    Options = SrunOptions

    def __init__(self, options: ExecutorOptions | None = None) -> None:
        super().__init__(options)
        self._crew: StepCrew | None = None
        self._pending: deque[Call] = deque()
        self._landed: list[Outcome] = []

    @property
    def workers(self) -> int:
        """Number of steps at the same time."""
        return self.options.max_steps or 1 if self._crew is None else self._crew.size

    def start(self, task: Task) -> None:
        """Get ready to run jobs of ``task``; steps start when there are jobs.

        Raises:
            ConfigError: If this is not inside an allocation, or not even one step fits into it.
        """
        self.close()
        options: SrunOptions = self.options
        cpus = cpus_of_nodes()
        if shutil.which("srun") is None:
            raise ConfigError("executor srun: the command srun is not on PATH; load Slurm's module")
        needs = Needs.of(options, task.resources, options.threads)
        size = min(needs.steps(cpus), options.max_steps or math.inf)
        if size == 0:
            nodes = f" on {needs.nodes} nodes" if needs.nodes else ""
            raise ConfigError(
                f"one evaluation needs {needs.ntasks} tasks of {needs.cpus_per_task} CPUs{nodes}, "
                f"and the nodes of the allocation have {', '.join(map(str, cpus))} CPUs: ask for "
                "fewer, or get a larger allocation"
            )
        if task.scratch is not None:
            task.scratch.mkdir(mode=0o700, exist_ok=True)
        self._task = task
        command = [*needs.arguments(cpus), f"--mpi={options.mpi}", *(options.arguments or [])]
        bundle = Bundle(task, options).data
        self._crew = StepCrew(
            command, needs.ntasks, int(size), bundle, options.heartbeat, self._land,
            self._give_back, functools.partial(_room_left, needs, options),
        )  # fmt: skip

    @property
    def crew(self) -> StepCrew:
        """The steps. Raises RuntimeError before :meth:`start` and after :meth:`close`."""
        if self._crew is None:
            raise RuntimeError("expected start(task) before jobs are submitted and collected")
        return self._crew

    def submit(self, jobs: Sequence[Job]) -> None:
        """Take jobs; returns at once."""
        with uninterrupted():
            self._pending.extend(make_calls(self._task, jobs, self.workers))
            self._feed()

    def collect(self, timeout: float | None = None) -> list[Outcome]:
        """Return what has landed; wait for at least one outcome, at most ``timeout`` s.

        Returns an empty list at once where no job is waiting or running.

        Raises:
            L2LError: If no step can be made; carries what Slurm says.
        """
        crew = self.crew
        left = math.inf if timeout is None else timeout
        end = time.monotonic() + left
        while not self._landed and left >= 0.0 and (self._pending or crew.running()):
            events = crew.wait(left)
            with uninterrupted():
                crew.serve(events)
                self._feed()
            left = end - time.monotonic()
        # No signal can be handled between the two halves of this line.
        landed, self._landed = self._landed, []
        return landed

    def drain(self) -> list[Job]:
        """Forget the jobs that have not begun, and return them; those running go on."""
        with uninterrupted():
            self.crew.call_off()
            jobs = [job for call in self._pending for job in call]
            self._pending.clear()
        return jobs

    def ages(self) -> list[float]:
        """Return for how long each evaluation has been running, in s."""
        now = time.monotonic()
        return [now - step.since for step in self.crew.running() for _ in step.call]

    def close(self) -> None:
        """End all steps; may be called twice."""
        with uninterrupted():
            if self._crew is not None:
                self._crew.close()
                self._crew = None
            self._pending.clear()
            self._landed.clear()

    def _feed(self) -> None:
        """Launch steps as long as there is room for them."""
        while self._pending and self.crew.has_room():
            self.crew.launch(self._pending.popleft())

    def _land(self, call: Call, outcomes: list[Outcome]) -> None:
        """Take the outcomes of a call."""
        if len(outcomes) < len(call):  # the batch failed as a whole: find the culprit
            self._give_back(halves(call))
        else:
            self._landed += outcomes

    def _give_back(self, calls: Iterable[Call]) -> None:
        """Take calls that must be handed over again."""
        self._pending.extendleft(reversed(list(calls)))


def _room_left(needs: Needs, options: SrunOptions) -> int | None:
    """Return how many steps the nodes can hold that the job has left; None if it has lost none.

    Raises:
        L2LError: If not even one.
    """
    here = Allocation.here()
    left = slurm.nodes_of(here.job) if here is not None else None
    if here is None or not left or len(left) >= len(here.nodes):
        return None
    cpus = [n for node, n in zip(here.nodes, here.cpus, strict=True) if node in left]
    if not (size := needs.steps(cpus)):
        raise L2LError(
            f"the nodes that job {here.job} has left ({', '.join(left)}) can't hold one "
            "evaluation; resume the run in another allocation to go on"
        )
    return min(size, options.max_steps or size)
