"""Integers and choices in a search with a normal distribution: the margin.

Hamano, Saito, Nomura & Shirakawa (2022), CMA-ES with margin: lower-bounding marginal probability
for mixed-integer black-box optimization, GECCO (arXiv:2205.13482). Plain rounding lets the
distribution shrink within one integer, from where it sees no other one again.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from l2l.space import Floats, ParameterSpace

_NORMAL = NormalDist()
_quantile = np.vectorize(_NORMAL.inv_cdf, otypes=[np.float64])
_probability = np.vectorize(_NORMAL.cdf, otypes=[np.float64])


def whole_columns(space: ParameterSpace) -> NDArray[np.bool_]:
    """Return which columns ``(d,)`` hold integers or choices."""
    return np.concatenate([np.full(p.size, p.kind != "float") for p in space.parameters])


class Margin:
    """Keeps the probability of leaving the mean's integer up.

    Args:
        space: The parameter space.
    """

    def __init__(self, space: ParameterSpace) -> None:
        self.space = space
        self.columns = np.flatnonzero(whole_columns(space))

    def __bool__(self) -> bool:
        return bool(len(self.columns))

    def corrected(self, mean: Floats, steps: Floats, alpha: float) -> tuple[Floats, Floats]:
        """Return a mean ``(d,)`` and standard deviations ``(d,)`` that respect the margin.

        Args:
            mean: ``(d,)`` in search coordinates.
            steps: ``(d,)`` standard deviations of each column.
            alpha: Least probability of another value than the one in which the mean lies.
        """
        low, high = self._thresholds(mean)
        m, s = mean[self.columns], steps[self.columns]
        with np.errstate(invalid="ignore"):
            down, up = np.isfinite(low), np.isfinite(high)
            far = float(-_NORMAL.inv_cdf(alpha)) * s
            m = np.where(down & ~up, np.minimum(m, low + far), m)  # (12): at the upper end
            m = np.where(up & ~down, np.maximum(m, high - far), m)
            reach = float(-_NORMAL.inv_cdf(alpha / 2)) * s
            narrow = down & up & ((m - low > reach) | (high - m > reach))
        if narrow.any():
            m[narrow], s[narrow] = _widened(m[narrow], s[narrow], low[narrow], high[narrow], alpha)
        mean, steps = mean.copy(), steps.copy()
        mean[self.columns], steps[self.columns] = m, s
        return mean, steps

    def _thresholds(self, mean: Floats) -> tuple[Floats, Floats]:
        """Return where the integer of each column begins and ends; +-inf at the ends of all."""
        space = self.space
        value = space.repair(space.from_search(mean[None]))
        ends = []
        for half in (-0.5, 0.5):
            other = space.repair(value + 2 * half)  # the next value, unless this is the last
            with np.errstate(invalid="ignore", divide="ignore"):
                edge = space.to_search(value + half)
            edge = np.where(other == value, np.copysign(np.inf, half), edge)
            ends.append(np.nan_to_num(edge, nan=-np.inf, posinf=np.inf, neginf=-np.inf))
        return ends[0][0, self.columns], ends[1][0, self.columns]


def _widened(
    mean: Floats, step: Floats, low: Floats, high: Floats, alpha: float
) -> tuple[Floats, Floats]:
    """Return means and steps with at least ``alpha / 2`` of the probability on either side."""
    below = np.maximum(_probability((low - mean) / step), 1e-300)
    above = np.maximum(_probability((mean - high) / step), 1e-300)
    inside = 1 - below - above
    at_least_below, at_least_above = np.maximum(alpha / 2, below), np.maximum(alpha / 2, above)
    total = at_least_below + inside + at_least_above
    excess = (1 - total) / (total - 1.5 * alpha)  # (17), (18): the sum becomes 1
    below = at_least_below + excess * (at_least_below - alpha / 2)
    above = at_least_above + excess * (at_least_above - alpha / 2)
    under, over = (-_quantile(np.clip(p, 1e-300, 0.5)) for p in (below, above))
    both = under + over
    return (low * over + high * under) / both, (high - low) / both  # (20), (21)
