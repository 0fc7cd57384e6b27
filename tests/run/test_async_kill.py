"""An asynchronous run killed at any moment goes on from what was told, in the order it was told."""

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
from helpers.models import Stateful
from helpers.processes import all_gone

import l2l
from l2l.evaluation import seeds

SCRIPT = """
import sys
import l2l
import l2l.store.folder as folder
from helpers.models import Stateful, StatefulParameters
run, log, n, delay, workers, optimizer, seal = sys.argv[1:]
folder.SEAL_FROM = int(seal)
l2l.optimize(
    Stateful(parameters=StatefulParameters(delay=float(delay), log=log)),
    {"name": optimizer, "pop_size": 12},
    weights=(-1.0,), evaluations=int(n), workers=int(workers), run=run, seed=3, resume=True,
    mode="async", progress=False,
)
"""


def start(run: Path, log: Path, n: int, delay: float, workers: int, optimizer: str, seal: int,
          token: str = "none"):  # fmt: skip
    environment = {**os.environ, "L2L_TOKEN": token, "PYTHONPATH": str(Path(__file__).parents[1])}
    arguments = [run, log, n, delay, workers, optimizer, seal]
    return subprocess.Popen([sys.executable, "-c", SCRIPT, *map(str, arguments)], env=environment)


def ran(log: Path) -> Counter[str]:
    """How often each evaluation, known by its seed, has ended."""
    return Counter(log.read_text().split()) if log.exists() else Counter()


def kill_at_random(tmp_path: Path, kills: int, n: int, delay: float, optimizer: str) -> None:
    rng = random.Random(kills)
    run, log = tmp_path / "run", tmp_path / "run.log"
    known: Counter[str] = Counter()
    order: list[int] = []
    for _ in range(kills):
        token = uuid.uuid4().hex
        workers, seal = rng.choice([1, 2, 5]), rng.choice([1, 5000, 4 << 20])
        driver = start(run, log, n, delay, workers, optimizer, seal, token)
        time.sleep(rng.uniform(0.05, 1.8))
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        assert all_gone(token), "a process has outlived the outer loop"
        if (run / "run.yaml").exists():  # what has a record now must never be run again
            history = l2l.load(run)
            landed = history.id[history.column("landed").argsort()].tolist()
            assert landed[: len(order)] == order, "the order of landing has changed"
            order = landed
            known = Counter({str(s): ran(log)[str(s)] for s in seeds(3, history.id)})
            assert all(known.values())
    driver = start(run, log, n, delay, 3, optimizer, 4 << 20)
    assert driver.wait(300) == 0
    assert {seed: ran(log)[seed] for seed in known} == known
    history = l2l.load(run)
    assert history.id.tolist() == list(range(n))
    again = l2l.replay(run, optimizee=Stateful())
    assert again.exact, str(again)
    anew = l2l.replay(run, optimizee=Stateful(), into=tmp_path / "again", executor="inline")
    assert anew.result.history.digest() == history.digest()


def test_a_few_kills_and_a_replay_of_what_came_out(tmp_path):
    kill_at_random(tmp_path, kills=6, n=400, delay=0.03, optimizer="genetic_algorithm")


@pytest.mark.campaign
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("optimizer", ["random_search", "genetic_algorithm"])
def test_a_hundred_kills(tmp_path, optimizer):
    kill_at_random(tmp_path, kills=100, n=6000, delay=0.05, optimizer=optimizer)
