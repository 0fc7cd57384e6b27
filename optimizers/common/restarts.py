"""Restarts: what a search does when it has converged.

IPOP: Auger & Hansen (2005), A restart CMA evolution strategy with increasing population size,
CEC 2005. BIPOP: Hansen (2009), Benchmarking a BI-population CMA-ES on the BBOB-2009 function
testbed, GECCO workshop.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Choices of an option ``restarts``.
KINDS = ("auto", "none", "same", "ipop", "bipop")
#: What an option ``restarts`` says of them.
MEANING = (
    "what follows convergence: none (the run ends), same (a start elsewhere with a population of "
    "the same size), ipop and bipop (larger ones); auto is same if pop_size is given, else ipop"
)
#: The population never grows beyond so many times its first size (a flat fitness would let it).
MOST = 2**9


class Restarts:
    """Population size and step size of each restart.

    Args:
        kind: ``none``, ``same`` (each restart is as large as the first start), ``ipop`` (each
            restart doubles the population) or ``bipop`` (large populations as in IPOP and small
            ones with small steps take turns, so that both have used the same number of
            evaluations; a small one may use half of what the last large one did). ``auto`` is
            ``same`` where the user has fixed the size, for whom a generation must not become more
            costly in the middle of a run, and else ``ipop``.
        pop_size: Of the first start.
        fixed: Whether the user has given it.

    Attributes:
        n: Number of restarts so far.
        pop_size: Of the current start.
        sigma_factor: What the first step size is multiplied with, in the current start.
        used: Evaluations of the current start.
    """

    def __init__(self, kind: str, pop_size: int, fixed: bool = False) -> None:
        self.kind = kind if kind != "auto" else "same" if fixed else "ipop"
        self.fixed = fixed
        self.first = self.pop_size = pop_size
        self.n = 0
        self.sigma_factor = 1.0
        self.used = 0
        self._last_large = 0  # evaluations of the last start with a large population
        self._large = 0  # doublings so far
        self._small_now = False
        self._spent = [0, 0]  # evaluations with large and small populations

    def suit(self, in_flight: int, d: int) -> bool:
        """Let the first start suit so many points in flight; return whether that is a change.

        One by one, a population smaller than that learns from what distributions of long ago have
        drawn; but beyond some 2 d individuals each evaluation teaches less, and that costs more.
        A size that the user has fixed stays.
        """
        pop_size = min(3 * in_flight // 2, 2 * d + 4)
        if self.fixed or pop_size <= self.first:
            return False
        self.first = self.pop_size = pop_size
        return True

    def count(self, evaluations: int) -> None:
        """Note evaluations that the current start has used."""
        self._spent[self._small_now] += evaluations
        self.used += evaluations

    @property
    def exhausted(self) -> bool:
        """Whether the current start has used what it may; only small ones of BIPOP have a limit."""
        return self._small_now and self.used >= 0.5 * self._last_large

    def next(self, rng: np.random.Generator) -> bool:
        """Go on to the next start; return False where there is none."""
        if self.kind == "none":
            return False
        self.n += 1
        if not self._small_now:
            self._last_large = self.used
        self.used = 0
        self._small_now = self.kind == "bipop" and self.n > 1 and self._spent[1] < self._spent[0]
        if self._small_now:
            large = min(self.first * 2**self._large, self.first * MOST)
            share = float(rng.random()) ** 2
            self.pop_size = int(self.first * (0.5 * large / self.first) ** share)
            self.sigma_factor = float(10.0 ** (-2.0 * rng.random()))
        else:
            self._large += self.kind != "same"
            self.pop_size = min(self.first * 2**self._large, self.first * MOST)
            self.sigma_factor = 1.0
        return True

    def pack(self) -> NDArray[np.float64]:
        """Return everything that changes, ``(10,)``."""
        now = [self.n, self.pop_size, self.sigma_factor, self.used]
        return np.array(
            [*now, self._last_large, self._large, self._small_now, *self._spent, self.first],
            np.float64,
        )

    def unpack(self, packed: Any) -> None:
        """Go back to a state that :meth:`pack` packed."""
        n, pop_size, factor, used, last_large, large, small, *rest = (float(x) for x in packed)
        self.used, self._last_large = int(used), int(last_large)
        self.n, self.pop_size, self.sigma_factor = int(n), int(pop_size), factor
        self._large, self._small_now = int(large), bool(small)
        self._spent, self.first = [int(x) for x in rest[:2]], int(rest[2])
