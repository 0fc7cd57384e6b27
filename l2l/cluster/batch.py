"""The batch script of a whole run: ``l2l submit``."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from l2l.errors import ConfigError
from l2l.executors.slurm.options import seconds_of, time_limit

#: How often a job may be restarted and still be requeued where the run itself did not say so: it
#: has lost a rank, or could not listen yet.
RESTARTS = 10


@dataclass(frozen=True)
class Request:
    """What is asked of Slurm, in the words of the site.

    Attributes:
        options: Options of ``sbatch`` with a value: partition, account, nodes, ...
        walltime: As Slurm writes it, or None: the default of the partition.
        margin: How long before the end of the wall-time the run begins to stop, in s.
        setup: Lines of shell before the run starts.
        extra: Further lines, ``--exclusive`` or ``#SBATCH --exclusive`` each.
    """

    options: dict[str, str]
    walltime: str | None = None
    margin: int = 120
    setup: Sequence[str] = ()
    extra: Sequence[str] = ()

    def check(self, margin: bool = True) -> None:
        """Raise ConfigError for what Slurm would not understand, or what could not end well.

        Args:
            margin: Whether the job is to stop before its end.
        """
        for text in (*self.options.values(), *self.extra):
            if "\n" in text:
                raise ConfigError(f"expected one line for sbatch, got {text!r}")
        for line in self.extra:
            if not line.removeprefix("#SBATCH").lstrip().startswith("-"):
                raise ConfigError(f"--extra takes an option of sbatch (--exclusive), got {line!r}")
        length = None if self.walltime is None else seconds_of(self.walltime)
        if margin and length is not None and length < 2 * self.margin:
            raise ConfigError(
                f"a wall-time of {self.walltime} ({length:.0f} s) leaves no time to compute: the "
                f"run begins to stop {self.margin} s before its end. Give a longer --walltime "
                "or a shorter --signal-margin (120 s as a rule: Slurm may be 60 s early)"
            )

    def words(self) -> list[str]:
        """Return the options for sbatch."""
        return [*self._asked(), *(line.removeprefix("#SBATCH").strip() for line in self.extra)]

    def lines(self, output: str, whole: bool) -> list[str]:
        """Return the ``#SBATCH`` lines.

        Args:
            output: File for what the job prints.
            whole: Whether the job is of no use once a node has gone.
        """
        own = [f"--output={output}", "--requeue", f"--signal=B:USR1@{self.margin}"]
        own += ["--open-mode=append"] if whole else ["--open-mode=append", "--no-kill"]
        extra = (line.removeprefix("#SBATCH").strip() for line in self.extra)
        return [f"#SBATCH {word}" for word in [*map(_quoted, [*self._asked(), *own]), *extra]]

    def _asked(self) -> list[str]:
        asked = {
            **self.options,
            **({} if self.walltime is None else {"time": time_limit(self.walltime)}),
        }
        return [f"--{name}={value}" for name, value in asked.items()]


def script(request: Request, command: Sequence[str], run: Path, *, mpi: bool) -> str:
    """Return the batch script of a run.

    Args:
        request: What is asked of Slurm.
        command: The command that begins the run or goes on with it.
        run: The run's folder; the log of the job is written beside it.
        mpi: Whether the command is an MPI program: it is started on all tasks of the job.
    """
    request.check()
    log = str(run).replace("%", "%%") + ".job-%j.log"
    step = ["srun", "--mpi=pmi2", "--export=ALL", "--kill-on-bad-exit=0"]
    launch = [*step, *command] if mpi else list(command)
    head = ["#!/bin/bash", *request.lines(log, whole=mpi), f"# l2l submit: the run {run}"]
    return "\n".join(
        [
            *head,
            _BEFORE.format(folder=shlex.quote(os.getcwd()), margin=request.margin),
            *request.setup,
            "" if mpi else _WATCH,
            _RUN.replace("COMMAND", shlex.join(launch)),
            _LOST_RANK if mpi else "",
            _END,
        ]
    )


def path_of(run: Path) -> Path:
    """Return where the batch script of a run is written: beside its folder."""
    return run.with_name(f"{run.name}.job.sh")


def _quoted(word: str) -> str:
    """Return a word as sbatch reads it from a script: quotes, \\ and # have a meaning there."""
    name, _, value = word.partition("=")
    if re.fullmatch(r"[\w@%+=:,./\[\]-]*", value):
        return word
    value = re.sub(r'([\\"])', r"\\\1", value)
    return f'{name}="{value}"'


_BEFORE = """
near= told= driver=
stop() {{ near=1; [ -z "$driver" ] || kill -USR1 "$driver" 2>/dev/null; }}
trap stop USR1    # from Slurm, when the wall-time is near
trap told=1 TERM  # from scancel; Slurm sends it to the run, too

if [ -z "$SLURM_JOB_END_TIME" ]; then  # Slurm before 23.02 does not say when the job ends
  SLURM_JOB_END_TIME=$(date -d "$(squeue --noheader --jobs="$SLURM_JOB_ID" --format=%e)" +%s)
fi 2>/dev/null
export L2L_JOB_END=$SLURM_JOB_END_TIME
if [ "${{L2L_JOB_END:-9999999999}}" -lt $(( $(date +%s) + {margin} )) ]; then
  echo "l2l: the wall-time is shorter than the margin of {margin} s that the run gets to stop." \\
    "Ask for more with --walltime" >&2
  exit 2
fi
cd {folder} || exit 1
"""

_WATCH = """
if [ "${SLURM_JOB_NUM_NODES:-1}" -gt 1 ]; then
  # With --no-kill, Slurm keeps the job when this node dies, and with it this script. So the other
  # nodes look in turn, every 30 s, whether it is still one of the job's.
  export L2L_DRIVER_NODE=$SLURMD_NODENAME
  env -u SLURM_MEM_PER_CPU -u SLURM_MEM_PER_NODE -u SLURM_CPUS_PER_TASK -u SRUN_CPUS_PER_TASK \\
    srun --overlap --no-kill --kill-on-bad-exit=0 --wait=0 --nodes="$SLURM_JOB_NUM_NODES" \\
    --ntasks="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 --cpus-per-task=1 --mem=0 \\
    --mpi=none --input=none --export=ALL --quiet bash -c '
      [ "$SLURM_NODEID" -gt 0 ] || exit 0
      sleep $(( SLURM_NODEID * 30 - 15 ))
      while sleep 1; do
        nodes=$(squeue --noheader --jobs="$SLURM_JOB_ID" --format=%N) && [ -n "$nodes" ] &&
          ! scontrol show hostnames "$nodes" | grep -qxF "$L2L_DRIVER_NODE" &&
          scontrol requeue "$SLURM_JOB_ID"
        sleep $(( (SLURM_NNODES - 1) * 30 ))
      done' &
fi
"""

_RUN = """code=138  # as of a run that SIGUSR1 has ended
if [ -z "$near" ]; then
  COMMAND &
  driver=$!
  [ -z "$near" ] || { sleep 1; kill -USR1 "$driver"; }  # a new process of bash may miss it
  while wait "$driver"; code=$?; kill -0 "$driver" 2>/dev/null; do :; done
  wait "$driver"; code=$?  # again: a signal may have ended the first wait
fi

again=
restarts=${SLURM_RESTART_COUNT:-0}
if [ -n "$near" ]; then
  [ "$code" = 75 ] && again="the wall-time is near"  # everything is written
  [ "$code" = 138 ] && [ "$restarts" -lt RESTARTS ] && again="the run could not listen yet"
fi""".replace("RESTARTS", str(RESTARTS))

_LOST_RANK = f"""\
if [ -z "$near" ] && {{ [ "$code" = 75 ] || [ "$code" -gt 130 ]; }} \\
  && [ "$restarts" -lt {RESTARTS} ]; then
  again="a rank has gone"
fi"""

_END = """\
if [ -n "$again" ] && [ -z "$told" ]; then
  echo "l2l: $again; requeueing job $SLURM_JOB_ID" >&2
  scontrol requeue "$SLURM_JOB_ID" || echo "l2l: this site does not requeue; go on by hand with" \\
    "'l2l submit --resume RUN'" >&2
fi
exit "$code"
"""
