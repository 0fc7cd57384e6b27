"""The generational loop: ask -> evaluate -> tell -> record, a whole generation at a time.

A resumed run goes through the same lines as a new one: the optimizer is put back to its last
snapshot and asked again, and an evaluation whose record exists is taken from the record instead
of being run.
"""

from __future__ import annotations

import logging

import numpy as np

from l2l.errors import L2LError
from l2l.evaluation import Ints, Job, seeds
from l2l.loop.base import SYNC_EVERY, OuterLoop, counted
from l2l.loop.heldout import HeldOut
from l2l.loop.points import Points, summary
from l2l.records import Block, block_of, merge, select

log = logging.getLogger("l2l")


class GenerationalLoop(OuterLoop):
    """Asks for a generation, evaluates all of it, tells all of it."""

    def run(self) -> str:
        """Run until a criterion holds; return which."""
        self.landing = self.make_landing()
        self.held_out = self._make_held_out()
        generation, told = self._restore()
        self.progress.start(self.stop.generations, self.stop.evaluations, self.store.tally.n)
        recorded = self.store.since(told)
        while (end := self._criterion(generation, told)) is None and self.request.reason is None:
            current = self._ask(generation, told, recorded)
            records = self._evaluate(generation, current, recorded)
            if records is None:  # stopped in the middle; what has landed is on disk
                end = self.budget_spent()
                break
            if not self._tell(generation, current, records):
                break
            generation, told = generation + 1, told + len(current.ids)
            if len(recorded["id"]) and recorded["id"][-1] < told:
                recorded = select(recorded, slice(0, 0))  # all replayed
            self.store.snapshot(self.optimizer.state(), generation, told)
            self.store.maybe_seal()
        else:
            self.store.snapshot(self.optimizer.state(), generation, told, force=True)
        if end is None or not self._test_last(generation):
            end = self.request.reason
        reason = end or "stopped"
        self.progress.stop(reason)
        return reason

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

    def _criterion(self, generation: int, told: int) -> str | None:
        """Return which criterion ends the run for good, or None.

        What is recorded and not yet told lies ahead of a run that is being replayed. Its best and
        its number count when its generation has ended, after an interruption as without one.
        """
        if self.stop.generations is not None and generation >= self.stop.generations:
            return counted(self.stop.generations, "generation")
        best = self.store.tally.best
        there = best is not None and best.id < told
        if there and (text := self.target_text()) is not None:
            return text
        if (done := self.optimizer.done) is not None:
            return done
        if best is not None and there:
            text = self.patience_text(generation - 1 - best.generation)
            if text is not None:
                return text
        return self.budget_spent() if told >= self.store.tally.n else None

    # -- ask ----------------------------------------------------------------------------------

    def _ask(self, number: int, first_id: int, recorded: Block) -> Points:
        space = self.optimizer.space
        points = np.asarray(self.optimizer.ask(), dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != space.size or not len(points):
            raise L2LError(
                f"{type(self.optimizer).__name__}.ask() must return points (n, {space.size}), "
                f"n > 0, got an array of shape {points.shape}; where nothing is left to do, `done` "
                "says why"
            )
        ids = np.arange(first_id, first_id + len(points))
        seed = int(seeds(self.seed, first_id))
        current = Points.of(ids, points, space, self.bounding, seed)
        if differ := current.prefer_record(recorded, space):
            log.warning(
                "generation %d: %d recorded points differ from what the optimizer proposes when "
                "it is asked again (another version or another processor?); the record is used",
                number, differ,
            )  # fmt: skip
        return current

    # -- evaluate -----------------------------------------------------------------------------

    def _evaluate(self, number: int, current: Points, recorded: Block) -> Block | None:
        """Return the records of all individuals, or None if the run was stopped before."""
        blocks = []
        known = np.isin(current.ids, recorded["id"])
        if known.any():
            blocks.append(select(recorded, np.isin(recorded["id"], current.ids)))
        landing = self.landing
        landing.submit(self._jobs(number, current, np.flatnonzero(~known)))
        while landing.going:
            outcomes, failures = landing.take()
            if outcomes or failures:
                asked = current.asked[[o.job.index for o in outcomes]]
                blocks.append(block_of(outcomes, asked, len(self.optimizer.weights)))
                self.store.append(blocks[-1], failures)
                self.store.sync(at_most_every=SYNC_EVERY)
                self.progress.update(self.store.tally, number)
            landing.look_for_stop()
        self.store.sync()
        complete = sum(len(block["id"]) for block in blocks) == len(current.ids)
        return merge(blocks) if complete else None

    def _jobs(self, number: int, current: Points, missing: Ints) -> list[Job]:
        """Return the jobs of the points that have no record, as many as the budget allows."""
        if self.stop.evaluations is not None:
            missing = missing[: max(0, self.stop.evaluations - self.store.tally.n)]
        numbers = seeds(self.seed, current.ids)
        return [
            current.job(place, number, place, int(numbers[place])) for place in missing.tolist()
        ]

    # -- tell ---------------------------------------------------------------------------------

    def _tell(self, number: int, current: Points, records: Block) -> bool:
        """Tell a generation, and test it if it is due; return whether all of that was done."""
        weights = self.optimizer.weights
        evaluations = current.told(records, self.optimizer.space, weights)
        if number == 0 and not evaluations.ok.any():
            self.give_up()
        self.optimizer.tell(evaluations)
        tested, held_out = True, self.held_out
        if held_out is not None and held_out.due(number):
            tested = held_out.run(number, records)
        last = {} if held_out is None else {"test": held_out.last}
        self.progress.generation(summary(number, evaluations, weights, self.store.tally) | last)
        return tested

    # -- test ---------------------------------------------------------------------------------

    def _make_held_out(self) -> HeldOut | None:
        """Return what tests on held-out tasks, if anything is to be tested."""
        return None if self.test_every is None else HeldOut(self, self.test_every, self.test_parts)

    def _test_last(self, generation: int) -> bool:
        """Test the generation before this one, the last of a run; return whether all is done."""
        if self.held_out is None or not generation:
            return True
        return self.held_out.run(generation - 1, self.store.generation(generation - 1))
