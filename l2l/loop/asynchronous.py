"""The asynchronous loop: a new individual as soon as a worker is free; nobody waits.

Results are told one by one in the order in which they land, which is the order of their rows in
the store, and then as many points are asked for as there is room. With each point the store keeps
how many results had been told before. So what the optimizer has seen is on record, and a resume
goes the same way again from the last snapshot: see :mod:`l2l.loop.recall`.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass

from l2l.errors import L2LError
from l2l.evaluation import Evaluations, Failure, Job, Outcome
from l2l.loop.asking import Asking
from l2l.loop.base import OuterLoop, counted
from l2l.loop.history import Told
from l2l.loop.points import evaluation_of, summary, together
from l2l.loop.recall import Recall
from l2l.records import Block, block_of

log = logging.getLogger("l2l")

#: Jobs a worker that wait in the executor at least, so that a worker that gets free has one.
SURPLUS = 0.25
#: And at least so many for each result that is taken at once: as many get free meanwhile.
PER_LANDED = 2.0


@dataclass
class AsynchronousLoop(OuterLoop):
    """Keeps all workers busy.

    Attributes:
        told: How many results were told, over all starts.
    """

    told: int = 0

    def run(self) -> str:
        """Run until a criterion holds; return which."""
        self.landing = self.make_landing()
        self.asking = Asking(self.optimizer, self.bounding, self.seed)
        self._waiting: deque[Job] = deque()  # to be handed over
        self._cohort: list[Evaluations] = []  # told since the last summary
        self._at_once = 1.0  # results that are taken at once, on average
        self._restore()
        self.progress.start(self.stop.generations, self.stop.evaluations, self.store.tally.n)
        self._check_first()
        while True:
            if self._reason() is None:
                self._ask()
            if self.request.reason is None:
                self._hand_over()
            if not self.landing.going:
                break
            outcomes, failures = self.landing.take()
            self._at_once += 0.1 * (len(outcomes) - self._at_once) if outcomes else 0.0
            self._record(outcomes, failures)
            self.landing.look_for_stop()
        reason = self._reason() or self._stuck()
        self.store.sync()
        self._snapshot(force=True)
        self.progress.stop(reason)
        return reason

    # -- when it ends -------------------------------------------------------------------------

    def _reason(self) -> str | None:
        """Return why nothing more shall be asked for, or None; what was asked for still ends."""
        tally, cohort = self.store.tally, self.optimizer.cohort
        generations = self.stop.generations
        if generations is not None and tally.n >= generations * cohort:
            return counted(generations, "generation")
        if (text := self.target_text()) is not None:
            return text
        if (done := self.optimizer.done) is not None:
            return done
        if tally.best is not None:
            text = self.patience_text((tally.n - 1 - tally.best.row) // cohort)
            if text is not None:
                return text
        return self.budget_spent() or self.request.reason

    def _stuck(self) -> str:
        """Raise: nothing runs, nothing is left to ask for, and no criterion holds."""
        raise L2LError(
            f"{type(self.optimizer).__name__}.ask_one() returns None although it has been told of "
            "all points; where nothing is left to do, `done` says why"
        )

    def _check_first(self) -> None:
        """Give up if nothing of the first cohort ended ok."""
        tally = self.store.tally
        if not tally.ok and tally.n >= self.optimizer.cohort:
            self.give_up()

    def _room(self) -> int:
        """Return for how many more jobs there is room, in the executor and in the budget."""
        workers, batch = max(1, self.executor.workers), self._batch
        if batch > 1:
            target = max(self.optimizer.cohort, batch * workers)
        else:
            surplus = max(1, int(SURPLUS * workers), round(PER_LANDED * self._at_once))
            target = workers + min(surplus, max(workers, self.optimizer.cohort))
        stop, cohort, tally = self.stop, self.optimizer.cohort, self.store.tally
        if stop.evaluations is not None:
            target = min(target, stop.evaluations - tally.n)
        if stop.generations is not None:
            target = min(target, stop.generations * cohort - tally.n)
        return target - self.landing.in_flight - len(self._waiting)

    # -- going on -----------------------------------------------------------------------------

    def _restore(self) -> None:
        """Put optimizer and loop back to where the record ends."""
        snapshot = self.store.last_snapshot()
        if snapshot is None:
            self.warm(self.optimizer)
            self._snapshot(force=True)
        else:
            self.optimizer.restore(snapshot.state["optimizer"])
            self.asking.restore(snapshot.state)
            self.told = snapshot.told
        past = Told.since(self.told, self.asking.n, self.store)
        damaged = bool(self.store.damage)
        recall = Recall(self.asking, past, self.told, self._tell, damaged)
        recall.run()
        if damaged:  # what follows builds on what is left
            for block, failure in recall.missed:
                self.store.append(block, [failure])
            self._snapshot(force=True)
        self._waiting.extend(map(self.asking.job, sorted(self.asking.open)))

    def _snapshot(self, force: bool = False) -> None:
        """Write state and open points, if the results since the last time outweigh them."""
        state = {"optimizer": self.optimizer.state(), **self.asking.state()}
        self.store.snapshot(state, self.told // self.optimizer.cohort, self.told, force=force)

    # -- ask ----------------------------------------------------------------------------------

    def _ask(self) -> None:
        """Ask for as many points as there is room."""
        numbers = self.asking.ask(self._room(), self.told)
        self._waiting.extend(map(self.asking.job, numbers))

    def _hand_over(self) -> None:
        """Hand over what was asked for, as far as there is room: a call at a time.

        A call that takes a fixed number of individuals waits for them, as long as any can come.
        """
        batch, inner = self._batch, self.task.inner
        room = self._room() + len(self._waiting)
        while self._waiting and room > 0:
            n = min(batch if self.task.batched else room, room, len(self._waiting))
            if inner is not None and n < inner and self.landing.in_flight:
                return
            self.landing.submit([self._waiting.popleft() for _ in range(n)])
            room -= n

    @property
    def _batch(self) -> int:
        """How many individuals one call takes, at most."""
        if self.task.inner is not None:
            return self.task.inner
        if not self.task.batched:
            return 1
        return max(1, -(-self.optimizer.cohort // max(1, self.executor.workers)))

    # -- tell ---------------------------------------------------------------------------------

    def _record(self, outcomes: list[Outcome], failures: list[Failure]) -> None:
        """Write what has landed, and tell it."""
        if not outcomes and not failures:
            return
        asked = self.asking.asked([o.job.id for o in outcomes])
        block = block_of(outcomes, asked, len(self.optimizer.weights))
        if outcomes:
            block |= self.asking.columns()
        self.store.append(block, failures)
        self.store.sync()
        before = self.told // self.optimizer.cohort
        for row in range(len(outcomes)):
            self._tell({name: column[row : row + 1] for name, column in block.items()})
        self._check_first()
        self.progress.update(self.store.tally, self.told // self.optimizer.cohort)
        if self.told // self.optimizer.cohort > before:
            self._snapshot()
            self.store.maybe_seal()

    def _tell(self, record: Block) -> None:
        """Tell one result: a block of one row."""
        optimizer = self.optimizer
        evaluations = evaluation_of(self.asking.open.pop(int(record["id"][0])), record, optimizer)
        optimizer.tell_one(evaluations)
        self.told += 1
        self._cohort.append(evaluations)
        if self.told % optimizer.cohort == 0:
            self._summarize()

    def _summarize(self) -> None:
        """Tell who watches how the last cohort ended."""
        told, self._cohort = self._cohort, []
        number = self.told // self.optimizer.cohort - 1
        self.progress.generation(
            summary(number, together(told), self.optimizer.weights, self.store.tally)
        )
