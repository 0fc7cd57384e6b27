"""Operators of genetic algorithms on whole populations.

Each draws what the operator of the same kind in DEAP draws (Fortin et al. 2012, DEAP:
evolutionary algorithms made easy, JMLR 13), with the same distribution, for all individuals at
once. Rows are worked on in blocks that stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from l2l.space import Floats

Places = NDArray[np.int64]
#: Numbers that are worked on at a time.
BLOCK = 2**14
#: Genes closer than this are equal to SBX (as in the code of NSGA-II).
EQUAL = 1e-14


def tournament(scores: Floats, n: int, size: int, rng: np.random.Generator) -> Places:
    """Return the places ``(n,)`` of the winners of ``n`` tournaments.

    Args:
        scores: ``(m,)``; larger is better.
        n: Number of tournaments.
        size: Candidates of each, drawn with replacement; of equals the one drawn first wins.
        rng: Draws them.
    """
    drawn = rng.integers(len(scores), size=(n, size))
    winners: Places = drawn[np.arange(n), scores[drawn].argmax(axis=1)]
    return winners


def blend(points: Floats, pairs: Places, alpha: float, rng: np.random.Generator) -> None:
    """Mate rows by BLX-alpha (Eshelman & Schaffer 1993), in place.

    Each gene of a child is uniform between those of its parents, and ``alpha`` times their
    distance beyond; the two children lie symmetrically.

    Args:
        points: ``(n, d)``.
        pairs: ``(k,)`` rows of first parents; the row below is the second one.
        alpha: Reach beyond the parents.
        rng: Draws where between them.
    """
    for rows in blocks(pairs, points.shape[1]):
        first, second = points[rows], points[rows + 1]
        step = rng.random(first.shape)
        step *= 1 + 2 * alpha
        step -= alpha
        step *= second - first
        points[rows] = first + step
        points[rows + 1] = second - step


def simulated_binary(points: Floats, pairs: Places, eta: float, rng: np.random.Generator) -> None:
    """Mate rows by bounded SBX in the unit cube, in place.

    Deb & Agrawal (1995), Complex Systems 9; bounded as in the code of NSGA-II (Deb et al. 2002):
    half of the genes take part, and those of the children are exchanged with probability 1/2.

    Args:
        points: ``(n, d)`` within 0..1.
        pairs: ``(k,)`` rows of first parents; the row below is the second one.
        eta: Crowding; higher: children nearer to their parents.
        rng: Draws all of it.
    """
    for rows in blocks(pairs, points.shape[1]):
        first, second = points[rows], points[rows + 1]
        mated = np.flatnonzero((rng.random(first.shape) <= 0.5) & (np.abs(first - second) > EQUAL))
        a, b = first.ravel()[mated], second.ravel()[mated]
        x1, x2, u = np.minimum(a, b), np.maximum(a, b), rng.random(len(mated))
        c1 = 0.5 * (x1 + x2 - _spread(u, x1, x2 - x1, eta) * (x2 - x1))
        c2 = 0.5 * (x1 + x2 + _spread(u, 1 - x2, x2 - x1, eta) * (x2 - x1))
        exchanged = rng.random(len(mated)) <= 0.5
        first.ravel()[mated] = np.clip(np.where(exchanged, c2, c1), 0.0, 1.0)
        second.ravel()[mated] = np.clip(np.where(exchanged, c1, c2), 0.0, 1.0)
        points[rows], points[rows + 1] = first, second


def _spread(u: Floats, room: Floats, distance: Floats, eta: float) -> Floats:
    """Return SBX's spread factors, cut off so that no child leaves the box."""
    alpha = 2.0 - np.exp(-(eta + 1) * np.log1p(2.0 * room / distance))
    share = u * alpha
    base = np.where(share <= 1.0, share, 1.0 / (2.0 - share))
    with np.errstate(divide="ignore"):
        return np.asarray(np.exp(np.log(base) / (eta + 1)))  # cheaper than a power


def polynomial(genes: Floats, eta: float | Floats, rng: np.random.Generator) -> Floats:
    """Return genes ``(k,)`` of the unit cube after polynomial mutation.

    Deb & Goyal (1996), Computer Science and Informatics 26; bounded as in the code of NSGA-II.

    Args:
        genes: Within 0..1.
        eta: Crowding, one or ``(k,)``; higher: smaller steps. They shrink as ``1 / (eta + 1)``.
        rng: Draws the steps.
    """
    u = rng.random(len(genes))
    down = u < 0.5
    room = np.where(down, genes, 1.0 - genes)
    v = np.where(down, u, 1.0 - u)
    with np.errstate(divide="ignore"):
        base = 2.0 * v + (1.0 - 2.0 * v) * np.exp((eta + 1.0) * np.log1p(-room))
        step = -np.expm1(np.log(base) / (eta + 1.0))  # exact for steps of any size
    return np.clip(np.where(down, genes - step, genes + step), 0.0, 1.0)


def some_genes(n: int, d: int, share: float, rng: np.random.Generator) -> tuple[Places, Places]:
    """Return rows and columns of those of ``n * d`` genes that each have a probability ``share``.

    Where it is small their number is drawn first, and then which: a draw for every gene would cost
    more than all else.
    """
    if share >= 1.0:
        rows, columns = np.divmod(np.arange(n * d), d)  # all
    elif n * d > BLOCK and share < 0.05:
        k = int(rng.binomial(n * d, share))
        rows, columns = np.divmod(np.sort(rng.choice(n * d, k, replace=False, shuffle=False)), d)
    else:
        rows, columns = np.nonzero(rng.random((n, d)) < share)
    return rows, columns


def deviations(points: Floats) -> Floats:
    """Return the standard deviations ``(d,)`` of the columns of points ``(n, d)``."""
    spread = np.empty(points.shape[1])
    width = max(1, BLOCK // len(points))
    for start in range(0, len(spread), width):
        spread[start : start + width] = points[:, start : start + width].std(axis=0)
    return spread


def blocks(rows: Places, d: int) -> Iterator[Places]:
    """Yield rows, as many at a time as hold a block of numbers."""
    k = max(1, BLOCK // d)
    return (rows[start : start + k] for start in range(0, len(rows), k))
