"""The suite accepts the executors of this repository and names the fault of broken ones."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from l2l.evaluation import Status
from l2l.executors.inline import InlineExecutor, InlineOptions
from l2l.executors.local import LocalExecutor, LocalOptions
from l2l.testing import check_executor, executors


def inline(workers=None, timeout=None):
    return InlineExecutor(InlineOptions(timeout=timeout))


def local(**options):
    return LocalExecutor(LocalOptions(**options))


def test_inline():
    check_executor(inline, kills=False)


def test_local():
    check_executor(local)


class Losing(InlineExecutor):
    def collect(self, timeout=None):
        return [o for o in super().collect(timeout) if o.job.id != 3]


class Doubling(InlineExecutor):
    def collect(self, timeout=None):
        return 2 * super().collect(timeout)


class Mixing(InlineExecutor):
    def collect(self, timeout=None):
        landed = super().collect(timeout)
        jobs = [outcome.job for outcome in landed]
        return [
            dataclasses.replace(o, job=dataclasses.replace(o.job, values=job.values))
            for o, job in zip(landed, np.roll(jobs, 1).tolist(), strict=True)
        ]


class Hopeful(InlineExecutor):
    def collect(self, timeout=None):
        return [
            dataclasses.replace(o, status=Status.OK, fitness=o.fitness or (0.0,))
            for o in super().collect(timeout)
        ]


class Undrained(InlineExecutor):
    def drain(self):
        return []


class Warm(InlineExecutor):
    """Keeps one optimizee for all evaluations."""

    def start(self, task):
        super().start(task)
        self._evaluator.prepare()
        kept = self._evaluator._fresh()
        self._evaluator._fresh = lambda: kept


FAULTS = {
    Losing: "outcomes came",
    Doubling: "jobs gave|expected one outcome each",
    Mixing: "came back changed",
    Hopeful: "check_failures: raise gave",
    Undrained: "check_drain",
    Warm: "expected fitness|no fresh copy",
}


@pytest.mark.parametrize(
    ("executor", "text"), FAULTS.items(), ids=lambda x: getattr(x, "__name__", "")
)
def test_a_broken_executor_is_found(executor, text, monkeypatch):
    monkeypatch.setattr(executors, "PATIENCE", 1.0)
    with pytest.raises(AssertionError, match=text):
        check_executor(lambda **_: executor(InlineOptions()), kills=False)


class Orphaning(LocalExecutor):
    """Forgets to end its workers."""

    def close(self):
        pass


def test_processes_left_behind_are_found(monkeypatch):
    monkeypatch.setattr(executors, "GONE_WITHIN", 0.5)
    made = []

    def make(**options):
        made.append(Orphaning(LocalOptions(**options)))
        return made[-1]

    try:
        with pytest.raises(AssertionError, match="processes left behind"):
            executors.check_leftovers(make)
    finally:
        for executor in made:
            LocalExecutor.close(executor)
