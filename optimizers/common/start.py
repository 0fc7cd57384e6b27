"""Start: where a method with a distribution begins, and how wide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from l2l.space import Floats, ParameterSpace

#: Individuals that are drawn to learn where to begin, where there are no bounds.
DRAWS = 32
#: Standard deviation in the unit cube (Hansen 2016, arXiv:1604.00772: 0.3 of the range).
WIDTH = 0.3
#: Share of known points that a warm start learns from (Nomura et al. 2021, arXiv:2012.06932).
ELITE = 0.1


@dataclass(frozen=True)
class Start:
    """The first distribution of a search.

    Attributes:
        mean: ``(d,)`` in search coordinates.
        sigma: ``(d,)`` standard deviations.
    """

    mean: Floats
    sigma: Floats

    @classmethod
    def of(
        cls, space: ParameterSpace, initial: Floats | None, sigma: float | Floats | None = None
    ) -> Start:
        """Return where to begin.

        The mean of the ``initial`` points, else the centre of the box. Without ``sigma``: 0.3 in
        the unit cube; elsewhere as wide as the initial points lie apart, or 1 if that is nothing.

        Args:
            space: The parameter space.
            initial: ``(n, d)`` first points, or None.
            sigma: Standard deviation in search coordinates, a number or ``(d,)``.

        Raises:
            ConfigError: If there are neither bounds nor initial points.
        """
        if initial is None or not len(initial):
            space.need_bounds()
            initial = np.full((1, space.size), 0.5)
        mean = initial.mean(axis=0)
        if sigma is not None:
            return cls(mean, np.broadcast_to(np.asarray(sigma, np.float64), mean.shape).copy())
        apart = initial.std(axis=0, ddof=1) if len(initial) > 1 else np.zeros_like(mean)
        spread = np.where(apart > 0, apart, 1.0)
        return cls(mean, np.where(np.isfinite(space.upper), WIDTH, spread))

    @classmethod
    def near(cls, points: Floats, scores: Floats, sigma: Floats, elite: float = ELITE) -> Start:
        """Return where to begin if some points are known: around the best of them.

        Args:
            points: ``(n, d)`` known points.
            scores: ``(n,)`` finite, larger is better.
            sigma: ``(d,)`` standard deviations without that knowledge; the new ones lie between a
                tenth of them and them.
            elite: Share of the points that count as best.
        """
        k = max(1, round(elite * len(points)))
        best = points[np.argsort(-scores, kind="stable")[:k]]
        apart = best.std(axis=0, ddof=1) if k > 1 else np.zeros_like(sigma)
        return cls(best.mean(axis=0), np.clip(apart, 0.1 * sigma, sigma))

    def elsewhere(self, space: ParameterSpace, rng: np.random.Generator) -> Floats:
        """Return the mean ``(d,)`` of a restart: uniform in the box, else drawn from this start."""
        drawn = self.mean + self.sigma * rng.standard_normal(len(self.mean))
        return np.where(np.isfinite(space.upper), rng.random(len(self.mean)), drawn)
