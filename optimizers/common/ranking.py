"""Ranks and rank-based weights, in which equal scores count the same.

Without that the order of equal scores, which means nothing, makes a distribution drift where the
fitness is flat.
"""

from __future__ import annotations

import numpy as np

from l2l.space import Floats


def shared(scores: Floats, by_rank: Floats) -> Floats:
    """Return what each individual gets of values given out by rank.

    Args:
        scores: ``(n,)``, larger is better; -inf for what failed, which ties with its like.
        by_rank: ``(n,)``, the best one's value first.

    Returns:
        ``(n,)``; individuals with equal scores share the mean of what their ranks get.
    """
    order = np.argsort(-scores, kind="stable")
    values = np.empty(len(scores))
    in_order = scores[order]
    first = np.flatnonzero(in_order[1:] != in_order[:-1]) + 1
    if len(first) + 1 == len(scores):  # no ties
        values[order] = by_rank
        return values
    starts = np.concatenate([[0], first])
    sizes = np.diff(np.concatenate([starts, [len(scores)]]))
    values[order] = np.repeat(np.add.reduceat(by_rank, starts) / sizes, sizes)
    return values


def centred_ranks(scores: Floats) -> Floats:
    """Return ranks ``(n,)`` mapped to -0.5 (worst) .. 0.5 (best)."""
    n = len(scores)
    return shared(scores, np.linspace(0.5, -0.5, n) if n > 1 else np.zeros(n))
