"""Step-size control of natural evolution strategies.

``natural``: the natural gradient of the step size, Wierstra et al. (2014), Natural evolution
strategies, JMLR 15. ``path``: cumulative step-size adaptation, as in Hansen (2016), The CMA
evolution strategy: a tutorial, arXiv:1604.00772, eqs. (43) and (44), and for exponential updates
in Krause & Glasmachers (2015), A CMA-ES with multiplicative covariance matrix updates, GECCO.
``phases``: the path tells movement, stagnation and convergence apart, each with a learning rate of
its own, and movement favours what lies far ahead: Fukushima, Nagata, Kobayashi & Ono (2011),
Proposal of distance-weighted exponential natural evolution strategies, CEC, with the constants of
Nomura & Ono (2021), arXiv:2108.09455.
"""

from __future__ import annotations

import math

import numpy as np

from l2l.space import Floats

#: Choices of an option ``step_control``.
KINDS = ("path", "phases", "natural")
#: Below this share of its length without selection, the path says that the search converges.
CONVERGED = 0.1


def utilities(n: int) -> Floats:
    """Return the utilities ``(n,)`` by rank, the best first; they add up to 0.

    Wierstra et al. (2014), section 3.1.
    """
    raw = np.maximum(0.0, math.log(n / 2 + 1) - np.log(np.arange(1, n + 1)))
    values: Floats = raw / raw.sum() - 1 / n
    return values


class StepControl:
    """Decides how the step size changes.

    Args:
        kind: One of ``KINDS``.
        d: Number of coordinates.
        n: Individuals of a generation.
        mirrored: Whether they are mirrored pairs.
        rate: Learning rate of ``natural``.

    Attributes:
        path: ``(d,)`` decayed sum of the steps of the mean, in the coordinates of the noise;
            standard normal where selection is random.
        length: Of the path.
        share: Of a generation, that the last step was made of.
    """

    def __init__(self, kind: str, d: int, n: int, mirrored: bool, rate: float) -> None:
        self.kind, self.d, self.n, self.rate = kind, d, n, rate
        # the variance of sum u z under random selection; without replacement where mirrored
        self.excess = n / (n - 1) if mirrored else 1.0
        self.mu_eff = 1 / (self.excess * float(np.square(utilities(n)).sum()))
        self.c = (self.mu_eff + 2) / (d + self.mu_eff + 5)
        self.damping = 1 + 2 * max(0.0, math.sqrt(max(self.mu_eff - 1, 0) / (d + 1)) - 1) + self.c
        self.chi = math.sqrt(d) * (1 - 1 / (4 * d) + 1 / (21 * d * d))
        self.alpha = _reach(d) * min(1.0, math.sqrt(n / d)) if kind == "phases" else 0.0
        self.path: Floats = np.zeros(d)
        self.length = 0.0
        self.share = 1.0

    def follow(self, step: Floats, energy: float, share: float = 1.0) -> Floats:
        """Add a step of the mean to the path, and return it scaled to be standard normal.

        Args:
            step: ``(d,)`` sum of utilities times noise.
            energy: Sum of the squares of the utilities of a generation.
            share: Of a generation, that the step is made of.
        """
        self.share, c = share, shared_out(self.c, share)
        unit: Floats = step * (1 / math.sqrt(self.excess * energy * share))
        self.path = (1 - c) * self.path + math.sqrt(c * (2 - c)) * unit  # (43)
        self.length = math.sqrt(float(self.path @ self.path))
        return unit

    @property
    def weighs_distance(self) -> bool:
        """Whether utilities shall favour what lies far from the mean."""
        return self.kind == "phases" and self.length >= self.chi

    def by_distance(self, values: Floats, distances: Floats) -> Floats:
        """Return utilities ``(n,)`` that favour those far from the mean, for the movement phase.

        Args:
            values: ``(n,)`` utilities by rank.
            distances: ``(n,)`` norms of the noise.
        """
        # relative to the farthest: the factor cancels, and nothing overflows
        far = np.exp(self.alpha * (distances - distances.max()))
        weights = np.maximum(values + 1 / self.n, 0.0) * far
        weighed: Floats = weights / weights.sum() - 1 / self.n
        return weighed

    def factor(self, trace: float) -> float:
        """Return what the step size is multiplied with.

        Args:
            trace: Mean over the coordinates of sum u (z^2 - 1), its natural gradient.
        """
        if self.kind == "path":
            rate = self.share * self.c / self.damping
            return math.exp(min(1.0, rate * (self.length / self.chi - 1)))  # (44)
        rate = self.rate if self.kind == "natural" else self._rate_of_phase()
        return math.exp(min(1.0, rate / 2 * trace))

    def _rate_of_phase(self) -> float:
        n, d = self.n, self.d
        if self.length >= self.chi:  # movement
            return 1.0
        if self.length >= CONVERGED * self.chi:  # stagnation
            return math.tanh((0.024 * n + 0.7 * d + 20) / (d + 12))
        return 2 * math.tanh((0.025 * n + 0.75 * d + 10) / (d + 4))


def shared_out(rate: float, share: float) -> float:
    """Return the learning rate of a part of a generation: over all parts it forgets as much."""
    return rate if share == 1 else 1 - (1 - rate) ** share


def _reach(d: int) -> float:
    """Return the root a of (1 + a^2) exp(a^2 / 2) / 0.24 - 10 - d (Nomura & Ono 2021)."""
    low, high = 0.0, 10.0
    for _ in range(60):
        a = (low + high) / 2
        below = math.log1p(a * a) + a * a / 2 < math.log(0.24 * (10 + d))
        low, high = (a, high) if below else (low, a)
    return low
