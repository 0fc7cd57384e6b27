"""Every way in which an evaluation can fail: what is said of it, and who else is hurt."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from helpers.faults import ENDLESS, RETURNS, SPACE, finish, make_jobs, survivors, task_of

import l2l.guard
from l2l.evaluation import Status
from l2l.executors.inline import InlineExecutor
from l2l.executors.local import LocalExecutor, LocalOptions

MIB = 2**20

# fault: status, pattern of the message, pattern of the output (or of the traceback)
TABLE = {
    "raises": (Status.FAILED, r"^ZeroDivisionError: on purpose$", r"^about to raise\n$"),
    "exits": (Status.FAILED, r"^SystemExit: leaving$", r""),
    "hangs": (Status.TIMEOUT, r"ran longer than its timeout of 0\.[3-9]", r"^going to sleep\n$"),
    "spins_deaf": (Status.TIMEOUT, r"ran longer than its timeout", r"^deaf now\n$"),
    "busy_with_children": (Status.TIMEOUT, r"ran longer than its timeout", r"^$"),
    "exit_0": (Status.CRASHED, r"^exited with code 0 without a result$", r"^last words\n$"),
    "exit_3": (Status.CRASHED, r"^exited with code 3 without a result$", r"^last words\n$"),
    "segfaults": (Status.CRASHED, r"^killed by SIGSEGV$", r"last words\n(.|\n)*in segfaults"),
    "aborts": (Status.CRASHED, r"^killed by SIGABRT$", r"in aborts"),
    "is_killed": (Status.CRASHED, r"^killed by SIGKILL; if nobody did, memory ran out$", r""),
    "closes_everything": (Status.CRASHED, r"^exited with code 1|^closed its", r""),
    "allocates": (Status.MEMORY, r"more than the memory limit of 400 MiB", r""),
    "child_allocates": (Status.MEMORY, r"more than the memory limit of 400 MiB", r""),
    "prints_100_mb": (Status.FAILED, r"RuntimeError: talked too much", r"x\nthe end of it\n$"),
    "forked_child_returns": (Status.OK, r"^$", r"^$"),
    "takes_a_moment": (Status.OK, r"^$", r"^$"),
    "leaves_child": (Status.OK, r"^$", r"^$"),
    "leaves_child_in_own_group": (Status.OK, r"^$", r"^$"),
    "leaves_daemon": (Status.OK, r"^$", r"^$"),
    "returns_nan": (Status.INVALID, r"^expected a finite number as fitness, got nan$", r""),
    "returns_inf": (Status.INVALID, r"^expected a finite number as fitness, got inf$", r""),
    "returns_none": (Status.INVALID, r"^expected a finite number as fitness, got None", r""),
    "returns_text": (Status.INVALID, r"^expected a finite number as fitness, got '0.5'$", r""),
    "returns_three": (Status.INVALID, r"^expected a finite number .*\(1.0, 2.0, 3.0\)$", r""),
    "returns_metric_text": (Status.INVALID, r"^expected a number as metric 'm', got 'much'$", r""),
    "returns_observation_nan": (Status.INVALID, r"finite numbers as observation", r""),
}  # fmt: skip
HARMLESS = ("raises", "exits", *(f for f in TABLE if f.startswith("returns_")))


def individuals(fault: str, n: int = 40, at: int = 27) -> list[dict[str, object]]:
    """Return a faulty individual among others that are fine."""
    found = [{"fault": "none_of_these", "x": i / n} for i in range(n)]
    found[at]["fault"] = fault
    return found


@pytest.mark.parametrize("fault", TABLE)
def test_a_fault_costs_its_own_evaluation_only(fault: str) -> None:
    status, message, output = TABLE[fault]
    timeout = 0.3 if status is Status.TIMEOUT else 20.0
    options = LocalOptions(workers=1, timeout=timeout, memory_limit=400 * MIB)
    with LocalExecutor(options) as executor:
        executor.start(task_of("Faulty"))
        token = executor.crew.shop.token
        finish(executor, make_jobs(SPACE, individuals("none_of_these")))  # hand-overs grow
        outcomes = finish(executor, make_jobs(SPACE, individuals(fault)))
    assert survivors(token) == set()
    bad = outcomes.pop(27)
    assert bad.status is status
    assert re.search(message, bad.message), bad.message
    assert re.search(output, bad.output), bad.output[-1000:]
    assert (bad.fitness is None) == (status is not Status.OK)
    assert abs(bad.started - time.time()) < 60
    if status is Status.FAILED:
        assert f"in {fault}\n" in bad.traceback
        assert "evaluate.py" not in bad.traceback
    for number, outcome in outcomes.items():
        assert outcome.status is Status.OK
        assert outcome.fitness == (number / 40,)
        assert outcome.output == ""


@pytest.mark.parametrize("fault", HARMLESS)
def test_inline_says_the_same_of_what_it_can_survive(fault: str) -> None:
    status, message, _ = TABLE[fault]
    with InlineExecutor() as executor:
        executor.start(task_of("Faulty"))
        outcomes = finish(executor, make_jobs(SPACE, individuals(fault)))
    bad = outcomes.pop(27)
    assert (bad.status, bad.fitness) == (status, None)
    assert re.search(message, bad.message)
    assert {o.status for o in outcomes.values()} == {Status.OK}


@pytest.mark.parametrize("fault", ["hangs", "exit_3", "leaves_child", "raises"])
def test_many_faults_at_once_with_more_workers(fault: str) -> None:
    some = individuals(fault, 24, 3)
    for place in (4, 5, 11, 23):
        some[place]["fault"] = fault
    with LocalExecutor(LocalOptions(workers=3, timeout=0.3)) as executor:
        executor.start(task_of("Faulty"))
        token = executor.crew.shop.token
        outcomes = finish(executor, make_jobs(SPACE, some))
    assert survivors(token) == set()
    for number, outcome in outcomes.items():
        faulty = number in (3, 4, 5, 11, 23)
        assert outcome.status is (TABLE[fault][0] if faulty else Status.OK), number


@pytest.mark.parametrize("executor_class", [InlineExecutor, LocalExecutor])
@pytest.mark.parametrize(
    ("came", "ok"),
    [("none_of_these", False), ("returns_three", False), ("returns_nan_of_two", False)],
)
def test_wrong_number_of_objectives(executor_class: type, came: str, ok: bool) -> None:
    with executor_class() as executor:
        executor.start(task_of("Faulty", objectives=2))
        [outcome] = finish(executor, make_jobs(SPACE, [{"fault": came, "x": 0.5}])).values()
    assert outcome.status is Status.INVALID
    assert outcome.message.startswith("expected 2 finite numbers (one a weight) as fitness, got ")


@pytest.mark.parametrize("executor_class", [InlineExecutor, LocalExecutor])
def test_raises_once_then_works(executor_class: type, tmp_path: Path) -> None:
    from helpers.faults import RaisesOnce

    task = task_of("RaisesOnce", RaisesOnce.space, arguments={"marker": str(tmp_path / "m")})
    with executor_class() as executor:
        executor.start(task)
        [first] = finish(executor, make_jobs(task.space, [{"x": 0.5}])).values()
        assert (first.status, first.job.draw) == (Status.FAILED, 0)
        [again] = finish(executor, make_jobs(task.space, [{"x": 0.5}], draw=1)).values()
    assert (again.status, again.fitness, again.job.draw) == (Status.OK, (0.5,), 1)
    assert again.job.seed != first.job.seed


@pytest.mark.parametrize("how", ["raises", "segfaults", "hangs"])
def test_constructor_fails(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from helpers.faults import BadConstructor

    monkeypatch.setattr(l2l.guard, "SETUP_LIMIT", 0.5)
    task = task_of("BadConstructor", BadConstructor.space, arguments={"how": how})
    with LocalExecutor(LocalOptions(workers=2, timeout=0.05)) as executor:
        executor.start(task)
        outcomes = finish(executor, make_jobs(task.space, [{"x": i / 4} for i in range(4)]))
    status = {"raises": Status.FAILED, "segfaults": Status.CRASHED, "hangs": Status.TIMEOUT}[how]
    for outcome in outcomes.values():
        assert outcome.status is status
        if how == "raises":
            assert outcome.message == "LookupError: no data here"
            assert 'raise LookupError("no data here")' in outcome.traceback
        else:
            assert outcome.message.endswith("while the optimizee was being set up")


def test_fails_for_every_individual() -> None:
    everybody = [{"fault": "segfaults", "x": 0.5}] * 8
    with LocalExecutor(LocalOptions(workers=2)) as executor:
        executor.start(task_of("Faulty"))
        outcomes = finish(executor, make_jobs(SPACE, everybody))
    assert {o.message for o in outcomes.values()} == {"killed by SIGSEGV"}


def test_output_is_told_apart(tmp_path: Path) -> None:
    """Of evaluations handed over together, each failure has its own output, even from C."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert run.stdout == "as expected\n", run.stdout + run.stderr


SCRIPT = textwrap.dedent('''
    # No main guard: workers must not run this script again.
    import ctypes, os, sys
    import cloudpickle
    import numpy as np
    from l2l.evaluation import Job, Status
    from l2l.executors.base import Task
    from l2l.executors.local import LocalExecutor, LocalOptions
    from l2l.optimizee import Optimizee
    from l2l.space import ParameterSpace

    OFFSET = 100.0

    class Mine(Optimizee):
        """Defined in the run script."""
        space = ParameterSpace({"x": (0.0, 100.0)})

        def simulate(self, traj):
            n = int(traj.individual.x)
            print("python", n)
            print("no end of line", n, end="", file=sys.stderr)
            ctypes.CDLL(None).printf(b"C %d\\n", ctypes.c_int(n))
            if n % 5 == 0:
                raise ValueError(f"I dislike {n}")
            ctypes.CDLL(None).fflush(None)
            return OFFSET + n

    executor = LocalExecutor(LocalOptions(workers=2))
    executor.start(Task(cloudpickle.dumps(Mine()), Mine.space))
    jobs = [Job(i, 0, i, 0, i + 1, np.array([float(i)])) for i in range(100)]
    executor.submit(jobs)
    landed = []
    while len(landed) < 100:
        landed += executor.collect()
    for o in landed:
        n = o.job.id
        if n % 5:
            assert o.fitness == (OFFSET + n,), o
        else:
            assert o.message == f"ValueError: I dislike {n}", o
            assert f'raise ValueError(f"I dislike {{n}}")' in o.traceback, o
            lines = sorted(o.output.replace(f"line {n}", f"line {n}\\n").split("\\n"))
            assert lines == ["", f"C {n}", f"no end of line {n}", f"python {n}"], o
    executor.close()
    print("as expected")
''')


def test_the_table_is_complete() -> None:
    from helpers.faults import FAULTS

    tested = {*TABLE, "none_of_these", "returns_nan_of_two"}
    assert tested == set(FAULTS)
    assert set(ENDLESS) <= set(TABLE)
    assert RETURNS
