"""Steps of integers and choices that no rounding undoes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l2l.space import Floats, ParameterSpace

Ints = NDArray[np.int64]


def whole_columns(space: ParameterSpace) -> NDArray[np.bool_] | None:
    """Return ``(d,)`` which columns hold integers or choices; None if none does."""
    whole = np.concatenate([np.full(p.size, p.kind != "float") for p in space.parameters])
    return whole if whole.any() else None


def snapped(space: ParameterSpace, points: Floats) -> Floats:
    """Return points ``(n, d)`` with integers and choices rounded; a fresh array."""
    return space.to_search(space.repair(space.from_search(points)))


def walked(
    space: ParameterSpace,
    before: Floats,
    after: Floats,
    rows: Ints,
    columns: Ints,
    direction: Floats,
    rng: np.random.Generator,
) -> Floats:
    """Return points ``(n, d)`` whose integers have moved by one at least and whose choices differ.

    Symmetric, so that it keeps detailed balance; for integers on a log scale nearly so.

    Args:
        space: The parameter space.
        before: ``(n, d)`` points.
        after: ``(n, d)`` the same after a step that knows nothing of integers.
        rows: ``(n, 1)`` of the elements that the step has changed.
        columns: ``(n, k)`` of them.
        direction: ``(n, k)`` of which an integer goes up where it is positive, if the step is lost
            in rounding.
        rng: Draws the choices.
    """
    old = space.repair(space.from_search(before))[rows, columns]
    values = space.repair(space.from_search(after)).copy()
    new = values[rows, columns]
    number = np.where(new != old, new, old + np.where(direction > 0, 1.0, -1.0))
    choices = np.concatenate([np.full(p.size, len(p.choices)) for p in space.parameters])[columns]
    other = old + 1 + np.floor(rng.random(columns.shape) * np.maximum(choices - 1, 1))
    moved = np.where(choices > 0, np.mod(other, np.maximum(choices, 1)), number)
    whole = whole_columns(space)
    values[rows, columns] = np.where(whole[columns], moved, new) if whole is not None else new
    return space.to_search(space.repair(values))
