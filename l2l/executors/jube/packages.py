"""Workpackages, and what has become of their jobs."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from l2l.errors import L2LError
from l2l.evaluation import Job, Outcome, Status
from l2l.executors.jube import chunkfiles
from l2l.executors.jube.chunkfiles import LineReader

log = logging.getLogger("l2l")


class Chunk:
    """The jobs of one process of a package.

    Attributes:
        jobs: Those without an outcome, by id.
        begun: Whether the process has said that it has begun.
        answered: Whether it has given back what it had not begun.
        workers: Evaluations that it runs at the same time; None before it has begun.
        first: Number of its first worker in the run.
    """

    def __init__(self, folder: Path, number: int, jobs: Sequence[Job], first: int) -> None:
        self.jobs = {job.id: job for job in jobs}
        self.begun = self.answered = False
        self.workers: int | None = None
        self.first = first
        self.given_back: list[Job] = []
        self._ages: tuple[float, list[float]] = (0.0, [])
        self._reader = LineReader(chunkfiles.results(folder, number))

    def look(self) -> list[Outcome]:
        """Return what has come since the last look.

        Raises:
            L2LError: If the process could not do its work; says why.
        """
        outcomes: list[Outcome] = []
        for entry in self._reader.read():
            if "id" in entry:
                outcomes += self._outcome(entry)
            elif "begun" in entry:
                self.begun, self.workers = True, entry["workers"]
            elif "ages" in entry:
                self._ages = time.monotonic(), entry["ages"]
            elif "back" in entry:
                self.answered = True
                back = (self.jobs.pop(number, None) for number in entry["back"])
                self.given_back += [job for job in back if job is not None]
            elif "error" in entry:
                raise L2LError(f"a workpackage can't do its work: {entry['error']}")
        return outcomes

    def _outcome(self, entry: dict[str, Any]) -> Iterator[Outcome]:
        job = self.jobs.get(entry["id"])
        if job is not None and job.draw == entry["draw"]:
            del self.jobs[job.id]
            entry["worker"] += self.first
            yield chunkfiles.as_outcome(entry, job)

    def ages(self) -> list[float]:
        """Return for how long evaluations have been running, as far as is known, in s."""
        since, ages = self._ages
        past = time.monotonic() - since
        return [age + past for age in ages[: len(self.jobs)]]

    def forget(self) -> list[Job]:
        """Return the jobs without an outcome; none will come any more."""
        jobs = list(self.jobs.values())
        self.jobs.clear()
        return jobs


class Package:
    """One workpackage.

    Attributes:
        job: Id of its job in the batch system, None before it is known.
        gone: When the job was first found to have ended, None before.
    """

    def __init__(self, number: int, chunks: Sequence[Chunk]) -> None:
        self.number = number
        self.chunks = chunks
        self.job: str | None = None
        self.gone: float | None = None
        self.individuals = sum(len(chunk.jobs) for chunk in chunks)
        self._outcomes: list[tuple[Status, float | None]] = []
        self._span = (math.inf, 0.0)

    @property
    def ended(self) -> bool:
        """Whether nothing more is to come."""
        return not any(chunk.jobs for chunk in self.chunks)

    @property
    def begun(self) -> bool:
        """Whether a process of it has begun."""
        return any(chunk.begun for chunk in self.chunks)

    def look(self) -> list[Outcome]:
        """Return what has come since the last look."""
        outcomes = [o for chunk in self.chunks if chunk.jobs for o in chunk.look()]
        self.note(outcomes)
        return outcomes

    def note(self, outcomes: Sequence[Outcome]) -> None:
        """Take outcomes into the package's numbers."""
        for o in outcomes:
            self._outcomes.append((o.status, o.fitness[0] if o.fitness else None))
            if o.status is not Status.LOST:
                first, last = self._span
                self._span = min(first, o.started), max(last, o.started + o.duration)

    def lose(self, message: str) -> list[Outcome]:
        """Return the outcomes of all that is missing."""
        jobs = [job for chunk in self.chunks for job in chunk.forget()]
        log.warning("%s; %d evaluations lost with it", message, len(jobs))
        now = time.time()
        lost = [Outcome(job, Status.LOST, message=message, started=now) for job in jobs]
        self.note(lost)
        return lost

    def numbers(self) -> str:
        """Return what the result table shows of it, as lines."""
        statuses = [status for status, _ in self._outcomes]
        fitness = [value for _, value in self._outcomes if value is not None]
        lines = [f"ok: {statuses.count(Status.OK)}", f"lost: {statuses.count(Status.LOST)}"]
        if fitness:
            lines += [f"lowest: {min(fitness):.17g}", f"highest: {max(fitness):.17g}"]
        lines.append(f"seconds: {max(0.0, self._span[1] - self._span[0]):.3f}")
        return "\n".join(lines) + "\n"
