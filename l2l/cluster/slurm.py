"""Slurm's commands: the only place that calls sbatch, squeue, scontrol and scancel.

Job steps (``srun``) are started by the executors. A whole run asks Slurm about its jobs at most
once in :data:`INTERVAL`, however many parts of it want to know: see :class:`Queue`.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from l2l.errors import ConfigError, L2LError

#: Shortest time between two questions to Slurm, in s.
INTERVAL = 10.0

_WAIT = 1.0  # time for which an answer is waited for; later it is taken when it comes, in s
_LONGEST = 60.0  # time after which a command is given up, in s

#: What of this process's job must not be taken for wishes of a job that it submits.
_OURS = re.compile(r"(SLURM|SLURMD|SRUN|PMI|PMIX|OMPI)_|L2L_(JOB|BLOCK)_|CUDA_VISIBLE_DEVICES$")
_KEPT = ("SLURM_CONF", "SLURM_CLUSTERS", "SLURM_TIME_FORMAT")

#: Part of what sbatch says -> what to do about it.
_HINTS = {
    "not a valid": "`man sbatch` says how its options are written",
    "policy": "a limit of your account or QOS is reached; ask for less, or wait",
    "invalid partition": "`sinfo -s` lists the partitions; give one with --partition",
    "invalid account": "`sacctmgr show associations user=$USER` lists yours; give --account",
    "invalid qos": "`sacctmgr show associations user=$USER format=account,qos` lists yours",
    "invalid feature": "`sinfo -o '%P %f'` lists what --constraint may ask for",
    "invalid generic resource": "`sinfo -o '%P %G'` lists what --gres may ask for",
    "time limit": "`sinfo -o '%P %l'` lists the limits of partitions; give a shorter --walltime",
    "node configuration": "no node has so many CPUs, GPUs or so much memory: `sinfo -N -l`",
    "processors requested": "no node has so many CPUs: `sinfo -N -l`",
    "node count": "the partition has not so many nodes: `sinfo -s`",
    "unable to contact": "Slurm's controller does not answer: `scontrol ping`; try again later",
    "timed out": "Slurm's controller is slow; look with `squeue --me` whether the job is there",
}


def submit(
    script: str,
    options: Sequence[str] = (),
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Submit a batch script; return the id of the job.

    Args:
        script: Its text.
        options: Further options of ``sbatch``.
        folder: In which the job starts; the current one if None.
        environment: What the job gets; that of this process if None. What belongs to the job that
            this process is in is left out.

    Raises:
        ConfigError: If sbatch isn't there, or refuses the job; carries what it said, and what to
            do about it.
    """
    command = ["sbatch", "--parsable", *options]
    done = call(command, text=script, folder=folder, environment=outside(environment or os.environ))
    job = done.stdout.strip().splitlines()[-1:] or [""]
    if done.returncode != 0 or not re.match(r"\d+", job[0]):
        raise ConfigError(f"sbatch refused the job: {said(done).rstrip('.')}. {_hint(said(done))}")
    return job[0].partition(";")[0]


def cancel(jobs: Iterable[str], signal: str | None = None, *, batch: bool = False) -> None:
    """End jobs, or send them a signal; of those that have gone nothing is said.

    Args:
        jobs: Their ids.
        signal: Its name, such as ``USR1``; None ends the jobs.
        batch: Whether the signal goes to the batch script alone.
    """
    wanted = list(jobs)
    if wanted:
        how = [f"--signal={signal}"] if signal else []
        call(["scancel", "--quiet", *how, *(["--batch"] if batch else []), *wanted])


def call(
    command: Sequence[str],
    *,
    text: str | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command of Slurm, whatever its exit code; raise L2LError if it can't be run."""
    try:
        return subprocess.run(
            command, input="" if text is None else text, cwd=folder, env=environment,
            capture_output=True, text=True, errors="replace", timeout=_LONGEST, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise ConfigError(
            f"expected the command {command[0]!r} of Slurm on PATH, found none. Run this on a "
            "login node of the cluster (perhaps after `module load slurm`)"
        ) from None
    except subprocess.TimeoutExpired:
        raise L2LError(
            f"{command[0]} did not answer within {_LONGEST:.0f} s. See `scontrol ping` whether "
            "Slurm's controller is up, and try again later"
        ) from None


def said(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a command had to say, in one line."""
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return "; ".join(line.removeprefix(f"{done.args[0]}: ") for line in lines) or "nothing"


def outside(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what belongs to the job or step that this process is in."""
    return {k: v for k, v in environment.items() if k in _KEPT or not _OURS.match(k)}


def _hint(text: str) -> str:
    low = text.lower()
    hint = next((hint for part, hint in _HINTS.items() if part in low), None)
    return f"What to do: {hint}" if hint else "`l2l doctor --executor slurm` checks the site"


def lives(job: str) -> bool:
    """Return whether a job has not ended; True where Slurm can't be asked.

    Slurm is asked about it at most once in :data:`INTERVAL`.
    """
    asked, answer = _lives.get(job, (-float("inf"), True))
    if time.monotonic() < asked + INTERVAL:
        return answer
    try:
        done = call(["squeue", "--noheader", f"--jobs={job}", "--format=%T"])
    except (L2LError, OSError):  # also where there is no Slurm
        answer = True
    else:
        gone = "Invalid job id" in done.stderr if done.returncode else not done.stdout.strip()
        answer = not gone
    _lives[job] = (time.monotonic(), answer)
    return answer


_lives: dict[str, tuple[float, bool]] = {}  # job -> when it was asked about, and the answer


def nodes_of(job: str) -> list[str] | None:
    """Return the nodes that a running job has left; None where Slurm does not say.

    Those that have failed are taken from it, and do not come back to it.
    """
    from l2l.cluster.allocation import expand

    try:
        done = call(["squeue", "--noheader", f"--jobs={job}", "--format=%N"])
        return expand(done.stdout.strip()) if done.returncode == 0 else None
    except L2LError:
        return None


class Queue:
    """The states of jobs, asked for at most once in :data:`INTERVAL` by a whole process.

    All queues share one question and its answer. A controller that does not answer changes
    nothing: the last answer stands. A job that Slurm does not list any more has ended.
    """

    def states(self, jobs: Iterable[str]) -> dict[str, str]:
        """Return the states, such as ``RUNNING``, of those jobs that have not ended.

        A job that was submitted after the last answer counts as ``PENDING``.
        """
        return _asker.states(list(jobs))


class _Asker:
    """Asks ``squeue`` about all jobs that anybody wants to know of, and remembers its answer.

    A thread waits for the answer: a controller that hangs holds up nobody.
    """

    def __init__(self) -> None:
        self._states: dict[str, str] = {}
        self._ended: set[str] = set()
        self._open: set[str] = set()
        self._last = -float("inf")
        self._thread: threading.Thread | None = None

    def states(self, jobs: Sequence[str]) -> dict[str, str]:
        """Return the states of those jobs that have not ended."""
        self._open.update(job for job in jobs if job not in self._ended)
        asking = self._thread is not None and self._thread.is_alive()
        if self._open and not asking and time.monotonic() >= self._last + INTERVAL:
            self._last = time.monotonic()
            self._thread = threading.Thread(target=self._ask, args=(set(self._open),), daemon=True)
            self._thread.start()
            self._thread.join(_WAIT)
        return {job: self._states.get(job, "PENDING") for job in jobs if job not in self._ended}

    def _ask(self, asked: set[str]) -> None:
        command = ["squeue", "--noheader", f"--jobs={','.join(sorted(asked))}", "--format=%i %T"]
        try:
            done = call(command)
        except (L2LError, OSError):  # the last answer stands
            return
        # Of one job alone that has been forgotten, squeue says so by an error.
        if done.returncode == 0 or "Invalid job id" in done.stderr:
            found = dict(line.split(None, 1) for line in done.stdout.splitlines() if " " in line)
            self._states = {job: state.strip() for job, state in found.items()}
            self._ended |= asked - found.keys()
            self._open -= self._ended


_asker = _Asker()
