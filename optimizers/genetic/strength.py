"""Strength of mutation, by the success rule.

Rechenberg (1973), Evolutionsstrategie; Schwefel (1981), Numerical Optimization of Computer Models:
steps grow while more than a fifth of the mutated are better than before, and shrink while fewer
are. In the smooth form of Kern et al. (2004), Natural Computing 3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l2l.space import Floats

#: Rate of success at which the strength stays as it is.
TARGET = 0.2
#: ln(strength) changes by this in a generation in which all are mutated and successful.
SPEED = 2.0
#: The strength in units of the first one.
LEAST, MOST = 1e-14, 30.0
#: Genes differ in their steps by at most this factor from their (geometric) mean.
WIDEST = 1e4


class Strength:
    """Two factors that adapt: of mutations of a few genes, and of those of all genes.

    Args:
        adapts: Whether they do, or stay 1.
        few_too: Whether also that of mutations of a few genes does: else these go on exploring.

    Attributes:
        factors: ``(2,)`` what steps are multiplied with.
    """

    def __init__(self, adapts: bool, few_too: bool = True) -> None:
        self.adapts, self.few_too = adapts, few_too
        self.factors = np.ones(2)

    def learn(self, kinds: NDArray[np.int64], better: NDArray[np.bool_], pop_size: int) -> None:
        """Adapt to a generation.

        Args:
            kinds: ``(k,)`` 0 or 1 of each mutated child: which factor it was mutated with.
            better: ``(k,)`` whether it is better than the better one of its parents.
            pop_size: Individuals of a full generation; smaller ones count less.
        """
        if not self.adapts:
            return
        n = np.bincount(kinds, minlength=2)
        rate = np.bincount(kinds, better, minlength=2) / np.maximum(n, 1)
        change = SPEED * n / pop_size * (rate - TARGET) / (1 - TARGET)
        change[0] *= self.few_too
        self.factors = np.clip(self.factors * np.exp(change), LEAST, MOST)


def shape(spread: Floats) -> Floats:
    """Return what the steps of the genes are to each other, ``(d,)`` with geometric mean about 1.

    Args:
        spread: ``(d,)`` standard deviations of the population; 0 where all are equal.
    """
    largest = spread.max()
    if not largest > 0:
        return np.ones_like(spread)
    logs = np.log(np.maximum(spread, largest / WIDEST**2))
    relative: Floats = np.exp(logs - logs.mean())
    return np.clip(relative, 1 / WIDEST, WIDEST)
