"""Genetic algorithm on the operators of DEAP.

Bounded spaces are searched in the unit cube with simulated binary crossover (Deb & Agrawal 1995,
Complex Systems 9) and polynomial mutation (Deb & Goyal 1996), both in the bounded form of NSGA-II
(Deb et al. 2002). Classic spaces in raw units are searched with blend crossover (Eshelman &
Schaffer 1993) and Gaussian mutation, as in upstream L2L.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
from deap import tools

from l2l.classic.optimizer import classic_optimizer
from l2l.errors import ConfigError, L2LError
from l2l.evaluation import Evaluations
from l2l.optimizer import Optimizer, OptimizerParameters, State
from l2l.optimizers.bounds import reflected
from l2l.optimizers.fame import HallOfFame
from l2l.optimizers.variation import (
    Mask,
    PythonRandom,
    WholeColumns,
    duplicates,
    tournament,
)
from l2l.options import option
from l2l.space import Floats

#: Probability that a child which is equal to an earlier one is mutated once more.
AGAIN = 0.8


class GeneticAlgorithmParameters(OptimizerParameters):
    """Parameters of :class:`GeneticAlgorithm`; the first nine are those of upstream L2L."""

    seed: int | None = option(None, "of its randomness; the run's seed if none", low=0)
    pop_size: int = option(50, "individuals of a generation", low=2)
    cx_prob: float = option(0.9, "probability that a pair of parents is mated", low=0, high=1)
    mut_prob: float = option(1.0, "probability that a child is mutated", low=0, high=1)
    n_iteration: int | None = option(None, "generations, where the run says no stop", low=0)
    ind_prob: float | None = option(
        None, "probability that a gene of a mutated child changes; 1/d if none", low=0, high=1
    )
    tourn_size: int = option(3, "individuals of a tournament", low=1)
    mate_par: float = option(0.5, "blend crossover: alpha, reach beyond the parents", low=0)
    mut_par: float | None = option(
        None,
        "Gaussian mutation: standard deviation in search coordinates; if none, 0.1 in the unit "
        "cube and 1 in raw units",
        above=0,
    )
    elitism: int = option(1, "best individuals that survive if no child is better", low=0)
    crossover: str = option(
        "auto",
        "auto is sbx where every parameter has bounds, else blend",
        choices=("auto", "blend", "sbx"),
    )
    mutation: str = option(
        "auto",
        "auto is polynomial where every parameter has bounds, else gaussian",
        choices=("auto", "gaussian", "polynomial"),
    )
    eta_cx: float = option(15.0, "SBX: crowding; higher: children nearer to parents", low=0)
    eta_mut: float = option(20.0, "polynomial mutation: crowding; higher: smaller steps", low=0)
    hall_of_fame: int = option(20, "best distinct individuals ever that are kept", low=1)

    def check(self) -> None:
        """Refuse more elites than individuals."""
        if self.elitism >= self.pop_size:
            raise ConfigError(
                f"elitism must be less than pop_size ({self.pop_size}), got {self.elitism}"
            )


@dataclass
class _Children:
    """Those between ``ask`` and ``tell``; a child with a NaN score is being evaluated."""

    points: Floats
    scores: Floats

    @property
    def new(self) -> Mask:
        return np.isnan(self.scores)


class GeneticAlgorithm(Optimizer):
    """Evolves a population by tournament selection, crossover, mutation and elitism.

    A generation is ``pop_size`` children. Those that are equal to their parent keep its fitness and
    are not evaluated again, so that ``ask`` returns between one and ``pop_size`` points. A child
    that is equal to an earlier one is mutated once more with probability 0.8. What leaves the
    bounds is reflected. Evaluations that did not end ok rank worst.

    Attributes:
        population: ``(pop_size, d)`` of the current generation, in search coordinates.
        scores: ``(pop_size,)`` their fitness times weights; -inf where the evaluation failed.
        hall_of_fame: The best individuals ever.

    Raises:
        ConfigError: If SBX or polynomial mutation is asked for in a space without bounds.
    """

    Parameters = GeneticAlgorithmParameters

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        d, bounded = self.space.size, self.space.bounded
        p = self.parameters
        self.random = PythonRandom(int(self.rng.integers(2**63)))
        self.population: Floats = np.empty((0, d))
        self.scores: Floats = np.empty(0)
        self.hall_of_fame = HallOfFame.empty(d)
        self._children: _Children | None = None
        self._whole = WholeColumns(self.space)
        self._ind_prob = 1 / d if p.ind_prob is None else float(p.ind_prob)
        raw = self.space.coordinates == "raw"
        self._sigma = (1.0 if raw else 0.1) if p.mut_par is None else float(p.mut_par)
        self._sbx = p.crossover == "sbx" or (p.crossover == "auto" and bounded)
        self._polynomial = p.mutation == "polynomial" or (p.mutation == "auto" and bounded)
        if (self._sbx or self._polynomial) and not bounded:
            raise ConfigError(
                "sbx and polynomial need a space in which every parameter has bounds; give bounds, "
                f"or crossover: blend and mutation: gaussian (got {p.crossover}, {p.mutation})"
            )

    # -- ask and tell -------------------------------------------------------------------------

    def ask(self) -> Floats:
        """Return ``(n, d)`` points, 1 <= n <= ``pop_size``; in the first generation all of them."""
        if len(self.population):
            self._children = self._bred()
        else:
            points = self.first_points(self.parameters.pop_size)
            points = self._whole.snapped(points) if self._whole else points
            self._children = _Children(points, np.full(len(points), np.nan))
        return self._children.points[self._children.new]

    def tell(self, evaluations: Evaluations) -> None:
        """Make the children the next population."""
        children, self._children = self._children, None
        asked = 0 if children is None else int(children.new.sum())
        scores = self.scored(evaluations, expected=asked)
        assert children is not None
        new = children.new
        children.points[new], children.scores[new] = evaluations.evaluated, scores
        self.hall_of_fame = self.hall_of_fame.with_more(
            evaluations.evaluated, scores, evaluations.id, self.parameters.hall_of_fame
        )
        self._keep_elites(children)
        self.population, self.scores = children.points, children.scores

    def _keep_elites(self, children: _Children) -> None:
        """Let the best of the population replace the worst children, if those are worse."""
        for elite in np.argsort(-self.scores, kind="stable")[: self.parameters.elitism]:
            point, worst = self.population[elite], int(np.argmin(children.scores))
            is_there = (children.points == point).all(axis=1).any()
            if self.scores[elite] > children.scores[worst] and not is_there:
                children.points[worst], children.scores[worst] = point, self.scores[elite]

    # -- breeding -----------------------------------------------------------------------------

    def _bred(self) -> _Children:
        """Return a generation of children."""
        p = self.parameters
        with self.random.lent():
            winners = tournament(self.scores, len(self.population), p.tourn_size)
            parents = self.population[winners]
            points = self._mated(parents)
            chosen = [i for i in range(len(points)) if random.random() < p.mut_prob]
            points = self._mutated(points, chosen)
            again = [i for i in duplicates(points) if random.random() < AGAIN]
            points = self._mutated(points, again)
            same = (points == parents).all(axis=1)
            if same.all():  # there must be something to evaluate
                points = self._mutated(points, [random.randrange(len(points))], every_gene=True)
                same = (points == parents).all(axis=1)
        scores = np.where(same, self.scores[winners], np.nan)
        if same.all():  # a space of a single point
            scores[0] = np.nan
        return _Children(points, scores)

    def _mated(self, parents: Floats) -> Floats:
        """Return the children of neighbours among the parents ``(n, d)``, not yet mutated."""
        p, points = self.parameters, parents.copy()
        pairs = [i for i in range(0, len(parents) - 1, 2) if random.random() < p.cx_prob]
        for i in pairs:
            first, second = points[i].tolist(), points[i + 1].tolist()
            if self._sbx:
                tools.cxSimulatedBinaryBounded(first, second, p.eta_cx, 0.0, 1.0)
            else:
                tools.cxBlend(first, second, p.mate_par)
            points[i], points[i + 1] = first, second
        if self._whole and pairs:
            self._whole.exchanged(points, parents, np.array(pairs), self.rng)
        return self._inside(points)

    def _mutated(self, points: Floats, rows: list[int], every_gene: bool = False) -> Floats:
        """Return the points with some rows mutated."""
        p, before = self.parameters, points
        probability = 1.0 if every_gene else self._ind_prob
        points = points.copy()
        for i in rows:
            child = points[i].tolist()
            if self._polynomial:
                tools.mutPolynomialBounded(child, p.eta_mut, 0.0, 1.0, probability)
            else:
                tools.mutGaussian(child, 0.0, self._sigma, probability)
            points[i] = child
        if self._whole:
            points = self._whole.stepped(before, points, self.rng)
        return self._inside(points)

    def _inside(self, points: Floats) -> Floats:
        points = reflected(points, self.space.lower, self.space.upper)
        return self._whole.snapped(points) if self._whole else points

    # -- state --------------------------------------------------------------------------------

    def state(self) -> State:
        """Return everything that changes; see :meth:`Optimizer.state` for when."""
        if self._children is not None:
            raise L2LError("the state is taken after tell and before the next ask, not between")
        fame = self.hall_of_fame
        return {
            **super().state(),
            "python_random": self.random.pack(),
            "population": self.population,
            "scores": self.scores,
            "fame_points": fame.points,
            "fame_scores": fame.scores,
            "fame_ids": fame.ids,
        }

    def restore(self, state: State) -> None:
        """Go back to a state: what follows is bit-identical."""
        super().restore(state)
        self.random.unpack(state["python_random"])
        self.population, self.scores = state["population"], state["scores"]
        self.hall_of_fame = HallOfFame(
            state["fame_points"], state["fame_scores"], state["fame_ids"]
        )
        self._children = None


GeneticAlgorithmOptimizer = classic_optimizer(GeneticAlgorithm)
