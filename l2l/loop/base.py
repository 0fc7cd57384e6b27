"""What both outer loops share: when they end, what they tell, what they need."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from l2l.errors import NothingWorked
from l2l.executors.base import Executor, Task
from l2l.interrupt import StopRequest
from l2l.loop.landing import TIMES, Landing
from l2l.optimizer import Optimizer
from l2l.options import Options, option
from l2l.space import Individual

if TYPE_CHECKING:
    from l2l.store.folder import Store

log = logging.getLogger("l2l")

#: Returns an individual inside the bounds that the optimizee knows.
Bounding = Callable[[Individual], Individual]

#: Results wait at most this long for the fsync that makes them durable, in s.
SYNC_EVERY = 1.0


class Stop(Options):
    """When a run ends; the first criterion that holds ends it."""

    generations: int | None = option(None, "number of generations", low=0)
    evaluations: int | None = option(None, "number of evaluations", low=0)
    target: float | None = option(None, "fitness (one objective) or weighted sum to reach")
    time: float | None = option(None, "time of this start of the run", above=0, unit="s")
    patience: int | None = option(None, "generations without a better best fitness", low=1)


class Progress(Protocol):
    """What the loop tells somebody who watches."""

    def start(self, generations: int | None, evaluations: int | None, done: int) -> None:
        """Say how long the run will be, and how many evaluations are there already."""

    def update(self, tally: Any, generation: int) -> None:
        """Say that results have landed."""

    def generation(self, summary: dict[str, Any]) -> None:
        """Say how a generation ended."""

    def stop(self, reason: str) -> None:
        """Say why the run ended."""

    def close(self) -> None:
        """Leave the terminal as it was, however the run ended."""


@dataclass
class OuterLoop(ABC):
    """Runs one experiment to its end, or to the next interruption.

    Attributes:
        optimizer: Asked and told.
        bounding: Puts an individual inside its bounds, or None.
        executor: Evaluates; started.
        task: What all evaluations have in common.
        store: Keeps everything.
        stop: When the run ends.
        request: A wish to end it before.
        seed: Of the run.
        progress: Told what happens.
        warm: Tells a new optimizer what is known already.
        test_every: Test on held-out tasks after so many generations; None: never.
        test_parts: How many evaluations face all held-out tasks.
    """

    optimizer: Optimizer
    bounding: Bounding | None
    executor: Executor
    task: Task
    store: Store
    stop: Stop
    request: StopRequest
    seed: int
    progress: Progress
    warm: Callable[[Optimizer], None]
    test_every: int | None = None
    test_parts: int = 1

    def make_landing(self) -> Landing:
        """Return what hands jobs to the executor; it knows the run times of earlier starts."""
        times = self.store.run_times(TIMES)
        return Landing(self.executor, self.request, self.seed, times)

    @abstractmethod
    def run(self) -> str:
        """Run until a criterion holds; return which.

        Raises:
            NothingWorked: If no evaluation of the first generation ended ok.
            KeyboardInterrupt: On a second signal; nothing acknowledged is lost.
        """

    def budget_spent(self) -> str | None:
        """Return the number of evaluations if there are so many, else None."""
        limit = self.stop.evaluations
        if limit is None or self.store.tally.n < limit:
            return None
        return counted(limit, "evaluation")

    def target_text(self) -> str | None:
        """Return which target the best evaluation has reached, or None."""
        best, target = self.store.tally.best, self.stop.target
        if target is None or best is None:
            return None
        weights = self.optimizer.weights
        if len(weights) == 1:
            reached = bool(np.sign(weights[0]) * (best.fitness[0] - target) >= 0)
        else:
            reached = bool(best.score >= target)
        return f"target fitness {target:g}" if reached else None

    def patience_text(self, without: int) -> str | None:
        """Return that patience has ended, if so many generations brought nothing better."""
        patience = self.stop.patience
        if patience is None or self.store.tally.best is None or without < patience:
            return None
        return f"no better fitness in {counted(patience, 'generation')}"

    def give_up(self) -> None:
        """Raise NothingWorked, with the first failure."""
        first = self.store.first_failure
        raise NothingWorked(
            "no evaluation of the first generation ended ok, so there is nothing to learn from. "
            "Mend the optimizee and start again with overwrite (the run is kept under another "
            f"name). The first failure was: {first.message if first else 'see the run'}\n"
            f"{(first.traceback or first.output) if first else ''}"
        )


def counted(n: int, what: str) -> str:
    """Return ``1 generation``, ``2 generations``."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
