"""A sweep of a whole-brain model over several workers, and one that is killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import processes

import l2l

L2L = str(Path(sys.executable).parent / "l2l")
SETS, BATCH = 1001, 16
CONFIG = """\
run: run
seed: 5
weights: [1.0]
optimizee:
  name: whole_brain
  model: generic2d
  parameters: {G: [0.0, 0.2], speed: [2.0, 10.0], a: [-2.5, -1.5]}
  fixed: {sigma: 0.01}
  connectome: synthetic:20
  noise: true
  duration: DURATION
  transient: 10
  batch: 16
  threads: THREADS
  fitness: mean_FC
  metrics: [mean_FR, "counted.py:counted"]
optimizer: {name: quasi_random, pop_size: 1001}
stop: {generations: 1}
"""
COUNTED = """\
import os


def counted(signals):
    '''Leave a line for each set that is analysed.'''
    with open(os.environ["COUNTED"], "a") as file:
        file.write("1\\n")
    return float(signals.means[0])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "counted.py").write_text(COUNTED)
    return tmp_path


def sweep(
    folder: Path, *words: str, duration: float = 30.0, threads: int = 1, wait: bool = True
) -> subprocess.Popen[str]:
    text = CONFIG.replace("DURATION", str(duration)).replace("THREADS", str(threads))
    (folder / "config.yaml").write_text(text)
    process = subprocess.Popen(
        words, cwd=folder, env={**processes.uncovered(), "COUNTED": str(folder / "count")},
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    if wait:
        said, _ = process.communicate(timeout=240)
        assert process.returncode == 0, said
    return process


def command(*executor: str) -> list[str]:
    return [L2L, "run", "config.yaml", *executor]


def table(folder: Path) -> str:
    history = l2l.load(folder / "run")
    assert len(history) == SETS
    assert (history.status == 0).all()
    return history.digest()


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("inline")
    (folder / "counted.py").write_text(COUNTED)
    sweep(folder, *command("--executor", "inline"), threads=2)
    return table(folder)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_table_does_not_depend_on_mpi_ranks(folder, expected, workers):
    mpiexec = str(Path(sys.executable).parent / "mpiexec")
    sweep(folder, mpiexec, "-n", str(workers + 1), *command("--executor", "mpi"))
    assert table(folder) == expected
    # each worker analyses a silent brain when it is set up
    assert len((folder / "count").read_text().splitlines()) == SETS + workers


def test_a_killed_sweep_goes_on_where_it_was(folder, tmp_path_factory):
    whole = tmp_path_factory.mktemp("whole")
    (whole / "counted.py").write_text(COUNTED)
    two = command("--set", "executor.name=local", "--set", "executor.workers=2")
    sweep(whole, *two, duration=200.0)
    running = sweep(folder, *two, duration=200.0, wait=False)
    count = folder / "count"
    while not count.exists() or len(count.read_text().splitlines()) < SETS // 3:
        assert running.poll() is None, running.communicate()[0]
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    time.sleep(1.0)  # workers end by themselves
    before = len(count.read_text().splitlines())
    assert before < SETS
    sweep(folder, L2L, "resume", "run", duration=200.0)
    assert table(folder) == table(whole)
    setups = 2 * 2  # of both workers, before the kill and after it
    again = len(count.read_text().splitlines()) - SETS - setups
    assert again <= 2 * BATCH  # what was in flight: one batch a worker
