"""Held-out tests of a generational run: recorded beside its evaluations, never told.

After a generation that is due, its best individual and the one that the optimizer recommends are
evaluated on all held-out tasks, before the optimizer's next state is written. So a run that was
cut off finds what is missing when it goes through that generation again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from l2l.evaluation import Floats, Job, Outcome, Status, seeds
from l2l.heldout import BEST, RECOMMENDED, ROLES, HeldOutTests, check_parts, ids_of
from l2l.loop.base import SYNC_EVERY
from l2l.loop.points import recommended_values
from l2l.records import Block, block_of, merge, select

if TYPE_CHECKING:
    from l2l.loop.generational import GenerationalLoop

log = logging.getLogger("l2l")


class HeldOut:
    """Tests for one loop.

    Args:
        loop: It has begun: it has a landing.
        every: A generation is due if its number is a multiple of it.
        parts: How many evaluations face all held-out tasks.

    Raises:
        RunChanged: If it was another number in an earlier start of the run.

    Attributes:
        last: Generation, and mean fitness by role, of the last test that has a result; or None.
    """

    def __init__(self, loop: GenerationalLoop, every: int, parts: int) -> None:
        self.loop = loop
        self.every = every
        self.parts = parts
        recorded = loop.store.tests() if loop.store.tested else {}
        if recorded:
            check_parts(recorded, parts)
        self.last = self._last([recorded])

    def due(self, generation: int) -> bool:
        """Whether a generation is tested wherever the run ends."""
        return generation % self.every == 0

    def run(self, generation: int, records: Block) -> bool:
        """Test what has not been tested yet after a generation; return whether all of it is there.

        Args:
            generation: Its number; the optimizer has been told of it, and not of the next one.
            records: Of its individuals.
        """
        recorded = self._recorded(generation)
        jobs = self._jobs(generation, records, recorded)
        blocks = [recorded]
        if jobs and self.loop.request.reason is None:
            blocks += self._evaluate(generation, jobs)
        self.last = self._last(blocks) or self.last
        return sum(len(block["id"]) for block in blocks[1:]) == len(jobs)

    def _recorded(self, generation: int) -> Block:
        """Return the tests of a generation that are recorded; mostly there are none."""
        store = self.loop.store
        numbers = np.concatenate([ids_of(generation, role, self.parts) for role in ROLES])
        if store.tested.isdisjoint(numbers.tolist()):
            return {}
        tests = store.tests()
        return select(tests, np.isin(tests["id"], numbers)) if tests else {}

    def _jobs(self, generation: int, records: Block, recorded: Block) -> list[Job]:
        """Return the tests that are not recorded."""
        known, jobs = self.loop.store.tested, []
        for role, values in self._candidates(records).items():
            numbers = ids_of(generation, role, self.parts).tolist()
            rows = np.isin(recorded["id"], numbers) if recorded else np.zeros(0, bool)
            if rows.any():  # what some parts have faced, the others face, too
                values = recorded["parameters"][rows][0]
            for part, number in enumerate(numbers):
                if number not in known:
                    seed = int(seeds(self.loop.seed, number))
                    jobs.append(Job(number, generation, part, 0, seed, values))
        return jobs

    def _evaluate(self, generation: int, jobs: list[Job]) -> list[Block]:
        """Evaluate and record; return what has landed before a request to stop, if one came."""
        loop, landing, blocks = self.loop, self.loop.landing, []
        landing.submit(jobs)
        while landing.going:
            outcomes, failures = landing.take()
            if outcomes or failures:
                blocks.append(self._block(outcomes))
                loop.store.append_tests(blocks[-1], failures)
                loop.store.sync(at_most_every=SYNC_EVERY)
                loop.progress.update(loop.store.tally, generation)
            landing.look_for_stop()
        loop.store.sync()
        return blocks

    def _candidates(self, records: Block) -> dict[int, Floats]:
        """Return what is to be tested, values ``(d,)`` by role; the best only if any ended ok."""
        loop, found = self.loop, {}
        ok = records["status"] == Status.OK
        if ok.any():
            scores = np.nan_to_num(records["fitness"]) @ np.asarray(loop.optimizer.weights)
            found[BEST] = records["parameters"][np.argmax(np.where(ok, scores, -np.inf))]
        recommended = recommended_values(loop.optimizer, loop.bounding, loop.seed)
        if recommended is not None:
            found[RECOMMENDED] = recommended
        return found

    def _block(self, outcomes: list[Outcome]) -> Block:
        """Return outcomes as a block, without what only optimizers learn from."""
        for outcome in outcomes:
            outcome.observation = outcome.gradient = None
        size = self.loop.optimizer.space.size
        values = np.array([o.job.values for o in outcomes]).reshape(-1, size)
        return block_of(outcomes, values, len(self.loop.optimizer.weights))

    def _last(self, blocks: list[Block]) -> dict[str, Any] | None:
        """Return generation and mean fitness ``(m,)`` by role of the last test; None if none."""
        blocks = [block for block in blocks if block]
        whole = merge(blocks) if blocks else {}
        tests = HeldOutTests.of(whole, len(self.loop.optimizer.weights), 0)
        if not len(tests):
            return None
        found: dict[str, Any] = {"generation": int(tests.generation.max())}
        for role, name in ROLES.items():
            generations, mean, _ = tests.curve(role)
            if len(generations) and generations[-1] == found["generation"]:
                found[name] = mean[-1].tolist()
        return found
