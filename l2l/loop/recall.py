"""Going on: an asynchronous run asks and tells again what is on record after its last snapshot."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from l2l.errors import L2LError
from l2l.evaluation import Failure, Outcome, Status
from l2l.loop.asking import Asking
from l2l.loop.history import Told
from l2l.records import Block, block_of

log = logging.getLogger("l2l")


class Recall:
    """Asks and tells in the recorded order.

    Where a part of the record was damaged, an optimizer may wait in vain for a result that was in
    it, a chain for its last point. Then that evaluation counts as lost.

    Args:
        asking: As the snapshot has left it.
        past: What came after the snapshot.
        told: How many results the snapshot had been told.
        tell: Tells the optimizer one result.
        damaged: Whether something of the record is missing.

    Attributes:
        missed: Evaluations that count as lost, as blocks for the record, which lacks them.
    """

    def __init__(
        self,
        asking: Asking,
        past: Told,
        told: int,
        tell: Callable[[Block], None],
        damaged: bool,
    ) -> None:
        self.asking = asking
        self.past = past
        self.told = told
        self.tell = tell
        self.damaged = damaged
        self.missed: list[tuple[Block, Failure]] = []
        self._rows = {number: row for row, number in enumerate(past.block["id"].tolist())}

    def run(self) -> None:
        """Go through all that is on record."""
        asking, past, differ = self.asking, self.past, 0
        asking.unwritten = [(number, self.told) for number in range(past.written, asking.n)]
        while self._rows:
            number = next(iter(self._rows))
            self._ask(past.asks_before(self.told, number), number + 1)
            if number in self._rows:  # or it has been told, for others waited for it
                differ += self._tell_record(number)
        self._ask(past.n_asks, 0)
        asking.unwritten = [ask for ask in asking.unwritten if ask[0] >= past.written]
        if differ:
            log.warning(
                "%d recorded points differ from what the optimizer proposes when it is asked again "
                "(another version or another processor?); the record is used",
                differ,
            )

    def _tell_record(self, number: int) -> int:
        """Tell a result as it is recorded; return whether the point was another one."""
        record = self.past.record(self._rows.pop(number))
        differs = self.asking.open[number].prefer_record(record, self.asking.optimizer.space)
        self.tell(record)
        self.told += 1
        return differs

    def _ask(self, n: int, needed: int) -> None:
        """Ask for points up to number ``n``; where the record is damaged, ``needed`` will do."""
        asking = self.asking
        while (missing := n - asking.n) > 0:
            if len(asking.ask(missing, self.told)) == missing:
                return
            if self.damaged and asking.n >= needed:
                return
            if not self.damaged or not asking.open:
                raise L2LError(
                    f"{type(asking.optimizer).__name__} asks for nothing where evaluation "
                    f"{asking.n} was asked for before: it is another version of it, or the record "
                    "is damaged (see l2l doctor)"
                )
            self._go_without()

    def _go_without(self) -> None:
        """Tell the first point that has no result, or one whose result stands further on."""
        asking = self.asking
        number = next((n for n in asking.open if n not in self._rows), min(asking.open))
        if number in self._rows:
            self._tell_record(number)
            return
        message = "its record was damaged, and what was asked for later builds on it"
        job, now = asking.job(number), time.time()
        outcome = Outcome(job, Status.LOST, message=message, started=now)
        block = block_of([outcome], asking.asked([number]), len(asking.optimizer.weights))
        self.missed.append((block, Failure.of(outcome)))
        self.tell(block)
        self.told += 1
