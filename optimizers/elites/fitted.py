"""Fitted: a normal distribution with the numbers that are learned.

Updates are those of the cross-entropy method with smoothing: De Boer, Kroese, Mannor & Rubinstein
(2005), A tutorial on the cross-entropy method, Annals of Operations Research 134. Deviations of the
elite from the old mean instead of its own: Ollivier, Arnold, Auger & Hansen (2017),
Information-geometric optimization algorithms, JMLR 18(18).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from l2l.optimizers.common.margin import Margin
from l2l.space import Floats

#: Largest condition number with which points are still drawn.
CONDITION = 1e14


@dataclass(frozen=True)
class Update:
    """How a fit changes a distribution: new = smoothing * old + (1 - smoothing) * fit.

    Attributes:
        mean: Smoothing of the mean (and of the weights of a mixture).
        covariance: Smoothing of the covariance.
        around_old: Whether deviations are taken from the old mean.
        floor: Smallest standard deviation, a number or ``(d,)``.
    """

    mean: float
    covariance: float
    around_old: bool
    floor: Any = 0.0

    def part(self, share: float) -> Update:
        """Return the update for elites that have this share of all weights."""
        mean, covariance = (1 - share * (1 - s) for s in (self.mean, self.covariance))
        return Update(mean, covariance, self.around_old, self.floor)


class FittedGaussian:
    """A normal distribution.

    Args:
        full: Whether its covariance is a matrix or its diagonal.

    Attributes:
        mean: ``(d,)``; empty before it begins.
        covariance: ``(d, d)`` or ``(d,)``.
    """

    def __init__(self, full: bool) -> None:
        self.full = full
        self.mean: Floats = np.empty(0)
        self.covariance: Floats = np.empty(0)

    #: Points that a fit needs at least.
    least = 2

    def begin(self, mean: Floats, sigma: Floats) -> None:
        """Start at a mean ``(d,)`` with standard deviations ``(d,)``."""
        self.mean = mean
        self.covariance = np.diag(sigma**2) if self.full else sigma**2

    @property
    def sigma(self) -> Floats:
        """``(d,)`` standard deviations."""
        return np.sqrt(np.diagonal(self.covariance) if self.full else self.covariance)

    def draw(self, n: int, rng: np.random.Generator, noise: Any = 0.0) -> Floats:
        """Return ``n`` points ``(n, d)``; ``noise`` is a further variance, a number or ``(d,)``."""
        return drawn(self.mean, self.covariance, n, rng, noise)

    def fit(self, points: Floats, weights: Floats, update: Update, rng: Any = None) -> None:
        """Learn from the elite.

        Args:
            points: ``(k, d)``; overwritten.
            weights: ``(k,)`` with the sum 1.
            update: How.
            rng: Not used.
        """
        centre = weights @ points
        points -= self.mean if update.around_old else centre
        if self.full:
            spread = (points.T * weights) @ points
            spread = shrunk(spread, weights, update.covariance)
        else:
            spread = np.einsum("k,kj,kj->j", weights, points, points)
        self.mean = update.mean * self.mean + (1 - update.mean) * centre
        s = update.covariance
        self.covariance = floored(s * self.covariance + (1 - s) * spread, update.floor)

    def keep_margin(self, margin: Margin, alpha: float) -> None:
        """Keep integers changing: see :class:`Margin`."""
        self.mean, self.covariance = with_margin(self.mean, self.covariance, margin, alpha)

    def pack(self) -> dict[str, Floats]:
        """Return all numbers."""
        return {"mean": self.mean, "covariance": self.covariance}

    def unpack(self, packed: Any) -> None:
        """Go back to what :meth:`pack` returned."""
        self.mean, self.covariance = packed["mean"], packed["covariance"]


def shrunk(spread: Floats, weights: Floats, smoothing: float) -> Floats:
    """Return a covariance ``(d, d)`` drawn towards its diagonal where the points are too few.

    Those of the last 1 / (1 - smoothing) generations count; fewer than d + 1 leave it singular
    (Schäfer & Strimmer 2005, target D).
    """
    n = (1 + smoothing) / (1 - smoothing) / float(weights @ weights) if smoothing < 1 else np.inf
    share = min(1.0, n / (len(spread) + 1))
    return spread if share == 1 else share * spread + (1 - share) * np.diag(np.diag(spread))


def floored(covariance: Floats, floor: Any) -> Floats:
    """Return a covariance with standard deviations of ``floor`` at least, in all directions."""
    if not np.any(floor):
        return covariance
    if covariance.ndim == 1:
        wide: Floats = np.maximum(covariance, np.square(floor))
        return wide
    scale = np.broadcast_to(np.asarray(floor, np.float64), len(covariance))
    values, axes = np.linalg.eigh(covariance / np.outer(scale, scale))
    if values[0] >= 1:
        return covariance
    wide = (axes * np.maximum(values, 1.0)) @ axes.T * np.outer(scale, scale)
    return wide


def drawn(mean: Floats, covariance: Floats, n: int, rng: np.random.Generator, noise: Any) -> Floats:
    """Return ``n`` points ``(n, d)`` of a normal distribution; ``noise`` is a further variance."""
    points = rng.standard_normal((n, len(mean)))
    if covariance.ndim == 1:
        points *= np.sqrt(covariance + noise)
    else:
        if np.any(noise):
            covariance = covariance + np.diag(np.broadcast_to(noise, len(mean)))
        points = points @ root(covariance).T
    points += mean
    return points


def root(covariance: Floats) -> Floats:
    """Return a matrix ``(d, d)`` whose product with its transpose is a covariance."""
    try:
        return np.asarray(np.linalg.cholesky(covariance), np.float64)
    except np.linalg.LinAlgError:  # singular within rounding
        values, axes = np.linalg.eigh(covariance)
        least = max(float(values[-1]), 0.0) / CONDITION
        scaled: Floats = axes * np.sqrt(np.maximum(values, least))
        return scaled


def with_margin(
    mean: Floats, covariance: Floats, margin: Margin, alpha: float
) -> tuple[Floats, Floats]:
    """Return mean and covariance with which integers keep changing: see :class:`Margin`."""
    full = covariance.ndim == 2
    sigma = np.sqrt(np.diagonal(covariance) if full else covariance)
    mean, wider = margin.corrected(mean, sigma, alpha)
    ratio = np.divide(wider, sigma, out=np.ones_like(wider), where=sigma > 0)
    return mean, covariance * (np.outer(ratio, ratio) if full else ratio**2)
