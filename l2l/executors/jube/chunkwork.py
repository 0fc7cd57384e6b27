"""A workpackage's process: ``python -m l2l.executors.jube.chunkwork FOLDER PACKAGE``.

It evaluates a chunk of jobs with a local executor inside the allocation that it was given, and
appends each result to its file at once, so that what is done stays done if it is cut off.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from l2l.evaluation import Job
from l2l.executors.base import Task, available_cores
from l2l.executors.jube import chunkfiles
from l2l.executors.jube.chunkfiles import Layout, LineReader, LineWriter
from l2l.executors.local import LocalExecutor, LocalOptions
from l2l.executors.supervisor import node_name, unbundle

_LOOKS = (0.1, 1.0)  # orders are read as often, the seldomer the longer there were none, in s
_BEAT = 5.0  # how often it says for how long evaluations have been running, in s
_PATIENCE = 60.0  # longest time for which the folder may be out of reach, in s

#: Where launchers say which of a package's processes this one is.
_RANKS = ("SLURM_PROCID", "PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK")


def main(arguments: Sequence[str]) -> int:
    """Evaluate the chunk of this process; return the exit code."""
    folder, package = Path(arguments[0]), int(arguments[1])
    layout = _layout(folder)
    if layout is None:
        print(f"{folder} has gone: nobody waits for this package any more")
        return 0
    rank = next((int(os.environ[name]) for name in _RANKS if name in os.environ), 0)
    number = package * layout.tasks + rank % layout.tasks
    writer = LineWriter(chunkfiles.results(folder, number), layout.shared)
    try:
        _Chunk(folder, number, layout, writer).run()
    except Exception as error:
        writer.write([{"error": f"{type(error).__name__}: {error}"}])
        traceback.print_exc()
        return 1
    finally:
        writer.close()
    return 0


def _layout(folder: Path) -> Layout | None:
    """Return how the submission is run; None if its folder has gone for good."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            return Layout.read(folder)
        except OSError:
            if time.monotonic() > end or _is_gone(folder):
                return None
            time.sleep(0.5)


def _is_gone(folder: Path) -> bool:
    """Whether a submission's folder was removed, and is not out of reach with all of its run."""
    run = folder.parents[2]
    return run.is_dir() and not folder.is_dir() and run.is_dir()


class _Chunk:
    """One chunk on its way through a local executor."""

    def __init__(self, folder: Path, number: int, layout: Layout, writer: LineWriter) -> None:
        self.folder = folder
        self.writer = writer
        task, shared = unbundle((folder / "task").read_bytes())
        self.jobs = self._missing(number, task)
        # Its own, for an attempt that counts as lost may still be running.
        task = dataclasses.replace(task, scratch=folder / f"{number}.scratch")
        workers = layout.workers or max(1, _cpus(layout) // shared["threads"])
        self.task, self.options = task, LocalOptions(**shared, workers=workers)
        self._begun = time.monotonic()
        self._next_look = self._next_beat = self._reached = 0.0
        self._stopped = False

    def _missing(self, number: int, task: Task) -> list[Job]:
        """Return the jobs without a record: all of them, unless the chunk was begun before."""
        lines = LineReader(chunkfiles.results(self.folder, number)).read()
        done = {entry["id"] for entry in lines if "id" in entry}
        jobs = chunkfiles.read_jobs(self.folder, number, task.space.size)
        return [job for job in jobs if job.id not in done]

    def run(self) -> None:
        """Evaluate all jobs, or as many as the outer loop wants."""
        workers = self.options.workers
        self.writer.write([{"begun": time.time(), "node": node_name(), "workers": workers}])
        left = len(self.jobs)
        with LocalExecutor(self.options) as executor:
            executor.start(self.task)
            if self._order() == "":
                executor.submit(self.jobs)
            else:
                left -= self._give_back(self.jobs)
            while left > 0:
                outcomes = executor.collect(self._interval())
                left -= len(outcomes)
                self.writer.write([chunkfiles.as_record(outcome) for outcome in outcomes])
                left -= self._look(executor)
        self.writer.write([{"end": time.time()}])

    def _look(self, executor: LocalExecutor) -> int:
        """Read orders and say what is running; return how many jobs are not to be done."""
        now = time.monotonic()
        if now >= self._next_beat:
            self._next_beat = now + _BEAT
            self.writer.write([{"ages": [round(age, 2) for age in executor.ages()]}])
        self.writer.sync(_LOOKS[0])
        if now < self._next_look or self._stopped:
            return 0
        self._next_look = now + self._interval()
        order = self._order()
        if order == "":
            return 0
        self._stopped = order == chunkfiles.STOP
        back = executor.drain()
        gone = len(back) if self._stopped else len(self.jobs)
        self._give_back(back)
        return gone

    def _interval(self) -> float:
        """Return how long not to look for orders, in s."""
        return min(max(_LOOKS[0], 0.02 * (time.monotonic() - self._begun)), _LOOKS[1])

    def _give_back(self, jobs: Sequence[Job]) -> int:
        self._stopped = True
        self.writer.write([{"back": [job.id for job in jobs]}])
        return len(jobs)

    def _order(self) -> str:
        """Return the outer loop's order; to end at once where its folder is gone for good."""
        now = time.monotonic()
        try:
            order = chunkfiles.orders(self.folder)
            self._reached = now
        except OSError:
            self._reached = self._reached or now
            gone = now - self._reached > _PATIENCE or _is_gone(self.folder)
            order = chunkfiles.END if gone else ""
        return order


def _cpus(layout: Layout) -> int:
    """Return the number of CPUs that this process may use."""
    here: Any = os.environ
    if "SLURM_CPUS_PER_TASK" in here:
        return int(here["SLURM_CPUS_PER_TASK"])
    if "SLURM_CPUS_ON_NODE" in here:
        on_node = -(-layout.tasks // int(here.get("SLURM_JOB_NUM_NODES", 1)))
        return max(1, int(here["SLURM_CPUS_ON_NODE"]) // on_node)
    return available_cores()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
