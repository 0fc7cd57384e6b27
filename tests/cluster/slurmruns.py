"""What the tests of the slurm executor share: runs, and what they leave behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from cluster.cluster import Cluster
from helpers import models

import l2l

L2L = str(Path(sys.executable).parent / "l2l")
RUN = (L2L, "run", "config.yaml", "--run", "there")


def configure(folder: Path, delay: float, size: int, **executor: Any) -> Path:
    """Write a configuration; return the file to which each evaluation adds a line when it ends."""
    log = folder / "done"
    config = {
        "seed": 3,
        "weights": [-1.0],
        "optimizee": {"name": f"{models.__file__}:Stateful", "delay": delay, "log": str(log)},
        "optimizer": {"name": "genetic_algorithm", "pop_size": size},
        "executor": {"name": "slurm", **executor},
        "stop": {"generations": 2},
    }
    (folder / "config.yaml").write_text(json.dumps(config))  # YAML, too
    return log


def inline_digest(cluster: Cluster, folder: Path) -> str:
    """Return the digest of the same run in one process."""
    words = [*RUN[:-1], "here", "--set", "optimizee.delay=0.0", "--executor", "inline"]
    done = subprocess.run(
        words, cwd=folder, env=cluster.environment(), timeout=100,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return l2l.load(folder / "here").digest()


def lines(file: Path) -> list[str]:
    """Return the lines of a file; none while it can't be read."""
    try:
        return file.read_text().splitlines()
    except OSError:
        return []


def said(folder: Path, text: str) -> bool:
    """Whether the run's log has a text."""
    return any(text in line for line in lines(folder / "there/logs/run.log"))


def start(cluster: Cluster, folder: Path, counted: bool = False) -> subprocess.Popen[str]:
    """Start the run outside of any allocation."""
    return subprocess.Popen(
        RUN, cwd=folder, env=cluster.environment(counted), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def processes_in(folder: Path) -> list[str]:
    """Return the command lines of all processes that have to do with a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            environ = (entry / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if int(entry.name) != os.getpid() and (str(folder) in command or str(folder) in environ):
            found.append(command)
    return found
