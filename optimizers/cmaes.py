"""CMA-ES: evolution strategy with covariance matrix adaptation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from l2l.classic.optimizer import classic_optimizer
from l2l.errors import ConfigError
from l2l.optimizer import OptimizerParameters, State
from l2l.optimizers.common import restarts
from l2l.optimizers.common.bounds import MAPS
from l2l.optimizers.common.ranking import shared
from l2l.optimizers.common.start import Start
from l2l.optimizers.common.stopping import CONDITION
from l2l.optimizers.searchdistribution.base import SearchDistribution
from l2l.optimizers.searchdistribution.covariance import Constants, Full, Separable
from l2l.optimizers.searchdistribution.noise import Noise
from l2l.options import option
from l2l.space import Floats

#: ``covariance: auto`` is separable above so many coordinates.
FULL_UP_TO = 1000


class CMAESParameters(OptimizerParameters):
    """Parameters of :class:`CMAES`."""

    seed: int | None = option(None, "of its randomness; the run's seed if none", low=0)
    pop_size: int | None = option(
        None, "individuals of a generation, at the start; 4 + 3 ln d if none", low=2
    )
    n_iteration: int | None = option(None, "generations, where the run says no stop", low=0)
    stop_criterion: float | None = option(None, "score (fitness times weights) to reach")
    sigma: Any = option(
        None,
        "initial standard deviation in search coordinates (a number, or one a coordinate); if "
        "none, 0.3 of the range, or as wide as the first individuals lie apart",
    )
    covariance: str = option(
        "auto",
        f"auto is separable above {FULL_UP_TO} coordinates",
        choices=("auto", "full", "separable"),
    )
    restarts: str = option("auto", restarts.MEANING, choices=restarts.KINDS)
    bounds: str = option("reflect", "how points come to lie in the box", choices=MAPS)
    tol_x: float = option(
        1e-11, "standard deviations at which it has converged, relative to the first", low=0
    )
    tol_fun: float = option(1e-11, "range of scores at which it has converged", low=0)

    def check(self) -> None:
        """Make ``sigma`` a number or a list of numbers."""
        if self.sigma is None:
            return
        try:
            sigma = np.asarray(self.sigma, np.float64)
        except (TypeError, ValueError):
            sigma = np.array(np.nan)
        if sigma.ndim > 1 or not (np.isfinite(sigma) & (sigma > 0)).all():
            raise ConfigError(
                "CMAESParameters.sigma must be a number greater than 0, or a list with one a "
                f"coordinate, got {self.sigma!r}"
            )
        object.__setattr__(self, "sigma", sigma.tolist())


class CMAES(SearchDistribution):
    """Samples a normal distribution, and moves and shapes it towards the better half.

    Hansen (2016), The CMA evolution strategy: a tutorial, arXiv:1604.00772, with all its default
    constants and negative weights (equation numbers are of that paper). Above 1000 coordinates
    the covariance is a diagonal (Ros & Hansen 2008). A start that has converged is followed by
    another one (:mod:`l2l.optimizers.common.restarts`). Integers and choices keep a margin
    (:mod:`l2l.optimizers.common.margin`).

    Equal scores share their weights. A generation of equal scores, or one that failed as a whole,
    teaches nothing: it is drawn again. A failed individual ranks last and never pulls the mean.

    Attributes:
        covariance: Of the distribution, up to ``sigma`` and ``scale``.
        constants: Weights and learning rates of the current population size.
        p_sigma: ``(d,)`` path of the step size.
        p_c: ``(d,)`` path of the covariance.
        n_learned: Generations of this start that have taught something.
    """

    Parameters = CMAESParameters
    covariance: Full | Separable
    constants: Constants
    p_sigma: Floats
    p_c: Floats
    n_learned: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        p, d = self.parameters, self.space.size
        if p.sigma is not None and np.shape(p.sigma) not in ((), (d,)):
            raise ConfigError(f"sigma must be a number or have {d} entries, got {len(p.sigma)}")
        self.separable = p.covariance == "separable" or (p.covariance == "auto" and d > FULL_UP_TO)

    # -- the distribution ---------------------------------------------------------------------

    def _first_start(self) -> Start:
        return Start.of(self.space, self.initial, self.parameters.sigma)

    def _shaped(self, n: int) -> None:
        d = self.space.size
        self.constants = Constants.of(d, n, self.separable)
        self.covariance = (Separable if self.separable else Full)(d, self.constants)
        self.p_sigma, self.p_c = np.zeros(d), np.zeros(d)
        self.n_learned = 0

    def _coloured(self, noise: Floats) -> Floats:
        return self.covariance.colour(noise)  # (38), (39)

    def _white(self, y: Floats) -> Floats:
        return self.covariance.white(y)

    def _widths(self) -> Floats:
        return np.sqrt(self.covariance.variances)

    # -- learning -----------------------------------------------------------------------------

    def _learn(self, noise: Noise, scores: Floats, new: int) -> None:
        z, c, d = noise.drawn, self.constants, self.space.size
        up, mu_eff, w = self._weights(scores)
        z_mean = up @ z
        y_mean = self.covariance.colour(z_mean)
        self.mean = self.mean + self.sigma * self.scale * y_mean  # (42)
        by = math.sqrt(c.c_sigma * (2 - c.c_sigma) * mu_eff)
        self.p_sigma = (1 - c.c_sigma) * self.p_sigma + by * self.covariance.turned(z_mean)  # (43)
        self.n_learned += 1
        length = math.sqrt(self.p_sigma @ self.p_sigma)
        settled = math.sqrt(1 - (1 - c.c_sigma) ** (2 * self.n_learned))
        calm = length / settled < (1.4 + 2 / (d + 1)) * c.chi  # h_sigma
        by = calm * math.sqrt(c.c_c * (2 - c.c_c) * mu_eff)
        self.p_c = (1 - c.c_c) * self.p_c + by * y_mean  # (45)
        lengths = np.einsum("ij,ij->i", z, z)
        w = np.where(w < 0, w * d / np.maximum(lengths, 1e-300), w)  # (46)
        lost = 0.0 if calm else c.c_1 * c.c_c * (2 - c.c_c)
        keep = 1 + lost - c.c_1 - c.c_mu * float(c.weights.sum())
        self.covariance.learn(z, c.c_mu * w, self.p_c, keep, c.c_1)  # (47)
        self.sigma *= math.exp(min(1.0, c.c_sigma / c.d_sigma * (length / c.chi - 1)))  # (44)

    def _weights(self, scores: Floats) -> tuple[Floats, float, Floats]:
        """Return what pulls the mean ``(n,)``, its mu_eff, and the weights of the covariance."""
        by_rank, mu_eff = self.constants.weights, self.constants.mu_eff
        failed = np.isneginf(scores)
        weights = shared(scores, by_rank)
        if not failed.any() and np.array_equal(np.sort(weights), by_rank[::-1]):  # no ties
            return np.maximum(weights, 0), mu_eff, weights
        up = shared(scores, np.maximum(by_rank, 0))
        up[failed] = 0.0
        up /= up.sum()
        down = shared(scores, np.minimum(by_rank, 0))
        return up, float(1 / np.square(up).sum()), up + down

    def _by_distribution(self) -> str | None:
        real, cov = self._real, self.covariance
        if cov.condition > CONDITION:
            return f"ConditionCov: the condition number of the covariance is above {CONDITION:g}"
        unit = (self.sigma * self.scale)[real]
        axis = cov.axis(self.stopping.generations)
        return self.stopping.by_steps(
            self.mean[real],
            unit * np.sqrt(cov.variances[real]),
            unit * self.p_c[real],
            self.first_steps[real],
            None if axis is None else unit * axis[real],
        )

    # -- state --------------------------------------------------------------------------------

    def _pack(self) -> State:
        paths = {"p_sigma": self.p_sigma, "p_c": self.p_c, "n_learned": self.n_learned}
        return {**paths, **self.covariance.pack()}

    def _unpack(self, state: State) -> None:
        self.p_sigma, self.p_c = state["p_sigma"], state["p_c"]
        self.n_learned = int(state["n_learned"])
        self.covariance.unpack(state)


CMAESOptimizer = classic_optimizer(CMAES)
