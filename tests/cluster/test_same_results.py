"""One run, the same history, whatever evaluates it: also when it changes in the middle."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cluster.cluster import Cluster
from helpers import models

import l2l

L2L = str(Path(sys.executable).parent / "l2l")
CONFIG = f"""\
seed: 5
weights: [-1.0]
test_every: 1
optimizee: {{name: "{models.__file__}:Fit", delay: 0.002}}
optimizer: {{name: genetic_algorithm, pop_size: 10}}
executor: {{name: inline, timeout: 2m}}
stop: {{generations: 1}}
"""
ALLOCATION = ("salloc", "-Q", "-N2", "-n4")


def stages(mpiexec: str) -> list[tuple[str, list[str], list[str]]]:
    """Return name, launcher and settings of each way to evaluate a generation."""
    return [
        ("local x1", [], ["--executor", "local", "--workers", "1"]),
        ("local x8", [], ["--executor", "local", "--workers", "8"]),
        ("mpi", [mpiexec, "-n", "3"], ["--executor", "mpi"]),
        ("mpi, srun", [*ALLOCATION, "srun", "--mpi=pmi2"], ["--executor", "mpi"]),
        ("slurm, allocation", [*ALLOCATION], ["--executor", "slurm"]),
        ("slurm, pilot", [], ["--executor", "slurm"]),
        ("srun", [*ALLOCATION], ["--executor", "srun"]),
        ("jube", [], ["--executor", "jube"]),
    ]


def command(cluster: Cluster, folder: Path, *words: str) -> str:
    done = subprocess.run(
        words, cwd=folder, env=cluster.environment(), text=True, timeout=240,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    assert done.returncode == 0, f"{words}: {done.stdout[-3000:]}"
    return done.stdout


def test_a_run_goes_on_exactly_under_every_executor(
    cluster: Cluster, mpi: str, jube: str, tmp_path: Path
) -> None:
    """A generation under each: the digest is that of a run which never left this process."""
    del jube  # only needs to be there
    (tmp_path / "config.yaml").write_text(CONFIG)
    command(cluster, tmp_path, L2L, "run", "config.yaml", "--run", "moving")
    ways = stages(mpi)
    for done, (name, launcher, settings) in enumerate(ways, 2):
        stop = ["--generations", str(done)]
        said = command(cluster, tmp_path, *launcher, L2L, "resume", "moving", *settings, *stop)
        assert "Traceback" not in said, f"{name}: {said}"
        assert l2l.load(tmp_path / "moving").generation.max() == done - 1, f"{name}: {said}"
    last = ["--generations", str(len(ways) + 1)]
    command(cluster, tmp_path, L2L, "run", "config.yaml", "--run", "staying", *last)
    moving, staying = l2l.load(tmp_path / "moving"), l2l.load(tmp_path / "staying")
    assert moving.digest() == staying.digest()
    assert len(moving.tests) == len(staying.tests) == 2 * 6 * (len(ways) + 1)
    assert len(set(moving.duration.tolist())) == len(moving)


@pytest.mark.campaign
@pytest.mark.parametrize("place", range(8), ids=lambda place: stages("mpiexec")[place][0])
def test_a_whole_run_is_the_same_under_each_executor(
    cluster: Cluster, mpi: str, jube: str, tmp_path: Path, place: int
) -> None:
    del jube
    _, launcher, settings = stages(mpi)[place]
    (tmp_path / "config.yaml").write_text(CONFIG)
    four = ["--generations", "4"]
    command(cluster, tmp_path, L2L, "run", "config.yaml", "--run", "here", *four)
    there = [L2L, "run", "config.yaml", "--run", "there", *settings, *four]
    command(cluster, tmp_path, *launcher, *there)
    assert l2l.load(tmp_path / "there").digest() == l2l.load(tmp_path / "here").digest()
