"""What every executor offers: take jobs, give back outcomes as they land."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from l2l.errors import ConfigError
from l2l.evaluation import Job, Outcome
from l2l.options import Options, option
from l2l.space import ParameterSpace


class ExecutorOptions(Options):
    """Options that all executors share."""

    timeout: float | None = option(None, "longest time of one evaluation", above=0, unit="s")
    memory_limit: int | str | None = option(
        None, "largest memory of one worker and its children (4GiB)", low=1, unit="bytes"
    )
    retries: int = option(0, "how often an evaluation that did not end ok is tried again", low=0)
    max_losses: int = option(
        3, "how often an evaluation is tried again whose node or job has gone", low=0
    )
    threads: int = option(1, "threads of one worker (OpenMP, BLAS)", low=1)
    gpus: int | str | None = option(
        None, "GPUs of a node, shared out to its workers: how many, or which (0,2,3)", low=0
    )
    max_tasks_per_worker: int | None = option(
        None, "evaluations after which a worker is replaced by a fresh one", low=1
    )
    grace: float = option(10.0, "time that running evaluations get at a stop", low=0, unit="s")

    def check(self) -> None:
        """Validate the text of a size."""
        self.memory_bytes  # noqa: B018

    @property
    def memory_bytes(self) -> int | None:
        """``memory_limit`` in bytes."""
        limit = self.memory_limit
        return parse_size(limit) if isinstance(limit, str) else limit


def parse_size(text: str) -> int:
    """Return the number of bytes that a text such as ``4GiB``, ``500 MB`` or ``2e9`` stands for."""
    match = re.fullmatch(r"([0-9.]+(?:e[0-9]+)?)\s*(?:([kmgt])(i?)b?|b)?", text.strip().lower())
    try:
        if match is None:
            raise ValueError
        number, prefix, binary = match.groups()
        step = 1024 if binary else 1000
        size = int(float(number) * step ** ("kmgt".index(prefix) + 1 if prefix else 0))
    except ValueError:
        size = 0
    if size < 1:
        raise ConfigError(f"expected a size such as 4GiB or 500MB, got {text!r}")
    return size


@dataclass
class Task:
    """What all jobs of a run have in common; all that a worker needs to know.

    Attributes:
        optimizee: The optimizee as bytes of cloudpickle, or as ``(reference, kwargs)`` where
            ``reference`` is ``module:Class``.
        space: Turns a job's values into an individual.
        objectives: Number of fitness values expected.
        batched: Whether ``simulate_batch`` evaluates many jobs in one call.
        group_by: Columns of ``Job.values`` that must be equal within one batch.
        max_batch: Largest batch, or None.
        inner: How many parameter sets one call of ``simulate`` takes, or None: one. Jobs are
            batched then.
        constants: Attributes of ``traj`` beside the individual.
        scratch: Folder in which working folders of evaluations are made.
        keep: Folder to which the working folder of an evaluation that did not end ok is moved.
        logs: Folder for what engines have to say: one file a node or job, at most.
        gradients: Whether ``value_and_grad`` runs in place of ``simulate``.
        resources: What the optimizee says one evaluation needs, such as ``{"ntasks": 4}``.
        pulled: Whether jobs that are handed over together are for one worker, as far as they can
            be one batch; else they are shared out.
        seed: Of the run, from which the training tasks of a generation are drawn.
        shared: Whether all individuals of a generation face the same tasks; one batch then faces
            the same ones.
    """

    optimizee: bytes | tuple[str, dict[str, Any]]
    space: ParameterSpace
    objectives: int = 1
    batched: bool = False
    group_by: Sequence[int] = ()
    max_batch: int | None = None
    inner: int | None = None
    constants: dict[str, Any] = field(default_factory=dict)
    scratch: Path | None = None
    keep: Path | None = None
    logs: Path | None = None
    gradients: bool = False
    resources: dict[str, Any] = field(default_factory=dict)
    pulled: bool = False
    seed: int = 1
    shared: bool = False


class Executor(ABC):
    """Runs jobs. Used as a context manager: leaving it ends every process it started.

    An outcome is given back exactly once for each submitted job, in any order, whatever happens
    to the simulation, to its node or to the job of the batch system that it runs in. Where these
    have gone, the status is LOST. Retries, of what failed and of what was lost, are the caller's
    business.
    """

    Options: ClassVar[type[ExecutorOptions]] = ExecutorOptions

    def __init__(self, options: ExecutorOptions | None = None) -> None:
        self.options: Any = self.Options() if options is None else options
        self._own_scratch: Path | None = None

    @classmethod
    def join(cls, options: ExecutorOptions) -> Executor:
        """Return an executor for this process, which will run the outer loop.

        Called before anything of a run is touched. Where an engine starts the user's program many
        times over, all processes but one stay in here, at work for that one, and never return.
        """
        return cls(options)

    def with_scratch(self, task: Task) -> Task:
        """Return the task with a scratch folder: its own, or a temporary one of this executor."""
        if task.scratch is not None:
            return task
        self._own_scratch = Path(tempfile.mkdtemp(prefix="l2l-"))
        return dataclasses.replace(task, scratch=self._own_scratch)

    def remove_scratch(self) -> None:
        """Remove the temporary folder, if there is one."""
        if self._own_scratch is not None:
            shutil.rmtree(self._own_scratch, ignore_errors=True)
            self._own_scratch = None

    @property
    @abstractmethod
    def workers(self) -> int:
        """Number of evaluations that run at the same time."""

    @abstractmethod
    def start(self, task: Task) -> None:
        """Get ready to run jobs of ``task``."""

    @abstractmethod
    def submit(self, jobs: Sequence[Job]) -> None:
        """Take jobs; returns at once."""

    @abstractmethod
    def collect(self, timeout: float | None = None) -> list[Outcome]:
        """Return what has landed; wait for at least one outcome, at most ``timeout`` s."""

    @abstractmethod
    def drain(self) -> list[Job]:
        """Forget the jobs that have not begun, and return them; those running go on."""

    def ages(self) -> list[float]:
        """Return for how long each evaluation has been running that can't be drained, in s."""
        return []

    @abstractmethod
    def close(self) -> None:
        """End all workers at once; may be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
