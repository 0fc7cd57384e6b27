"""Searches without a run: what the tests of several optimizers play."""

from __future__ import annotations

import numpy as np

from l2l.evaluation import Evaluations


def run(optimizer, score, evaluations):
    """Return the points of each generation; at least so many evaluations, or to the end."""
    used, trace = 0, []
    while used < evaluations and optimizer.done is None:
        points = optimizer.ask()
        trace.append(points.copy())
        optimizer.tell(Evaluations.of(points, score(points), used))
        used += len(points)
    return trace


def sphere(points):
    """Return scores ``(n,)`` with their maximum 0 at the origin."""
    return -np.square(points).sum(axis=1)
