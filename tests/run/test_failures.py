"""Failures are data: a whole run with every kind of fault in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from helpers.faults import FAULTS, Faulty, RaisesOnce

import l2l
from l2l.errors import NothingWorked
from l2l.evaluation import Status

EXPECTED = {
    "none_of_these": Status.OK,
    "raises": Status.FAILED,
    "exits": Status.FAILED,
    "hangs": Status.TIMEOUT,
    "spins_deaf": Status.TIMEOUT,
    "exit_0": Status.CRASHED,
    "exit_3": Status.CRASHED,
    "segfaults": Status.CRASHED,
    "is_killed": Status.CRASHED,
    "allocates": Status.MEMORY,
    "prints_100_mb": Status.FAILED,
    "leaves_child": Status.OK,
    "returns_nan": Status.INVALID,
    "returns_inf": Status.INVALID,
    "returns_none": Status.INVALID,
    "returns_three": Status.INVALID,
}


class SomeFaults(Faulty):
    """Only the faults of the table, each with two values of x."""

    space = l2l.ParameterSpace(
        [
            l2l.Parameter("fault", kind="categorical", choices=tuple(EXPECTED)),
            l2l.Parameter("x", 0.0, 1.0),
        ]
    )


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    assert set(EXPECTED) <= set(FAULTS)
    return l2l.optimize(
        SomeFaults(),
        {"name": "grid_search", "n_points": 2},
        executor={"name": "local", "workers": 2, "timeout": 5.0, "memory_limit": "600MiB"},
        run=tmp_path_factory.mktemp("faults") / "run",
        progress=False,
    ).history


@pytest.mark.parametrize("fault", EXPECTED)
def test_status(history, fault):
    rows = history["fault"] == fault
    assert rows.sum() == 2
    assert set(history.status[rows]) == {EXPECTED[fault]}


def test_the_others_are_untouched(history):
    ok = history.status == Status.OK
    assert (history.fitness[ok, 0] == history["x"][ok]).all()
    assert history.best.fitness[0] == 1.0


def test_what_went_wrong_is_within_reach(history):
    reports = {(history.entry(f.id).individual["fault"]): f for f in history.failures()}
    assert "ZeroDivisionError: on purpose" in reports["raises"].traceback
    assert "SIGSEGV" in reports["segfaults"].message
    assert "last words" in reports["exit_0"].output
    assert "the end of it" in reports["prints_100_mb"].output
    assert len(reports["prints_100_mb"].output) <= 64 * 1024
    assert "nan" in reports["returns_nan"].message
    said = subprocess.run(
        [Path(sys.executable).parent / "l2l", "status", history.path, "--failed", "100"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for text in ("ZeroDivisionError: on purpose", "SIGSEGV", "last words", "timeout", "memory"):
        assert text in said


def test_a_resume_does_not_run_failures_again(history):
    before = history.digest()
    again = l2l.optimize(
        SomeFaults(), {"name": "grid_search", "n_points": 2}, run=history.path, resume=True,
        progress=False,
    )  # fmt: skip
    assert again.history.digest() == before


@pytest.mark.parametrize("executor", ["inline", "local"])
def test_a_retry_has_another_draw_and_is_counted(tmp_path, executor):
    result = l2l.optimize(
        RaisesOnce(str(tmp_path / "marker")), {"name": "random_search", "pop_size": 4},
        generations=2, executor={"name": executor, "retries": 2}, run=tmp_path / "run",
        progress=False,
    )  # fmt: skip
    assert (result.history.status == Status.OK).all()
    assert sorted(result.history.draw) == [0, 0, 0, 0, 0, 0, 0, 1]
    (failure,) = result.history.failures()
    assert failure.draw == 0
    assert "was away for a moment" in failure.message


def test_a_run_without_a_single_ok_ends_with_the_cause(tmp_path):
    class Broken(l2l.Optimizee):
        space = l2l.ParameterSpace({"x": (0.0, 1.0)})

        def simulate(self, traj):
            raise LookupError("no licence for the simulator")

    with pytest.raises(NothingWorked, match="no licence"):
        l2l.optimize(
            Broken(), {"name": "genetic_algorithm", "pop_size": 4}, generations=9, workers=2,
            run=tmp_path / "run", progress=False,
        )  # fmt: skip
    assert len(l2l.load(tmp_path / "run")) == 4


def test_vector_fitness_of_the_wrong_length(tmp_path):
    result = l2l.optimize(
        lambda p: (p.x, -p.x) if p.x > 0.3 else p.x, {"name": "grid_search", "n_points": 5},
        space={"x": (0.0, 1.0)}, weights=(1.0, -0.5), executor="inline", run=tmp_path / "run",
        progress=False,
    )  # fmt: skip
    history = result.history
    assert (history.status == Status.INVALID).sum() == 2
    assert history.fitness.shape == (5, 2)
    assert result.best.individual["x"] == 1.0
    assert result.best.score == pytest.approx(1.5)
    assert "expected 2" in history.failures()[0].message
