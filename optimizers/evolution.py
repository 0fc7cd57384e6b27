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
from l2l.evaluation import Evaluations
from l2l.optimizers.genetic.breeding import Children
from l2l.optimizers.genetic.frame import Frame
from l2l.optimizers.genetic.parameters import GeneticAlgorithmParameters
from l2l.optimizers.genetic.variation import contains
from l2l.space import Floats

__all__ = ["GeneticAlgorithm", "GeneticAlgorithmOptimizer", "GeneticAlgorithmParameters"]


class GeneticAlgorithm(Frame):
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

    One by one, each child is bred from the population as it is, and takes the place of the oldest
    individual that is no elite (De Jong & Sarma 1993, Generation gaps revisited, FOGA 2: this
    selects as strongly as generations do), or with ``replaced`` of the worst one, if it is better.

    Attributes:
        population: ``(pop_size, d)`` of the current generation, in search coordinates.
        scores: ``(pop_size,)`` their fitness times weights; -inf where the evaluation failed.
        hall_of_fame: The best individuals ever.

    Raises:
        ConfigError: If SBX or polynomial mutation is asked for in a space without bounds, or an
            operator of DEAP does not work in the space.
    """

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
            self._start = self._first_start(self.population)
        self._end_of_generation()

    # -- one by one ---------------------------------------------------------------------------

    def ask_one(self) -> Floats:
        """Return one point ``(d,)``: the first population, then child by child."""
        point: Floats
        if not self._begun:
            self._firsts, self._begun = self._drawn(), True
            if self._start is None:
                self._start = self._first_start(self._firsts)
        assert self._start is not None
        parent, kind = np.inf, -1
        if len(self._firsts):
            point, self._firsts = self._firsts[0].copy(), self._firsts[1:]
        elif len(self.population) < 2:  # nobody to mate yet
            point = self._start.elsewhere(self.space, self.rng)
            point = self.breeding.whole.snapped(point[None])[0]
        else:
            born = self.breeding.children(
                self.population, self.scores, 2, self._start.sigma, self.rng
            )
            one = int(np.flatnonzero(born.new)[0])
            point, parent, kind = born.points[one], born.parents[one], int(born.kinds[one])
        self._flight.add(self.restarts.n, parent, kind)
        return point

    def tell_one(self, evaluations: Evaluations) -> None:
        """Let one individual join the population; one of an earlier start only joins the fame."""
        number, score = self.scored_one(evaluations)
        start, parent, kind = self._flight.land(number)
        point = evaluations.evaluated
        self.hall_of_fame = self.hall_of_fame.with_more(
            point, np.array([score]), evaluations.id, self.parameters.hall_of_fame
        )
        if start != self.restarts.n:
            return
        self.restarts.count(1)
        self._told += 1
        n = self.parameters.replaced or self.restarts.pop_size  # as many as make a generation
        if np.isfinite(score):
            self._adapt(np.array([int(kind)]), np.array([score > parent]), n)
            self._join(point, score)
        if self._told % n == 0:
            self._end_of_generation()

    def _join(self, point: Floats, score: float) -> None:
        """Add a point ``(1, d)`` to the population, in the place of another one if it is full."""
        if len(self.scores) < self.restarts.pop_size:
            self.population = np.concatenate([self.population, point])
            self.scores = np.append(self.scores, score)
            self._births = np.append(self._births, self._told)
            return
        if self.parameters.replaced is None:
            others = np.argsort(-self.scores, kind="stable")[self.parameters.elitism :]
            place = int(others[self._births[others].argmin()])
        else:
            place = int(self.scores.argmin())
            if score <= self.scores[place]:
                return
        self.population[place], self.scores[place] = point[0], score
        self._births[place] = self._told

    # -- learning -----------------------------------------------------------------------------

    def _adapt(self, kinds: Any, better: Any, pop_size: int) -> None:
        """Adapt the strength of mutation to what became of the mutated, of ``(k,)`` kinds."""
        mutated = kinds >= 0
        self.breeding.strength.learn(kinds[mutated], better[mutated], pop_size)

    def _learn(self, children: Children, scores: Floats) -> None:
        """Adapt the strength of mutation to what became of the mutated."""
        new = children.new
        self._adapt(children.kinds[new], scores > children.parents[new], len(children.scores))

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


GeneticAlgorithmOptimizer = classic_optimizer(GeneticAlgorithm)
