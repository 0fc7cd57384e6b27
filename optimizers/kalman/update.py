"""Kernels of the ensemble Kalman filter, all in the space that the members span.

With N members, U ``(N, d)`` their points and D ``(N, k)`` their residuals (output minus data), an
update is a transform T ``(N, N)`` whose rows sum to 1: ``U' = T U``, and for a linear map
``D' = T D``. T follows from the Gram matrix ``B = D Gamma^-1 D^T`` alone, which costs N^2 k:
nothing of the size d x d, d x k or k x k is made (Bishop, Etherton & Majumdar 2001, Mon. Weather
Rev. 129; Hunt, Kostelich & Szunyogh 2007, Physica D 230).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from l2l.space import Floats

#: ``taper(correlation)``: correlations ``(b, k)`` -> factors of the gain, likewise.
Taper = Callable[[Floats], Floats]
#: Columns whose gain is made at a time where it is localised.
BLOCK = 4096


def gram(rows: Floats, variance: Floats) -> Floats:
    """Return ``rows diag(variance)^-1 rows^T`` ``(n, n)`` of rows ``(n, k)``."""
    scaled = rows / np.sqrt(variance)
    product: Floats = scaled @ scaled.T
    return product


def centred(rows: Floats) -> Floats:
    """Return rows ``(n, k)`` less their mean."""
    less: Floats = rows - rows.mean(axis=0)
    return less


def dmc_step(misfits: Floats, k: int, left: float) -> float:
    """Return the step dt of the data misfit controller.

    Iglesias & Yang (2021), Inverse Problems 37, 025008: the change of the tempered posterior from
    step to step is limited, without a parameter to tune.

    Args:
        misfits: ``(n,)`` of the members, Phi = |residual|^2 / 2 in units of the noise.
        k: Number of observations.
        left: Pseudo-time that is left; posteriors are reached at 1.
    """
    mean, variance = float(misfits.mean()), float(misfits.var())
    if mean <= 0:
        return left
    dt = k / (2 * mean)
    if variance > 0:
        dt = max(dt, float(np.sqrt(k / (2 * variance))))
    return min(dt, left)


def transform(b: Floats, update: str, rng: np.random.Generator) -> Floats:
    """Return the transform T ``(n, n)`` of one update.

    With C the centring matrix and W = C B C / (n - 1), the deviations of the outputs in units of
    the noise are a square root of W; the gain in ensemble space is (I + W)^-1.

    Args:
        b: ``(n, n)`` Gram matrix of the residuals in units of the noise (noise over dt).
        update: ``paper`` moves each member by its own residual (L2L paper, section 3.1.4;
            deterministic), ``perturbed`` by its residual to data with noise drawn anew for it
            (Iglesias, Law & Stuart 2013, Inverse Problems 29, 045001), ``transform`` moves the
            mean by its residual and the deviations by the symmetric square root (ETKI; Bishop et
            al. 2001; Huang et al. 2022, Inverse Problems 38, 125006).
        rng: Draws the noise of ``perturbed``.
    """
    n = len(b)
    cb = centred(b)
    w = centred(cb.T) / (n - 1)
    values, vectors = np.linalg.eigh((w + w.T) / 2)
    values = np.maximum(values, 0.0)
    pull = -cb / np.sqrt(n - 1)  # column j: deviations times the residual of member j
    if update == "perturbed":  # what noise in the data adds to it has the covariance W
        pull = pull + (vectors * np.sqrt(values)) @ (vectors.T @ rng.standard_normal((n, n)))
    if update == "transform":
        pull = pull.mean(axis=1, keepdims=True)
    coefficients = (vectors / (1 + values)) @ (vectors.T @ pull) / np.sqrt(n - 1)
    moved = centred(coefficients).T  # coefficients are of deviations: times C
    if update != "transform":
        step: Floats = np.eye(n) + moved
        return step
    root = (vectors / np.sqrt(1 + values)) @ vectors.T
    mean = 1 / n + moved  # (1, n)
    square: Floats = mean + centred(centred(root).T).T
    return square


def explained(t: Floats) -> float:
    """Return how many directions' worth of variance a transform T ``(n, n)`` takes away.

    For ``transform`` it is the sum of lambda / (1 + lambda) over the eigenvalues lambda of W: the
    degrees of freedom for signal (Rodgers 2000, Inverse Methods, section 2.4).
    """
    kept = centred(centred(t).T)
    return max(0.0, len(t) - 1 - float(np.square(kept).sum()))


def localised(
    points: Floats, residuals: Floats, variance: Floats, noise: Floats | None, taper: Taper
) -> Floats:
    """Return points ``(n, d)`` after an update whose gain is tapered entry by entry.

    The gain K ``(d, k)`` is made in blocks of coordinates, and never whole.

    Args:
        points: ``(n, d)``.
        residuals: ``(n, k)`` output minus data.
        variance: ``(k,)`` of the noise, over dt.
        noise: ``(n, k)`` added to the data of each member, or None.
        taper: Gives the factors of the gain from the correlations of coordinates and outputs.
    """
    n = len(points)
    y = centred(residuals)
    wanted = -residuals if noise is None else noise - residuals
    solved = np.linalg.solve(y.T @ y / (n - 1) + np.diag(variance), wanted.T)  # (k, n)
    sizes = np.sqrt(np.square(y).sum(axis=0))
    moved = np.empty_like(points)
    for start in range(0, points.shape[1], BLOCK):
        block = points[:, start : start + BLOCK]
        a = centred(block)
        cross = a.T @ y
        scale = np.sqrt(np.square(a).sum(axis=0))[:, None] * sizes
        correlation = np.divide(cross, scale, out=np.zeros_like(cross), where=scale > 0)
        moved[:, start : start + BLOCK] = (
            block + ((taper(correlation) * cross / (n - 1)) @ solved).T
        )
    return moved


def truncation(n: int) -> Taper:
    """Return the taper that drops correlations below 3 / sqrt(n).

    Vossepoel et al. (2025), Mon. Weather Rev., doi 10.1175/MWR-D-24-0269.1.
    """
    limit = 3 / np.sqrt(n)
    return lambda correlation: np.where(np.abs(correlation) > limit, 1.0, 0.0)


def sampling_error(n: int) -> Taper:
    """Return the taper that damps correlations by their signal-to-noise ratio.

    The sampling error of a correlation r of n members has the variance (1 - r^2)^2 / (n - 1); the
    factor r^2 / (r^2 + that) is the least-squares one. After Lee (2021), arXiv:2105.11341, and
    Anderson (2012), Mon. Weather Rev. 140.
    """

    def taper(correlation: Floats) -> Floats:
        signal = np.square(correlation)
        factors: Floats = signal / np.maximum(signal + np.square(1 - signal) / (n - 1), 1e-300)
        return factors

    return taper


TAPERS: dict[str, Callable[[int], Taper]] = {
    "truncation": truncation,
    "sampling_error": sampling_error,
}
