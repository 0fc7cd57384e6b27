"""The outer loop: ask -> evaluate -> tell -> record.

A resumed run goes through the same lines as a new one: the optimizer is put back to its last
snapshot and asked again, and an evaluation whose record exists is taken from the record instead
of being run.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from l2l.errors import L2LError, NothingWorked
from l2l.evaluation import (
    Evaluations,
    Failure,
    Floats,
    Job,
    Outcome,
    Status,
    seeded_globals,
    seeds,
)
from l2l.executors.base import Executor
from l2l.interrupt import StopRequest
from l2l.optimizer import Optimizer
from l2l.options import Options, option
from l2l.records import Block, block_of, merge, select
from l2l.space import Individual

if TYPE_CHECKING:
    from l2l.store.folder import Store

log = logging.getLogger("l2l")

#: Returns an individual inside the bounds that the optimizee knows.
Bounding = Callable[[Individual], Individual]

#: Longest wait for results before the loop looks at signals and the clock again, in s.
HEARTBEAT = 0.2
#: Results that land within so many s are written together.
MOMENT = 0.005
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
class Generation:
    """The points of one generation, and what is known of them.

    Attributes:
        number: From 0.
        ids: ``(n,)`` numbers of its evaluations in the run.
        points: ``(n, d)`` what the optimizer asked for, in search coordinates.
        asked: ``(n, d)`` the same as values.
        values: ``(n, d)`` values that are evaluated, after bounding and rounding.
    """

    number: int
    ids: np.ndarray[Any, np.dtype[np.int64]]
    points: Floats
    asked: Floats
    values: Floats

    def job(self, place: int, seed: int) -> Job:
        """Return the job that evaluates one of its points."""
        number = int(self.ids[place])
        return Job(number, self.number, place, 0, seed, self.values[place])


class OuterLoop:
    """Runs one experiment to its end, or to the next interruption."""

    def __init__(
        self,
        *,
        optimizer: Optimizer,
        bounding: Bounding | None,
        executor: Executor,
        store: Store,
        stop: Stop,
        request: StopRequest,
        seed: int,
        progress: Progress,
        warm: Callable[[Optimizer], None],
    ) -> None:
        self.optimizer = optimizer
        self.space = optimizer.space
        self.bounding = bounding
        self.executor = executor
        self.store = store
        self.stop = stop
        self.seed = seed
        self.progress = progress
        self.request = request
        self.warm = warm

    def run(self) -> str:
        """Run until a criterion holds; return which.

        Raises:
            NothingWorked: If no evaluation of the first generation ended ok.
            KeyboardInterrupt: On a second signal; nothing acknowledged is lost.
        """
        generation, told = self._restore()
        self.progress.start(self.stop.generations, self.stop.evaluations, self.store.tally.n)
        recorded = self.store.since(told)
        while (reason := self._reason(generation, told)) is None:
            current = self._ask(generation, told, recorded)
            records = self._evaluate(current, recorded)
            if records is None:  # stopped in the middle; what has landed is on disk
                reason = self._budget_spent() or self.request.reason or "stopped"
                break
            self._tell(current, records)
            generation, told = generation + 1, told + len(current.ids)
            if len(recorded["id"]) and recorded["id"][-1] < told:
                recorded = select(recorded, slice(0, 0))  # all replayed
            self.store.snapshot(self.optimizer.state(), generation, told)
            self.store.maybe_seal()
        else:
            self.store.snapshot(self.optimizer.state(), generation, told, force=True)
        self.progress.stop(reason)
        return reason

    # -- where it stands ----------------------------------------------------------------------

    def _restore(self) -> tuple[int, int]:
        """Put the optimizer back to its last snapshot; return generation and first id.

        A new optimizer is told what is known; afterwards that is in its state.
        """
        snapshot = self.store.last_snapshot()
        if snapshot is None:
            self.warm(self.optimizer)
            self.store.snapshot(self.optimizer.state(), 0, 0, force=True)
            return 0, 0
        self.optimizer.restore(snapshot.state)
        return snapshot.generation, snapshot.told

    def _reason(self, generation: int, told: int) -> str | None:
        """Return why the run is over, or None."""
        stop = self.stop
        if stop.generations is not None and generation >= stop.generations:
            return counted(stop.generations, "generation")
        if self._target_reached(told):
            return f"target fitness {stop.target:g}"
        if (done := self.optimizer.done) is not None:
            return done
        if self._out_of_patience(generation, told):
            return f"no better fitness in {counted(stop.patience or 0, 'generation')}"
        return self._budget_spent() or self.request.reason

    def _budget_spent(self) -> str | None:
        limit = self.stop.evaluations
        if limit is None or self.store.tally.n < limit:
            return None
        return counted(limit, "evaluation")

    def _target_reached(self, told: int) -> bool:
        """Whether a told evaluation has reached the target.

        One that is only recorded does not count yet: its generation ends first, after an
        interruption as without one.
        """
        best, target = self.store.tally.best, self.stop.target
        if target is None or best is None or best.id >= told:
            return False
        weights = self.optimizer.weights
        if len(weights) == 1:
            return bool(np.sign(weights[0]) * (best.fitness[0] - target) >= 0)
        return bool(best.score >= target)

    def _out_of_patience(self, generation: int, told: int) -> bool:
        """Whether so many generations have brought nothing better.

        A best that is recorded and not yet told lies ahead of a run that is being replayed.
        """
        best, patience = self.store.tally.best, self.stop.patience
        if patience is None or best is None or best.id >= told:
            return False
        return generation - 1 - best.generation >= patience

    # -- ask ----------------------------------------------------------------------------------

    def _ask(self, number: int, first_id: int, recorded: Block) -> Generation:
        points = np.asarray(self.optimizer.ask(), dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != self.space.size or not len(points):
            raise L2LError(
                f"{type(self.optimizer).__name__}.ask() must return points (n, {self.space.size}), "
                f"n > 0, got an array of shape {points.shape}; where nothing is left to do, `done` "
                "says why"
            )
        asked = self.space.from_search(points)
        values = self.space.repair(asked)
        if self.bounding is not None:
            with seeded_globals(int(seeds(self.seed, first_id))):  # it may draw
                values = self.space.confined(values, self.bounding)
        ids = np.arange(first_id, first_id + len(points))
        generation = Generation(number, ids, points, asked, values)
        self._prefer_record(generation, recorded)
        return generation

    def _prefer_record(self, generation: Generation, recorded: Block) -> None:
        """Take points that were evaluated already from the record, should they differ."""
        rows = np.flatnonzero(np.isin(recorded["id"], generation.ids))
        if not len(rows):
            return
        places = recorded["id"][rows] - generation.ids[0]
        values = recorded["parameters"][rows]
        differs = ~(values == generation.values[places]).all(axis=1)
        if not differs.any():
            return
        log.warning(
            "generation %d: %d of %d recorded points differ from what the optimizer proposes when "
            "it is asked again (another version or another processor?); the record is used",
            generation.number, differs.sum(), len(rows),
        )  # fmt: skip
        at = places[differs]
        generation.values[at] = generation.asked[at] = values[differs]
        _restore_asked(generation, recorded, at)
        generation.points[at] = self.space.to_search(generation.asked[at])

    # -- evaluate -----------------------------------------------------------------------------

    def _evaluate(self, generation: Generation, recorded: Block) -> Block | None:
        """Return the records of all individuals, or None if the run was stopped before."""
        blocks = []
        known = np.isin(generation.ids, recorded["id"])
        if known.any():
            blocks.append(select(recorded, np.isin(recorded["id"], generation.ids)))
        missing = np.flatnonzero(~known)
        missing = missing[: self._room(len(missing))]
        numbers = seeds(self.seed, generation.ids)
        jobs = [generation.job(place, int(numbers[place])) for place in missing.tolist()]
        for outcomes, failures in self._outcomes(jobs):
            blocks.append(block_of(outcomes, generation.asked, len(self.optimizer.weights)))
            self.store.append(blocks[-1], failures)
            self.store.sync(at_most_every=SYNC_EVERY)
            self.progress.update(self.store.tally, generation.number)
        self.store.sync()
        complete = sum(len(block["id"]) for block in blocks) == len(generation.ids)
        return merge(blocks) if complete else None

    def _room(self, wanted: int) -> int:
        """Return how many more evaluations the budget allows."""
        if self.stop.evaluations is None:
            return wanted
        return max(0, min(wanted, self.stop.evaluations - self.store.tally.n))

    def _outcomes(self, jobs: list[Job]) -> Iterator[tuple[list[Outcome], list[Failure]]]:
        """Run jobs; yield the outcomes that stand, and all failures, as they land.

        After a request to stop, jobs that have not begun are left for a resume, and those that
        run get ``grace`` seconds.
        """
        self.executor.submit(jobs)
        left, deadline = len(jobs), math.inf
        while left and time.monotonic() < deadline:
            landed = self._collect()
            failures = [Failure.of(o) for o in landed if o.status is not Status.OK]
            retries = [o.job for o in landed if self._again(o)]
            if retries:
                landed = [o for o in landed if not self._again(o)]
                if deadline == math.inf:
                    self.executor.submit([self._redrawn(job) for job in retries])
                else:  # a resume tries them again
                    left -= len(retries)
            left -= len(landed)
            if landed or failures:
                yield landed, failures
            if deadline == math.inf and self.request.reason is not None:
                left -= len(self.executor.drain())
                grace = self.executor.options.grace
                deadline = time.monotonic() + grace
                if left:
                    log.info("%s: what is running gets %g s to end", self.request.reason, grace)

    def _collect(self) -> list[Outcome]:
        """Return what has landed; where results come fast, those of a moment together.

        To write results costs as much as a few cheap evaluations, so that these share a write.
        """
        until = time.monotonic() + MOMENT
        landed = more = self.executor.collect(HEARTBEAT)
        while more and (left := until - time.monotonic()) > 0:
            more = self.executor.collect(left)
            landed = landed + more
        return landed

    def _again(self, outcome: Outcome) -> bool:
        """Whether an outcome is a failure that has retries left."""
        return outcome.status is not Status.OK and outcome.job.draw < self.executor.options.retries

    def _redrawn(self, job: Job) -> Job:
        """Return the job with its next draw, which gives it another seed."""
        draw = job.draw + 1
        return dataclasses.replace(job, draw=draw, seed=int(seeds(self.seed, [job.id], draw)[0]))

    # -- tell ---------------------------------------------------------------------------------

    def _tell(self, generation: Generation, records: Block) -> None:
        repaired = (generation.values != generation.asked).any(axis=1)
        evaluated = generation.points
        if repaired.any():
            evaluated = evaluated.copy()
            evaluated[repaired] = self.space.to_search(generation.values[repaired])
        metrics = {k.partition("/")[2]: v for k, v in records.items() if k.startswith("metrics/")}
        evaluations = Evaluations(
            id=generation.ids,
            asked=generation.points,
            evaluated=evaluated,
            fitness=records["fitness"],
            status=records["status"],
            observation=records.get("observation"),
            metrics=metrics,
            gradient=self._gradient(generation, records),
        )
        if generation.number == 0 and not evaluations.ok.any():
            self._give_up()
        self.optimizer.tell(evaluations)
        self.progress.generation(self._summary(generation.number, evaluations))

    def _gradient(self, generation: Generation, records: Block) -> Floats | None:
        """Return the gradients ``(n, d)`` of the scores by the search coordinates, if there are."""
        if "gradient" not in records:
            return None
        weights = np.asarray(self.optimizer.weights)
        each = records["gradient"].reshape(len(generation.ids), len(weights), -1)
        by_value: Floats = np.einsum("nmd,m->nd", each, weights)
        return by_value * self.space.slope(generation.values)

    def _give_up(self) -> None:
        first = self.store.first_failure
        raise NothingWorked(
            "no evaluation of the first generation ended ok, so there is nothing to learn from. "
            "Mend the optimizee and start again with overwrite (the run is kept under another "
            f"name). The first failure was: {first.message if first else 'see the run'}\n"
            f"{(first.traceback or first.output) if first else ''}"
        )

    def _summary(self, number: int, evaluations: Evaluations) -> dict[str, Any]:
        """Return the numbers that a person wants to see of a generation."""
        ok, tally = evaluations.ok, self.store.tally
        scores = evaluations.scores(self.optimizer.weights)
        fitness = evaluations.fitness[ok][:, 0]
        best = evaluations.fitness[int(np.argmax(scores)), 0] if ok.any() else np.nan
        return {
            "generation": number,
            "n": len(evaluations),
            "ok": int(ok.sum()),
            "best": float(best),
            "best_so_far": float(tally.best.fitness[0]) if tally.best else float("nan"),
            "mean": float(fitness.mean()) if ok.any() else float("nan"),
            "std": float(fitness.std()) if ok.any() else float("nan"),
            "evaluations": tally.n,
        }


def counted(n: int, what: str) -> str:
    """Return ``1 generation``, ``2 generations``."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _restore_asked(generation: Generation, recorded: Block, places: Any) -> None:
    """Put the asked values of repaired elements back in place."""
    numbers = generation.ids[places]
    at = np.isin(recorded["repair_id"], numbers) if "repair_id" in recorded else np.zeros(0, bool)
    if at.any():
        rows = recorded["repair_id"][at] - generation.ids[0]
        generation.asked[rows, recorded["repair_column"][at]] = recorded["repair_asked"][at]
