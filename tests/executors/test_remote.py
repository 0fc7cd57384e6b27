"""What executors share whose workers are elsewhere: chunks, supervisors, losses."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest
from helpers.faults import SPACE, finish, make_jobs, task_of

from l2l.errors import L2LError
from l2l.evaluation import Status
from l2l.executors import supervisor
from l2l.executors.pace import Pace
from l2l.executors.remote import RemoteExecutor, RemoteOptions
from l2l.options import option
from l2l.testing import check_executor


class PoolOptions(RemoteOptions):
    """Options of a pool of supervisors on this machine."""

    workers: int = option(2, "number of supervisors", low=1)


class Pool(RemoteExecutor):
    """Supervisors in a pool of processes: the smallest engine there is."""

    Options = PoolOptions
    sent: list[tuple[int, bool]]

    @property
    def workers(self) -> int:
        return int(self.options.workers)

    def _open(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(self.workers, mp_context=context)
        self.sent = []

    def _send(self, key: str, bundle: bytes | None, call: bytes) -> Future[Any]:
        self.sent.append((len(call), bundle is not None))
        return self.pool.submit(supervisor.evaluate, key, bundle, call)

    def _slots(self) -> int:
        return self.workers

    def _explain(self, error: BaseException) -> str | None:
        return "the pool has gone" if isinstance(error, BrokenProcessPool) else None

    def _shut(self) -> None:
        for process in (self.pool._processes or {}).values():
            process.kill()
        self.pool.shutdown(wait=True)


def fine(n: int, first: int = 0, seconds: float = 0.0) -> list[Any]:
    return make_jobs(SPACE, [{"fault": "none_of_these", "x": seconds}] * n, first=first)


def test_contract() -> None:
    check_executor(lambda **options: Pool(PoolOptions(**options)))


def test_small_evaluations_share_a_chunk_and_the_task_goes_out_once_a_worker() -> None:
    with Pool(PoolOptions(workers=2)) as executor:
        executor.start(task_of("Faulty"))
        finish(executor, fine(200))
        assert len(executor.sent) < 60
        assert sum(with_task for _, with_task in executor.sent) <= 8  # some had to ask
        before = len(executor.sent)
        finish(executor, fine(200, first=200))
        assert not any(with_task for _, with_task in executor.sent[before:])


def test_chunks_of_a_given_size() -> None:
    with Pool(PoolOptions(workers=2, chunk=1)) as executor:
        executor.start(task_of("Faulty"))
        finish(executor, fine(30))
        assert len({size for size, _ in executor.sent}) == 1
        assert len(executor.sent) >= 30


def test_quick_ones_that_come_back_first_do_not_send_the_others_out_together() -> None:
    """Several long evaluations in one chunk would wait for each other, and be lost together."""
    with Pool(PoolOptions(workers=2)) as executor:
        executor.start(task_of("Faulty"))
        kinds = [{"fault": fault, "x": 0.0} for fault in ("none_of_these", "hangs")]
        executor.submit(make_jobs(SPACE, kinds * 20))
        landed = executor.collect(60.0)
        while more := executor.collect(1.0):
            landed += more
        stuck = [flight.jobs for flight in executor._flights.values()]
    assert landed
    assert stuck
    assert all(len(jobs) <= 2 for jobs in stuck)


def test_the_pace_counts_what_has_not_ended() -> None:
    pace = Pace()
    assert pace.cost(4) is None
    begun = [pace.leave() for _ in range(4)]
    time.sleep(0.05)
    pace.end(begun.pop(), [0.001])
    cost = pace.cost(4)
    assert cost is not None
    assert cost > 0.15  # three have run for 0.05 s
    for since in begun:
        pace.end(since)
    assert pace.cost(4) == pytest.approx(0.001)


def test_a_supervisor_that_does_not_know_the_task_asks_for_it() -> None:
    with Pool(PoolOptions(workers=1)) as executor:
        executor.start(task_of("Faulty"))
        executor._told = 1  # as if it knew
        assert all(o.status is Status.OK for o in finish(executor, fine(3)).values())
        assert [with_task for _, with_task in executor.sent[:1]] == [False]
        assert any(with_task for _, with_task in executor.sent)


def test_evaluations_are_lost_with_their_supervisor() -> None:
    with Pool(PoolOptions(workers=1)) as executor:
        executor.start(task_of("Faulty"))
        finish(executor, fine(1))
        executor.submit(make_jobs(SPACE, [{"fault": "hangs", "x": 0.0}], first=1))
        assert len(executor.ages()) == 1
        for pid in executor.pool._processes:
            os.kill(pid, signal.SIGKILL)
        (outcome,) = executor.collect(60.0)
    assert outcome.status is Status.LOST
    assert outcome.message == "the pool has gone"
    assert outcome.job.id == 1


def test_an_error_of_the_engine_is_none_of_a_simulation() -> None:
    class Broken(Pool):
        def _send(self, key: str, bundle: bytes | None, call: bytes) -> Future[Any]:
            return self.pool.submit(supervisor.evaluate, key, b"no bundle", call)

    with Broken(PoolOptions(workers=1)) as executor:
        executor.start(task_of("Faulty"))
        executor.submit(fine(1))
        with pytest.raises(L2LError, match="can't do its work"):
            executor.collect(60.0)


def test_supervisors_do_not_share_working_folders(tmp_path: Path) -> None:
    """One that counts as lost may go on writing to its own."""
    from l2l.executors.base import Task

    task = task_of("Faulty")
    task.scratch = tmp_path / "scratch"
    bundle = supervisor.Bundle(task, PoolOptions())
    here = os.getcwd()
    try:
        mine = supervisor.Supervisor(bundle.data)
        mine.close()
    finally:
        os.chdir(here)
    inside: Task = mine.task
    assert inside.scratch is not None
    assert inside.scratch.parent == tmp_path / "scratch"
    assert str(os.getpid()) in inside.scratch.name
