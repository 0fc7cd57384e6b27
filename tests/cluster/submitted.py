"""Runs that are submitted as jobs, and what is asked of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cluster.cluster import Cluster, wait_until

import l2l
from l2l.errors import StoreError

L2L = [sys.executable, "-P", "-m", "l2l"]

_MODEL = """
import os, time
from l2l import Optimizee, ParameterSpace

class Slow(Optimizee):
    space = ParameterSpace({"x": (-5.0, 5.0), "y": (-5.0, 5.0)})

    def simulate(self, traj):
        time.sleep(float(os.environ.get("SLOW", "0")))
        return traj.individual.x ** 2 + traj.individual.y ** 2
"""

_CONFIG = """
seed: 5
weights: [-1.0]
optimizee: "model.py:Slow"
optimizer: {name: genetic_algorithm, pop_size: 6}
executor: {name: local, workers: 2}
stop: {generations: 5}
"""


def write(folder: Path) -> Path:
    """Write model and configuration; return the path of the latter."""
    (folder / "model.py").write_text(_MODEL)
    (folder / "config.yaml").write_text(_CONFIG)
    return folder / "config.yaml"


def reference(folder: Path) -> str:
    """Return the digest of the run without any interruption, which is quick."""
    write(folder)
    from l2l import config
    from l2l.api import run_config

    changes = [f"run={folder / 'reference'}", "executor=inline"]
    return run_config(config.load(folder / "config.yaml", changes), progress=False).history.digest()


def submit(cluster: Cluster, folder: Path, *words: str, slow: float = 0.3) -> tuple[int, Path]:
    """Submit the run; return job and folder of the run."""
    run = folder / 'a "run" #1'  # sbatch must take it for one word
    if "--resume" not in words:
        words = (str(write(folder)), f"--run={run}", *words)
    out = cluster.command(
        *L2L, "submit", "--walltime=10", *words, cwd=folder, check=True,
        env=cluster.environment(counted=True, SLOW=str(slow), TEST_FOLDER=str(folder)),
    )  # fmt: skip
    return int(out.split("Submitted job ")[1].split(":")[0]), run


def results(run: Path) -> int:
    """Return how many results the run has written."""
    try:
        return len(l2l.load(run)) if (run / "run.yaml").exists() else 0
    except (StoreError, OSError):
        return 0


def wait_for_results(run: Path, n: int = 4) -> None:
    """Wait until the run has written so many results."""
    wait_until(lambda: results(run) >= n, 90, f"{n} results of {run}")


def log(run: Path) -> str:
    """Return what all jobs of the run have printed."""
    return "".join(p.read_text() for p in sorted(run.parent.glob(f"{run.name}.job-*.log")))


def held_by(cluster: Cluster, folder: Path) -> list[int]:
    """Return the processes of the jobs that were submitted from a folder."""
    token = f"TEST_FOLDER={folder}".encode()
    return [
        pid
        for pid in cluster.processes()
        if os.path.exists(f"/proc/{pid}") and token in _environ(pid)
    ]


def _environ(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
