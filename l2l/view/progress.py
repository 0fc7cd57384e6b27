"""Progress: what somebody sees while a run goes on.

On a terminal a live display; elsewhere plain lines. Either costs nothing an evaluation: results
only leave a reference to the tally behind, which is looked at a few times a second.
"""

from __future__ import annotations

import math
import sys
import time
from typing import Any, Self, TextIO

from l2l.heldout import ROLES
from l2l.view import text

#: Plain lines come at most this often, in s: for generations, and within a long one.
LINES_EVERY = 1.0
HEARTBEAT_EVERY = 60.0


def make_progress(
    *,
    quiet: bool = False,
    title: str = "",
    workers: int | None = None,
    stream: TextIO | None = None,
) -> NullProgress:
    """Return what suits the output: a live display on a terminal, else plain lines.

    Args:
        quiet: Show nothing.
        title: What runs.
        workers: Number of workers, if known.
        stream: Where to show it; stdout if None.
    """
    if quiet:
        return NullProgress()
    stream = stream or sys.stdout
    if stream.isatty():
        from rich.console import Console

        from l2l.view.live import LiveProgress

        console = Console(file=stream)
        if not console.is_dumb_terminal:
            return LiveProgress(console, title, workers)
    return LineProgress(stream, title, workers)


class NullProgress:
    """Shows nothing; the base of the others."""

    def start(self, generations: int | None, evaluations: int | None, done: int) -> None:
        """Say how long the run will be, and how many evaluations are there already."""

    def update(self, tally: Any, generation: int) -> None:
        """Say that results have landed."""

    def generation(self, summary: dict[str, Any]) -> None:
        """Say how a generation ended."""

    def stop(self, reason: str) -> None:
        """Say why the run ended."""

    def close(self) -> None:
        """Leave the terminal as it was."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Counting(NullProgress):
    """Knows how far the run is, how fast it goes, and when it will end; shows nothing."""

    def __init__(self, title: str, workers: int | None) -> None:
        self.title = title
        self.workers = workers
        self.generations: int | None = None
        self.evaluations: int | None = None
        self.before = 0
        self.begun = time.monotonic()
        self.tally: Any = None
        self.current = 0
        self.summary: dict[str, Any] | None = None

    def start(self, generations: int | None, evaluations: int | None, done: int) -> None:
        """Say how long the run will be, and how many evaluations are there already."""
        self.generations, self.evaluations, self.before = generations, evaluations, done
        self.begun = time.monotonic()

    def update(self, tally: Any, generation: int) -> None:
        """Say that results have landed."""
        self.tally, self.current = tally, generation

    def generation(self, summary: dict[str, Any]) -> None:
        """Say how a generation ended."""
        self.summary, self.current = summary, summary["generation"] + 1

    @property
    def done(self) -> int:
        """Evaluations that are there, those of former starts included."""
        landed = self.tally.n if self.tally is not None else self.before
        return max(landed, self.summary["evaluations"] if self.summary else 0)

    @property
    def elapsed(self) -> float:
        """Time of this start, in s."""
        return time.monotonic() - self.begun

    @property
    def rate(self) -> float:
        """Evaluations a second, since this start."""
        return (self.done - self.before) / max(self.elapsed, 1e-9)

    @property
    def total(self) -> float:
        """Evaluations that the run will have at its end, as far as known; else infinity."""
        by_generations = math.inf
        if self.generations is not None and self.summary:
            ended, told = self.summary["generation"] + 1, self.summary["evaluations"]
            size = self.summary["n"] if ended > 1 else told
            by_generations = told + max(self.generations - ended, 0) * size
        by_evaluations = math.inf if self.evaluations is None else self.evaluations
        return min(by_generations, by_evaluations)

    @property
    def left(self) -> float:
        """Time to the end, in s; infinity if it is not known."""
        return (self.total - self.done) / self.rate if self.done > self.before else math.inf

    def where(self) -> str:
        """Return ``generation 3/10``, counted from 1."""
        number = self.current + 1
        if self.generations is None:
            return f"generation {number}"
        return f"generation {min(number, self.generations)}/{self.generations}"

    def failed(self) -> str:
        """Return how many evaluations did not end ok."""
        return text.failures(text.by_status(self.tally)) if self.tally is not None else ""

    def fitness(self) -> str:
        """Return best, mean and spread of the last generation."""
        if self.summary is None:
            return "no generation has ended yet"
        s = self.summary
        spread = f" \N{PLUS-MINUS SIGN} {text.number(s['std'])}" if s["ok"] > 1 else ""
        return (
            f"best {text.number(s['best'])}, mean {text.number(s['mean'])}{spread}, "
            f"best so far {text.number(s['best_so_far'])}{self._held_out()}"
        )

    def _held_out(self) -> str:
        """Return the last test on held-out tasks: of the best, and of the recommended one."""
        if not (test := (self.summary or {}).get("test")):
            return ""
        found = [text.number(test[role][0]) for role in ROLES.values() if role in test]
        return f", held-out {' | '.join(found)} (generation {test['generation'] + 1})"


class LineProgress(Counting):
    """A line a generation, at most one a second, for files and pipes."""

    def __init__(self, stream: TextIO, title: str = "", workers: int | None = None) -> None:
        super().__init__(title, workers)
        self.stream = stream
        self._last = -math.inf
        self._waiting = False

    def start(self, generations: int | None, evaluations: int | None, done: int) -> None:
        """Say how long the run will be, and how many evaluations are there already."""
        super().start(generations, evaluations, done)
        parts = [self.title or "run"]
        if self.workers:
            parts.append(text.count(self.workers, "worker"))
        if done:
            parts.append(f"goes on after {text.count(done, 'evaluation')}")
        self._print(", ".join(parts))
        self._last = -math.inf  # the first generation is always shown

    def update(self, tally: Any, generation: int) -> None:
        """Say that results have landed."""
        super().update(tally, generation)
        if time.monotonic() - max(self._last, self.begun) >= HEARTBEAT_EVERY:
            self._print(f"{self.where()}: {self._counts()}")

    def generation(self, summary: dict[str, Any]) -> None:
        """Say how a generation ended."""
        super().generation(summary)
        self._waiting = time.monotonic() - self._last < LINES_EVERY
        if not self._waiting:
            self._show()

    def stop(self, reason: str) -> None:
        """Say why the run ended."""
        if self._waiting:
            self._show()
        self._print(f"ended after {text.clock(self.elapsed)}: {reason}")

    def _show(self) -> None:
        assert self.summary is not None
        number = self.summary["generation"] + 1
        of = "" if self.generations is None else f"/{self.generations}"
        self._print(f"generation {number}{of}: {self.fitness()}; {self._counts()}")

    def _counts(self) -> str:
        parts = [text.count(self.done, "evaluation"), self.failed(), text.per_second(self.rate)]
        if math.isfinite(self.left):
            parts.append(f"{text.clock(self.left)} left")
        return ", ".join(part for part in parts if part)

    def _print(self, line: str) -> None:
        print(line, file=self.stream, flush=True)
        self._last, self._waiting = time.monotonic(), False
