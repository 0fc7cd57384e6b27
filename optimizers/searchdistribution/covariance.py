"""The covariance matrix that CMA-ES adapts, full or diagonal, and the constants of its updates.

Equation and table numbers are those of Hansen (2016), The CMA evolution strategy: a tutorial,
arXiv:1604.00772. The diagonal form is that of Ros & Hansen (2008), A simple modification in CMA-ES
achieving linear time and space complexity, PPSN X.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from l2l.space import Floats

#: Variances are not taken to be smaller than this share of the largest one.
FLOOR = 1e-30


@dataclass(frozen=True)
class Constants:
    """Weights and learning rates of one population size (table 1).

    Attributes:
        weights: ``(n,)`` by rank; the positive ones sum to 1, those of the worse half are negative.
        mu_eff: Variance-effective number of parents.
        c_sigma: Learning rate of the path of the step size.
        d_sigma: Its damping.
        c_c: Learning rate of the path of the covariance.
        c_1: Learning rate of the rank-one update.
        c_mu: Learning rate of the rank-mu update.
        chi: Expected length of a standard normal vector.
    """

    weights: Floats
    mu_eff: float
    c_sigma: float
    d_sigma: float
    c_c: float
    c_1: float
    c_mu: float
    chi: float

    @classmethod
    def of(cls, d: int, n: int, separable: bool) -> Constants:
        """Return the constants for ``n`` individuals of ``d`` coordinates."""
        raw = math.log((n + 1) / 2) - np.log(np.arange(1, n + 1))  # (49)
        up, down = np.maximum(raw, 0), np.minimum(raw, 0)
        mu_eff = up.sum() ** 2 / np.square(up).sum()
        mu_eff_down = down.sum() ** 2 / np.square(down).sum()
        c_c = (4 + mu_eff / d) / (d + 4 + 2 * mu_eff / d)  # (56)
        faster = (d + 2) / 3 if separable else 1.0  # Ros & Hansen: fewer numbers to learn
        c_1 = min(0.5, faster * 2 / ((d + 1.3) ** 2 + mu_eff))  # (57)
        c_mu = faster * 2 * (0.25 + mu_eff + 1 / mu_eff - 2) / ((d + 2) ** 2 + mu_eff)  # (58)
        c_mu = min(1 - c_1, c_mu)
        most = min(
            1 + c_1 / c_mu,  # (50)
            1 + 2 * mu_eff_down / (mu_eff + 2),  # (51)
            (1 - c_1 - c_mu) / (d * c_mu),  # (52)
        )
        weights = up / up.sum() + most * down / -down.sum()  # (53)
        c_sigma = (mu_eff + 2) / (d + mu_eff + 5)  # (55)
        d_sigma = 1 + 2 * max(0.0, math.sqrt((mu_eff - 1) / (d + 1)) - 1) + c_sigma
        chi = math.sqrt(2) * math.exp(math.lgamma((d + 1) / 2) - math.lgamma(d / 2))
        return cls(weights, mu_eff, c_sigma, d_sigma, c_c, c_1, c_mu, chi)


class Covariance(Protocol):
    """What CMA-ES needs of a covariance C."""

    separable: bool

    def colour(self, z: Floats) -> Floats:
        """Return ``y = B D z`` ``(n, d)`` or ``(d,)``: of covariance C if ``z`` is white."""

    def white(self, y: Floats) -> Floats:
        """Return ``z`` ``(n, d)`` with ``y = B D z``."""

    def turned(self, z: Floats) -> Floats:
        """Return ``B z`` ``(d,)``, which is ``C^-1/2 y`` for ``y = B D z``."""

    def learn(self, z: Floats, weights: Floats, path: Floats, keep: float, c_1: float) -> None:
        """Make C ``keep C + c_1 path path^T + sum_i weights_i y_i y_i^T`` with y = B D z (47).

        Args:
            z: ``(n, d)`` white; may be overwritten.
            weights: ``(n,)``, multiplied with c_mu.
            path: ``(d,)``.
            keep: Factor of the covariance so far.
            c_1: Of the rank-one update.
        """

    @property
    def variances(self) -> Floats:
        """``(d,)`` diagonal of C."""

    @property
    def condition(self) -> float:
        """Ratio of the largest to the smallest eigenvalue; inf if C is not positive definite."""

    def axis(self, number: int) -> Floats | None:
        """Return the principal axis ``D_ii B_i`` ``(d,)``, or None if it is a coordinate."""

    def pack(self) -> dict[str, Floats]:
        """Return C and its decomposition."""


class Full:
    """C with all its d x d entries; its eigendecomposition is renewed every ``gap`` generations.

    Args:
        d: Number of coordinates.
        constants: They say after how many generations C has changed enough for a new
            decomposition, at d^3 operations, to be worth it (at most half a generation in d of
            what C forgets in that time; section B.2 says a tenth and leaves the number open).
    """

    separable = False

    def __init__(self, d: int, constants: Constants) -> None:
        self.gap = max(1, int(0.5 / (d * (constants.c_1 + constants.c_mu))))
        self.c = np.eye(d)
        self.b = np.eye(d)
        self.d = np.ones(d)
        self.age = 0  # generations since the decomposition
        self.broken = False

    def colour(self, z: Floats) -> Floats:
        """Return ``B D z``."""
        return (z * self.d) @ self.b.T

    def white(self, y: Floats) -> Floats:
        """Return the inverse of :meth:`colour`."""
        return (y @ self.b) / self.d

    def turned(self, z: Floats) -> Floats:
        """Return ``B z``."""
        return self.b @ z

    def learn(self, z: Floats, weights: Floats, path: Floats, keep: float, c_1: float) -> None:
        """Update C; see :meth:`Covariance.learn`."""
        rows = np.concatenate([self.colour(z), path[None]])
        change = (rows.T * np.append(weights, c_1)) @ rows
        self.c *= keep
        self.c += change
        self.age += 1
        if self.age >= self.gap:
            self.decompose()

    def decompose(self) -> None:
        """Renew ``C = B D^2 B^T``."""
        self.age = 0
        try:
            squared, self.b = np.linalg.eigh(self.c)
        except np.linalg.LinAlgError:
            self.broken = True
            return
        self.broken = not squared[0] > 0
        self.d = np.sqrt(np.maximum(squared, FLOOR * squared[-1]))

    @property
    def variances(self) -> Floats:
        """Diagonal of C ``(d,)``."""
        return np.diagonal(self.c)

    @property
    def condition(self) -> float:
        """Ratio of the largest to the smallest eigenvalue."""
        return math.inf if self.broken else float((self.d[-1] / self.d[0]) ** 2)

    def axis(self, number: int) -> Floats | None:
        """Return ``D_ii B_i`` ``(d,)``, i = number modulo d."""
        i = number % len(self.d)
        axis: Floats = self.d[i] * self.b[:, i]
        return axis

    def pack(self) -> dict[str, Floats]:
        """Return C and its decomposition."""
        age = np.array([self.age, self.broken], np.float64)
        return {"C": self.c.copy(), "B": self.b, "D": self.d, "age": age}

    def unpack(self, packed: dict[str, Floats]) -> None:
        """Go back to what :meth:`pack` packed."""
        self.c, self.b, self.d = packed["C"].copy(), packed["B"], packed["D"]
        self.age, self.broken = int(packed["age"][0]), bool(packed["age"][1])


class Separable:
    """C as its diagonal alone: linear in time and memory, and no rotations learned."""

    separable = True

    def __init__(self, d: int, constants: Constants) -> None:
        self.c = np.ones(d)
        self.d = np.ones(d)

    def colour(self, z: Floats) -> Floats:
        """Return ``D z``."""
        return z * self.d

    def white(self, y: Floats) -> Floats:
        """Return the inverse of :meth:`colour`."""
        return y / self.d

    def turned(self, z: Floats) -> Floats:
        """Return ``z``: the axes are the coordinates."""
        return z

    def learn(self, z: Floats, weights: Floats, path: Floats, keep: float, c_1: float) -> None:
        """Update C; see :meth:`Covariance.learn`."""
        squares = np.square(z, out=z)
        c = self.c * (keep + weights @ squares) + c_1 * np.square(path)
        self.c = np.maximum(c, FLOOR * c.max())
        self.d = np.sqrt(self.c)

    @property
    def variances(self) -> Floats:
        """Diagonal of C ``(d,)``."""
        return self.c

    @property
    def condition(self) -> float:
        """Ratio of the largest to the smallest eigenvalue."""
        return float(self.c.max() / self.c.min())

    def axis(self, number: int) -> Floats | None:
        """Return None: the axes are the coordinates."""
        return None

    def pack(self) -> dict[str, Floats]:
        """Return C."""
        return {"C": self.c}

    def unpack(self, packed: dict[str, Floats]) -> None:
        """Go back to what :meth:`pack` packed."""
        self.c = packed["C"]
        self.d = np.sqrt(self.c)
