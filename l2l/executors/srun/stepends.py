"""How job steps are ended, and what ``srun`` is started with and says when it can't start one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence

from l2l.executors.srun.steps import Step
from l2l.workshop import LAUNCHERS

#: What the steps of a job must know of how it was asked for. All else would change their shape.
_KEPT = ("SLURM_CONF", "SLURM_HINT", "SLURM_THREADS_PER_CORE")
#: What Slurm says where trying again is of no use.
_HOPELESS = (
    "More processors requested than permitted",
    "Requested node configuration is not available",
    "Memory required by task is not available",
    "Invalid generic resource",
    "Invalid job id specified",
    "already completing or completed",
    " has expired",
    "Expired or invalid job",
    "Invalid MPI",
    "nrecognized option",
    "nvalid option",
)


def end_all(steps: Sequence[Step], patience: float) -> None:
    """End steps and let go of them; each of two measures gets ``patience`` s.

    They are asked first, then their ``srun`` is, and what remains is left to Slurm, in one call.
    """
    left = list(steps)
    for step in left:
        step.dismiss()
        if not step.began:
            step.signal(signal.SIGTERM)
    left = _after(patience, left)
    for step in left:
        step.signal(signal.SIGTERM)
    if left := _after(patience, left):
        scancel(left)
        for step in left:
            step.signal(signal.SIGKILL)
            step.process.wait()
    for step in steps:
        step.close()


def _after(patience: float, steps: list[Step]) -> list[Step]:
    """Return the steps that are still there after a while; what they say is thrown away."""
    end = time.monotonic() + patience
    while (left := [s for s in steps if s.process.poll() is None]) and time.monotonic() < end:
        for step in left:
            step.read("stdout")
            step.read("stderr")
        time.sleep(0.005)
    return left


def scancel(steps: Sequence[Step]) -> None:
    """Have Slurm kill steps, in one call."""
    if names := [step.name for step in steps if step.name]:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run(["scancel", *names], timeout=3.0, capture_output=True, check=False)


def environment() -> dict[str, str]:
    """Return the environment of ``srun``: the job's, without what would shape its steps."""
    return {
        name: text
        for name, text in os.environ.items()
        if name in _KEPT or not name.startswith(("SLURM_", *LAUNCHERS))
    }


def hopeless(words: str) -> bool:
    """Whether trying again is of no use, after what ``srun`` has said."""
    return any(text in words for text in _HOPELESS)
