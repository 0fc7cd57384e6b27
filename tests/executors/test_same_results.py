"""What an evaluation gives does not depend on who ran it, where, when and after what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
from helpers.faults import Leaky, Warm, finish, make_jobs, task_of

from l2l.executors.base import Executor, Task
from l2l.executors.inline import InlineExecutor
from l2l.executors.local import LocalExecutor, LocalOptions
from l2l.optimizee import FunctionOptimizee, Optimizee
from l2l.space import Parameter, ParameterSpace

XS = [{"x": i / 60} for i in range(60)]


def results(executor: Executor, task: Task) -> list[Any]:
    """Return all that the history keeps of the evaluations, in order of their ids."""
    with executor:
        executor.start(task)
        outcomes = finish(executor, make_jobs(task.space, XS))
    return [(o.status, o.fitness, o.metrics) for _, o in sorted(outcomes.items())]


def test_state_and_random_numbers_do_not_leak() -> None:
    """Inline, 1, 2 and 8 workers, with delays that mix up the order: bit-identical."""
    by_value = Task(cloudpickle.dumps(Leaky(0.01)), Leaky.space)
    by_reference = task_of("Leaky", Leaky.space, arguments={"delay": 0.01})
    expected = results(InlineExecutor(), by_reference)
    assert all(metrics["n"] == 1.0 for _, _, metrics in expected)
    assert len({metrics["noise"] for _, _, metrics in expected}) == len(XS)
    for workers in (1, 2, 8):
        assert results(LocalExecutor(LocalOptions(workers=workers)), by_value) == expected
    assert results(LocalExecutor(LocalOptions(workers=2)), by_reference) == expected


@pytest.mark.parametrize("most", [4, 7])
def test_max_tasks_per_worker(most: int) -> None:
    options = LocalOptions(workers=2, max_tasks_per_worker=most)
    got = results(LocalExecutor(options), Task(cloudpickle.dumps(Warm()), Warm.space))
    used: dict[float, list[float]] = {}
    for _, _, metrics in got:
        used.setdefault(metrics["pid"], []).append(metrics["uses"])
    assert all(sorted(uses) == list(range(1, len(uses) + 1)) for uses in used.values())
    assert max(map(len, used.values())) == most


def test_a_reusable_optimizee_stays_warm() -> None:
    task = task_of("Warm", Warm.space)
    got = results(LocalExecutor(LocalOptions(workers=2)), task)
    assert {metrics["setups"] for _, _, metrics in got} == {1.0}
    assert len({metrics["pid"] for _, _, metrics in got}) <= 2
    assert max(metrics["uses"] for _, _, metrics in got) >= len(XS) / 2


class DrawsInConstructor(Optimizee):
    """Makes a random network in its constructor, and can't be copied."""

    space = ParameterSpace({"x": (0.0, 1.0)})

    def __init__(self) -> None:
        super().__init__()
        self.network = np.random.normal(size=3)
        self.handle = (i for i in range(3))  # a generator can't be pickled

    def simulate(self, traj: Any) -> float:
        return float(self.network @ np.array([1.0, 2.0, traj.individual.x])) + next(self.handle)


def test_every_worker_constructs_the_same() -> None:
    source = Path(__file__)
    task = Task((f"{source}:DrawsInConstructor", {}), DrawsInConstructor.space)
    expected = results(InlineExecutor(), task)
    assert all(fitness is not None for _, fitness, _ in expected)
    assert results(LocalExecutor(LocalOptions(workers=2)), task) == expected


def test_all_kinds_of_parameters_arrive() -> None:
    space = ParameterSpace(
        [
            Parameter("f", -1.0, 1.0),
            Parameter("i", 0, 9, kind="int"),
            Parameter("c", kind="categorical", choices=("a", ("b", 1), None)),
            Parameter("w", -1.0, 1.0, shape=(2, 3)),
        ]
    )
    individual = {"f": 0.1, "i": 7, "c": ("b", 1), "w": np.arange(6).reshape(2, 3) / 7}

    def look(ind: Any) -> float:
        assert type(ind.f) is float
        assert type(ind.i) is int
        assert (ind.f, ind.i, ind.c) == (0.1, 7, ("b", 1))
        assert (ind["w"] == np.arange(6).reshape(2, 3) / 7).all()
        assert (ind.generation, ind.ind_idx) == (0, 0)
        ind.w[0, 0] = 5.0  # theirs to change
        return float(ind.seed)

    cloudpickle.register_pickle_by_value(__import__(__name__))
    data = cloudpickle.dumps(FunctionOptimizee(look, space))
    [job] = make_jobs(space, [individual])
    for executor in (InlineExecutor(), LocalExecutor(LocalOptions(workers=1))):
        with executor:
            executor.start(Task(data, space))
            [outcome] = finish(executor, [job]).values()
        assert outcome.fitness == (float(job.seed),), outcome


def test_large_individuals_and_observations() -> None:
    """28,800 parameters, more than any pipe holds, both ways."""
    from l2l.optimizee import Result

    space = ParameterSpace([Parameter("w", -1.0, 1.0, shape=(28_800,))])

    def echo(ind: Any) -> Result:
        return Result(0.0, observation=ind.w)

    rows = np.random.default_rng(1).uniform(-1, 1, (24, 28_800))
    jobs = make_jobs(space, [{"w": row} for row in rows])
    with LocalExecutor(LocalOptions(workers=2)) as executor:
        executor.start(Task(cloudpickle.dumps(FunctionOptimizee(echo, space)), space))
        outcomes = finish(executor, jobs)
    for number, outcome in outcomes.items():
        np.testing.assert_array_equal(outcome.observation, rows[number])


def test_inline_leaves_the_callers_random_numbers_alone() -> None:
    import random

    random.seed(3)
    np.random.seed(3)
    expected = random.random(), np.random.random()
    random.seed(3)
    np.random.seed(3)
    results(InlineExecutor(), task_of("Leaky", Leaky.space))
    assert (random.random(), np.random.random()) == expected
