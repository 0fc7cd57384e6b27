"""CMA-ES: evolution strategy with covariance matrix adaptation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from l2l.classic.optimizer import classic_optimizer
from l2l.errors import ConfigError, L2LError
from l2l.evaluation import Evaluations
from l2l.optimizer import Optimizer, OptimizerParameters, State
from l2l.optimizers import restarts
from l2l.optimizers.bounds import MAPS, Bounds
from l2l.optimizers.covariance import Constants, Full, Separable
from l2l.optimizers.margin import Margin, whole_columns
from l2l.optimizers.ranking import shared
from l2l.optimizers.restarts import Restarts
from l2l.optimizers.start import DRAWS, Start
from l2l.optimizers.stopping import CONDITION, Stopping
from l2l.options import option
from l2l.space import Floats

#: ``covariance: auto`` is separable above so many coordinates.
FULL_UP_TO = 1000
#: A coordinate that differs by less than this has not been moved by the optimizee.
MOVED = 1e-9


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
    restarts: str = option("ipop", "what follows convergence", choices=restarts.KINDS)
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


class CMAES(Optimizer):
    """Samples a normal distribution, and moves and shapes it towards the better half.

    Hansen (2016), The CMA evolution strategy: a tutorial, arXiv:1604.00772, with all its default
    constants and negative weights (equation numbers are of that paper). Above 1000 coordinates
    the covariance is a diagonal (Ros & Hansen 2008). A start that has converged is followed by one
    with a larger population (:mod:`l2l.optimizers.restarts`). Integers and choices keep a margin
    (:mod:`l2l.optimizers.margin`).

    Equal scores share their weights. A generation of equal scores, or one that failed as a whole,
    teaches nothing: it is drawn again. A failed individual ranks last and never pulls the mean.

    Attributes:
        mean: ``(d,)`` of the distribution, before bounds; empty before the first ``ask``.
        sigma: Step size.
        scale: ``(d,)`` fixed factors of the coordinates; the margin changes those of integers.
        covariance: Of the distribution, up to ``sigma`` and ``scale``.
        restarts: Population size now, and number of restarts so far.
        ended: Why the last start ended; None before the first restart.
    """

    Parameters = CMAESParameters
    sigma: float
    scale: Floats
    p_sigma: Floats
    p_c: Floats
    n_learned: int
    covariance: Full | Separable
    stopping: Stopping

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        p, d = self.parameters, self.space.size
        if p.sigma is not None and np.shape(p.sigma) not in ((), (d,)):
            raise ConfigError(f"sigma must be a number or have {d} entries, got {len(p.sigma)}")
        self._whole = whole_columns(self.space)
        self._real = slice(None) if not self._whole.any() else np.flatnonzero(~self._whole)
        self._margin = Margin(self.space)
        self._bounds = Bounds(self.space, p.bounds, but=self._whole)
        self.separable = p.covariance == "separable" or (p.covariance == "auto" and d > FULL_UP_TO)
        self.restarts = Restarts(p.restarts, p.pop_size or 4 + int(3 * math.log(d)))
        self.start: Start | None = None
        self.mean: Floats = np.empty(0)
        self.ended: str | None = None
        self._over = False
        self._drawn: tuple[Floats, Floats | None] | None = None
        self._settled: Floats | None = None  # mean of the best earlier start
        self._settled_score = -np.inf

    @classmethod
    def n_initial(cls, parameters: Any) -> int:
        """Return how many individuals are drawn to learn where to begin, without bounds."""
        return DRAWS

    def start_from(self, points: Floats, scores: Floats) -> None:
        """Begin around the best tenth of the points, as wide as they lie apart."""
        usual = Start.of(self.space, points, self.parameters.sigma)
        self.start = Start.near(points, scores, usual.sigma)

    @property
    def begun(self) -> bool:
        """Whether there is a distribution already; the first ``ask`` makes it."""
        return len(self.mean) > 0

    # -- ask ----------------------------------------------------------------------------------

    def ask(self) -> Floats:
        """Return ``(n, d)`` points; ``n`` is the population size of the current start."""
        if not self.begun:
            if self.start is None:
                self.start = Start.of(self.space, self.initial, self.parameters.sigma)
            self.initial = None
            self._begin(self.start)
        z = self.rng.standard_normal((self.restarts.pop_size, self.space.size))
        y = self.covariance.colour(z)  # (38), (39)
        steps = self.sigma * self.scale
        points = y * steps if not self.separable else np.multiply(y, steps, out=y)
        points += self.mean
        within = self._bounds.redrawn(points, self._more)
        if within is not points:
            y = (within - self.mean) / steps
            z = self.covariance.white(y)
        self._drawn = (z, None if self.separable else y)
        return self._image(within)

    def _more(self, n: int) -> Floats:
        """Return ``n`` further points ``(n, d)``, not yet in the box."""
        y = self.covariance.colour(self.rng.standard_normal((n, self.space.size)))
        points: Floats = self.mean + self.sigma * self.scale * y
        return points

    def _image(self, points: Floats) -> Floats:
        """Return points ``(n, d)`` in the box."""
        points = self._bounds(points)
        if self._margin and np.isfinite(self.space.lower).any():
            # what lies beyond the last integer belongs to it: a margin needs no mirror
            confined = np.clip(points, self.space.lower, self.space.upper)
            points = np.where(self._whole, confined, points)
        return points

    # -- tell ---------------------------------------------------------------------------------

    def tell(self, evaluations: Evaluations) -> None:
        """Move the distribution; begin anew where it has converged."""
        expected = 0 if self._drawn is None else len(self._drawn[0])
        scores = self.scored(evaluations, expected=expected)
        assert self._drawn is not None
        (z, y), self._drawn = self._drawn, None
        self.restarts.count(len(scores))
        order = np.argsort(-scores, kind="stable")
        ordered = scores[order]
        n_ok = int(np.searchsorted(-ordered, np.inf))
        if n_ok == 0:
            return
        if evaluations.evaluated is not evaluations.asked:
            z, y = self._as_evaluated(evaluations, z, y)
        spread = float(ordered[0] - ordered[n_ok - 1])
        self.stopping.note(ordered[:n_ok])
        if spread > 0 or n_ok < len(scores):
            self._learn(z, y, *self._weights(scores, order, ordered, n_ok))
        self._end_of_generation(spread)

    def _weights(
        self, scores: Floats, order: Any, ordered: Floats, n_ok: int
    ) -> tuple[Floats, float, Floats]:
        """Return what pulls the mean ``(n,)``, its mu_eff, and the weights of the covariance."""
        by_rank, mu_eff = self.constants.weights, self.constants.mu_eff
        if n_ok == len(scores) and not (ordered[1:] == ordered[:-1]).any():
            weights = np.empty(len(scores))
            weights[order] = by_rank
            return np.maximum(weights, 0), mu_eff, weights
        up = shared(scores, np.maximum(by_rank, 0))
        up[order[n_ok:]] = 0.0
        up /= up.sum()
        down = shared(scores, np.minimum(by_rank, 0))
        return up, float(1 / np.square(up).sum()), up + down

    def _learn(self, z: Floats, y: Floats | None, up: Floats, mu_eff: float, w: Floats) -> None:
        """Move and shape the distribution.

        Args:
            z: ``(n, d)`` white samples; may be overwritten.
            y: ``(n, d)`` samples with covariance C, or None.
            up: ``(n,)`` weights of the mean.
            mu_eff: Effective number of parents that they make.
            w: ``(n,)`` weights of the covariance.
        """
        c, d = self.constants, len(z[0])
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
        self.covariance.learn(z, y, c.c_mu * w, self.p_c, keep, c.c_1)  # (47)
        self.sigma *= math.exp(min(1.0, c.c_sigma / c.d_sigma * (length / c.chi - 1)))  # (44)
        if self._margin:
            self._keep_margin()

    def _as_evaluated(
        self, evaluations: Evaluations, z: Floats, y: Floats | None
    ) -> tuple[Floats, Floats | None]:
        """Return the samples as the optimizee moved them; rounding and choices are no moves."""
        asked, run = evaluations.asked, evaluations.evaluated
        moved = np.abs(run - asked) > MOVED * (1 + np.abs(asked))
        moved &= ~self._whole
        rows = moved.any(axis=1)
        if not rows.any():
            return z, y
        steps, d = self.sigma * self.scale, self.space.size
        before = self.covariance.colour(z[rows]) if y is None else y[rows]
        after = np.where(moved[rows], (run[rows] - self.mean) / steps, before)
        white = self.covariance.white(after)
        # no longer than Hansen (2011, arXiv:1110.4181) lets an injected point be
        most = math.sqrt(d) + 2 * d / (d + 2)
        factor = np.minimum(1.0, most / np.linalg.norm(white, axis=1))[:, None]
        z[rows] = white * factor
        if y is not None:
            y[rows] = after * factor
        return z, y

    def _keep_margin(self) -> None:
        alpha = 1 / (self.space.size * self.restarts.pop_size)
        unit = self.sigma * np.sqrt(self.covariance.variances)
        self.mean, steps = self._margin.corrected(self.mean, unit * self.scale, alpha)
        self.scale = np.where(self._whole, steps / unit, self.scale)

    # -- starts -------------------------------------------------------------------------------

    def _begin(self, start: Start) -> None:
        """Begin with the mean and the standard deviations of a start."""
        d, n, p = self.space.size, self.restarts.pop_size, self.parameters
        self.constants = Constants.of(d, n, self.separable)
        self.covariance = (Separable if self.separable else Full)(d, self.constants)
        self.mean = start.mean
        self.first_steps = start.sigma * self.restarts.sigma_factor
        self.sigma = math.exp(np.log(self.first_steps).mean())
        self.scale = self.first_steps / self.sigma
        self.p_sigma, self.p_c = np.zeros(d), np.zeros(d)
        self.n_learned = 0
        self.stopping = Stopping(d, n, p.tol_x, p.tol_fun)

    def _end_of_generation(self, spread: float) -> None:
        reason = self.stopping.by_scores(spread) or self._by_distribution()
        if reason is None and self.restarts.exhausted:
            reason = "Budget: a small start may use half of what the last large one did"
        if reason is None:
            return
        self.ended = reason
        self._settled, self._settled_score = self._favourite()
        if self.start is not None and self.restarts.next(self.rng):
            mean = self.start.elsewhere(self.space, self.rng)
            self._begin(Start(mean, self.start.sigma))
        else:
            self._over = True

    def _by_distribution(self) -> str | None:
        """Return why the distribution says that this start is over, or None."""
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

    def _favourite(self) -> tuple[Floats | None, float]:
        """Return the mean of the best start so far, this one included, and its median score."""
        median = self.stopping.median[-1] if self.stopping.median else -np.inf
        if median >= self._settled_score:
            return self.mean, median
        return self._settled, self._settled_score

    @property
    def done(self) -> str | None:
        """Why it is over: the stop_criterion, or the convergence of a run without restarts."""
        return super().done or (self.ended if self._over else None)

    @property
    def recommended(self) -> Floats | None:
        """The mean ``(d,)`` of the distribution, of the best start; None before the first."""
        if not self.begun or self.best_point is None:
            return self.best_point
        mean, _ = self._favourite()
        return None if mean is None else self._image(mean[None])[0]

    # -- state --------------------------------------------------------------------------------

    def state(self) -> State:
        """Return everything that changes; see :meth:`Optimizer.state` for when."""
        if self._drawn is not None:
            raise L2LError("the state is taken after tell and before the next ask, not between")
        state = {
            **super().state(),
            "restarts": self.restarts.pack(),
            "start_mean": None if self.start is None else self.start.mean,
            "start_sigma": None if self.start is None else self.start.sigma,
            "settled": self._settled,
            "settled_score": self._settled_score,
            "ended": self.ended,
            "over": self._over,
        }
        if not self.begun:
            return state
        return {
            **state,
            "mean": self.mean,
            "sigma": self.sigma,
            "scale": self.scale,
            "p_sigma": self.p_sigma,
            "p_c": self.p_c,
            "n_learned": self.n_learned,
            "history": self.stopping.pack(),
            **self.covariance.pack(),
        }

    def restore(self, state: State) -> None:
        """Go back to a state: what follows is bit-identical."""
        super().restore(state)
        self.restarts.unpack(state["restarts"])
        mean, sigma = state["start_mean"], state["start_sigma"]
        start = None if mean is None else Start(mean, sigma)
        self.start = start
        self._settled, self._settled_score = state["settled"], float(state["settled_score"])
        self.ended, self._over, self._drawn = state["ended"], bool(state["over"]), None
        self.mean = np.empty(0)
        if start is None or "mean" not in state:
            return
        self._begin(Start(state["mean"], start.sigma))
        self.sigma, self.scale = float(state["sigma"]), state["scale"]
        self.p_sigma, self.p_c = state["p_sigma"], state["p_c"]
        self.n_learned = int(state["n_learned"])
        self.stopping.unpack(state["history"])
        self.covariance.unpack(state)


CMAESOptimizer = classic_optimizer(CMAES)
