"""Hall of fame: the best that a run has found, whatever becomes of the population."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.optimizers.genetic.variation import distinct
from l2l.space import Floats


@dataclass(frozen=True)
class HallOfFame:
    """The best distinct individuals ever evaluated, best first.

    Attributes:
        points: ``(k, d)`` search coordinates.
        scores: ``(k,)`` fitness times weights.
        ids: ``(k,)`` numbers of their evaluations in the run.
    """

    points: Floats
    scores: Floats
    ids: NDArray[np.int64]

    @classmethod
    def empty(cls, d: int) -> HallOfFame:
        """Return the one of a run that has not begun."""
        return cls(np.empty((0, d)), np.empty(0), np.empty(0, np.int64))

    def with_more(self, points: Floats, scores: Floats, ids: Any, size: int) -> HallOfFame:
        """Return the best ``size`` of these and more; of equals the one evaluated first."""
        worthy = np.isfinite(scores)
        if len(self.scores) == size:
            worthy &= scores > self.scores[-1]
        if not worthy.any():
            return self
        new = np.flatnonzero(worthy)
        rows = [*self.points, *(points[place] for place in new)]  # views
        scores = np.concatenate([self.scores, scores[new]])
        ids = np.concatenate([self.ids, np.asarray(ids)[new]])
        best = distinct(rows, np.argsort(-scores, kind="stable").tolist(), size)
        return HallOfFame(np.array([rows[i] for i in best]), scores[best], ids[best])
