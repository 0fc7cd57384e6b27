"""What a node says of itself: the work of the first pilot job of ``l2l doctor``.

Run as ``python -m l2l.cluster.probe FOLDER TOKEN PORT ADDRESS...`` in a job. Needs nothing but the
standard library until it has said so much.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

#: What simulations import: package that is imported -> what it is called.
SIMULATORS = {
    "nest": "NEST", "arbor": "Arbor", "neuron": "NEURON", "brian2": "Brian 2", "tvb": "TVB",
    "gymnasium": "Gymnasium", "jax": "JAX", "torch": "PyTorch", "numba": "Numba",
    "mpi4py": "mpi4py", "parsl": "Parsl",
}  # fmt: skip

_LONGEST = 120.0  # time that the import of one package may take, in s


def importable(names: Sequence[str] = tuple(SIMULATORS)) -> dict[str, str]:
    """Return what became of the import of each package that is installed: its version, or why not.

    Each is imported by a process of its own, for some crash.
    """
    from importlib.util import find_spec

    found = {}
    for name in names:
        if find_spec(name) is None:
            continue
        code = f"import {name}; print(); print('version', getattr({name}, '__version__', ''))"
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-c", code], capture_output=True, text=True,
                errors="replace", timeout=_LONGEST, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            found[name] = f"failed: import took more than {_LONGEST:.0f} s"
            continue
        last = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()[-1:]
        words = last[0] if last else f"exit code {done.returncode}"
        found[name] = _version(name, words) if done.returncode == 0 else f"failed: {words}"
    return found


def _version(name: str, words: str) -> str:
    told = words.removeprefix("version").strip()
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        told = told or importlib.metadata.version(name)
    return told or "found"


def report(token: str, temporary: str) -> dict[str, Any]:
    """Return what this node has to say.

    Args:
        token: What the login node wrote into its files.
        temporary: A file of the login node's in its ``/tmp``.
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:
        cores = os.cpu_count() or 1
    return {
        "host": socket.gethostname(),
        "node": os.environ.get("SLURMD_NODENAME", ""),
        "python": platform.python_version(),
        "executable": sys.executable,
        "l2l": importlib.metadata.version("l2l"),
        "cores": cores,
        "cpus": int(os.environ.get("SLURM_CPUS_ON_NODE") or 0),
        "memory": _memory(),
        "allocated": os.environ.get("SLURM_MEM_PER_NODE", ""),
        "threads": {k: v for k, v in os.environ.items() if k.endswith("_NUM_THREADS")},
        "gpus": _gpus(),
        "temporary": _holds(Path(temporary), token),
        "scratch": shutil.disk_usage(tempfile.gettempdir()).free,
        "simulators": importable(),
    }


def _holds(file: Path, token: str) -> bool:
    try:
        return file.read_text() == token
    except OSError:
        return False


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _gpus() -> dict[str, Any]:
    """Return what the job was given, and what the driver lists."""
    visible = [gpu for gpu in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if gpu]
    names: list[str] = []
    if shutil.which("nvidia-smi"):
        with contextlib.suppress(subprocess.TimeoutExpired):
            done = subprocess.run(
                ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],
                capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            names = done.stdout.splitlines() if done.returncode == 0 else []
    return {"visible": visible, "names": names}


def call_back(addresses: Sequence[str], port: int, message: bytes) -> str | None:
    """Send a message to the first address that takes it; return that, or None."""
    for address in addresses:
        try:
            with socket.create_connection((address, port), timeout=5) as connection:
                connection.sendall(message)
                connection.shutdown(socket.SHUT_WR)
                connection.recv(1)
                return address
        except OSError:
            continue
    return None


def main(words: Sequence[str]) -> None:
    """Report to the folder, and to the login node by TCP."""
    folder, token, port, temporary, *addresses = words
    found = report(token, temporary)
    found["folder"] = _holds(Path(folder) / "from-login", token)
    message = json.dumps({"token": token, **found}).encode()
    found["reached"] = call_back(addresses, int(port), message)
    part = Path(folder) / "report.part"
    part.write_text(json.dumps(found))
    part.rename(Path(folder) / "report.json")


if __name__ == "__main__":
    main(sys.argv[1:])
