"""What is done to an ensemble besides the Kalman update: replacing, resampling, completing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.optimizers.kalman.update import centred
from l2l.space import Floats

#: Ways to pick the best members that replace the worst ones.
PICKS = ("random", "best_first", "pick_probability", "gaussian")


def picked(
    n_worst: int, n_best: int, method: str, probability: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return which of the best ``(n_worst,)``, 0 is the first, replaces each of the worst.

    Args:
        n_worst: How many are replaced.
        n_best: How many there are to replace them.
        method: ``random``: any. ``best_first``: each of the best has its turn, the first one
            first, and is taken with ``probability``; -1 where none is. ``pick_probability``: the
            first one with ``probability``, else any other.
        probability: See there.
        rng: Draws.
    """
    if method == "random" or n_best == 1:
        return rng.integers(n_best, size=n_worst)
    if method == "best_first":
        taken = rng.random((n_worst, n_best)) < probability
        return np.where(taken.any(axis=1), taken.argmax(axis=1), -1)
    first = rng.random(n_worst) < probability
    return np.where(first, 0, rng.integers(1, n_best, size=n_worst))


def replaced(
    points: Floats,
    residuals: Floats,
    scores: Floats,
    *,
    best_n: float,
    worst_n: float,
    method: str,
    settings: dict[str, Any],
    scale_noise: bool,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Return points ``(n, d)`` and residuals ``(n, k)`` with the worst members replaced.

    L2L paper, section 3.1.4. A replaced member takes the residual of the one that it copies; with
    ``gaussian``, points and residuals are drawn together from the Gaussian of the best.

    Args:
        points: The ensemble.
        residuals: Output minus data.
        scores: ``(n,)``, larger is better.
        best_n: Share of the members that replace.
        worst_n: Share of the members that are replaced.
        method: See :func:`picked`, or ``gaussian``.
        settings: ``pick_probability``, and ``loc`` and ``scale`` of the noise that is added.
        scale_noise: Whether the noise is in units of the ensemble's range.
        rng: Draws.
    """
    n = len(points)
    order = np.argsort(-scores, kind="stable")
    n_worst = min(int(n * worst_n), n - 1)
    n_best = min(max(1, int(n * best_n)), n)
    if not n_worst:
        return points, residuals
    points, residuals = points.copy(), residuals.copy()
    best, worst = order[:n_best], order[n - n_worst :]
    if method == "gaussian" and n_best > 1:
        mix = mixtures(n_worst, n_best, rng)
        points[worst], residuals[worst] = mix @ points[best], mix @ residuals[best]
        return points, residuals
    which = picked(n_worst, n_best, method, float(settings["pick_probability"]), rng)
    worst, which = worst[which >= 0], which[which >= 0]
    unit = float(points.max() - points.min()) if scale_noise else 1.0
    loc, scale = float(settings["loc"]), float(settings["scale"])
    noise = unit * rng.normal(loc, scale, (len(worst), points.shape[1]))
    points[worst], residuals[worst] = points[best[which]] + noise, residuals[best[which]]
    return points, residuals


def mixtures(n: int, members: int, rng: np.random.Generator) -> Floats:
    """Return weights ``(n, members)`` of members, each row a draw from their Gaussian.

    ``weights @ points`` has the members' mean and sample covariance, which is never made. Rows sum
    to 1.
    """
    z = rng.standard_normal((n, members))
    weights: Floats = 1 / members + centred(z.T).T / np.sqrt(members - 1)
    return weights


def completed(points: Floats, ok: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """Return an ensemble ``(n, d)`` in which those not ok are drawn from the Gaussian of the rest.

    As the failure handler of EnsembleKalmanProcesses.jl does.

    Args:
        points: ``(n_ok, d)``, at least two.
        ok: ``(n,)`` which members they are.
        rng: Draws.
    """
    if len(points) == len(ok):
        return points
    whole = np.empty((len(ok), points.shape[1]))
    whole[ok] = points
    whole[~ok] = mixtures(len(ok) - len(points), len(points), rng) @ points
    return whole


def flipped(points: Floats, mean: Floats, factor: float, rng: np.random.Generator) -> Floats:
    """Return an ensemble ``(n, d)`` around ``mean`` whose deviations span another subspace.

    The deviations of each coordinate get one random sign, the same for all members: each
    coordinate keeps its standard deviation (times ``factor``), the members keep their distances,
    and the subspace that they span is a random one. It costs d random bits, where a redrawn
    ensemble costs n d normals.
    """
    signs = np.where(rng.integers(0, 2, points.shape[1], dtype=np.uint8) == 1, factor, -factor)
    moved = centred(points)
    moved *= signs
    moved += mean
    return moved


def redrawn(points: Floats, mean: Floats, factor: float, rng: np.random.Generator) -> Floats:
    """Return an ensemble ``(n, d)`` drawn anew around ``mean``, without correlations.

    Each coordinate keeps its standard deviation, times ``factor``; the mean is kept exactly.
    """
    moved = rng.standard_normal(points.shape)
    moved -= moved.mean(axis=0)
    moved *= factor * points.std(axis=0, ddof=1)
    moved += mean
    return moved


def relaxed(before: Floats, after: Floats, alpha: float) -> Floats:
    """Return an ensemble whose spread is relaxed towards the one before the update.

    Relaxation to prior spread, Whitaker & Hamill (2012), Mon. Weather Rev. 140: deviations
    times 1 + alpha (s_b - s_a) / s_a in each coordinate.

    Args:
        before: ``(n, d)`` before the update.
        after: ``(m, d)`` after it.
        alpha: 0 leaves it, 1 restores the spread.
    """
    prior, posterior = before.std(axis=0, ddof=1), after.std(axis=0, ddof=1)
    ratio = np.divide(prior, posterior, out=np.ones_like(prior), where=posterior > 0)
    mean = after.mean(axis=0)
    moved: Floats = after - mean
    moved *= 1 + alpha * (ratio - 1)
    moved += mean
    return moved
