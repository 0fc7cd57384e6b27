"""Deadlines, options, working folders, draining, and the encoding of messages."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
from helpers.faults import SPACE, finish, make_jobs, task_of

from l2l import wire
from l2l.errors import ConfigError
from l2l.evaluation import Outcome, Status
from l2l.executors.base import ExecutorOptions, Task
from l2l.executors.inline import InlineExecutor, InlineOptions
from l2l.executors.local import LocalExecutor, LocalOptions
from l2l.optimizee import FunctionOptimizee
from l2l.processes import machine_memory, resident
from l2l.space import ParameterSpace

ONE = ParameterSpace({"x": (0.0, 100.0)})


def function_task(function: Any, **kwargs: Any) -> Task:
    return Task(cloudpickle.dumps(FunctionOptimizee(function, ONE)), ONE, **kwargs)


def ok_jobs(n: int, first: int = 0) -> list[Any]:
    return make_jobs(SPACE, [{"fault": "none_of_these", "x": 0.5}] * n, first=first)


def test_deadlines_are_met() -> None:
    """Each evaluation has its own, however many are handed over and whoever hangs beside it."""
    with LocalExecutor(LocalOptions(workers=4, timeout=0.4)) as executor:
        executor.start(task_of("Faulty"))
        finish(executor, ok_jobs(50))
        faults = ["hangs", "none_of_these", "none_of_these", "spins_deaf"] * 2
        jobs = make_jobs(SPACE, [{"fault": f, "x": 0.5} for f in faults])
        begun = time.monotonic()
        outcomes = finish(executor, jobs)
        took = time.monotonic() - begun
    late = [o for o in outcomes.values() if o.status is Status.TIMEOUT]
    assert len(late) == 4
    for outcome in late:
        assert 0.4 <= outcome.duration < 0.8  # this machine may be busy with something else
    assert took < 4.0


def test_start_up_is_not_part_of_the_time() -> None:
    def slow_to_load(ind: Any) -> float:
        return 1.0

    class Slow(FunctionOptimizee):
        def __setstate__(self, state: Any) -> None:
            if not os.environ.get("LOADED_ONCE"):
                os.environ["LOADED_ONCE"] = "yes"
                time.sleep(0.5)  # as an import that takes long
            self.__dict__.update(state)

    task = Task(cloudpickle.dumps(Slow(slow_to_load, ONE)), ONE)
    with LocalExecutor(LocalOptions(workers=1, timeout=0.2)) as executor:
        executor.start(task)
        [outcome] = finish(executor, make_jobs(ONE, [{"x": 1.0}])).values()
    assert outcome.status is Status.OK
    assert outcome.duration < 0.2


def test_a_result_in_time_counts_even_if_nobody_looks() -> None:
    with LocalExecutor(LocalOptions(workers=1, timeout=0.3)) as executor:
        executor.start(task_of("Faulty"))
        finish(executor, ok_jobs(20))
        executor.submit(ok_jobs(10, first=20))
        time.sleep(0.5)  # the outer loop is busy with something else
        landed = 0
        while landed < 10:
            outcomes = executor.collect(1.0)
            assert {o.status for o in outcomes} == {Status.OK}
            landed += len(outcomes)


@pytest.mark.parametrize("where", ["inline", "local"])
def test_working_folders(where: str, tmp_path: Path) -> None:
    """Made when used; removed after an evaluation that ended ok; kept after others."""

    def uses(ind: Any) -> float:
        if ind.x == 1:
            return 1.0
        (ind.workdir / "note").write_text(str(ind.x))
        os.chdir(ind.workdir)
        if ind.x == 3:
            raise ValueError
        if ind.x == 4:
            return float("nan")
        if ind.x == 5:
            os._exit(1)
        return 2.0

    last = 5 if where == "inline" else 6
    task = function_task(uses, scratch=tmp_path / "scratch", keep=tmp_path / "keep")
    executor = InlineExecutor() if where == "inline" else LocalExecutor(LocalOptions(workers=2))
    home = Path.cwd()
    try:
        with executor:
            executor.start(task)
            finish(executor, make_jobs(ONE, [{"x": i} for i in range(last)]))
    finally:
        assert where == "local" or Path.cwd() == home
        os.chdir(home)
    assert list((tmp_path / "scratch").iterdir()) == []
    kept = {path.name: (path / "note").read_text() for path in (tmp_path / "keep").iterdir()}
    assert kept == {f"{i}-0": f"{i}.0" for i in range(3, last)}


def test_without_folders_nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(ind: Any) -> float:
        (ind.workdir / "note").write_text("x")
        raise ValueError

    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for executor in (InlineExecutor(), LocalExecutor(LocalOptions(workers=1))):
        with executor:
            executor.start(function_task(fails))
            finish(executor, make_jobs(ONE, [{"x": 0}]))
    assert list(tmp_path.iterdir()) == []


def test_drain_returns_what_has_not_begun() -> None:
    def slow(ind: Any) -> float:
        time.sleep(0.05)
        return 1.0

    jobs = make_jobs(ONE, [{"x": i} for i in range(20)])
    with LocalExecutor(LocalOptions(workers=2)) as executor:
        executor.start(function_task(slow))
        executor.submit(jobs)
        done = [o.job.id for o in executor.collect()]
        back = [job.id for job in executor.drain()]
        while outcomes := executor.collect():
            done += [o.job.id for o in outcomes]
    assert sorted(done + back) == list(range(20))
    assert 1 <= len(done) <= 6
    with InlineExecutor() as inline:
        inline.start(function_task(slow))
        inline.submit(jobs)
        assert len(inline.collect()) == 1
        assert len(inline.drain()) == 19
        assert inline.collect() == []


def test_constants_and_threads_reach_the_optimizee() -> None:
    def look(traj: Any) -> float:
        assert os.environ["OMP_NUM_THREADS"] == os.environ["OPENBLAS_NUM_THREADS"] == "3"
        assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
        assert os.environ.get("PYTHONPATH") is None
        return float(traj.answer)

    class Looks(FunctionOptimizee):
        def simulate(self, traj: Any) -> float:
            return look(traj)

    task = Task(cloudpickle.dumps(Looks(look, ONE)), ONE, constants={"answer": 42})
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONPATH", raising=False)
        with LocalExecutor(LocalOptions(workers=1, threads=3)) as executor:
            executor.start(task)
            [outcome] = finish(executor, make_jobs(ONE, [{"x": 1}])).values()
    assert outcome.fitness == (42.0,), outcome.traceback


def test_debug_lets_exceptions_through() -> None:
    with InlineExecutor(InlineOptions(debug=True)) as executor:
        executor.start(task_of("Faulty"))
        executor.submit(make_jobs(SPACE, [{"fault": "raises", "x": 0.5}]))
        with pytest.raises(ZeroDivisionError, match="on purpose"):
            executor.collect()
        assert len(executor.drain()) == 1


def test_warm_workers_serve_several_tasks() -> None:
    with LocalExecutor(LocalOptions(workers=2)) as executor:
        for value in (1.0, 2.0):
            executor.start(function_task(lambda ind, value=value: value))
            outcomes = finish(executor, make_jobs(ONE, [{"x": i} for i in range(4)]))
            assert {o.fitness for o in outcomes.values()} == {(value,)}


@pytest.mark.parametrize(
    ("text", "size"),
    [("4GiB", 4 * 2**30), ("500 MB", 500 * 10**6), ("2e9", 2 * 10**9), ("1.5k", 1500), (7, 7)],
)
def test_sizes(text: str | int, size: int) -> None:
    assert ExecutorOptions(memory_limit=text).memory_bytes == size


@pytest.mark.parametrize("text", ["", "many", "4 parsecs", "0", "-1GB", "1.2.3"])
def test_bad_sizes(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a size such as 4GiB"):
        ExecutorOptions(memory_limit=text)


def test_memory_is_measured() -> None:
    mine = resident(os.getpid(), 2**60)
    assert 2**20 < mine < machine_memory()


def test_messages_survive_any_fragmentation() -> None:
    jobs = make_jobs(ONE, [{"x": i} for i in range(5)])
    data = wire.pack_call(jobs[:1]) + wire.pack_call(jobs[1:])
    outcomes = [
        Outcome(jobs[0], Status.OK, (1.5, -2.0)),
        Outcome(jobs[0], Status.OK, (1.0,), np.arange(3.0), {"m": 2.0}),
        Outcome(jobs[0], Status.FAILED, message="no", traceback="trace"),
    ]
    said = wire.pack_signal(wire.Kind.READY) + b"".join(wire.pack_outcomes([o]) for o in outcomes)
    for step in (1, 3, 24, 10_000):
        calls, reader = [], wire.CallReader(1)
        for at in range(0, len(data), step):
            reader.feed(data[at : at + step])
            while (call := reader.next()) is not None:
                calls.append([(j.id, j.seed, j.values.tolist()) for j in call])
        assert calls == [
            [(j.id, j.seed, j.values.tolist()) for j in c] for c in (jobs[:1], jobs[1:])
        ]
        replies, answers = wire.ReplyReader(), []
        for at in range(0, len(said), step):
            answers += list(replies.feed(said[at : at + step]))
        assert answers.pop(0).kind == wire.Kind.READY
        for answer, sent in zip(answers, outcomes, strict=True):
            [got] = wire.unpack_outcomes(answer, jobs[:1])
            assert (got.status, got.fitness, got.metrics) == (
                sent.status,
                sent.fitness,
                sent.metrics,
            )
            assert (got.message, got.traceback) == (sent.message, sent.traceback)
            np.testing.assert_array_equal(got.observation, sent.observation)
