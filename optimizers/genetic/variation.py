"""What variation needs beside its operators: whole numbers, duplicates, a lent ``random``."""

from __future__ import annotations

import contextlib
import functools
import random
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.space import Floats, ParameterSpace

Mask = NDArray[np.bool_]
#: Numbers of a row that are compared before all of them are.
GLANCE = 16


class PythonRandom:
    """A state of Python's global ``random`` that DEAP borrows.

    Args:
        seed: What the state starts from.
    """

    def __init__(self, seed: int) -> None:
        self._state: tuple[Any, ...] = random.Random(seed).getstate()

    @contextlib.contextmanager
    def lent(self) -> Iterator[None]:
        """Put this state in the place of the global one for a while."""
        others = random.getstate()
        random.setstate(self._state)
        try:
            yield
        finally:
            self._state = random.getstate()
            random.setstate(others)

    def pack(self) -> NDArray[np.uint32]:
        """Return the state as ``(628,)``: 625 words, and the normal number kept for later."""
        _, words, spare = self._state
        tail = struct.unpack("<2I", struct.pack("<d", spare or 0.0))
        return np.array([*words, spare is not None, *tail], dtype=np.uint32)

    def unpack(self, packed: NDArray[np.uint32]) -> None:
        """Go back to a state that :meth:`pack` packed."""
        *words, has_spare, low, high = (int(word) for word in packed)
        spare = struct.unpack("<d", struct.pack("<2I", low, high))[0] if has_spare else None
        self._state = (random.Random.VERSION, tuple(words), spare)


def duplicates(points: Floats) -> list[int]:
    """Return the rows of ``points`` ``(n, d)`` that are equal to an earlier one."""
    sums = points[:, _some(points.shape[1])].sum(axis=1)  # equal rows have equal sums
    order = np.argsort(sums)
    alike = np.flatnonzero(sums[order[1:]] == sums[order[:-1]])
    places = np.unique(order[np.concatenate([alike, alike + 1])]).tolist()
    return sorted(set(places) - set(distinct(points, places, len(places))))


def distinct(rows: Floats | Sequence[Floats], order: Iterable[int], most: int) -> list[int]:
    """Return the first ``most`` places in an order whose rows ``(d,)`` are not equal to one before.

    A few numbers of each row are compared before all of them are.
    """
    seen: dict[bytes, list[int]] = {}
    kept: list[int] = []
    for place in order:
        if len(kept) == most:
            break
        row = rows[place]
        alike = seen.setdefault(row[_some(len(row))].tobytes(), [])
        if not any(np.array_equal(rows[other], row) for other in alike):
            alike.append(place)
            kept.append(place)
    return kept


def unchanged(points: Floats, before: Floats, places: NDArray[np.int64]) -> Mask:
    """Return ``(n,)`` whether rows of points are equal to the rows ``before[places]``."""
    d = points.shape[1]
    if d <= GLANCE:
        return np.asarray((points == before[places]).all(axis=1))
    some = _some(d)
    same: Mask = (points[:, some] == before[np.ix_(places, some)]).all(axis=1)
    for row in np.flatnonzero(same):
        same[row] = np.array_equal(points[row], before[places[row]])
    return same


def contains(rows: Floats, row: Floats) -> bool:
    """Return whether one of the rows ``(n, d)`` is equal to ``row`` ``(d,)``."""
    some = _some(len(row))
    alike = np.flatnonzero((rows[:, some] == row[some]).all(axis=1))
    return any(np.array_equal(rows[place], row) for place in alike)


@functools.lru_cache(maxsize=8)
def _some(d: int) -> NDArray[np.int64]:
    return np.linspace(0, d - 1, min(d, GLANCE)).astype(np.int64)


class WholeColumns:
    """What the columns of integers and choices need beside operators for real numbers.

    A crossover between choices exchanges them, for what lies between two choices means nothing. A
    mutation of a choice draws another one, and a mutation of an integer moves it by one at least,
    or else most mutations would be undone by rounding.

    Attributes:
        whole: ``(d,)`` columns that hold integers or choices.
    """

    def __init__(self, space: ParameterSpace) -> None:
        parameters = space.parameters
        self.space = space
        self.whole = np.concatenate([np.full(p.size, p.kind != "float") for p in parameters])
        choices = [np.full(p.size, len(p.choices)) for p in parameters]
        self._choices = np.concatenate(choices).astype(np.float64)

    def __bool__(self) -> bool:
        return bool(self.whole.any())

    def snapped(self, points: Floats) -> Floats:
        """Return points ``(n, d)`` with integers and choices rounded."""
        values = self.space.repair(self.space.from_search(points))
        return np.where(self.whole, self.space.to_search(values), points)

    def exchanged(
        self, children: Floats, parents: Floats, pairs: NDArray[np.int64], rng: np.random.Generator
    ) -> None:
        """Give the two children of each mated pair the choices of their parents.

        Args:
            children: ``(n, d)``; changed in place.
            parents: ``(n, d)``.
            pairs: ``(k,)`` rows of the first child of each pair; the second one follows it.
            rng: Says which choices change sides.
        """
        columns = np.flatnonzero(self._choices)
        swap = (rng.random((len(pairs), len(columns))) < 0.5).astype(np.int64)
        children[pairs[:, None], columns] = parents[pairs[:, None] + swap, columns]
        children[pairs[:, None] + 1, columns] = parents[pairs[:, None] + 1 - swap, columns]

    def stepped(self, before: Floats, after: Floats, rng: np.random.Generator) -> Floats:
        """Return mutated points ``(n, d)`` whose mutated whole numbers differ from before.

        Args:
            before: ``(n, d)`` points before the mutation.
            after: ``(n, d)`` points after it.
            rng: Draws the new choices.
        """
        space, mutated = self.space, self.whole & (before != after)
        old = space.repair(space.from_search(before))
        new = space.repair(space.from_search(after))
        up = np.where(after > before, 1.0, -1.0)
        step = np.where((moved := space.repair(old + up)) == old, old - up, moved)
        new = np.where(mutated & (new == old), step, new)
        k = np.maximum(self._choices, 1)
        other = (old + 1 + np.floor(rng.random(old.shape) * (k - 1))) % k
        new = space.repair(np.where(mutated & (self._choices > 0), other, new))
        return np.where(mutated, space.to_search(new), after)
