"""Points that were asked for one by one: those in flight, and results that wait to be learned."""

from __future__ import annotations

from typing import Any

import numpy as np

from l2l.errors import L2LError
from l2l.optimizer import State
from l2l.space import Floats


class InFlight:
    """What an optimizer has to know of each point that it has asked for and not been told of yet.

    Attributes:
        asked: Number of points ever asked for; the next one has this id.
    """

    def __init__(self) -> None:
        self.asked = 0
        self._rows: dict[int, Floats] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def landed(self) -> int:
        """Number of points that were told."""
        return self.asked - len(self._rows)

    def add(self, *parts: Any) -> None:
        """Note the next point, with the numbers and arrays ``(k,)`` that are to be known of it."""
        self._rows[self.asked] = np.concatenate([np.empty(0), *(np.ravel(part) for part in parts)])
        self.asked += 1

    def land(self, number: int) -> Floats:
        """Return the numbers ``(k,)`` that were noted of a point, which is in flight no more.

        Raises:
            L2LError: If it was never asked for, or was told before.
        """
        if number not in self._rows:
            raise L2LError(
                f"tell_one: expected one of the {len(self)} evaluations in flight, got {number} "
                f"({self.asked} points were asked for); tell each of them once, by its id"
            )
        return self._rows.pop(number)

    def pack(self) -> State:
        """Return everything that changes; nothing where no point was asked for one by one."""
        if not self.asked:
            return {}
        rows = np.stack(list(self._rows.values())) if self._rows else np.empty((0, 0))
        ids = np.array(list(self._rows), np.int64)
        return {"flight_asked": self.asked, "flight_ids": ids, "flight_rows": rows}

    def unpack(self, state: State) -> None:
        """Go back to a state that :meth:`pack` packed (among other entries)."""
        self.asked = int(state.get("flight_asked", 0))
        ids, rows = state.get("flight_ids", ()), state.get("flight_rows", ())
        self._rows = {int(i): np.array(row) for i, row in zip(ids, rows, strict=True)}


class Landed:
    """Results that wait until there are enough to learn from, and the last ones before them.

    Attributes:
        new: Number of those that were not learned from yet, which are the last ones.
    """

    def __init__(self) -> None:
        self.new = 0
        self._rows: list[Floats] = []
        self._scores: list[float] = []
        self._halves: dict[int, tuple[Floats, float]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: Floats, score: float) -> None:
        """Add one, with its numbers ``(k,)``."""
        self._rows.append(row)
        self._scores.append(score)
        self.new += 1

    def add_half(self, pair: int, row: Floats, score: float) -> None:
        """Add one of a pair; it counts as soon as the other one of the same number is here."""
        if pair not in self._halves:
            self._halves[pair] = row, score
            return
        self.add(*self._halves.pop(pair))
        self.add(row, score)

    def latest(self, n: int) -> tuple[Floats, Floats, int]:
        """Return numbers ``(n, k)`` and scores ``(n,)`` of the last ``n``, and how many are new.

        There must be as many. They are kept, to be compared with what lands next.
        """
        self._rows, self._scores = self._rows[-n:], self._scores[-n:]
        new, self.new = min(self.new, n), 0
        return np.stack(self._rows), np.array(self._scores), new

    def clear(self) -> tuple[Floats, Floats]:
        """Return the numbers ``(n, k)`` and scores ``(n,)`` of all, in order; none wait any more.

        There must be one at least.
        """
        rows, scores = np.stack(self._rows), np.array(self._scores)
        self.forget()
        return rows, scores

    def forget(self) -> None:
        """Drop all."""
        self._rows, self._scores, self._halves, self.new = [], [], {}, 0

    def pack(self) -> State:
        """Return everything that changes; nothing where none wait."""
        halves = self._halves.items()
        rows = self._rows + [row for _, (row, _) in halves]
        if not rows:
            return {}
        return {
            "landed_rows": np.stack(rows),
            "landed_scores": np.array(self._scores + [score for _, (_, score) in halves]),
            "landed_halves": np.array(list(self._halves), np.int64),
            "landed_new": self.new,
        }

    def unpack(self, state: State) -> None:
        """Go back to a state that :meth:`pack` packed (among other entries)."""
        rows = [np.array(row) for row in state.get("landed_rows", ())]
        scores = [float(score) for score in state.get("landed_scores", ())]
        pairs = [int(pair) for pair in state.get("landed_halves", ())]
        whole = len(rows) - len(pairs)
        halves = zip(rows[whole:], scores[whole:], strict=True)
        self._halves = dict(zip(pairs, halves, strict=True))
        self._rows, self._scores = rows[:whole], scores[:whole]
        self.new = int(state.get("landed_new", 0))
