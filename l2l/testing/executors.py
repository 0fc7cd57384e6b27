"""The contract of an executor, as checks.

``make`` is called with options of the executor, ``make(workers=2, timeout=1.0)``, and returns a
new one; an executor that has no such option ignores it.
"""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from l2l.evaluation import Job, Outcome, Status, seeds
from l2l.executors.base import Executor, Task
from l2l.optimizee import Optimizee, space_of
from l2l.testing.models import TROUBLES, Lanes, Noisy, Trouble
from l2l.testing.tools import check, during

Make = Callable[..., Executor]
PATIENCE = 60.0  #: longest wait for an outcome, in s
GONE_WITHIN = 5.0  #: longest life of a process after close, in s


def check_executor(make: Make, *, kills: bool = True, local: bool = True) -> None:
    """Run an executor through all checks; takes some seconds.

    Args:
        make: Makes one: ``make(workers=..., timeout=...)``, each optional.
        kills: Whether it survives and ends evaluations that hang, crash or go away. Only an
            executor for debugging may do without.
        local: Whether its workers run on this machine, where those left behind are looked for.

    Raises:
        AssertionError: At the first check that fails.
    """
    checks: list[Callable[[Make], None]] = [
        check_outcomes, check_worker_counts, check_references, check_failures, check_batches,
        check_drain, check_close,
    ]  # fmt: skip
    checks += [check_kills] if kills else []
    for contract in checks:
        with during(contract.__name__):
            contract(make)
    if local:
        with during("check_leftovers"):
            check_leftovers(make)


# -- what the checks use --------------------------------------------------------------------------


def make_jobs(optimizee: type[Optimizee], values: Any, first_id: int = 0) -> list[Job]:
    """Return jobs of one generation with the given values ``(n, d)``."""
    rows = np.asarray(values, dtype=np.float64)
    numbers = seeds(1, np.arange(first_id, first_id + len(rows))).tolist()
    return [Job(first_id + i, 0, i, 0, numbers[i], row) for i, row in enumerate(rows)]


@contextlib.contextmanager
def started(
    make: Make, optimizee: type[Optimizee], *, by_name: bool = False, **options: Any
) -> Any:
    """Yield an executor that is ready for jobs of an optimizee."""
    import cloudpickle

    what: Any = cloudpickle.dumps(optimizee())
    if by_name:
        what = (f"{optimizee.__module__}:{optimizee.__qualname__}", {})
    with TemporaryDirectory(prefix="l2l-") as folder, make(**options) as executor:
        space = space_of(optimizee)
        groups = [range(space.size)[space.slice(name)][0] for name in optimizee.group_by]
        batched = hasattr(optimizee, "simulate_batch")
        task = Task(what, space, batched=batched, group_by=groups, max_batch=8 if batched else None)
        task.scratch, task.keep = Path(folder, "scratch"), Path(folder, "keep")
        executor.start(task)
        yield executor


def collected(executor: Executor, n: int) -> list[Outcome]:
    """Return the next ``n`` outcomes, and check that no more come."""
    outcomes: list[Outcome] = []
    end = time.monotonic() + PATIENCE
    while len(outcomes) < n and time.monotonic() < end:
        outcomes += executor.collect(0.5)
    check(len(outcomes) >= n, f"after {PATIENCE:g} s only {len(outcomes)} of {n} outcomes came")
    more = executor.collect(0.05)
    check(len(outcomes) + len(more) == n, f"{n} jobs gave {len(outcomes) + len(more)} outcomes")
    return outcomes


def run(executor: Executor, jobs: Sequence[Job]) -> list[Outcome]:
    """Return the outcomes of jobs in the order of the jobs, each exactly once."""
    executor.submit(jobs)
    return in_order(collected(executor, len(jobs)), jobs)


def in_order(outcomes: Sequence[Outcome], jobs: Sequence[Job]) -> list[Outcome]:
    """Return outcomes in the order of their jobs; check that each job has exactly one."""
    found = {outcome.job.id: outcome for outcome in outcomes}
    expected = {job.id for job in jobs}
    check(
        len(outcomes) == len(jobs) and found.keys() == expected,
        f"expected one outcome each of {sorted(expected)}, "
        f"got {sorted(outcome.job.id for outcome in outcomes)}",
    )
    for job in jobs:
        back = found[job.id].job
        alike = (back.generation, back.index, back.draw, back.seed) == (
            job.generation, job.index, job.draw, job.seed
        )  # fmt: skip
        check(alike and np.array_equal(back.values, job.values), f"job {job.id} came back changed")
    return [found[job.id] for job in jobs]


def noisy_jobs(n: int, delay: float = 0.0, first_id: int = 0) -> list[Job]:
    """Return ``n`` jobs for :class:`Noisy`; every third takes ``delay`` s longer."""
    x = np.linspace(-3, 3, n)
    return make_jobs(Noisy, np.stack([x, delay * (np.arange(n) % 3 == 0)], axis=1), first_id)


def processes_with(token: str) -> list[int]:
    """Return the other processes of this machine whose environment holds a token."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(folder.name) != os.getpid():
                found += [int(folder.name)] * (token.encode() in (folder / "environ").read_bytes())
    return found


@contextlib.contextmanager
def marked() -> Iterator[str]:
    """Give all processes that are started in the block a token in their environment."""
    token = f"l2l-testing-{uuid.uuid4()}"
    os.environ["L2L_TESTING"] = token
    try:
        yield token
    finally:
        del os.environ["L2L_TESTING"]


# -- the contract ---------------------------------------------------------------------------------


def check_outcomes(make: Make) -> None:
    """Every job gives exactly one right outcome; jobs can be added at any time."""
    jobs = noisy_jobs(30, delay=0.01)
    with started(make, Noisy, workers=2) as executor:
        check(executor.workers >= 1, f"workers must be at least 1, got {executor.workers}")
        check(executor.collect(0.0) == [], "outcomes came before there were jobs")
        executor.submit(jobs[:10])
        early = executor.collect(PATIENCE)
        check(early, "collect returned nothing although jobs were running")
        executor.submit(jobs[10:])
        outcomes = in_order(early + collected(executor, len(jobs) - len(early)), jobs)
        again = run(executor, noisy_jobs(5, first_id=100))
    now = time.time()
    for outcome in outcomes + again:
        check(outcome.status is Status.OK, f"{outcome.status!r}: {outcome.message}")
        fitness, noise = outcome.fitness, outcome.observation
        check(fitness is not None and noise is not None, "fitness or observation got lost")
        right = outcome.job.values[0] ** 2 + noise[0]  # type: ignore[index]
        check(np.allclose(fitness, right, rtol=1e-12), f"expected fitness {right}, got {fitness}")  # type: ignore[arg-type]
        check(outcome.metrics == {"calls": 1}, f"no fresh copy, or metrics lost: {outcome.metrics}")
        check(noise[1] == outcome.job.seed, "the individual had another seed than its job")  # type: ignore[index]
        check(abs(now - outcome.started) < 600, f"started must be unix time: {outcome.started}")
        check(0 <= outcome.duration < 60, f"a duration of {outcome.duration} s")


def check_worker_counts(make: Make) -> None:
    """Outcomes do not depend on the number of workers, or on the order of the jobs."""
    jobs, results = noisy_jobs(16, delay=0.02), []
    for workers, order in ((1, 1), (2, 1), (3, -1)):
        with started(make, Noisy, workers=workers) as executor:
            outcomes = in_order(run(executor, jobs[::order]), jobs)
        results.append([outcome.fitness for outcome in outcomes])
    check(results[0] == results[1] == results[2], "1, 2 and 3 workers give different fitness")


def check_references(make: Make) -> None:
    """An optimizee given by name does the same as one that was sent."""
    jobs, results = noisy_jobs(4), []
    for by_name in (False, True):
        with started(make, Noisy, by_name=by_name, workers=1) as executor:
            results.append([outcome.fitness for outcome in run(executor, jobs)])
    check(results[0] == results[1], f"sent and by name give different fitness: {results}")


def _trouble(
    executor: Executor, kinds: Sequence[str], expected: dict[str, Status], *, output: bool = False
) -> None:
    """Check what comes of trouble, and of individuals beside it."""
    names = [name for kind in kinds for name in (kind, "fine")]
    jobs = make_jobs(Trouble, [[TROUBLES.index(name)] for name in names])
    for name, outcome in zip(names, run(executor, jobs), strict=True):
        status = outcome.status
        check(status is expected.get(name, Status.OK), f"{name} gave {status!r}: {outcome.message}")
        if status is not Status.OK:
            check(outcome.fitness is None, f"{name} ended with fitness {outcome.fitness}")
            check(outcome.message, f"{name} ended without a message that says what went wrong")
            kept = f"this is {name}" in outcome.output
            check(kept or not output, f"the output of {name} got lost: {outcome.output!r}")
        if name == "raise":
            check("raised on purpose" in outcome.traceback, "the traceback got lost")


def check_failures(make: Make) -> None:
    """An evaluation that raises or returns no fitness is data, and costs no other one."""
    kinds = ("raise", "nan", "none", "two", "exit", "raise")
    failed = dict.fromkeys(("raise", "exit"), Status.FAILED)
    expected = failed | dict.fromkeys(("nan", "none", "two"), Status.INVALID)
    with started(make, Trouble, workers=2) as executor:
        _trouble(executor, kinds, expected)
        _trouble(executor, ("raise", "none"), expected)


def check_kills(make: Make) -> None:
    """An evaluation that hangs, crashes or goes away is data, and costs no other one."""
    expected = dict.fromkeys(("vanish", "segfault"), Status.CRASHED)
    expected |= {"hang": Status.TIMEOUT, "raise": Status.FAILED}
    with started(make, Trouble, workers=2, timeout=1.0) as executor:
        begin = time.monotonic()
        _trouble(executor, ("hang", "vanish", "segfault", "raise", "hang"), expected, output=True)
        check(time.monotonic() - begin < 30, "two evaluations with a timeout of 1 s took over 30 s")


def check_batches(make: Make) -> None:
    """A batch costs nobody but its culprit, and keeps groups and sizes."""
    x = np.linspace(-1, 8.5, 20)
    x[7] = 9.5
    jobs = make_jobs(Lanes, np.stack([x, np.arange(20) % 3], axis=1))
    with started(make, Lanes, workers=2) as executor:
        outcomes = run(executor, jobs)
    for outcome in outcomes:
        value, group = outcome.job.values
        bad = value < 0 or value > 9
        check(
            outcome.status is (Status.FAILED if bad else Status.OK),
            f"x={value:g} gave {outcome.status!r}: {outcome.message}",
        )
        if not bad:
            check(outcome.fitness == (value + group,), f"x={value:g} gave {outcome.fitness}")
            check(outcome.metrics["n"] <= 8, "a batch was larger than max_batch")


def check_drain(make: Make) -> None:
    """After ``drain`` what runs still ends, the rest is given back, and new jobs can come."""
    jobs = make_jobs(Noisy, [[0.0, 0.1]] * 30)
    with started(make, Noisy, workers=2) as executor:
        executor.submit(jobs)
        outcomes = executor.collect(PATIENCE)
        back = executor.drain()
        check(len(back) > 0, "30 jobs of 0.1 s had all begun after the first outcome")
        outcomes += collected(executor, len(jobs) - len(back) - len(outcomes))
        here = sorted([o.job.id for o in outcomes] + [job.id for job in back])
        check(here == [job.id for job in jobs], f"jobs lost or twice after drain: {here}")
        check(executor.drain() == [], "a second drain gave jobs back again")
        run(executor, noisy_jobs(3, first_id=100))


def check_close(make: Make) -> None:
    """``close`` is quick although evaluations run, and can be called twice, or before start."""
    with make(workers=2):
        pass
    with started(make, Noisy, workers=2) as executor:
        executor.submit(make_jobs(Noisy, [[0.0, 0.02]] + [[0.0, 0.3]] * 9))
        executor.collect(PATIENCE)
        begin = time.monotonic()
        executor.close()
        took = time.monotonic() - begin
        check(took < 5, f"close took {took:.1f} s")
        executor.close()


def check_leftovers(make: Make) -> None:
    """No process is left after ``close``, whatever was running."""
    if not Path("/proc/self/environ").exists():
        return
    with marked() as token:
        with started(make, Noisy, workers=2) as executor:
            executor.submit(make_jobs(Noisy, [[0.0, 0.02]] * 2 + [[0.0, 0.3]] * 4))
            executor.collect(PATIENCE)
        end = time.monotonic() + GONE_WITHIN
        while (left := processes_with(token)) and time.monotonic() < end:
            time.sleep(0.02)
    check(not left, f"processes left behind after close: {left}")
