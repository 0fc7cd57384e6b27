"""Tally: what is counted while results land; and which ids are there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.evaluation import Floats, Status
from l2l.store.blocks import Block


@dataclass(frozen=True)
class Best:
    """The best evaluation so far: largest score, and of equals the smallest id.

    Attributes:
        id: Its number in the run.
        generation: Number of its generation.
        score: Fitness times weights.
        fitness: ``(m,)``.
        values: ``(d,)`` parameters in their own units.
        row: Its row in the history, in order of landing.
    """

    id: int
    generation: int
    score: float
    fitness: Floats
    values: Floats
    row: int


@dataclass
class Tally:
    """Running counts of a run.

    Attributes:
        weights: One an objective; fitness times weights is maximised.
        n: Number of evaluations recorded.
        by_status: How many ended how.
        best: The best evaluation that ended ok, or None.
        generation: Largest generation of which something is recorded, or None.
        began: Unix time at which the first evaluation started, in s, or None.
        ended: Unix time at which the last one ended, in s, or None.
    """

    weights: tuple[float, ...]
    n: int = 0
    by_status: dict[Status, int] = field(default_factory=lambda: dict.fromkeys(Status, 0))
    best: Best | None = None
    generation: int | None = None
    began: float | None = None
    ended: float | None = None

    @property
    def ok(self) -> int:
        """Number of evaluations that ended ok."""
        return self.by_status[Status.OK]

    @property
    def bad(self) -> int:
        """Number of evaluations that did not end ok."""
        return self.n - self.ok

    #: The columns that :meth:`add` looks at.
    NEEDS = ("id", "generation", "status", "fitness", "started", "duration", "parameters")

    def add(self, block: Block) -> None:
        """Count the rows of a block."""
        n = len(block["id"])
        if not n:
            return
        status, started = block["status"], block["started"]
        if status.any():
            for number, count in enumerate(np.bincount(status).tolist()):
                if count:
                    self.by_status[Status(number)] += count
            self._consider(block, status == Status.OK)
        else:
            self.by_status[Status.OK] += n
            self._consider(block, None)
        began = float(started.min())
        ended = float((started + block["duration"]).max())
        self.began = began if self.began is None else min(self.began, began)
        self.ended = ended if self.ended is None else max(self.ended, ended)
        self.generation = max(self.generation or 0, int(block["generation"].max()))
        self.n += n

    def _consider(self, block: Block, ok: NDArray[np.bool_] | None) -> None:
        """Look for a better one among the rows, or among those that are ok."""
        scores = scores_of(block["fitness"], self.weights)
        if ok is not None:
            scores[~ok] = np.nan
        top = float(np.fmax.reduce(scores))
        best = self.best
        if not top >= (-math.inf if best is None else best.score):
            return  # nor if all are NaN
        equals = np.flatnonzero(scores == top)
        row = int(equals[np.argmin(block["id"][equals])])
        number = int(block["id"][row])
        if best is None or top > best.score or number < best.id:
            self.best = Best(
                id=number,
                generation=int(block["generation"][row]),
                score=top,
                fitness=block["fitness"][row].copy(),
                values=block["parameters"][row].copy(),
                row=self.n + row,
            )

    def describe(self) -> dict[str, Any]:
        """Return the counts as plain data; the best one's values are found by its row."""
        best = self.best
        return {
            "n": self.n,
            "by_status": {s.name.lower(): count for s, count in self.by_status.items()},
            "generation": self.generation,
            "began": self.began,
            "ended": self.ended,
            "best": None
            if best is None
            else {
                "id": best.id,
                "generation": best.generation,
                "score": best.score,
                "fitness": best.fitness.tolist(),
                "row": best.row,
            },
        }

    @classmethod
    def from_description(
        cls, description: dict[str, Any], weights: tuple[float, ...], values_of: Any
    ) -> Tally:
        """Return the tally that was described; ``values_of(row)`` gives parameters of a row."""
        best = description["best"]
        if best is not None:
            fitness = np.asarray(best["fitness"], np.float64)
            best = Best(**{**best, "fitness": fitness, "values": values_of(best["row"])})
        statuses = dict.fromkeys(Status, 0)
        for name, count in description["by_status"].items():
            statuses[Status[name.upper()]] = count
        counts = {key: description[key] for key in ("n", "generation", "began", "ended")}
        return cls(weights, by_status=statuses, best=best, **counts)


def scores_of(fitness: Floats, weights: Sequence[float]) -> Floats:
    """Return fitness times weights ``(n,)``, in a sum whose order never depends on n."""
    scores: Floats = fitness[:, 0] * weights[0]
    for place in range(1, len(weights)):
        scores += fitness[:, place] * weights[place]
    return scores


class IdSet:
    """Which ids are recorded: all below ``complete``, and some above it."""

    def __init__(self, ids: NDArray[np.int64] | None = None) -> None:
        self.complete = 0
        self._above: set[int] = set()
        if ids is not None and len(ids):
            ids = np.sort(ids)
            gaps = np.flatnonzero(ids != np.arange(len(ids)))
            self.complete = int(gaps[0]) if len(gaps) else len(ids)
            self._above = set(ids[self.complete :].tolist())

    def new(self, ids: NDArray[np.int64]) -> NDArray[np.bool_] | None:
        """Return which ids are neither recorded nor named twice; None if all of them."""
        numbers = ids.tolist()
        first, n = numbers[0], len(numbers)
        if first >= self.complete and not self._above and numbers == [*range(first, first + n)]:
            return None
        seen: set[int] = set()
        fresh = []
        for number in numbers:
            known = number < self.complete or number in self._above or number in seen
            fresh.append(not known)
            seen.add(number)
        return None if all(fresh) else np.array(fresh)

    def add(self, ids: NDArray[np.int64]) -> None:
        """Take ids that are new."""
        self._above.update(ids.tolist())
        while self.complete in self._above:
            self._above.remove(self.complete)
            self.complete += 1
