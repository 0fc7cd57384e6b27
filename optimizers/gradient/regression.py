"""The gradient of a function by linear regression over random steps around a point."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l2l.space import Floats

#: Directions that are fewer than this share of the coordinates are nearly orthogonal as drawn.
NEARLY_ORTHOGONAL = 0.1
#: Smallest eigenvalue that counts, of the largest: a direction in which there was a step.
CUT = 1e-12


def random_steps(n: int, d: int, rng: np.random.Generator, antithetic: bool) -> Floats:
    """Return ``n`` random steps ``(n, d)`` of standard deviation 1 a coordinate.

    Each has length sqrt(d). As many as can be are orthogonal to each other (Choromanski et al.
    2018, arXiv:1804.02395), which makes the regression as well conditioned as it can be.

    Args:
        n: How many.
        d: Number of coordinates.
        rng: Source of the randomness.
        antithetic: Whether the second half of them are the first half's opposites.
    """
    k = (n + 1) // 2 if antithetic else n
    steps = np.empty((n, d))
    half = steps[:k]
    if k > NEARLY_ORTHOGONAL * d:
        blocks = rng.standard_normal((-(-k // d), d, min(k, d)))
        q, r = np.linalg.qr(blocks)
        q *= np.where(np.diagonal(r, axis1=1, axis2=2) < 0, -1.0, 1.0)[:, None]
        np.multiply(q.transpose(0, 2, 1).reshape(-1, d)[:k], np.sqrt(d), out=half)
    else:
        rng.standard_normal(out=half)
        half *= np.sqrt(d / np.einsum("ij,ij->i", half, half))[:, None]
    np.negative(half[: n - k], out=steps[k:])
    return steps


def apart(n: int, whole: NDArray[np.bool_], rng: np.random.Generator, antithetic: bool) -> Floats:
    """Return ``n`` random steps ``(n, d)``, some of the ``whole`` coordinates, some of the others.

    Integers and choices take long steps, and their effect is not linear: in a step of all
    coordinates it would drown that of the others.
    """
    d, d_whole = len(whole), int(whole.sum())
    if not 0 < d_whole < d or n < 4:
        return random_steps(n, d, rng, antithetic)
    n_whole = min(max(2, 2 * round(0.5 * n * d_whole / d)), n - 2)
    steps = np.zeros((n, d))
    steps[:n_whole, whole] = random_steps(n_whole, d_whole, rng, antithetic)
    steps[n_whole:, ~whole] = random_steps(n - n_whole, d - d_whole, rng, antithetic)
    return steps


def slope(points: Floats, scores: Floats, scale: Floats) -> Floats:
    """Return the gradient ``(d,)`` of the plane that fits the scores of some points best.

    Least squares with an intercept, and of all solutions the one of least norm (in units of
    ``scale``) where there are fewer points than coordinates. Exact for a linear function if the
    points span the space. Steps in opposite pairs cancel all even terms of the function, so that
    a quadratic function gives its exact gradient; other symmetric steps give it in the mean. Works
    in the smaller of both dimensions.

    Args:
        points: ``(n, d)``.
        scores: ``(n,)``, all finite.
        scale: ``(d,)`` typical size of a step.
    """
    steps = points - points.mean(axis=0)
    steps /= scale
    heights = scores - scores.mean()
    n, d = steps.shape
    if n <= d:  # g = S' (S S')^+ y
        return np.asarray(steps.T @ _solved(steps @ steps.T, heights) / scale)
    return _solved(steps.T @ steps, steps.T @ heights) / scale  # g = (S' S)^+ S' y


def _solved(matrix: Floats, right: Floats) -> Floats:
    """Return the solution of least norm of ``matrix @ x = right``, a positive semidefinite one."""
    values, vectors = np.linalg.eigh(matrix)
    counts = values > CUT * max(values[-1], np.finfo(float).tiny)
    vectors = vectors[:, counts]
    return np.asarray(vectors @ ((vectors.T @ right) / values[counts]))
