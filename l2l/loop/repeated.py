"""The loop that repeats an asynchronous run: it asks and tells in the order of an earlier one."""

from __future__ import annotations

from typing import Any

from l2l.evaluation import Failure, Outcome
from l2l.loop.asynchronous import AsynchronousLoop
from l2l.loop.history import Told


class RepeatedLoop(AsynchronousLoop):
    """Evaluates anew; a result that lands before its turn waits for it.

    Args:
        order: What the earlier run has asked and told.
        **parts: As :class:`~l2l.loop.base.OuterLoop`.
    """

    def __init__(self, order: Told, **parts: Any) -> None:
        super().__init__(**parts)
        self.order = order
        self.ids: list[int] = order.block["id"].tolist()
        self._wanted = frozenset(self.ids)
        self._early: dict[int, Outcome] = {}

    def _reason(self) -> str | None:
        if self.told == len(self.ids):
            return "all of the earlier run is repeated"
        return self.request.reason

    def _room(self) -> int:
        """Return how many points the earlier run asks for before its next result."""
        return max(0, self.order.asks_before(self.told, self.ids[self.told]) - self.asking.n)

    def _hand_over(self) -> None:
        """Hand over all that the earlier run has results of."""
        there = [job for job in self._waiting if job.id in self._wanted]
        self._waiting.clear()
        batch = self._batch
        for at in range(0, len(there), batch):
            self.landing.submit(there[at : at + batch])

    def _record(self, outcomes: list[Outcome], failures: list[Failure]) -> None:
        """Take what has landed; record and tell that of which it is the turn."""
        self._early |= {outcome.job.id: outcome for outcome in outcomes}
        super()._record([], failures)
        while self.told < len(self.ids) and self.ids[self.told] in self._early:
            super()._record([self._early.pop(self.ids[self.told])], [])
            if self.told < len(self.ids):
                self._ask()
