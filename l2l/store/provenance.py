"""Provenance: with what, where and from which source a run was started."""

from __future__ import annotations

import getpass
import importlib.metadata
import os
import platform
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

#: Variables that decide how many threads a simulation has, and on which devices.
_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS",
    "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_PROC_BIND", "CUDA_VISIBLE_DEVICES",
)  # fmt: skip
_SLURM = (
    "SLURM_JOB_ID", "SLURM_JOB_NAME", "SLURM_JOB_PARTITION", "SLURM_JOB_NUM_NODES",
    "SLURM_JOB_NODELIST", "SLURM_NTASKS", "SLURM_CPUS_PER_TASK", "SLURM_RESTART_COUNT",
)  # fmt: skip


def collect() -> dict[str, Any]:
    """Return what can be said of this start, as plain data."""
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": [sys.executable, *sys.argv],
        "folder": _folder(),
        "host": socket.gethostname(),
        "user": _user(),
        "pid": os.getpid(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "versions": _versions(),
        "git": {"folder": _git(Path(_folder())), "l2l": _git(Path(__file__).parent)},
        "slurm": {name: os.environ[name] for name in _SLURM if name in os.environ} or None,
        "threads": {name: os.environ[name] for name in _THREADS if name in os.environ},
        "blas": _blas(),
    }


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it has been removed
        return "/"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # containers have users without names
        return str(os.getuid())


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor())


def _versions() -> dict[str, str]:
    """Return the version of each installed distribution."""
    found: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            found.setdefault(name.lower(), distribution.version)
    return dict(sorted(found.items()))


def _git(folder: Path) -> dict[str, Any] | None:
    """Return commit and state of the git repository that a folder lies in, or None."""
    commit = _output(["git", "-C", str(folder), "rev-parse", "HEAD"])
    if not commit:
        return None
    status = _output(["git", "-C", str(folder), "status", "--porcelain", "--untracked-files=no"])
    top = _output(["git", "-C", str(folder), "rev-parse", "--show-toplevel"])
    return {"commit": commit, "dirty": None if status is None else bool(status), "folder": top}


def _output(command: list[str]) -> str | None:
    """Return what a command prints, or None if it fails or takes long."""
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}  # never touch the repository
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=5, env=environment, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() if result.returncode == 0 else None


def _blas() -> list[dict[str, Any]]:
    """Return the libraries for linear algebra and threads that are loaded."""
    from threadpoolctl import threadpool_info

    keys = ("user_api", "internal_api", "version", "num_threads", "architecture", "filepath")
    return [{key: library.get(key) for key in keys} for library in threadpool_info()]
