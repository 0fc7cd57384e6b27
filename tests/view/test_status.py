"""What `l2l status` reads and says; the runs here are written without running anything."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import histories

from l2l.store.folder import Store
from l2l.trajectory import Trajectory
from l2l.view import text
from l2l.view.status import as_json, read
from l2l.view.statustext import as_text


def test_a_finished_run(tmp_path: Path) -> None:
    path = histories.write(tmp_path / "run", 4, failed=0.3)
    status = read(path)
    history = Trajectory(path)
    assert (status.state, status.why) == ("finished", "as asked")
    assert status.generation == 3
    assert status.evaluations == {
        "ok": int((history.status == 0).sum()),
        "timeout": int((history.status == 3).sum()),
    }
    assert status.best is not None
    assert status.best["id"] == history.best.id
    assert status.best["individual"] == history.best.individual
    assert status.rate == pytest.approx(10, rel=0.01)  # 0.1 s each, one after the other
    assert status.attempts == []


def test_a_run_that_goes_on_names_its_process(tmp_path: Path) -> None:
    histories.write(tmp_path / "run", 2, stopped=False)
    store = Store.open(tmp_path / "run")
    try:
        status = read(tmp_path / "run")
        assert status.state == "running"
        assert str(os.getpid()) in status.why
        assert "resume" not in as_text(status)
    finally:
        store.close()


def test_a_run_that_was_killed_can_be_resumed(tmp_path: Path) -> None:
    status = read(histories.write(tmp_path / "run", 2, stopped=False))
    assert status.state == "interrupted"
    assert f"go on with:  l2l resume {tmp_path / 'run'}" in as_text(status)


def test_a_run_without_a_result_yet(tmp_path: Path) -> None:
    status = read(histories.write(tmp_path / "run", 0))
    shown = as_text(status)
    assert "generations: 0 of 10" in shown
    assert "evaluations: 0" in shown
    assert "best" not in shown
    found = json.loads(as_json(status))
    assert found["best"] is None
    assert found["rate"] is None
    assert found["generation"] is None


def test_failures_come_with_what_they_were(tmp_path: Path) -> None:
    path = histories.write(tmp_path / "run", 3, failed=0.4)
    history = Trajectory(path)
    status = read(path, failed=4)
    bad = np.flatnonzero(history.status)[:4]
    assert [attempt.failure.id for attempt in status.attempts] == bad.tolist()
    for attempt, row in zip(status.attempts, bad, strict=True):
        assert attempt.individual == history.entry(row).individual
        assert (attempt.generation, attempt.index) == divmod(int(row), 10)
    assert as_text(status).count("timeout: still running after 5 s") == 4
    assert json.loads(as_json(status))["failures"][0]["message"] == "still running after 5 s"


def test_the_end_of_a_long_output_is_shown(tmp_path: Path) -> None:
    path = histories.write(tmp_path / "run", 1, all_failed=(0,))
    status = read(path, failed=1)
    status.attempts[0].failure.output = "\n".join(f"line {i}" for i in range(100))
    shown = as_text(status)
    assert "line 99" in shown
    assert "line 69" not in shown
    assert "    ..." in shown


def test_a_million_evaluations_take_no_longer_than_a_few(tmp_path: Path) -> None:
    """The cause of a fast status: it reads counts, not columns. (0.7 s of CPU is the target.)"""
    small = _cpu(histories.write(tmp_path / "small", 1))
    large = _cpu(histories.write(tmp_path / "large", 1000, 1000))
    assert large < small + 0.25


def _cpu(path: Path) -> float:
    """Return CPU seconds of `l2l status`, the best of three."""
    times = []
    for _ in range(3):
        before = os.times()
        command = [sys.executable, "-m", "l2l", "status", str(path)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        after = os.times()
        spent = after.children_user + after.children_system
        times.append(spent - before.children_user - before.children_system)
    return min(times)


# -- short texts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0:00"),
        (59.6, "1:00"),
        (90, "1:30"),
        (3661, "1:01:01"),
        (90061, "1d 01:01:01"),
        (math.inf, "-"),
        (math.nan, "-"),
    ],
)
def test_clock(seconds: float, expected: str) -> None:
    assert text.clock(seconds) == expected


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (12345.6, "12,346 evaluations/s"),
        (12.345, "12.3 evaluations/s"),
        (0.01, "an evaluation in 1:40"),
        (0.0, "- evaluations/s"),
        (math.nan, "- evaluations/s"),
    ],
)
def test_per_second(rate: float, expected: str) -> None:
    assert text.per_second(rate) == expected


def test_individuals_are_short() -> None:
    lines = text.individual(
        {
            "tau": 1 / 3,
            "n": 4,
            "kind": "fast",
            "few": np.array([1.0, 0.5]),
            "many": np.arange(300.0).reshape(20, 15),
            "names": np.array(["a"] * 20, dtype=object),
        }
    )
    assert lines == [
        "tau = 0.333333",
        "n = 4",
        "kind = fast",
        "few = [1, 0.5]",
        "many = 20 x 15 numbers, 0 .. 299, mean 149.5",
        "names = [a, a, a, a, a, a, a, a, ...]",
    ]


def test_failures_by_status() -> None:
    assert text.failures({"ok": 5}) == ""
    assert text.failures({"ok": 5, "failed": 2}) == "2 failed"
    assert text.failures({"timeout": 2, "crashed": 1000}) == (
        "1,002 failed (2 timeout, 1,000 crashed)"
    )


def test_times_are_told_as_ago(tmp_path: Path) -> None:
    status = read(histories.write(tmp_path / "run", 1))
    status.ended = time.time() - 75
    assert "(1:15 ago)" in as_text(status)
