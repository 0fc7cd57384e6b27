"""Exponential natural evolution strategies (xNES)."""

from __future__ import annotations

import math

import numpy as np

from l2l.classic.optimizer import classic_optimizer
from l2l.optimizer import State
from l2l.optimizers.naturalevolutionstrategies import (
    NaturalEvolutionStrategies,
    NaturalEvolutionStrategiesParameters,
)
from l2l.optimizers.searchdistribution.noise import Noise
from l2l.optimizers.searchdistribution.stepcontrol import shared_out
from l2l.options import option
from l2l.space import Floats

#: Condition number of the matrix beyond which its products mean nothing.
CONDITION = 1e7
#: Generations between two looks at it, at least.
EVERY = 10


class XNESParameters(NaturalEvolutionStrategiesParameters):
    """Parameters of :class:`XNES`."""

    evolution_path: bool = option(
        True, "shape the distribution along the path of the mean, too (rank-one update)"
    )


class XNES(NaturalEvolutionStrategies):
    """Follows the natural gradient of the expected utility with a full covariance matrix.

    Glasmachers, Schaul, Sun, Wierstra & Schmidhuber (2010), Exponential natural evolution
    strategies, GECCO, and Wierstra et al. (2014), JMLR 15, algorithm 5: a sample is
    ``mean + sigma B z``, and B is multiplied with the matrix exponential of its natural gradient.
    That is symmetric and of the rank of the population, so that the exponential costs O(d^2 n) and
    is exact. The step size is controlled as in SNES; the path of the mean adds the rank-one update
    of Krause & Glasmachers (2015), A CMA-ES with multiplicative covariance matrix updates, GECCO.
    ``step_control: natural, evolution_path: false`` is the algorithm of the papers.

    Attributes:
        transform: ``(d, d)`` the matrix B, of determinant 1.
        direction: ``(d,)`` path of the mean, in the coordinates of the noise.
    """

    Parameters = XNESParameters
    transform: Floats
    direction: Floats

    @staticmethod
    def _default_rate(d: int) -> float:
        return (9 + 3 * math.log(d)) / (5 * d * math.sqrt(d))

    def _shaped(self, n: int) -> None:
        super()._shaped(n)
        d, mu = self.space.size, self.control.mu_eff
        self.transform = np.identity(d, np.float64)
        self.direction = np.zeros(d)
        self._generation = 0.0
        self._c_path = (4 + mu / d) / (d + 4 + 2 * mu / d)
        self._rate_path = 2 / ((d + 1.3) ** 2 + mu) if self.parameters.evolution_path else 0.0

    def _coloured(self, noise: Floats) -> Floats:
        coloured: Floats = noise @ self.transform.T
        return coloured

    def _white(self, y: Floats) -> Floats:
        return np.asarray(np.linalg.solve(self.transform, y.T).T, np.float64)

    def _widths(self) -> Floats:
        widths: Floats = np.sqrt(np.einsum("ij,ij->i", self.transform, self.transform))
        return widths

    def _reshape(self, noise: Noise, u: Floats, unit: Floats) -> float:
        """Multiply B with exp(G / 2), G the traceless natural gradient of the shape.

        G = eta (M - tr M / d) + c_1 (p p' - |p|^2 / d) with M = sum u (z z' - 1).
        """
        d, weights = self.space.size, noise.folded(u)
        self._follow(unit)
        p, c_1 = self.direction, self._rate_path * self.control.share
        vectors = np.concatenate([noise.drawn, p[None]]) if c_1 else noise.drawn
        rates = self._rate_sigma * weights
        rates = np.append(rates, c_1) if c_1 else rates
        if len(vectors) < d:  # Q spans all that G does not scale alike
            q, r = np.linalg.qr(vectors.T)
            core = (r * rates) @ r.T
        else:
            q, core = np.empty((0, 0)), (vectors.T * rates) @ vectors
        squares = np.einsum("ij,ij->i", noise.drawn, noise.drawn)
        common = float(weights @ squares) / d - float(u.sum())
        alike = float(rates @ np.einsum("ij,ij->i", vectors, vectors)) / d
        axes: Floats
        values, axes = np.linalg.eigh((core + core.T) / 2)
        axes = q @ axes if q.size else axes
        # exp(G / 2) = exp(-alike / 2) (1 + axes (exp(values / 2) - 1) axes')
        size = math.exp(-alike / 2)
        grown = (self.transform @ axes) * np.expm1(values / 2)
        self.transform = size * (self.transform + grown @ axes.T)
        self.direction = (p + axes @ (np.expm1(-values / 2) * (axes.T @ p))) / size
        return common

    def _follow(self, unit: Floats) -> None:
        """Add a step of the mean to its path, unless the step size is about to grow."""
        control, d = self.control, self.space.size
        self._generation += control.share
        settled = math.sqrt(1 - (1 - control.c) ** (2 * self._generation))
        calm = control.length / settled < (1.4 + 2 / (d + 1)) * control.chi  # Hansen 2016, h_sigma
        c = shared_out(self._c_path, control.share)
        self.direction = (1 - c) * self.direction + calm * math.sqrt(c * (2 - c)) * unit

    def _by_distribution(self) -> str | None:
        every = max(EVERY, self.space.size // 2)
        if self.stopping.generations % every == 0 and np.linalg.cond(self.transform) > CONDITION:
            return "ConditionCov: the condition number of the covariance is above 1e14"
        return super()._by_distribution()

    # -- state --------------------------------------------------------------------------------

    def _pack(self) -> State:
        return {
            **super()._pack(),
            "transform": self.transform,
            "direction": self.direction,
            "generation": self._generation,
        }

    def _unpack(self, state: State) -> None:
        super()._unpack(state)
        self.transform, self.direction = state["transform"], state["direction"]
        self._generation = float(state["generation"])


XNESOptimizer = classic_optimizer(XNES)
