"""Elite: the individuals from which a distribution is learned, and how much each counts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from l2l.optimizers.common import ranking
from l2l.space import Floats


def weights(
    scores: Floats, n: int, log: bool, temperature: float, rng: np.random.Generator
) -> Floats:
    """Return what each individual counts.

    Args:
        scores: ``(k,)``, larger is better; -inf for what failed.
        n: Number of elites. Ties at the edge share what is left.
        log: Whether better ones count more: ln(n + 1/2) - ln(rank), the recombination weights
            of CMA-ES (Hansen 2016, arXiv:1604.00772), or all the same.
        temperature: At which others are accepted too, each as the worst elite; 0: none are.
        rng: For these.

    Returns:
        ``(k,)`` with the sum 1; 0 where it is no elite.
    """
    n = min(n, len(scores))
    by_rank = np.zeros(len(scores))
    by_rank[:n] = math.log(n + 0.5) - np.log(np.arange(1, n + 1)) if log else 1.0
    shares = ranking.shared(scores, by_rank)
    if temperature > 0 and n < len(scores):
        shares[accepted(scores, n, temperature, rng)] = by_rank[n - 1]
    shares[~np.isfinite(scores)] = 0.0
    return shares / max(float(shares.sum()), 1e-300)


def accepted(scores: Floats, n: int, temperature: float, rng: np.random.Generator) -> Any:
    """Return ``(k,)`` which individuals below the best ``n`` are taken too.

    Metropolis' rule (Metropolis et al. 1953): each with probability exp(-D / T), where D is how
    much its own score is worse than that of the worst elite, in standard deviations of the scores.
    """
    good = np.isfinite(scores)
    worst = np.sort(scores)[-n]
    unit = float(scores[good].std()) * temperature
    luck = rng.random(len(scores))
    if not (unit > 0 and np.isfinite(worst)):
        return np.zeros(len(scores), np.bool_)
    return good & (scores < worst) & (luck < np.exp(np.minimum(scores - worst, 0.0) / unit))


def rate(n: float, d: int, full: bool) -> float:
    """Return the share of the covariance that ``n`` effective elites may replace.

    A full covariance has d times as many directions as a diagonal one has numbers to learn; found
    on bbob (see the documentation), and of the order of the rate of CMA-ES's rank-mu update.
    """
    return min(0.7, n / (2.5 * d + 3)) if full else n / (n + 5 * math.sqrt(d))
