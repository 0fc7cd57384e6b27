"""One evaluation: from a job to an outcome. Shared by the worker and the inline executor."""

from __future__ import annotations

import logging
import os
import pickle
import random
import shutil
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from l2l.copies import columns, construct, copier, unflattener
from l2l.errors import SimulationFailed
from l2l.evaluation import Floats, Job, Outcome, Status
from l2l.executors.base import Task
from l2l.optimizee import Individual, Trial, family_of, is_batched
from l2l.returned import outcome_of, outcome_with_gradient, outcomes_of

log = logging.getLogger("l2l")

KEPT = 64 * 1024  #: most characters of a traceback or an output that are kept
_PATIENCE = 60.0  #: longest time for which the run folder may be out of reach, in s
_ONE_SEED = 1  # for constructors and setup(): every worker must get the same optimizee


class Evaluator:
    """Runs jobs of one task, each as if it were the first.

    Args:
        task: What all jobs have in common.
        debug: Let exceptions of the optimizee through, for a debugger.
    """

    def __init__(self, task: Task, *, debug: bool = False) -> None:
        self.task = task
        self.debug = debug
        self.reusable = False
        self._fresh: Callable[[], Any] | None = None
        self._individual = unflattener(task.space)

    def prepare(self) -> None:
        """Load or construct the optimizee; the first evaluation does it where this failed."""
        seed_globals(_ONE_SEED)
        task = self.task
        if isinstance(task.optimizee, bytes):
            optimizee = pickle.loads(task.optimizee)
        else:
            optimizee = construct(*task.optimizee)
        self.reusable = bool(getattr(optimizee, "reusable", False))
        if self.reusable:
            if callable(setup := getattr(optimizee, "setup", None)):
                setup()
            self._fresh = lambda: optimizee
        else:
            self._fresh = copier(optimizee) or self._anew

    def _anew(self) -> Any:
        """Make an optimizee that can't be copied."""
        if isinstance(self.task.optimizee, bytes):
            return pickle.loads(self.task.optimizee)
        seed_globals(_ONE_SEED)
        return construct(*self.task.optimizee)

    def _optimizee(self, seed: int) -> Any:
        """Return a fresh optimizee, with the global random numbers seeded after it was made."""
        if self._fresh is None:
            self.prepare()
        optimizee = self._fresh()  # type: ignore[misc]
        seed_globals(seed)
        return optimizee

    # -- one at a time ------------------------------------------------------------------------

    def evaluate(self, job: Job) -> Outcome:
        """Return what comes of one job; whatever the optimizee raises is part of it."""
        started = time.monotonic()
        folder: list[Path] = []
        try:
            optimizee = self._optimizee(job.seed)
            individual = Individual(
                self._individual(job.values),
                generation=job.generation,
                ind_idx=job.index,
                seed=job.seed,
                scratch=lambda: self._scratch(job, folder),
                tasks=lambda: self._tasks(optimizee, job),
                test=job.test,
            )
            trial = Trial(individual, self.task.constants)
            if self.task.gradients:
                came = optimizee.value_and_grad(trial)
                outcome = outcome_with_gradient(job, came, self.task.objectives, self.task.space)
            else:
                outcome = outcome_of(job, optimizee.simulate(trial), self.task.objectives)
        except (Exception, SystemExit) as error:
            if self.debug:
                raise
            outcome = failure(job, error)
        if folder and outcome.status is Status.OK:
            shutil.rmtree(folder[0], ignore_errors=True)
        outcome.started = started
        outcome.duration = time.monotonic() - started
        return outcome

    def _tasks(self, optimizee: Any, job: Job) -> Sequence[Any]:
        """Return the tasks that a job faces; none where the optimizee has no family of them."""
        family = family_of(optimizee)
        return () if family is None else family.of(job, self.task.seed)

    def _scratch(self, job: Job, folder: list[Path]) -> Path:
        path = workdir(self.task, job)
        _await(path.parents[1])
        shutil.rmtree(path, ignore_errors=True)  # of an attempt that was cut off
        path.mkdir(parents=True)
        folder.append(path)
        return path

    # -- many at a time -----------------------------------------------------------------------

    def batch(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Return what comes of jobs in one call of ``simulate_batch``.

        One outcome a job; or a single one, that of the first job, if the call as a whole failed.
        """
        started = time.monotonic()
        try:
            outcomes = self._batch(jobs)
        except (Exception, SystemExit) as error:
            if self.debug:
                raise
            outcomes = [failure(jobs[0], error)]
        for outcome in outcomes:
            outcome.started, outcome.duration = started, time.monotonic() - started
        return outcomes

    def _batch(self, jobs: Sequence[Job]) -> list[Outcome]:
        values = np.stack([job.values for job in jobs])
        seeds = np.array([job.seed for job in jobs], dtype=np.uint32)
        optimizee = self._optimizee(jobs[0].seed)
        if self.task.inner is not None and not is_batched(optimizee):
            return self._inner(optimizee, jobs, values, self.task.inner)
        arguments: list[Any] = [columns(self.task.space, values), seeds]
        if family_of(optimizee) is not None:
            arguments.append(self._tasks_of_batch(optimizee, jobs))
        return outcomes_of(jobs, optimizee.simulate_batch(*arguments), self.task.objectives)

    def _tasks_of_batch(self, optimizee: Any, jobs: Sequence[Job]) -> list[Sequence[Any]]:
        """Return the tasks of each job; where they are the same ones, the same list."""
        if self.task.shared:
            return [self._tasks(optimizee, jobs[0])] * len(jobs)
        return [self._tasks(optimizee, job) for job in jobs]

    def _inner(
        self, optimizee: Any, jobs: Sequence[Job], values: Floats, inner: int
    ) -> list[Outcome]:
        """Evaluate jobs in one call of a ``simulate`` that always takes ``inner`` parameter sets.

        Where there are fewer, as after an interruption, the last one fills the places left.
        """
        first, folder = jobs[0], list[Path]()
        filled = values[np.minimum(np.arange(inner), len(jobs) - 1)]
        individual = Individual(
            columns(self.task.space, filled),
            generation=first.generation,
            ind_idx=first.index // inner,
            seed=first.seed,
            scratch=lambda: self._scratch(first, folder),
            tasks=lambda: self._tasks(optimizee, first),
            test=first.test,
        )
        came = optimizee.simulate(Trial(individual, self.task.constants))
        outcomes = outcomes_of(jobs, came, self.task.objectives, inner)
        if folder and all(outcome.status is Status.OK for outcome in outcomes):
            shutil.rmtree(folder[0], ignore_errors=True)
        return outcomes


def failure(job: Job, error: BaseException) -> Outcome:
    """Return the outcome of a job that raised ``error``."""
    if isinstance(error, SimulationFailed):
        first, _, rest = str(error).partition("\n")
        return Outcome(job, Status.FAILED, message=first[:1000], traceback=rest[-KEPT:])
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next  # begin where the user's own code begins
    lines = traceback.format_exception(type(error), error, trace)
    message = lines[-1].strip().splitlines()
    return Outcome(
        job,
        Status.FAILED,
        message=message[0][:1000] if message else type(error).__name__,
        traceback="".join(lines)[-KEPT:],
    )


def seed_globals(seed: int) -> None:
    """Seed the two global generators that simulations are found to draw from."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002


# -- working folders --------------------------------------------------------------------------


def workdir(task: Task, job: Job) -> Path:
    """Return the path of a job's working folder, which may not exist."""
    assert task.scratch is not None
    number = f"test{-job.id}" if job.test else str(job.id)
    return task.scratch / f"{number}-{job.draw}"


def _await(folder: Path) -> None:
    """Wait for a folder that can't be reached for a moment: it must not be made anew."""
    end = time.monotonic() + _PATIENCE
    while not folder.is_dir() and time.monotonic() < end:
        time.sleep(0.1)
    os.stat(folder)


def put_away(task: Task, job: Job) -> None:
    """Keep (or remove, where nothing is kept) the working folder of a job that did not end ok."""
    path = workdir(task, job)
    if not os.path.isdir(path):
        return
    if task.keep is not None:
        kept = task.keep / path.name
        try:
            task.keep.mkdir(exist_ok=True)
            shutil.rmtree(kept, ignore_errors=True)
            shutil.move(path, kept)
        except OSError as error:  # a full disk, say; the run itself can go on
            log.warning("the working folder %s can't be kept: %s", path, error)
    shutil.rmtree(path, ignore_errors=True)
