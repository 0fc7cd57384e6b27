"""Bounds: how the points of an unbounded search come to lie in the box.

A method with a distribution keeps the points that it drew, unbounded, and asks for their images in
the box; it goes on learning from what it drew. Clipping, by which peers lose most of their way,
is not among the maps: it puts a whole half-space on the edge.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from l2l.space import Floats, ParameterSpace

#: Choices of an option ``bounds``.
MAPS = ("reflect", "periodic", "transform", "resample")
#: A distribution that has most of its mass outside is not drawn from for ever.
TRIES = 20


class Bounds:
    """The map of one search.

    Args:
        space: Its bounds are used; columns without bounds are left alone.
        how: ``reflect`` mirrors at the edges, ``periodic`` enters again at the other side,
            ``transform`` is the identity in the middle and flattens smoothly towards the edges,
            ``resample`` draws anew what lies outside, and reflects what still does.
    """

    def __init__(self, space: ParameterSpace, how: str = "reflect") -> None:
        self.lower, self.upper = space.lower, space.upper
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
        """
        if self._none or self.how != "resample":
            return points
        points = points.copy()
        for _ in range(TRIES):
            outside = ((points < self.lower) | (points > self.upper)).any(axis=1)
            if not outside.any():
                break
            points[outside] = draw(int(outside.sum()))
        return points


def reflected(points: Floats, lower: Floats, upper: Floats) -> Floats:
    """Return points ``(n, d)`` with what lies outside the bounds mirrored at them.

    Returns ``points`` itself where all lie inside. Infinite bounds are none.
    """
    outside = (points < lower) | (points > upper)
    if not outside.any():
        return points
    inside = points.copy()
    low = np.broadcast_to(lower, points.shape)[outside]
    width = np.broadcast_to(upper, points.shape)[outside] - low
    away = np.mod(points[outside] - low, 2 * width)
    inside[outside] = np.clip(low + width - np.abs(away - width), low, low + width)
    return inside


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
