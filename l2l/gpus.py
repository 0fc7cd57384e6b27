"""GPUs of a node, shared out to its workers."""

from __future__ import annotations

import os
from collections.abc import Mapping

from l2l.errors import ConfigError

VISIBLE = "CUDA_VISIBLE_DEVICES"  #: environment variable: the GPUs that a process sees

#: Where launchers say which worker of its node a process is, from 0.
_PLACES = (
    "PARSL_WORKER_RANK",
    "OMPI_COMM_WORLD_LOCAL_RANK",
    "MPI_LOCALRANKID",
    "SLURM_LOCALID",
)


def devices(gpus: int | str, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the GPUs to share out, as ``CUDA_VISIBLE_DEVICES`` names them.

    What that variable holds already (Slurm sets it) is the list to choose from: ``gpus`` is how
    many of these, or their places in it (``"0,2"``), as CUDA itself counts what a process sees.
    A GPU may also be given by the name that the list has for it (``"GPU-8a1..."``).

    Raises:
        ConfigError: If there are fewer, or if no number can be read.
    """
    visible = environment.get(VISIBLE)
    there = None if visible is None else [name.strip() for name in visible.split(",") if name]
    wanted = [*map(str, range(gpus))] if isinstance(gpus, int) else _names(gpus)
    if there is None:
        return wanted
    found = []
    for name in wanted:
        if name in there and not name.isdigit():
            found.append(name)
        elif name.isdigit() and int(name) < len(there):
            found.append(there[int(name)])
        else:
            raise ConfigError(
                f"gpus={gpus!r}: there is no GPU {name} among the {len(there)} that this process "
                f"may use ({VISIBLE}={visible}). Ask the batch system for more, or give fewer"
            )
    return found


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(name.isdigit() or "-" in name for name in names):
        raise ConfigError(f"gpus: expected how many, or which ones, such as '0,2,3', got {text!r}")
    return names


def shared_out(gpus: int | str, worker: int, environment: Mapping[str, str] = os.environ) -> str:
    """Return ``CUDA_VISIBLE_DEVICES`` of a worker: one GPU, by its number modulo theirs.

    A process that is itself one of several workers of its node counts on from there.
    """
    found = devices(gpus, environment)
    if not found:
        return ""
    first = next((int(environment[name]) for name in _PLACES if name in environment), 0)
    return found[(first + worker) % len(found)]
