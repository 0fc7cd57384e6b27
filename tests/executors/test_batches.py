"""Optimizees that evaluate many individuals in one call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.faults import Batched, finish, make_jobs, task_of

from l2l.evaluation import Outcome, Status
from l2l.executors.base import Executor, Task
from l2l.executors.calls import make_calls
from l2l.executors.inline import InlineExecutor
from l2l.executors.local import LocalExecutor, LocalOptions


def batch_task(culprit: float = 2.0, how: str = "raises", **kwargs: Any) -> Task:
    arguments = {"culprit": culprit, "how": how}
    return task_of("Batched", Batched.space, arguments=arguments, batched=True, **kwargs)


def run(executor: Executor, task: Task, n: int = 32) -> dict[int, Outcome]:
    jobs = make_jobs(task.space, [{"x": i / n, "n": 1 + i % 3} for i in range(n)])
    with executor:
        executor.start(task)
        return finish(executor, jobs)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_all_lanes_come_back(workers: int) -> None:
    executor = LocalExecutor(LocalOptions(workers=workers)) if workers else InlineExecutor()
    outcomes = run(executor, batch_task())
    for number, outcome in outcomes.items():
        assert outcome.fitness == (number / 32,)
        assert outcome.metrics["size"] == 32 / max(1, workers)
        np.testing.assert_array_equal(outcome.observation, [number / 32] * 2)


@pytest.mark.parametrize(
    ("how", "status", "message"),
    [
        ("raises", Status.FAILED, "ZeroDivisionError: on purpose"),
        ("exit_3", Status.CRASHED, "exited with code 3 without a result"),
        ("segfaults", Status.CRASHED, "killed by SIGSEGV"),
        ("hangs", Status.TIMEOUT, "ran longer than its timeout"),
        ("nan", Status.INVALID, "expected a finite number as fitness, got"),
        ("not_ok", Status.FAILED, "the simulation says that this one is not ok"),
    ],
)
def test_only_the_culprit_is_lost(how: str, status: Status, message: str) -> None:
    timeout = 0.3 if how == "hangs" else None
    options = LocalOptions(workers=2, timeout=timeout)
    outcomes = run(LocalExecutor(options), batch_task(culprit=21 / 32, how=how))
    assert outcomes[21].status is status
    assert outcomes[21].message.startswith(message)
    for number, outcome in outcomes.items():
        assert number == 21 or outcome.fitness == (number / 32,)
    if how in ("nan", "not_ok"):  # no exception: no need to run anything again
        assert outcomes[20].metrics["size"] == 16


def test_inline_splits_as_well() -> None:
    outcomes = run(InlineExecutor(), batch_task(culprit=0.25))
    assert outcomes.pop(8).message == "ZeroDivisionError: on purpose"
    assert {o.status for o in outcomes.values()} == {Status.OK}


def test_group_by_and_max_batch() -> None:
    task = batch_task(group_by=[1], max_batch=4)
    outcomes = run(LocalExecutor(LocalOptions(workers=2)), task)
    assert {o.metrics["spread_n"] for o in outcomes.values()} == {0.0}
    assert max(o.metrics["size"] for o in outcomes.values()) <= 4


@pytest.mark.parametrize(("n", "workers"), [(1, 4), (7, 2), (32, 3), (98, 8)])
def test_batches_are_complete_and_about_equal(n: int, workers: int) -> None:
    task = batch_task()
    jobs = make_jobs(task.space, [{"x": i / n, "n": 1} for i in range(n)])
    calls = make_calls(task, jobs, workers)
    assert [job for call in calls for job in call] == jobs
    assert len(calls) == min(n, workers)
    assert max(map(len, calls)) - min(map(len, calls)) <= max(map(len, calls)) // 2


@pytest.mark.parametrize("shape", [(31,), (32, 2), ()])
def test_wrong_shape(shape: tuple[int, ...]) -> None:
    import cloudpickle

    class Wrong(Batched):
        def simulate_batch(self, params: Any, seeds: Any) -> Any:
            return np.zeros(shape)

    task = Task(cloudpickle.dumps(Wrong()), Batched.space, batched=True)
    outcomes = run(InlineExecutor(), task)
    for outcome in outcomes.values():
        assert outcome.status is Status.INVALID
        assert outcome.message == f"expected fitness (32, 1) of 32 parameter sets, got {shape}"
