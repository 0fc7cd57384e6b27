"""SIGTERM and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest
from helpers.processes import all_gone

import l2l
from l2l.errors import L2LError
from l2l.execution import IN_VAIN
from l2l.executors.inline import InlineExecutor
from l2l.interrupt import StopRequest
from l2l.loop.landing import Landing

SCRIPT = """
import sys, time
import l2l

def slow(p):
    time.sleep(float(sys.argv[2]) if len(sys.argv) > 2 else 0.1)
    return -p.x ** 2

l2l.optimize(slow, {"name": "genetic_algorithm", "pop_size": 6}, space={"x": (-1.0, 1.0)},
             generations=4, executor={"name": "local", "workers": 2, "grace": GRACE},
             run=sys.argv[1], resume=True, seed=1, mode="MODE")
print("the script went on")
"""


def start(tmp_path: Path, token: str, grace: float = 5.0, seconds: float = 0.1, mode="generational",
          **environment: str):  # fmt: skip
    script = tmp_path / "script.py"
    text = SCRIPT.replace("GRACE", str(grace)).replace("0.1)", f"{seconds})")
    script.write_text(text.replace("MODE", mode))
    return subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "run")],
        env={**os.environ, "L2L_TOKEN": token, **environment}, cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def wait_for_results(run: Path, n: int = 2) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if (run / "run.yaml").exists() and len(l2l.load(run)) >= n:
            return
        time.sleep(0.05)
    raise AssertionError("no results have come")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_one_signal_stops_gently_and_resume_continues(tmp_path, number):
    token = uuid.uuid4().hex
    process = start(tmp_path, token)
    wait_for_results(tmp_path / "run")
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 75, err
    assert "went on" not in out
    assert number.name in err
    assert "resume" in err
    assert all_gone(token)
    had = l2l.load(tmp_path / "run")
    assert 2 <= len(had) < 24
    resumed = subprocess.run(
        [Path(sys.executable).parent / "l2l", "resume", tmp_path / "run"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert resumed.returncode == 0, resumed.stderr
    now = l2l.load(tmp_path / "run")
    assert now.generation.max() == 3
    started = dict(zip(now.id.tolist(), now.started.tolist(), strict=True))
    assert all(started[i] == t for i, t in zip(had.id.tolist(), had.started.tolist(), strict=True))


def test_running_evaluations_get_their_grace(tmp_path):
    token = uuid.uuid4().hex
    process = start(tmp_path, token, grace=10, seconds=1.0)
    wait_for_results(tmp_path / "run", 2)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert len(l2l.load(tmp_path / "run")) == 4  # the two that were running have ended


def test_no_grace_ends_at_once(tmp_path):
    token = uuid.uuid4().hex
    process = start(tmp_path, token, grace=0, seconds=30.0)
    time.sleep(2.0)
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 75
    assert time.monotonic() - begun < 5
    assert all_gone(token)


def test_a_second_ctrl_c_exits_at_once_and_loses_nothing(tmp_path):
    token = uuid.uuid4().hex
    process = start(tmp_path, token, grace=60, seconds=1.0)
    wait_for_results(tmp_path / "run", 4)
    had = l2l.load(tmp_path / "run").id.tolist()
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert time.monotonic() - begun < 5
    assert process.returncode != 0
    assert all_gone(token)
    assert set(had) <= set(l2l.load(tmp_path / "run").id.tolist())


# -- the wall-time is near: SIGUSR1 -----------------------------------------------------------


@pytest.mark.parametrize("mode", ["generational", "async"])
def test_before_the_wall_time_what_can_end_in_time_does(tmp_path, mode):
    end = str(time.time() + 200)
    process = start(tmp_path, uuid.uuid4().hex, grace=0, seconds=2.0, mode=mode, L2L_JOB_END=end)
    wait_for_results(tmp_path / "run", 2)
    time.sleep(0.3)
    for _ in range(3):  # however often it comes
        process.send_signal(signal.SIGUSR1)
        time.sleep(0.1)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 75, err
    assert "SIGUSR1" in err
    assert len(l2l.load(tmp_path / "run")) == 4  # the two that were running have ended


class Running(InlineExecutor):
    """Has something that runs, for some seconds already."""

    def ages(self) -> list[float]:
        return [0.2, 3.0]


@pytest.mark.parametrize(("usual", "going"), [(4.0, True), (100.0, False), (0.1, True)])
def test_what_can_not_end_in_time_is_not_waited_for(monkeypatch, usual, going):
    monkeypatch.setenv("L2L_JOB_END", str(time.time() + 15.0))
    with StopRequest() as request, Running() as executor:
        landing = Landing(executor, request, seed=1, times=[usual] * 9)
        landing.in_flight = 2
        os.kill(os.getpid(), signal.SIGUSR1)
        landing.look_for_stop()
        assert landing.going is going


@pytest.mark.parametrize("mode", ["generational", "async"])
def test_times_of_earlier_generations_and_starts_tell_what_can_end(tmp_path, monkeypatch, mode):
    """Generations of four are too small to know it by themselves."""
    found = []
    look = Landing.look_for_stop
    monkeypatch.setattr(Landing, "look_for_stop", lambda it: (found.append(it), look(it)))
    settings = {"space": {"x": (0.0, 1.0)}, "executor": "inline", "progress": False, "mode": mode}
    for generations in (2, 4):
        l2l.optimize(lambda p: p.x, {"name": "random_search", "pop_size": 4}, resume=True,
                     generations=generations, run=tmp_path / "run", **settings)  # fmt: skip
    assert len({id(landing) for landing in found}) == 2  # one a start
    assert len(found[-1]._times) == 16


def test_a_run_that_never_gets_anywhere_before_the_wall_time_is_not_requeued(tmp_path, monkeypatch):
    """Evaluations that take longer than a job may last would be begun again for ever."""
    monkeypatch.setenv("L2L_JOB_END", str(time.time()))
    codes = []
    for _ in range(IN_VAIN):
        timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGUSR1))
        timer.start()
        with pytest.raises(L2LError, match=r"SIGUSR1|near 3 times") as error:
            l2l.optimize(lambda p: time.sleep(60), "random_search", space={"x": (0.0, 1.0)},
                         evaluations=9, workers=1, run=tmp_path / "run", resume=True,
                         progress=False)  # fmt: skip
        codes.append(error.value.exit_code)
    assert codes == [75, 75, 1]


def test_an_end_that_comes_after_its_announcement_is_no_second_signal(tmp_path):
    end = str(time.time() + 500)
    process = start(tmp_path, uuid.uuid4().hex, grace=0, seconds=60.0, L2L_JOB_END=end)
    time.sleep(3.0)
    process.send_signal(signal.SIGUSR1)
    time.sleep(1.0)
    assert process.poll() is None  # it has time
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 75, err
    assert "SIGTERM" in err
