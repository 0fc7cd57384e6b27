"""When a CMA-ES has converged, or gets nowhere.

The criteria and their names are those of Hansen (2016), arXiv:1604.00772, section B.3, and of
Hansen (2009), Benchmarking a BI-population CMA-ES on the BBOB-2009 function testbed.
"""

from __future__ import annotations

import math

import numpy as np

from l2l.space import Floats

#: Condition number of C beyond which its decomposition means nothing.
CONDITION = 1e14
#: A step size that has grown by this factor was far too small, or the search diverges.
GROWTH = 1e4
#: Stagnation looks back over no more generations than this.
LONGEST = 20_000
#: Stagnation compares the medians of the first and of the last 30 % of a history.
SHARE = 0.3
#: Generations between two looks for stagnation, which cost more than all other criteria.
EVERY = 10


class Stopping:
    """The criteria of one start, and what they remember.

    Args:
        d: Number of coordinates.
        pop_size: Individuals of a generation.
        tol_x: Smallest standard deviation, relative to the first one.
        tol_fun: Smallest range of scores.

    Attributes:
        generations: Number of generations of this start.
        best: Best score of each of the last generations.
        median: Median score of each of the last generations.
    """

    def __init__(self, d: int, pop_size: int, tol_x: float, tol_fun: float) -> None:
        self.tol_x, self.tol_fun = tol_x, tol_fun
        self.window = 10 + math.ceil(30 * d / pop_size)
        self.patience = 120 + math.ceil(30 * d / pop_size)
        self.longest = 100 + int(50 * (d + 3) ** 2 / math.sqrt(pop_size))
        self.generations = 0
        self.best: list[float] = []
        self.median: list[float] = []

    def note(self, ordered: Floats) -> None:
        """Remember a generation by the scores ``(n,)`` of its good evaluations, best first."""
        self.generations += 1
        self.best.append(float(ordered[0]))
        self.median.append(float(ordered[len(ordered) // 2]))
        if len(self.best) > 2 * LONGEST:
            del self.best[:LONGEST], self.median[:LONGEST]

    def by_scores(self, spread: float) -> str | None:
        """Return why the scores say that this start is over, or None.

        Args:
            spread: Range of the scores of the last generation.
        """
        if self.generations >= self.longest:
            return f"MaxIter: {self.generations} generations without convergence"
        if self.generations >= self.window:
            recent = self.best[-self.window :]
            around = max(recent) - min(recent)
            if around == 0.0 or max(around, spread) < self.tol_fun:
                name = "TolFunHist" if around == 0.0 else "TolFun"
                return (
                    f"{name}: the best scores of {self.window} generations lie within {around:.1e}"
                )
        if self.generations % EVERY == 0 and self._stagnates():
            return f"Stagnation: no better scores than {self._span} generations ago"
        return None

    def by_steps(
        self, mean: Floats, steps: Floats, path: Floats, first: Floats, axis: Floats | None
    ) -> str | None:
        """Return why the distribution says that this start is over, or None.

        Args:
            mean: ``(k,)`` of the distribution.
            steps: ``(k,)`` its standard deviations.
            path: ``(k,)`` path of the covariance, in the same units.
            first: ``(k,)`` the first standard deviations.
            axis: ``(k,)`` one principal axis, or None.
        """
        if not len(mean):  # integers only: their margin keeps the steps up
            return None
        widest = float((steps / first).max())
        if not widest <= GROWTH:
            return f"TolXUp: a standard deviation has grown more than {GROWTH:g}-fold"
        if widest < self.tol_x and (np.abs(path) < self.tol_x * first).all():
            return f"TolX: all standard deviations are below {self.tol_x:g} of the first ones"
        if (mean + 0.2 * steps == mean).any():
            return "NoEffectCoord: a fifth of a standard deviation changes a coordinate no more"
        if axis is not None and (mean + 0.1 * axis == mean).all():
            return "NoEffectAxis: a tenth of a standard deviation along an axis changes nothing"
        return None

    @property
    def _span(self) -> int:
        return min(LONGEST, max(self.patience, self.generations // 5))

    def _stagnates(self) -> bool:
        span = self._span
        if self.generations < span:
            return False
        part = int(SHARE * span)
        histories = (self.best[-span:], self.median[-span:])
        return all(np.median(h[-part:]) <= np.median(h[:part]) for h in histories)

    def pack(self) -> Floats:
        """Return the histories, ``(2, 1 + k)``, after the number of generations."""
        number = float(self.generations)
        return np.array([[number, *self.best], [number, *self.median]])

    def unpack(self, packed: Floats) -> None:
        """Go back to what :meth:`pack` packed."""
        self.generations = int(packed[0, 0])
        self.best, self.median = packed[0, 1:].tolist(), packed[1, 1:].tolist()
