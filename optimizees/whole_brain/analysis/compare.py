"""Comparing connectomes and distributions: correlation, Kolmogorov-Smirnov, identifiability.

Plain functions of arrays, in float64; also for functional connectivity that an observer gathered on
the fly. None takes NaN out: what is not defined comes out as NaN.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from l2l.errors import ConfigError, nearest
from l2l.optimizees.whole_brain.model import Floats


@functools.lru_cache(maxsize=8)
def pairs(n: int) -> npt.NDArray[np.intp]:
    """Return the places of the pairs i < j in a raveled ``(n, n)`` matrix, row by row."""
    i, j = np.triu_indices(n, 1)
    return np.asarray(i * n + j, dtype=np.intp)


def upper(matrix: npt.NDArray[Any]) -> Floats:
    """Return the entries above the diagonal, ``(..., n (n - 1) / 2)`` of ``(..., n, n)``."""
    n = matrix.shape[-1]
    return matrix.reshape(*matrix.shape[:-2], n * n)[..., pairs(n)]


def correlation(a: Floats, b: Floats) -> float:
    """Return Pearson's correlation of all entries; NaN where one is constant."""
    x = np.asarray(a, dtype=np.float64).ravel()
    y = np.asarray(b, dtype=np.float64).ravel()
    x, y = x - x.mean(), y - y.mean()
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(x @ y / np.sqrt((x @ x) * (y @ y)))


def fcsc(fc: Floats, weights: Floats) -> float:
    """Return the correlation of functional and structural connectivity, all entries.

    The diagonal counts, as in the fitness of the L2L paper (Yegenoglu et al. 2022, listing 2) and
    in TVB-HPC's ``corr_FC_SC``. Dividing the weights by their maximum changes nothing.
    """
    return correlation(fc, weights)


def ks_distance(a: Floats, b: Floats) -> float:
    """Return the Kolmogorov-Smirnov distance of two samples, 0..1; NaN where one holds NaN."""
    x, y = np.sort(np.ravel(a)), np.sort(np.ravel(b))
    if not len(x) or not len(y) or np.isnan(x[-1]) or np.isnan(y[-1]):  # NaN sorts last
        return float("nan")
    both = np.concatenate([x, y])
    shares = [np.searchsorted(v, both, side="right") / len(v) for v in (x, y)]
    return float(np.abs(shares[0] - shares[1]).max())


def identifiability(test: Floats, retest: Floats, similarity: str = "pearson") -> dict[str, float]:
    """Return how well subjects are told apart by their connectomes of two sessions.

    Amico & Goni 2018, Sci. Rep. 8:8254: the mean similarity of a subject's two connectomes, less
    the mean similarity of different subjects' ones, times 100. Jaccard's similarity,
    ``sum min(p, q) / sum max(p, q)``, as in Moon et al. 2022 (eq. 7), is for weights >= 0.

    Args:
        test: ``(subjects, n, n)``, of which the entries above the diagonal count, or
            ``(subjects, features)``.
        retest: The same of the second session.
        similarity: ``pearson`` or ``jaccard``.

    Returns:
        ``self`` and ``others``: mean similarities; ``idiff``: 100 (self - others), in per cent;
        ``accuracy``: share of subjects whose test connectome is most similar to their own retest.

    Raises:
        ConfigError: If the shapes differ, there are fewer than 2 subjects, or weights are negative.
    """
    p, q = _features(test, retest)
    table = {"pearson": _pearson, "jaccard": _jaccard}
    if similarity not in table:
        raise ConfigError(f"there is no similarity {similarity!r}; {nearest(similarity, table)}")
    a = table[similarity](p, q)
    own = np.diag(a)
    others = a[~np.eye(len(a), dtype=bool)]
    return {
        "self": float(own.mean()),
        "others": float(others.mean()),
        "idiff": float(100 * (own.mean() - others.mean())),
        "accuracy": float((a.argmax(axis=1) == np.arange(len(a))).mean()),
    }


def _features(test: Floats, retest: Floats) -> tuple[Floats, Floats]:
    p, q = (np.asarray(a, dtype=np.float64) for a in (test, retest))
    if p.shape != q.shape or p.ndim not in (2, 3) or len(p) < 2:
        raise ConfigError(
            "test and retest must have the same shape (subjects, n, n) or (subjects, features), "
            f"with 2 subjects or more; got {p.shape} and {q.shape}"
        )
    return (upper(p), upper(q)) if p.ndim == 3 else (p, q)


def _pearson(p: Floats, q: Floats) -> Any:
    p, q = (a - a.mean(axis=1, keepdims=True) for a in (p, q))
    with np.errstate(invalid="ignore", divide="ignore"):
        return p @ q.T / np.sqrt(np.outer((p * p).sum(axis=1), (q * q).sum(axis=1)))


def _jaccard(p: Floats, q: Floats) -> Any:
    if min(p.min(), q.min()) < 0:
        raise ConfigError("Jaccard's similarity needs weights >= 0, got negative ones")
    rows = [np.minimum(a, q).sum(axis=1) / np.maximum(a, q).sum(axis=1) for a in p]
    return np.array(rows)
