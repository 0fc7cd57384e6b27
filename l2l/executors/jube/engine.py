"""What a run needs of JUBE: its folders, the site, the queue, and the end of everything."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

from l2l.cluster import jube, slurm
from l2l.cluster.jubeplatform import find_platform
from l2l.cluster.jubesite import site_parameters
from l2l.executors import supervisor
from l2l.executors.base import Task
from l2l.executors.jube.options import JubeOptions
from l2l.processes import MARK, end_trees, janitor_command

_ASK_EVERY = 1.0  # how often the queue is looked at, which asks Slurm much more seldom, in s
_TIDY_EVERY = 2.0  # how often JUBE is told of an end at most, in s


class JubeEngine:
    """JUBE for one run; made when everything that it needs is there.

    Attributes:
        options: Of the executor.
        command: Path of ``jube``.
        platform: Of the site.
        site: Parameters of the platform that jobs get.
        home: Folder of the run's benchmarks; kept.
        scratch: Folder of what is temporary; nobody else may look into it.
        task: What all jobs have in common, as bytes.
        environment: Of ``jube`` and of jobs.
        token: Known to all processes that are started on this machine, by their environment.

    Raises:
        ConfigError: If something is missing, or the site has no such parameter.
    """

    def __init__(self, task: Task, options: JubeOptions) -> None:
        assert task.scratch is not None
        self.options = options
        self.command = jube.find_command(options.command)
        self.platform = find_platform(options.platform)
        self.site = site_parameters(self.platform, options)
        self.environment = jube.environment(self.platform)
        self.token = secrets.token_hex(8)
        self.task = supervisor.Bundle(task, options).data
        self._queue = slurm.Queue()
        self._next_ask = self._next_tidy = 0.0
        self._ended: deque[int] = deque()  # benchmarks that JUBE has not been told the end of
        self._continuing: subprocess.Popen[bytes] | None = None
        self._janitor: subprocess.Popen[bytes] | None = None
        task.scratch.mkdir(mode=0o700, exist_ok=True)
        self.home = (task.logs.parent if task.logs else task.scratch) / "jube"
        self.home.mkdir(exist_ok=True)
        self._end_stale(task.scratch)
        self._number = jube.next_number(self.home)
        self.scratch = task.scratch / f"jube-{self.token}"
        self.scratch.mkdir(mode=0o700)
        if self.platform.is_local:
            self.environment[MARK] = f"{os.environ.get(MARK, '')} {self.token}"
            self._janitor = _hidden(janitor_command(os.getpid(), self.token))

    def _end_stale(self, scratch: Path) -> None:
        """Cancel the jobs of an outer loop that was killed; their results are not read.

        The folders of submissions that had not ended say which benchmarks these are.
        """
        for folder in scratch.glob("jube-*"):
            numbers = [int(path.name) for path in folder.iterdir() if path.name.isdigit()]
            works = [w for n in numbers for w in self.home.glob(f"{n:06d}/*_{jube.STEP}/work")]
            self.cancel(job for work in works if (job := jube.job_id(work)) is not None)
            shutil.rmtree(folder, ignore_errors=True)

    def next_number(self) -> int:
        """Return the number of a new benchmark; JUBE is slower to make its folder than we are."""
        self._number += 1
        return self._number - 1

    # -- the batch system ---------------------------------------------------------------------

    def cancel(self, jobs: Iterable[str]) -> None:
        """End jobs."""
        if not self.platform.is_local:
            slurm.cancel(jobs)

    def gone(self, jobs: Sequence[str]) -> set[str]:
        """Return those of the jobs that have ended, as far as is known."""
        now = time.monotonic()
        if self.platform.is_local or not jobs or now < self._next_ask:
            return set()
        self._next_ask = now + _ASK_EVERY
        return set(jobs) - self._queue.states(jobs).keys()

    # -- what JUBE shows ----------------------------------------------------------------------

    def note_end(self, benchmark: int) -> None:
        """Take note that all packages of a benchmark have ended."""
        if not self.platform.is_local:
            self._ended.append(benchmark)

    def tidy(self) -> None:
        """Have JUBE look at packages that have ended, so that it shows them as they are."""
        now = time.monotonic()
        busy = self._continuing is not None and self._continuing.poll() is None
        if now < self._next_tidy or not self._ended or busy:
            return
        self._next_tidy = now + _TIDY_EVERY
        with contextlib.suppress(OSError):
            self._continuing = jube.launch(
                self._continue(self._ended.popleft()), self.home, self.environment,
                self.scratch / "continue.log",
            )  # fmt: skip

    def _continue(self, benchmark: int) -> list[str]:
        return [self.command, "continue", "--hide-animation", ".", "--id", str(benchmark)]

    # -- the end ------------------------------------------------------------------------------

    def end(self, process: subprocess.Popen[bytes], patience: float) -> None:
        """End a ``jube`` with all that it runs on this machine; patience in s."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, patience))
        if process.poll() is None:
            end_trees([process.pid], self.token)
        process.wait()

    def close(self, patience: float) -> None:
        """Tell JUBE of the last ends where there is time for it, and remove what is temporary."""
        end = time.monotonic() + patience
        if self._continuing is not None:
            self.end(self._continuing, patience)
        while self._ended and (left := end - time.monotonic()) > 0:
            with contextlib.suppress(OSError):
                log = self.scratch / "continue.log"
                command = self._continue(self._ended.popleft())
                self.end(jube.launch(command, self.home, self.environment, log), left)
        if self._janitor is not None:
            self._janitor.kill()
            self._janitor.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)


def _hidden(command: list[str]) -> subprocess.Popen[bytes]:
    null = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=null, stdout=null, stderr=null, start_new_session=True)
