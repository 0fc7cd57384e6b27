"""Cross-entropy method: fit a distribution to the best individuals, draw from it, and again."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from l2l.classic.optimizer import classic_optimizer
from l2l.evaluation import Evaluations
from l2l.optimizer import Optimizer, OptimizerParameters, State
from l2l.optimizers.common.bounds import Bounds
from l2l.optimizers.common.inflight import InFlight, Landed
from l2l.optimizers.common.margin import Margin
from l2l.optimizers.common.restarts import Restarts
from l2l.optimizers.common.start import DRAWS, Start
from l2l.optimizers.common.stopping import Stopping
from l2l.optimizers.distributions import described
from l2l.optimizers.elites import elite
from l2l.optimizers.elites.fitted import FittedGaussian, Update
from l2l.optimizers.elites.fitting import CrossEntropyParameters, default_size, fitted_for, fitting
from l2l.space import Floats

__all__ = ["CrossEntropy", "CrossEntropyOptimizer", "CrossEntropyParameters"]


class CrossEntropy(Optimizer):
    """Draws from a distribution and fits it to the elite: the cross-entropy method.

    Rubinstein (1999); De Boer, Kroese, Mannor & Rubinstein (2005), A tutorial on the cross-entropy
    method, with their smoothing of what is fitted. By default better elites weigh more, and
    the covariance is that around the old mean: the natural-gradient form of the same update
    (Ollivier et al. 2017, JMLR 18(18)), which does not shrink on a slope. It is invariant under
    monotone transformations of the fitness (but for ``temp_decay``), and restarts with twice the
    population when it has converged.

    Attributes:
        fitted: The distribution, in unbounded search coordinates.
        learned: Number of updates of the current start; a part of a population counts as such.

    Raises:
        ConfigError: If options do not fit the space or each other.
        MissingExtra: If a mixture is asked for and scikit-learn is not installed.
    """

    Parameters: ClassVar[type[OptimizerParameters]] = CrossEntropyParameters
    learns_from = "evaluated"
    asynchronous = True
    #: Whether one by one a part of a population can be learned from, ranked among all of it.
    grows_in_parts: ClassVar[bool] = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        p, d = self.parameters, self.space.size
        self._description: Any = described(p.distribution)
        self.fitted = fitted_for(self._description, d)
        self._in_parts = self.grows_in_parts and isinstance(self.fitted, FittedGaussian)
        self.learned = 0.0
        self._sigma = None if p.sigma is None else fitting(p.sigma, d, "sigma")
        self._scale = self._noise_scale()
        self._bounds = Bounds(self.space, p.bounds)
        self._margin = Margin(self.space)
        self._floating = np.ones(d, np.bool_)
        self._floating[self._margin.columns] = False
        self._start: Start | None = None
        self._drawn: Floats | None = None
        self._asked = 0
        self._flight, self._landed = InFlight(), Landed()
        self._spread = np.inf  # of the scores of the last generation
        self._over: str | None = None
        self._restarts = Restarts(
            p.restarts, self._first_size(), fixed=getattr(p, "pop_size", None) is not None
        )
        self._stopping = self._new_stopping()

    def _new_stopping(self) -> Stopping:
        p = self.parameters
        return Stopping(self.space.size, self._restarts.pop_size, p.tol_x, p.tol_fun)

    def _first_size(self) -> int:
        """Return the number of individuals of a generation of the first start."""
        size: int = self.parameters.pop_size or default_size(self.space.size)
        return size

    def _noise_scale(self) -> Any:
        """Return the standard deviation of the noise at first, a number or ``(d,)``; 0 if none."""
        magnitude = getattr(self._description, "noise_magnitude", 0.0)
        scale = getattr(self._description, "coordinate_scale", None)
        if magnitude == 0:
            return 0.0
        if scale is None:
            scale = np.where(np.isfinite(self.space.upper), 0.3, 1.0)
        return magnitude * fitting(scale, self.space.size, "coordinate_scale")

    @classmethod
    def n_initial(cls, parameters: Any) -> int:
        """Return how many individuals are drawn to learn where to begin."""
        return DRAWS

    # -- ask and tell -------------------------------------------------------------------------

    def ask(self) -> Floats:
        """Return ``(n, d)`` points, drawn from the distribution."""
        drawn = self._draw(self._size())
        points = self._bounds(drawn)
        self._asked = len(points)
        self._drawn = None if points is drawn else drawn  # else what is told is what was drawn
        return points

    def _draw(self, n: int) -> Floats:
        """Return ``n`` points ``(n, d)`` of the distribution, not yet in the box."""
        if not len(self.fitted.mean):
            if self._start is None:
                self._start = Start.of(self.space, self.initial, self._sigma)
                self.initial = None
            self.fitted.begin(self._start.mean, self._start.sigma)
        noise = self._noise() ** 2
        drawn = self.fitted.draw(n, self.rng, noise)
        return self._bounds.redrawn(drawn, lambda k: self.fitted.draw(k, self.rng, noise))

    def _size(self) -> int:
        """Return how many individuals are asked for next."""
        return self._restarts.pop_size

    def _noise(self) -> Any:
        """Return the standard deviation of the extra noise now, a number or ``(d,)``."""
        decay = getattr(self._description, "noise_decay", 1.0)
        return self._scale * decay**self.learned

    def tell(self, evaluations: Evaluations) -> None:
        """Fit the distribution to the elite."""
        scores = self.scored(evaluations, expected=self._asked)
        drawn, self._drawn, self._asked = self._drawn, None, 0
        drawn = evaluations.asked if drawn is None else drawn
        self._told(self._learned_from(evaluations, drawn), scores)

    def ask_one(self) -> Floats:
        """Return one more point ``(d,)`` of the distribution as it is now."""
        drawn = self._draw(1)
        self._flight.add(self._restarts.n, drawn)
        point: Floats = self._bounds(drawn)[0]
        return point

    def tell_one(self, evaluations: Evaluations) -> None:
        """Keep an evaluation; of each full population that has landed, the elite is learned from.

        If others are in flight, half a new one is enough: those of the elite that are new.
        Those of an earlier start only count as the best point. A size that was left to the
        algorithm suits the number of points in flight when the first result comes.
        """
        number, score = self.scored_one(evaluations)
        if not self._flight.landed and self._restarts.suit(len(self._flight), self.space.size):
            self._stopping = self._new_stopping()
        row = self._flight.land(number)
        if row[0] != self._restarts.n:
            return
        self._landed.add(self._learned_from(evaluations, row[None, 1:])[0], score)
        n = self._size()
        if not self._in_parts:
            if len(self._landed) >= n:
                self._told(*self._landed.clear())
        elif len(self._landed) >= n and self._landed.new >= (n // 2 if len(self._flight) else n):
            self._told(*self._landed.latest(n))

    @property
    def cohort(self) -> int:
        """Points that count as one generation where they are asked for one by one."""
        return self._first_size()

    def _told(self, points: Floats, scores: Floats, new: int | None = None) -> None:
        """Count a generation ``(n, d)``, and learn from it if at least one ended ok.

        Of those that are not new (the last ones are, all if None) it has learned before.
        """
        new = len(scores) if new is None else new
        self._restarts.count(new)
        if np.isfinite(scores).any():
            self._take(points, scores, new)

    def _take(self, points: Floats, scores: Floats, new: int) -> None:
        """Learn from the new ones of a generation ``(n, d)``, of which at least one ended ok."""
        self._learn(points, scores, new)
        self._go_on()

    def _learned_from(self, evaluations: Evaluations, points: Floats) -> Floats:
        """Return what is learned from, ``(n, d)``: what was drawn, or where the optimizee moved it.

        Integers that were merely rounded have not been moved.
        """
        if evaluations.evaluated is not evaluations.asked:
            moved = (evaluations.evaluated != evaluations.asked) & self._floating
            if moved.any():
                points = np.where(moved, evaluations.evaluated, points)
        return points

    def _learn(self, points: Floats, scores: Floats, new: int) -> None:
        """Learn from the new ones, the last, of a sample ``(n, d)`` with scores ``(n,)``."""
        weights, n = self._weights(scores), len(scores)
        update = self._update(weights)
        if new < n:
            weights[:-new] = 0.0
            share = float(weights.sum())
            update = update.part(share)
            weights /= max(share, 1e-300)
        rows = np.flatnonzero(weights)
        good = np.sort(scores[np.isfinite(scores)])[::-1]
        if self._restarts.used // n > (self._restarts.used - new) // n:  # once a population
            self._stopping.note(good)
        self._spread = float(good[0] - good[-1])
        least = self.fitted.least if new == n else 1
        if len(rows) >= least and self._spread > 0:  # else there is nothing to learn
            self.fitted.fit(points[rows], weights[rows], update, self.rng)
            if self._margin:
                self.fitted.keep_margin(self._margin, 1 / (n * self.space.size))
            self.learned += new / n

    def _weights(self, scores: Floats) -> Floats:
        """Return the weights ``(n,)`` of individuals, with the sum 1; 0 for those that fall out."""
        p = self.parameters
        temperature = p.temp_decay ** (self.learned + 1) if p.temp_decay > 0 else 0.0
        log = p.elite_weights == "log"
        return elite.weights(scores, self._n_elite(), log, temperature, self.rng)

    def _n_elite(self) -> int:
        """Return the number of elites."""
        n = round(float(self.parameters.rho) * self._restarts.pop_size)
        return max(self.fitted.least, n)

    def _update(self, weights: Floats) -> Update:
        """Return how the elite with these weights changes the distribution."""
        p, d = self.parameters, self.space.size
        covariance = p.covariance_smoothing
        if covariance is None:
            full = isinstance(self.fitted, FittedGaussian) and self.fitted.full
            least = 1 - elite.rate(1 / float(weights @ weights), d, full)
            covariance = max(p.smoothing, least)
        if p.dynamic_smoothing is not None:  # Kroese et al. 2006: b - b (1 - 1/t)^q
            t = self.learned + 1
            covariance = 1 - (1 - covariance) * (1 - (1 - 1 / t) ** p.dynamic_smoothing)
        assert self._start is not None
        floor: Any = p.min_sigma and p.min_sigma * self._start.sigma
        return Update(p.smoothing, covariance, p.centre == "old", floor)

    # -- convergence and restarts -------------------------------------------------------------

    def _go_on(self) -> None:
        """Begin anew if the search has converged and restarts are wanted."""
        self._over = self._why()
        if self._over is not None and self._restarts.next(self.rng):
            self._begin_anew()

    def _begin_anew(self) -> None:
        """Start once more, from somewhere else."""
        assert self._start is not None
        sigma = self._start.sigma * self._restarts.sigma_factor
        self.fitted.begin(self._start.elsewhere(self.space, self.rng), sigma)
        self.learned, self._stopping, self._over = 0.0, self._new_stopping(), None
        self._landed.forget()

    def _why(self) -> str | None:
        """Return why the current start is over, or None."""
        if self._start is None or not len(self.fitted.mean):
            return None
        if self._restarts.exhausted:
            return "this start has used its share of the evaluations"
        free = self._floating
        steps, first = np.hypot(self.fitted.sigma, self._noise())[free], self._start.sigma[free]
        return self._stopping.by_scores(self._spread) or self._stopping.by_steps(
            self.fitted.mean[free], steps, np.zeros_like(steps), first, None
        )

    @property
    def done(self) -> str | None:
        """Why it is over, or None."""
        return super().done or self._over

    @property
    def recommended(self) -> Floats | None:
        """The mean ``(d,)`` of the distribution, in the box; None before anything ended ok."""
        if self.best_point is None or not len(self.fitted.mean):
            return self.best_point
        return self._bounds(self.fitted.mean.copy())

    def start_from(self, points: Floats, scores: Floats) -> None:
        """Begin around the best points known."""
        initial = points if self.initial is None else self.initial
        sigma = Start.of(self.space, initial, self._sigma).sigma
        self._start, self.initial = Start.near(points, scores, sigma), None

    # -- state --------------------------------------------------------------------------------

    def state(self) -> State:
        """Return everything that changes; see :meth:`Optimizer.state` for when."""
        start = self._start
        return {
            **super().state(),
            **self.fitted.pack(),
            "learned": self.learned,
            "history": self._stopping.pack(),
            "spread": self._spread,
            "restarts": self._restarts.pack(),
            "start_mean": None if start is None else start.mean,
            "start_sigma": None if start is None else start.sigma,
            **self._flight.pack(),
            **self._landed.pack(),
        }

    def restore(self, state: State) -> None:
        """Go back to a state: what follows is bit-identical."""
        super().restore(state)
        self.fitted.unpack(state)
        self.learned, self._spread = float(state["learned"]), float(state["spread"])
        self._restarts.unpack(state["restarts"])
        self._stopping = self._new_stopping()
        self._stopping.unpack(state["history"])
        mean, sigma = state["start_mean"], state["start_sigma"]
        self._start = None if mean is None else Start(mean, sigma)
        self._drawn, self._asked = None, 0
        self._flight.unpack(state)
        self._landed.unpack(state)
        self._over = self._why()


CrossEntropyOptimizer = classic_optimizer(CrossEntropy)
