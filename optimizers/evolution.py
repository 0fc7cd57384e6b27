"""Genetic algorithm.

Bounded spaces are searched in the unit cube with simulated binary crossover (Deb & Agrawal 1995,
Complex Systems 9) and polynomial mutation (Deb & Goyal 1996), both in the bounded form of NSGA-II
(Deb et al. 2002). Classic spaces in raw units are searched with blend crossover (Eshelman &
Schaffer 1993) and Gaussian mutation, as in upstream L2L. Any operator of DEAP can be named instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from l2l.classic.optimizer import classic_optimizer
from l2l.errors import L2LError
from l2l.evaluation import Evaluations
from l2l.optimizer import Optimizer, State
from l2l.optimizers.common.restarts import Restarts
from l2l.optimizers.common.start import WIDTH, Start
from l2l.optimizers.genetic.breeding import Breeding, Children
from l2l.optimizers.genetic.fame import HallOfFame
from l2l.optimizers.genetic.operators import deviations
from l2l.optimizers.genetic.parameters import GeneticAlgorithmParameters
from l2l.optimizers.genetic.variation import contains
from l2l.space import Floats

#: A population has converged where the better half's scores differ by this, relatively, and the
#: genes by this much of what they did at first;
SAME_SCORE, SAME_GENES = 1e-12, 1e-3
#: or where genes differ by this much.
COLLAPSED = 1e-12
#: Full generations without a better best after which an adapting search stagnates.
PATIENCE = 50

__all__ = ["GeneticAlgorithm", "GeneticAlgorithmOptimizer", "GeneticAlgorithmParameters"]


class GeneticAlgorithm(Optimizer):
    """Evolves a population by selection, crossover, mutation and elitism.

    A generation is ``pop_size`` children (or ``replaced`` ones, of which the better ones replace
    the worst: steady state). Those that are equal to their parent keep its fitness and are not
    evaluated again, so that ``ask`` returns between one and all of them. A child that is equal to
    an earlier one is mutated once more with probability 0.8. What leaves the bounds is reflected.
    Evaluations that did not end ok rank worst; where a whole generation failed, the population
    stays.

    The strength of mutation adapts by the success rule unless it is given, and the steps of genes
    are to each other as the population is wide. A population that has converged is drawn anew, or
    ends the run if ``restarts`` is none; the hall of fame stays.

    Attributes:
        population: ``(pop_size, d)`` of the current generation, in search coordinates.
        scores: ``(pop_size,)`` their fitness times weights; -inf where the evaluation failed.
        hall_of_fame: The best individuals ever.

    Raises:
        ConfigError: If SBX or polynomial mutation is asked for in a space without bounds, or an
            operator of DEAP does not work in the space.
    """

    Parameters = GeneticAlgorithmParameters

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        d, p = self.space.size, self.parameters
        self.breeding = Breeding(self.space, p, self.rng)
        self.restarts = Restarts(p.restarts, p.pop_size)
        self.population: Floats = np.empty((0, d))
        self.scores: Floats = np.empty(0)
        self.hall_of_fame = HallOfFame.empty(d)
        self._start: Start | None = None  # known after the first generation
        self._over: str | None = None
        self._best, self._waited = -np.inf, 0  # of this start; generations without a better one
        self._children: Children | None = None

    @property
    def done(self) -> str | None:
        """Why it is over: the score is reached, or the population has converged."""
        return super().done or self._over

    def start_from(self, points: Floats, scores: Floats) -> None:
        """Begin with the best of known points; first points that were given fill up."""
        given = self.initial
        super().start_from(points, scores)
        if given is not None and self.initial is not None:
            self.initial = np.concatenate([self.initial, given])[: self.parameters.pop_size]

    # -- ask and tell -------------------------------------------------------------------------

    def ask(self) -> Floats:
        """Return ``(n, d)`` points, 1 <= n <= ``pop_size``; in the first generation all of them."""
        if not len(self.population):
            self._children = Children.first(self._drawn())
            return self._children.points.copy()
        n = self.parameters.replaced or len(self.population)
        assert self._start is not None
        children = self.breeding.children(
            self.population, self.scores, n, self._start.sigma, self.rng
        )
        self._children = children
        new = children.new
        return children.points if new.all() else children.points[new]

    def tell(self, evaluations: Evaluations) -> None:
        """Make the children the next population, or a part of it."""
        children, self._children = self._children, None
        asked = 0 if children is None else int(children.new.sum())
        scores = self.scored(evaluations, expected=asked)
        assert children is not None
        self.restarts.count(asked)
        if len(self.population) and not np.isfinite(scores).any():
            return
        self._learn(children, scores)
        self.hall_of_fame = self.hall_of_fame.with_more(
            evaluations.evaluated, scores, evaluations.id, self.parameters.hall_of_fame
        )
        new = children.new
        if new.all():
            children.points = evaluations.evaluated.copy()
        else:
            children.points[new] = evaluations.evaluated
        children.scores[new] = scores
        self._succeed(children, new)
        if self._start is None:
            self._start = self._first_start()
        best = float(self.scores.max())
        self._waited = 0 if best > self._best else self._waited + 1
        self._best = max(best, self._best)
        if self._converged() or self._stagnates() or self.restarts.exhausted:
            self._restart()

    def _drawn(self) -> Floats:
        """Return a first population ``(n, d)``, of the run or of a restart."""
        if self._start is None:
            points = self.first_points(self.parameters.pop_size)
        else:
            n = self.restarts.pop_size
            points = np.array([self._start.elsewhere(self.space, self.rng) for _ in range(n)])
        whole = self.breeding.whole
        return whole.snapped(points) if whole else points

    def _first_start(self) -> Start:
        """Return mean and width of the first population; 0.3 or 1 where it has no width."""
        spread = deviations(self.population)
        default = np.where(np.isfinite(self.space.upper), WIDTH, 1.0)
        return Start(self.population.mean(axis=0), np.where(spread > 0, spread, default))

    def _learn(self, children: Children, scores: Floats) -> None:
        """Adapt the strength of mutation to what became of the mutated."""
        kinds, parents = children.kinds[children.new], children.parents[children.new]
        mutated = kinds >= 0
        better = scores[mutated] > parents[mutated]
        self.breeding.strength.learn(kinds[mutated], better, len(children.scores))

    # -- succession ---------------------------------------------------------------------------

    def _succeed(self, children: Children, new: Any) -> None:
        """Make the next population of the current one and its children."""
        if self.parameters.replaced is None or not len(self.population):
            self._keep_elites(children)
            self.population, self.scores = children.points, children.scores
            return
        points, scores = children.points[new], children.scores[new]
        everybody = np.concatenate([self.scores, scores])
        m = len(self.scores)
        best = np.argsort(-everybody, kind="stable")[:m]
        leaving = np.setdiff1d(np.arange(m), best)
        coming = best[best >= m] - m
        self.population, self.scores = self.population.copy(), self.scores.copy()
        self.population[leaving], self.scores[leaving] = points[coming], scores[coming]

    def _keep_elites(self, children: Children) -> None:
        """Let the best of the population replace the worst children, if those are worse."""
        for elite in np.argsort(-self.scores, kind="stable")[: self.parameters.elitism]:
            point, worst = self.population[elite], int(np.argmin(children.scores))
            if self.scores[elite] > children.scores[worst] and not contains(children.points, point):
                children.points[worst], children.scores[worst] = point, self.scores[elite]

    def _converged(self) -> bool:
        """Whether nothing is left in the population that crossover and mutation could use."""
        p, strength = self.parameters, self.breeding.strength
        floats = ~self.breeding.whole.whole
        alive = p.mut_prob > 0 and p.ind_prob != 0 and not strength.adapts
        if alive or not floats.any() or self._start is None:
            return False
        better = np.sort(self.scores)[len(self.scores) // 2 :]
        if not np.isfinite(better[0]):
            return False
        equal = better[-1] - better[0] <= SAME_SCORE * abs(better[-1])
        if not equal and strength.factors.min() > COLLAPSED:
            return False
        wide = float((deviations(self.population) / self._start.sigma)[floats].max())
        return wide <= (SAME_GENES if equal else COLLAPSED)

    def _stagnates(self) -> bool:
        """Whether there was nothing better for too many generations."""
        p = self.parameters
        most = p.stagnation or (PATIENCE if self.breeding.strength.adapts else None)
        share = (p.replaced or p.pop_size) / p.pop_size
        return most is not None and self._waited * share >= most

    def _restart(self) -> None:
        """Let the next generation be a new first one, if there may be one."""
        if not self.restarts.next(self.rng):
            self._over = "the population has converged"
            return
        self.population, self.scores = self.population[:0], self.scores[:0]
        self.breeding.strength.factors = np.full(2, self.restarts.sigma_factor)
        self._best, self._waited = -np.inf, 0

    # -- state --------------------------------------------------------------------------------

    def state(self) -> State:
        """Return everything that changes; see :meth:`Optimizer.state` for when."""
        if self._children is not None:
            raise L2LError("the state is taken after tell and before the next ask, not between")
        fame, start, deap = self.hall_of_fame, self._start, self.breeding.deap
        return {
            **super().state(),
            "population": self.population,
            "scores": self.scores,
            "fame_points": fame.points,
            "fame_scores": fame.scores,
            "fame_ids": fame.ids,
            "strength": self.breeding.strength.factors,
            "start_mean": None if start is None else start.mean,
            "start_sigma": None if start is None else start.sigma,
            "restarts": self.restarts.pack(),
            "over": self._over,
            "best": self._best,
            "waited": self._waited,
            "python_random": None if deap is None else deap.random.pack(),
        }

    def restore(self, state: State) -> None:
        """Go back to a state: what follows is bit-identical."""
        super().restore(state)
        self.population, self.scores = state["population"], state["scores"]
        self.hall_of_fame = HallOfFame(
            state["fame_points"], state["fame_scores"], state["fame_ids"]
        )
        self.breeding.strength.factors = state["strength"]
        mean, sigma = state["start_mean"], state["start_sigma"]
        self._start = None if mean is None else Start(mean, sigma)
        self.restarts.unpack(state["restarts"])
        self._over = state["over"]
        self._best, self._waited = float(state["best"]), int(state["waited"])
        if self.breeding.deap is not None:
            self.breeding.deap.random.unpack(state["python_random"])
        self._children = None


GeneticAlgorithmOptimizer = classic_optimizer(GeneticAlgorithm)
