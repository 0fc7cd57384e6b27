"""The contract of an optimizee, as checks.

``make`` is the optimizee's class, or anything else that returns a new one: ``make()``.
"""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from l2l.evaluate import Evaluator
from l2l.evaluation import Floats, Job, Outcome, Status, seeds
from l2l.executors.base import Task
from l2l.optimizee import Optimizee, family_of, has_gradients, is_batched, space_of
from l2l.space import Individual, ParameterSpace
from l2l.testing.tasks import check_tasks
from l2l.testing.tools import check, during, global_random

Make = Callable[[], Any]


def check_optimizee(
    make: Make, *, objectives: int = 1, individuals: int = 3, seed: int = 1, rtol: float = 1e-6
) -> None:
    """Run an optimizee through all checks.

    Args:
        make: Its class, or what makes one.
        objectives: Number of fitness values that ``simulate`` must return.
        individuals: How many are simulated; all in all each about five times.
        seed: From which the individuals and their own seeds are drawn.
        rtol: Largest relative difference between ``simulate`` and ``simulate_batch``, and between
            ``simulate`` and ``value_and_grad``.

    Raises:
        AssertionError: At the first check that fails.
    """
    with during("create_individual"):
        check_individuals(make, seed)
    with during("bounding_func"):
        check_bounding(make, seed)
    with during("copies"):
        check_copies(make)
    family = family_of(make())
    if family is not None:
        with during("tasks"):
            check_tasks(make)
    jobs = make_jobs(make, individuals, seed)
    if _has_simulate(make()):
        with during("simulate"):
            check_simulate(make, jobs, objectives)
    if is_batched(make()):
        with during("simulate_batch"):
            check_batch(make, jobs, objectives, rtol)
    if has_gradients(make()) and _has_simulate(make()):
        with during("value_and_grad"):
            check_gradient(make, jobs, objectives, rtol)
    if family is not None:
        with during("tasks"):
            check_tested(make, jobs, objectives, rtol)


# -- individuals ----------------------------------------------------------------------------------


def individuals_of(optimizee: Any, n: int, seed: int) -> list[Individual]:
    """Return ``n`` individuals that the optimizee creates from a seed."""
    with global_random(seed):
        return [optimizee.create_individual() for _ in range(n)]


def check_individuals(make: Make, seed: int = 1) -> None:
    """``create_individual`` draws from the seeded generators, and fits the space."""
    optimizee = make()
    space = space_of(optimizee)
    check(isinstance(space, ParameterSpace), f"no parameter space, but {space!r}")
    found = individuals_of(optimizee, 5, seed)
    for individual in found:
        check(isinstance(individual, Mapping), f"expected a dict, got {individual!r}")
    values = space.flatten(found)
    check(np.isfinite(values).all(), "an individual has a parameter that is no finite number")
    outside = ~np.isclose(space.repair(values), values, rtol=1e-12, atol=0).all(axis=1)
    check(
        not outside.any(), f"an individual lies outside the bounds: {found[int(outside.argmax())]}"
    )
    again = space.flatten(individuals_of(make(), 5, seed))
    check(
        np.array_equal(values, again),
        "with random and np.random seeded alike, other individuals were drawn",
    )


def wild_values(space: ParameterSpace, values: Floats, seed: int = 1) -> Floats:
    """Return values ``(n, d)`` far off the given ones, also outside the bounds of the space."""
    rng = np.random.default_rng(seed)
    kinds = np.concatenate([np.full(p.size, p.kind) for p in space.parameters])
    spread = np.maximum(np.abs(values).max(axis=0), 0.1)
    far = values + 10 * spread * rng.standard_normal(values.shape)
    return np.where(kinds == "categorical", values, np.where(kinds == "int", np.rint(far), far))


def check_bounding(make: Make, seed: int = 1) -> None:
    """``bounding_func``, if there is one, gives individuals that it leaves alone."""
    optimizee = make()
    bounding = getattr(optimizee, "bounding_func", None)
    if bounding is None:
        return
    space = space_of(optimizee)
    values = space.flatten(individuals_of(optimizee, 5, seed))
    for rows in (values, wild_values(space, values, seed)):
        once = space.flatten([bounding(space.unflatten(row)) for row in rows])
        twice = space.flatten([bounding(space.unflatten(row)) for row in once])
        check(np.array_equal(once, twice), "applied a second time, it changes its own result")
        check(np.isfinite(once).all(), "it returned a parameter that is no finite number")
        inside = space.repair(once)
        check(np.array_equal(inside, once), "it returned an individual outside the space's bounds")


def check_copies(make: Make) -> None:
    """An optimizee can be sent to a worker."""
    import cloudpickle

    try:
        copy = pickle.loads(cloudpickle.dumps(make()))
    except Exception as error:
        raise AssertionError(
            f"it can't be copied: {error}. Open files, simulators and connections in simulate() "
            "or setup(), not in the constructor"
        ) from error
    check(type(copy) is type(make()), f"its copy is a {type(copy).__name__}")


# -- simulations ----------------------------------------------------------------------------------


def make_jobs(make: Make, n: int, seed: int = 1) -> list[Job]:
    """Return ``n`` jobs with individuals of the optimizee, as the outer loop makes them."""
    optimizee = make()
    values = space_of(optimizee).flatten(individuals_of(optimizee, n, seed))
    numbers = seeds(seed, np.arange(n)).tolist()
    return [Job(i, 0, i, 0, s, row) for i, (s, row) in enumerate(zip(numbers, values, strict=True))]


def outcomes_of(
    make: Make,
    jobs: Sequence[Job],
    objectives: int = 1,
    *,
    batch: bool = False,
    gradients: bool = False,
) -> list[Outcome]:
    """Return what comes of jobs, one after the other or in one batch, in this process."""
    import cloudpickle

    optimizee = make()
    with TemporaryDirectory(prefix="l2l-") as scratch, global_random(1):
        task = Task(cloudpickle.dumps(optimizee), space_of(optimizee), objectives)
        task.scratch, task.gradients = Path(scratch), gradients
        family = family_of(optimizee)
        task.shared = family is not None and family.shared
        evaluator = Evaluator(task)
        return evaluator.batch(jobs) if batch else [evaluator.evaluate(job) for job in jobs]


def check_outcomes(outcomes: Sequence[Outcome], jobs: Sequence[Job]) -> None:
    """Check that all jobs ended ok."""
    for outcome in outcomes:
        check(
            outcome.status is Status.OK,
            f"job {outcome.job.id} {outcome.status.name.lower()}: {outcome.message}\n"
            f"{outcome.traceback}",
        )
    check(len(outcomes) == len(jobs), f"{len(jobs)} jobs gave {len(outcomes)} outcomes")


def check_simulate(make: Make, jobs: Sequence[Job], objectives: int = 1) -> None:
    """``simulate`` returns finite fitness that depends on individual and seed alone."""
    first = outcomes_of(make, jobs, objectives)
    check_outcomes(first, jobs)
    backwards = outcomes_of(make, [*jobs[::-1], *jobs[::-1]], objectives)
    expected = {outcome.job.id: outcome for outcome in first}
    for outcome in backwards:
        before = expected[outcome.job.id]
        check(
            _result(outcome) == _result(before),
            "the same individual with the same seed gave another result after other individuals: "
            f"fitness {before.fitness}, then {outcome.fitness}. Draw from random, np.random or "
            "traj.individual.seed, and keep nothing outside the object",
        )


def _result(outcome: Outcome) -> tuple[Any, ...]:
    seen = outcome.observation
    return outcome.fitness, None if seen is None else seen.tobytes()


def check_batch(make: Make, jobs: Sequence[Job], objectives: int = 1, rtol: float = 1e-6) -> None:
    """``simulate_batch`` gives each individual what it gets alone, and what ``simulate`` gives."""
    jobs = _one_group(make(), jobs)
    together = outcomes_of(make, jobs, objectives, batch=True)
    check_outcomes(together, jobs)
    alone = [outcomes_of(make, [job], objectives, batch=True)[0] for job in jobs]
    check_outcomes(alone, jobs)
    _alike(together, alone, "in a batch and alone", rtol)
    if _has_simulate(make()):
        _alike(together, outcomes_of(make, jobs, objectives), "simulate_batch and simulate", rtol)


def check_gradient(
    make: Make, jobs: Sequence[Job], objectives: int = 1, rtol: float = 1e-6
) -> None:
    """``value_and_grad`` gives the fitness of ``simulate``, and the slope of it.

    The slope along a random direction of each float parameter is compared with differences of
    ``simulate``, with the same seed: of two sizes, which tells how good they are.
    """
    found = outcomes_of(make, jobs, objectives, gradients=True)
    check_outcomes(found, jobs)
    _alike(found, outcomes_of(make, jobs, objectives), "value_and_grad and simulate", rtol)
    again = outcomes_of(make, jobs, objectives, gradients=True)
    for one, other in zip(found, again, strict=True):
        same_bits = np.array_equal(one.gradient, other.gradient, equal_nan=True)  # type: ignore[arg-type]
        check(same_bits, "the same individual with the same seed gave another gradient")
    space, rng = space_of(make()), np.random.default_rng(1)
    for outcome in found:
        gradient = np.reshape(outcome.gradient, (objectives, space.size))  # type: ignore[arg-type]
        for p in space.parameters:
            if p.kind == "float":
                away = np.zeros(space.size)
                away[space.slice(p.name)] = rng.choice([-1.0, 1.0], p.size)
                _check_slope(make, outcome.job, p.name, away, np.nan_to_num(gradient) @ away)


def check_tested(make: Make, jobs: Sequence[Job], objectives: int = 1, rtol: float = 1e-6) -> None:
    """An individual is evaluated on held-out tasks as it is on training ones."""
    family = family_of(make())
    parts = sorted({0, family.n_parts - 1})  # type: ignore[union-attr]
    tests = [
        dataclasses.replace(job, id=-1 - 2 * part - place, index=part)
        for part in parts
        for place, job in enumerate(_one_group(make(), jobs[:2]))
    ]
    alone: list[Outcome] = []
    if _has_simulate(make()):
        alone = outcomes_of(make, tests, objectives)
        check_outcomes(alone, tests)
    if is_batched(make()):
        together: list[Outcome] = []
        for part in parts:  # as executors do it: a call is about one part
            lanes = [job for job in tests if job.index == part]
            together += outcomes_of(make, lanes, objectives, batch=True)
        check_outcomes(together, tests)
        if alone:
            _alike(together, alone, "simulate_batch and simulate on held-out tasks", rtol)


def _check_slope(make: Make, job: Job, name: str, away: Floats, expected: Floats) -> None:
    """Compare slopes ``(m,)`` along the direction ``away`` ``(d,)`` with differences."""
    space = space_of(make())
    here = job.values[None]
    sizes = np.where(away == 0, 0.0, np.broadcast_to(_steps(space, here), away.shape))
    h = float(sizes[away != 0].min())
    places = here + h * np.array([-2.0, -1.0, 1.0, 2.0])[:, None] * away
    jobs = [dataclasses.replace(job, values=row) for row in places]
    outcomes = outcomes_of(make, jobs, len(expected))
    if any(outcome.status is not Status.OK for outcome in outcomes):
        return  # outside of where it can be simulated
    f = np.array([outcome.fitness for outcome in outcomes])
    near, far = (f[2] - f[1]) / (2 * h), (f[3] - f[0]) / (4 * h)
    rounding = 1e-15 * np.abs(f).max() / h
    most = 1e-3 * np.maximum(np.abs(near), np.abs(expected)) + 4 * np.abs(near - far) + rounding
    check(
        bool((np.abs(near - expected) <= most).all()),
        f"along {name!r} the gradient gives a slope of {expected.tolist()}, but differences of "
        f"simulate give {near.tolist()} (in the parameter's own unit, with the same seed)",
    )


def _steps(space: ParameterSpace, values: Floats) -> Floats:
    """Return sizes ``(d,)`` of differences: 1e-4 of the range, or of the value."""
    bounded = np.isfinite(space.upper)
    scale = np.where(bounded, 1.0, np.maximum(1.0, np.abs(values[0])))
    return np.asarray(1e-4 * scale * space.slope(values)[0])


def _one_group(optimizee: Any, jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs, with equal values of the parameters that ``group_by`` names."""
    space, values = space_of(optimizee), np.array([job.values for job in jobs])
    for name in getattr(optimizee, "group_by", ()):
        values[:, space.slice(name)] = values[0, space.slice(name)]
    return [dataclasses.replace(job, values=row) for job, row in zip(jobs, values, strict=True)]


def _has_simulate(optimizee: Any) -> bool:
    own = getattr(type(optimizee), "simulate", None)
    return own is not None and own is not Optimizee.simulate


def _alike(one: Sequence[Outcome], other: Sequence[Outcome], what: str, rtol: float) -> None:
    first, second = (np.array([o.fitness for o in outcomes]) for outcomes in (one, other))
    check(
        np.allclose(first, second, rtol=rtol, atol=0),
        f"{what} give different fitness: {first.tolist()} and {second.tolist()}",
    )
