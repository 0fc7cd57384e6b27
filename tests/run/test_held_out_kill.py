"""A run with held-out tests, killed at any moment, goes on as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

import l2l

SCRIPT = """
import sys
import l2l
from helpers.models import Fit, FitParameters
run, log, generations, delay = sys.argv[1:]
l2l.optimize(
    Fit(parameters=FitParameters(delay=float(delay), log=log)), {"name": "cma_es", "pop_size": 6},
    weights=(-1.0,), generations=int(generations), workers=2, run=run, seed=3, resume=True,
    test_every=2, progress=False,
)
"""


def start(run: Path, log: Path, generations: int, delay: float) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", SCRIPT, str(run), str(log), str(generations), str(delay)]
    return subprocess.Popen(command, env=environment)


def ran(log: Path) -> Counter[str]:
    """How often each evaluation, known by its seed, has ended."""
    return Counter(log.read_text().split()) if log.exists() else Counter()


def kill_at_random(tmp_path: Path, kills: int, generations: int, delay: float) -> None:
    rng = random.Random(kills)
    calm = start(tmp_path / "calm", tmp_path / "calm.log", generations, delay)
    assert calm.wait(120) == 0
    uninterrupted = l2l.load(tmp_path / "calm")
    run, log = tmp_path / "run", tmp_path / "run.log"
    known: Counter[str] = Counter()
    for _ in range(kills):
        driver = start(run, log, generations, delay)
        time.sleep(rng.uniform(0.4, 1.6))
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        if (run / "run.yaml").exists():  # what has a record now must never be run again
            tests = l2l.load(run).tests
            known = Counter({str(seed): ran(log)[str(seed)] for seed in tests.seed})
            assert all(known.values())
    assert start(run, log, generations, delay).wait(300) == 0
    assert {seed: ran(log)[seed] for seed in known} == known
    resumed = l2l.load(run)
    assert resumed.digest() == uninterrupted.digest()
    assert len(resumed.tests) == len(uninterrupted.tests)
    assert resumed.tests.fitness.tobytes() == uninterrupted.tests.fitness.tobytes()


def test_five_kills_change_nothing(tmp_path):
    kill_at_random(tmp_path, kills=5, generations=8, delay=0.03)


@pytest.mark.campaign
@pytest.mark.timeout(900)
def test_sixty_kills_change_nothing(tmp_path):
    kill_at_random(tmp_path, kills=60, generations=60, delay=0.04)
