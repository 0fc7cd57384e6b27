"""A run killed at any moment goes on as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from pathlib import Path

import pytest
from helpers.processes import all_gone

import l2l
from l2l.evaluation import seeds

SCRIPT = """
import sys
import l2l
from helpers.models import Stateful, StatefulParameters
run, log, generations, delay = sys.argv[1:]
l2l.optimize(
    Stateful(parameters=StatefulParameters(delay=float(delay), log=log)),
    {"name": "genetic_algorithm", "pop_size": 12},
    weights=(-1.0,), generations=int(generations), workers=2, run=run, seed=3, resume=True,
    progress=False,
)
"""


def start(run: Path, log: Path, generations: int, delay: float, token: str = "none"):
    environment = {**os.environ, "L2L_TOKEN": token, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", SCRIPT, str(run), str(log), str(generations), str(delay)]
    return subprocess.Popen(command, env=environment)


def kill_at_random(tmp_path: Path, kills: int, generations: int, delay: float) -> None:
    rng = random.Random(kills)
    calm = start(tmp_path / "calm", tmp_path / "calm.log", generations, delay=0.0)
    assert calm.wait(120) == 0
    uninterrupted = l2l.load(tmp_path / "calm")

    run, log = tmp_path / "run", tmp_path / "run.log"
    known: Counter[str] = Counter()
    for _ in range(kills):
        token = uuid.uuid4().hex
        driver = start(run, log, generations, delay, token)
        time.sleep(rng.uniform(0.05, 1.6))
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        assert all_gone(token), "a process has outlived the outer loop"
        if (run / "run.yaml").exists():  # what has a record now must never be run again
            ids = l2l.load(run).id
            known = Counter({str(s): ran(log)[str(s)] for s in seeds(3, ids)})
            assert all(known.values())
    driver = start(run, log, generations, delay)
    assert driver.wait(300) == 0
    assert {seed: ran(log)[seed] for seed in known} == known
    resumed = l2l.load(run)
    assert len(resumed) == len(uninterrupted)
    assert resumed.digest() == uninterrupted.digest()


def ran(log: Path) -> Counter[str]:
    """How often each evaluation, known by its seed, has ended."""
    return Counter(log.read_text().split()) if log.exists() else Counter()


def test_ten_kills_change_nothing(tmp_path):
    kill_at_random(tmp_path, kills=10, generations=25, delay=0.03)


@pytest.mark.campaign
@pytest.mark.timeout(1800)
def test_two_hundred_kills_change_nothing(tmp_path):
    kill_at_random(tmp_path, kills=200, generations=120, delay=0.12)
