"""The MPI world: whether all of it is there, and its end."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

from l2l.errors import ConfigError, MissingExtra

PATIENCE = 300.0  #: time that the ranks get to start; a shared file system can be slow, in s
BACKOFF = 0.005  #: longest sleep of idle ranks between two looks for work, in s

#: Where launchers say how many ranks they have started: those of MPI first, for mpiexec may itself
#: have been started by srun.
_LAUNCHERS = (("PMI_SIZE", "PMI_RANK"), ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"))
_SLURM = (("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"), ("SLURM_NTASKS", "SLURM_PROCID"))


def library() -> Any:
    """Return the module ``mpi4py.MPI``; MPI is initialised by that.

    Raises:
        ConfigError: If it can't be used.
        MissingExtra: If there is no mpi4py.
    """
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise MissingExtra("mpi4py", "mpi") from error
    except RuntimeError as error:  # it is there, and the library of MPI itself is not
        raise ConfigError(f"mpi4py can't be used here: {error}") from error
    if MPI.Query_thread() < MPI.THREAD_MULTIPLE:
        raise ConfigError(
            "expected an MPI library that may be called from several threads "
            f"(MPI_THREAD_MULTIPLE), got {MPI.Get_library_version()!r}"
        )
    return MPI


def check_size(mpi: Any) -> None:
    """Compare the size of the world with what has been started.

    Raises:
        ConfigError: If they differ, in the first process; the others exit.
    """
    size, found = mpi.COMM_WORLD.size, _started()
    if found is None or found[0] == size:
        return
    started, name, rank = found
    if rank != "0":
        raise SystemExit(ConfigError.exit_code)
    library = " ".join(mpi.Get_library_version().partition("\n")[0].strip(" \0").split())
    raise ConfigError(
        f"expected an MPI world of {started} ranks ({name}), got one of {size}: the processes "
        f"have not found each other. mpi4py uses {library!r} here. {_advice(name)}"
    )


def _started() -> tuple[int, str, str] | None:
    """Return how many processes were started, which variable says so, and which one this is."""
    for size, rank in (*_LAUNCHERS, *_SLURM):
        text = os.environ.get(size, "")
        if text.isdigit():
            return int(text), size, os.environ.get(rank, "0")
    return None


def _advice(name: str) -> str:
    if name == "SLURM_NTASKS":  # not even started by srun
        return "Start the program with srun --mpi=pmi2, or with mpiexec, so that all tasks run it"
    if name == "SLURM_STEP_NUM_TASKS":
        return (
            "Start it with srun --mpi=pmi2 (for MPICH; `srun --mpi=list` shows what there is), or "
            "with mpiexec"
        )
    return "Start it with the mpiexec of that MPI, not with another one"


def assemble(world: Any) -> None:
    """Wait until all ranks are here: before that none may change anything."""
    here, end = world.Ibarrier(), time.monotonic() + PATIENCE
    while not here.Test():
        time.sleep(0.002)
        if time.monotonic() > end:
            abort(world, f"not all of the {world.size} MPI ranks came within {PATIENCE:g} s", 1)


# -- the end ----------------------------------------------------------------------------------


def abort(world: Any, why: str, code: int) -> NoReturn:
    """End the whole MPI program."""
    if why:
        print(f"l2l: {why}", file=sys.stderr)
    flush()
    world.Abort(code)
    os._exit(code)


def or_abort(world: Any, watch: Callable[[], None]) -> None:
    """Run a thread without which nobody would notice that a rank has gone."""
    try:
        watch()
    except BaseException:
        sys.excepthook(*sys.exc_info())
        abort(world, "", 1)


def flush() -> None:
    """Print what is still to be printed."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
