"""The noise of one generation, and its sums, without a copy where it is mirrored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from l2l.space import Floats

#: Numbers that are squared at a time: they stay in the processor's cache.
BLOCK = 2**16


@dataclass
class Noise:
    """Standard normal noise of ``n`` individuals.

    Attributes:
        drawn: ``(n, d)``; if mirrored ``(n/2, d)``: the second half of the individuals has the
            same with the opposite sign (Brockhoff et al. 2010, Mirrored sampling and sequential
            selection for evolution strategies, PPSN).
        mirrored: Whether that is so.
    """

    drawn: Floats
    mirrored: bool

    @classmethod
    def draw(cls, rng: np.random.Generator, n: int, d: int, mirrored: bool) -> Noise:
        """Return the noise of ``n`` individuals; ``n`` is even if mirrored."""
        return cls(rng.standard_normal((n // 2 if mirrored else n, d)), mirrored)

    def __len__(self) -> int:
        return len(self.drawn) * (2 if self.mirrored else 1)

    def points(self, mean: Floats, y: Floats, steps: Floats) -> Floats:
        """Return points ``(n, d)`` around a mean.

        Args:
            mean: ``(d,)`` of the distribution.
            y: Like ``drawn``, with the correlations of the distribution.
            steps: ``(d,)`` what ``y`` is multiplied with.
        """
        half = len(y)
        points = np.empty((len(self), len(mean)))
        first = np.multiply(y, steps, out=points[:half])
        if self.mirrored:
            np.subtract(mean, first, out=points[half:])
        first += mean
        return points

    def last(self, n: int) -> Noise:
        """Return that of the last ``n`` individuals, which is not mirrored unless it is all."""
        return self if n == len(self) else Noise(self.all()[-n:], False)

    def first(self, weights: Floats) -> Floats:
        """Return the weighted sum ``(d,)`` of the noise, with weights ``(n,)``."""
        if self.mirrored:
            half = len(self.drawn)
            weights = weights[:half] - weights[half:]
        total: Floats = weights @ self.drawn
        return total

    def folded(self, weights: Floats) -> Floats:
        """Return the weights ``(len(drawn),)`` of what does not depend on the sign."""
        half = len(self.drawn)
        return weights[:half] + weights[half:] if self.mirrored else weights

    def second(self, weights: Floats) -> Floats:
        """Return the weighted sum ``(d,)`` of the squares of the noise."""
        weights = self.folded(weights)
        n, d = self.drawn.shape
        if n * d <= BLOCK:
            total: Floats = weights @ np.square(self.drawn)
            return total
        total, step = np.empty(d), max(1, BLOCK // n)
        for start in range(0, d, step):
            columns = slice(start, start + step)
            total[columns] = weights @ np.square(self.drawn[:, columns])
        return total

    def lengths(self) -> Floats:
        """Return the norms ``(n,)``."""
        norms: Floats = np.sqrt(np.einsum("ij,ij->i", self.drawn, self.drawn))
        return np.concatenate([norms, norms]) if self.mirrored else norms

    def all(self) -> Floats:
        """Return the noise of all individuals, ``(n, d)``."""
        return np.concatenate([self.drawn, -self.drawn]) if self.mirrored else self.drawn
