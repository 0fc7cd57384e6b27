"""Reduction: one number of the evaluations in each cell."""

from __future__ import annotations

import numpy as np

from l2l.evaluation import Floats, Ints

#: What a cell may show of its evaluations; ``best`` is the value of the one with the best fitness.
STATISTICS = ("mean", "std", "min", "max", "best", "count")


def reduced(statistic: str, cells: Ints, values: Floats, n: int) -> Floats:
    """Return one number a cell, ``(n,)``: NaN where a cell has none.

    Args:
        statistic: One of :data:`STATISTICS`.
        cells: ``(k,)`` the cell of each evaluation; for ``best`` in rising order of their worth.
        values: ``(k,)`` finite numbers.
        n: Number of cells.
    """
    count = np.bincount(cells, minlength=n)
    found = np.full(n, np.nan)
    there = count > 0
    if statistic == "count":
        found[there] = count[there]
    elif statistic in ("min", "max"):
        (np.fmin if statistic == "min" else np.fmax).at(found, cells, values)
    elif statistic == "best":
        found[cells] = values  # the last one stays
    else:
        mean = np.bincount(cells, values, n)[there] / count[there]
        found[there] = mean
        if statistic == "std":
            squares = np.bincount(cells, (values - found[cells]) ** 2, n)
            found[there] = np.sqrt(squares[there] / count[there])
    return found
