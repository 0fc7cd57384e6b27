"""Bounds: how the points of an unbounded search come to lie in the box.

A method with a distribution keeps the points that it drew, unbounded, and asks for their images in
the box; it goes on learning from what it drew. Clipping, by which peers lose most of their way,
is not among the maps: it puts a whole half-space on the edge.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from l2l.space import Floats, ParameterSpace

#: Choices of an option ``bounds``.
MAPS = ("reflect", "periodic", "transform", "resample")
#: A distribution that has most of its mass outside is not drawn from for ever.
TRIES = 20
#: Numbers that are mirrored at a time.
BLOCK = 2**13


class Bounds:
    """The map of one search.

    Args:
        space: Its bounds are used; columns without bounds are left alone.
        how: ``reflect`` mirrors at the edges, ``periodic`` enters again at the other side,
            ``transform`` is the identity in the middle and flattens smoothly towards the edges,
            ``resample`` draws anew what lies outside, and reflects what still does.
        but: ``(d,)`` columns that are left alone all the same.
    """

    def __init__(
        self, space: ParameterSpace, how: str = "reflect", but: NDArray[np.bool_] | None = None
    ) -> None:
        self.lower, self.upper = space.lower, space.upper
        if but is not None and but.any():
            self.lower = np.where(but, -np.inf, self.lower)
            self.upper = np.where(but, np.inf, self.upper)
        self.how = how
        self._none = not np.isfinite(self.lower).any()
        maps: dict[str, Callable[[Floats, Floats, Floats], Floats]]
        maps = {"periodic": wrapped, "transform": flattened}
        self._map = maps.get(how, reflected)

    def __call__(self, points: Floats) -> Floats:
        """Return points ``(n, d)`` or ``(d,)`` in the box; ``points`` itself where all are."""
        return points if self._none else self._map(points, self.lower, self.upper)

    def redrawn(self, points: Floats, draw: Callable[[int], Floats]) -> Floats:
        """Return points ``(n, d)`` with those outside drawn anew, if that is the way chosen.

        Args:
            points: Drawn from a distribution.
            draw: Returns so many more.

        Returns:
            ``(n, d)``; ``points`` itself where all lie inside.
        """
        if self._none or self.how != "resample":
            return points
        given = points
        for _ in range(TRIES):
            outside = ((points < self.lower) | (points > self.upper)).any(axis=1)
            if not outside.any():
                break
            points = points.copy() if points is given else points
            points[outside] = draw(int(outside.sum()))
        return points


def reflected(points: Floats, lower: Floats, upper: Floats) -> Floats:
    """Return points ``(n, d)`` with what lies outside the bounds mirrored at them.

    Returns ``points`` itself where all lie inside. Infinite bounds are none.
    """
    rows: Floats = points.reshape(-1, points.shape[-1])
    low, high = lower, upper
    if (lower == lower[0]).all() and (upper == upper[0]).all():  # as in the unit cube
        rows, low, high = points.reshape(-1), lower[:1], upper[:1]
    inside, moved = np.empty_like(rows), False
    step = max(1, BLOCK // (rows.shape[1] if rows.ndim > 1 else 1))
    for start in range(0, len(rows), step):  # each block stays in the cache
        some, once = rows[start : start + step], inside[start : start + step]
        np.subtract(2 * low, some, out=once)
        np.maximum(some, once, out=once)  # exact inside, and where there is no bound
        np.minimum(once, 2 * high - once, out=once)
        if (once < low).any():
            far = once < low
            once[far] = _triangle(some, low, high, far)
        moved = moved or not np.array_equal(once, some)
    return inside.reshape(points.shape) if moved else points


def _triangle(points: Floats, lower: Floats, upper: Floats, where: NDArray[np.bool_]) -> Floats:
    """Return some of the points, ``points[where]``, mirrored as often as it takes."""
    low = np.broadcast_to(lower, points.shape)[where]
    width = np.broadcast_to(upper, points.shape)[where] - low
    away = np.mod(points[where] - low, 2 * width)
    return np.clip(low + width - np.abs(away - width), low, low + width)


def wrapped(points: Floats, lower: Floats, upper: Floats) -> Floats:
    """Return points ``(n, d)`` with what leaves the box entering it again at the other side."""
    outside = (points < lower) | (points > upper)
    if not outside.any():
        return points
    inside = points.copy()
    low = np.broadcast_to(lower, points.shape)[outside]
    width = np.broadcast_to(upper, points.shape)[outside] - low
    inside[outside] = np.clip(low + np.mod(points[outside] - low, width), low, low + width)
    return inside


def flattened(points: Floats, lower: Floats, upper: Floats, margin: float = 0.05) -> Floats:
    """Return points ``(n, d)`` mapped smoothly into the box.

    The identity except within ``margin`` times the width of an edge; there a parabola, of slope 1
    where it leaves the identity and slope 0 at the edge, which it reaches as far outside as the
    margin is wide. Beyond, the map goes back symmetrically, with a period of twice the width plus
    twice the margins. A mean can settle on an edge, and small steps there stay small.
    """
    near = margin * (upper - lower)
    with np.errstate(invalid="ignore"):
        plain = ~((points < lower + near) | (points > upper - near))
    if plain.all():
        return points
    moved = ~plain
    low = np.broadcast_to(lower, points.shape)[moved]
    high = np.broadcast_to(upper, points.shape)[moved]
    m = margin * (high - low)
    x = reflected(points[moved], low - m, high + m)
    x = np.where(x < low + m, low + np.square(x - low + m) / (4 * m), x)
    x = np.where(x > high - m, high - np.square(x - high - m) / (4 * m), x)
    inside = points.copy()
    inside[moved] = np.clip(x, low, high)
    return inside
