"""Breeding: from a population to its children."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import ConfigError
from l2l.optimizers.common.bounds import reflected
from l2l.optimizers.genetic import operators
from l2l.optimizers.genetic.deapoperators import DeapOperators
from l2l.optimizers.genetic.parameters import OWN, GeneticAlgorithmParameters
from l2l.optimizers.genetic.strength import Strength, shape
from l2l.optimizers.genetic.variation import Mask, WholeColumns, duplicates, unchanged
from l2l.space import Floats, ParameterSpace

Places = NDArray[np.int64]
#: Probability that a child which is equal to an earlier one is mutated once more.
AGAIN = 0.8
#: Standard deviation of Gaussian mutation that does not adapt, in units of that of the first
#: population; the one that does begins with 1.
FIXED = 1 / 3
#: Crowding of polynomial mutation at first (Deb et al. 2002).
ETA = 20.0


@dataclass
class Children:
    """Those between ``ask`` and ``tell``.

    Attributes:
        points: ``(n, d)``.
        scores: ``(n,)`` known from equal parents; NaN where the child is being evaluated.
        parents: ``(n,)`` scores of the better one of its parents.
        kinds: ``(n,)`` strength it was mutated with, 0 (a few genes) or 1 (all); -1 if none.
    """

    points: Floats
    scores: Floats
    parents: Floats
    kinds: Places

    @classmethod
    def first(cls, points: Floats) -> Children:
        """Return those of a first generation."""
        n = len(points)
        return cls(points, np.full(n, np.nan), np.full(n, np.inf), np.full(n, -1))

    @property
    def new(self) -> Mask:
        """``(n,)`` whether each has to be evaluated."""
        return np.isnan(self.scores)


class Breeding:
    """Selection, crossover and mutation, as the options say.

    Args:
        space: The parameter space.
        parameters: Options of the genetic algorithm.
        rng: Seeds the ``random`` that is lent to operators of DEAP, if there are any.

    Attributes:
        strength: Of the mutation.
        deap: Operators of deap.tools, or None.
        whole: Treatment of integers and choices.

    Raises:
        ConfigError: If SBX or polynomial mutation is asked for in a space without bounds.
    """

    def __init__(
        self,
        space: ParameterSpace,
        parameters: GeneticAlgorithmParameters,
        rng: np.random.Generator,
    ) -> None:
        p, bounded = parameters, space.bounded
        self.space, self.parameters = space, p
        self._sbx = p.crossover == "sbx" or (p.crossover == "auto" and bounded)
        self._polynomial = p.mutation == "polynomial" or (p.mutation == "auto" and bounded)
        if (self._sbx or self._polynomial) and not bounded:
            raise ConfigError(
                "sbx and polynomial need a space in which every parameter has bounds; give bounds, "
                f"or crossover: blend and mutation: gaussian (got {p.crossover}, {p.mutation})"
            )
        own = p.mutation in OWN["mutation"]
        given = p.eta_mut if self._polynomial else p.mut_par
        adapts = p.adaptation == "success" or (p.adaptation == "auto" and given is None)
        self.whole = WholeColumns(space)
        self._ind_prob = 1 / space.size if p.ind_prob is None else float(p.ind_prob)
        adapts = adapts and own
        mixed = adapts and p.ind_prob is None
        self._full_prob = (0.5 if mixed else 0.0) if p.full_prob is None else float(p.full_prob)
        few_too = not self._polynomial or self._full_prob == 0
        self.strength = Strength(adapts, few_too)
        self._eta = ETA if p.eta_mut is None else float(p.eta_mut)
        self._free = not np.isfinite(space.lower).any()
        self.deap: DeapOperators | None = None
        if any(getattr(p, sort) not in names for sort, names in OWN.items()):
            step = 0.1 if p.mut_par is None else float(p.mut_par)
            seed = int(rng.integers(2**63))
            self.deap = DeapOperators(p, self._ind_prob, step, space, seed)

    def children(
        self, points: Floats, scores: Floats, n: int, first: Floats, rng: np.random.Generator
    ) -> Children:
        """Return ``n`` children of a population.

        Args:
            points: ``(m, d)`` the population.
            scores: ``(m,)`` of it.
            n: Number of children.
            first: ``(d,)`` standard deviations of the first population.
            rng: Draws everything but what operators of DEAP draw.
        """
        steps = self._steps(points, first)
        winners = self._selected(points, scores, n, rng)
        born, parents, kinds = points[winners], scores[winners], np.full(n, -1)
        pairs = 2 * np.flatnonzero(rng.random(n // 2) < self.parameters.cx_prob)
        self._mate(born, pairs, rng)
        parents[pairs] = parents[pairs + 1] = np.maximum(parents[pairs], parents[pairs + 1])
        rows = np.flatnonzero(rng.random(n) < self.parameters.mut_prob)
        kinds[rows] = rng.random(len(rows)) < self._full_prob
        self._mutate(born, rows, kinds[rows], steps, rng)
        twice = np.array(duplicates(born), dtype=np.int64)
        self._again(born, twice[rng.random(len(twice)) < AGAIN], steps, rng)
        same = unchanged(born, points, winners)
        if same.all():  # there must be something to evaluate
            self._again(born, rng.integers(n, size=1), steps, rng, every_gene=True)
            same = unchanged(born, points, winners)
        known = np.where(same, scores[winners], np.nan)
        if same.all():  # a space of a single point
            known[0] = np.nan
        return Children(born, known, parents, kinds)

    # -- operators ----------------------------------------------------------------------------

    def _selected(self, points: Floats, scores: Floats, n: int, rng: np.random.Generator) -> Places:
        if self.deap is not None and "selection" in self.deap:
            return self.deap.selected(points, scores, n)
        return operators.tournament(scores, n, self.parameters.tourn_size, rng)

    def _mate(self, points: Floats, pairs: Places, rng: np.random.Generator) -> None:
        """Mate rows of points ``(n, d)`` with the rows below, in place."""
        if not len(pairs):
            return
        p, rows = self.parameters, np.sort(np.concatenate([pairs, pairs + 1]))
        before = points.copy() if self.whole else points
        if self.deap is not None and "crossover" in self.deap:
            self.deap.mate(points, pairs)
        else:
            if self._sbx:
                operators.simulated_binary(points, pairs, p.eta_cx, rng)
            else:
                operators.blend(points, pairs, p.mate_par, rng)
            if self.whole:
                self.whole.exchanged(points, before, pairs, rng)
        self._confine(points, rows)

    def _mutate(
        self, points: Floats, rows: Places, kinds: Places, steps: Floats, rng: np.random.Generator,
        every_gene: bool = False,
    ) -> None:  # fmt: skip
        """Mutate rows ``(k,)`` of points ``(n, d)`` in place, each with its kind of strength."""
        before = points[rows] if self.whole else points
        if self.deap is not None and "mutation" in self.deap:
            self.deap.mutate(points, rows)
        else:
            for kind in (0, 1):
                which = rows[kinds == kind]
                share = 1.0 if kind or every_gene else self._ind_prob
                factor = self.strength.factors[kind] / (np.sqrt(self.space.size) if kind else 1.0)
                self._step(points, which, share, float(factor), steps, rng)
            if self.whole:
                after = points[rows]
                # whole numbers can't take small steps: few of them change, whatever the kind
                stay = rng.random(after.shape) >= (1.0 if every_gene else self._ind_prob)
                after = np.where((kinds == 1)[:, None] & self.whole.whole & stay, before, after)
                points[rows] = self.whole.stepped(before, after, rng)
        self._confine(points, rows)

    def _step(
        self, points: Floats, which: Places, share: float, factor: float, steps: Floats,
        rng: np.random.Generator,
    ) -> None:  # fmt: skip
        """Change a share of the genes of some rows."""
        d = points.shape[1]
        eta = max(0.0, (self._eta + 1) / factor - 1)
        if share >= 1.0:
            for block in operators.blocks(which, d):
                if self._polynomial:
                    mutated = operators.polynomial(points[block].ravel(), eta, rng)
                    points[block] = mutated.reshape(-1, d)
                else:
                    points[block] += factor * steps * rng.standard_normal((len(block), d))
            return
        at, columns = operators.some_genes(len(which), d, share, rng)
        rows = which[at]
        if self._polynomial:
            points[rows, columns] = operators.polynomial(points[rows, columns], eta, rng)
        else:
            points[rows, columns] += steps[columns] * (factor * rng.standard_normal(len(rows)))

    def _again(
        self, points: Floats, rows: Places, steps: Floats, rng: np.random.Generator,
        every_gene: bool = False,
    ) -> None:  # fmt: skip
        self._mutate(points, rows, np.zeros(len(rows), np.int64), steps, rng, every_gene)

    def _steps(self, points: Floats, first: Floats) -> Floats:
        """Return standard deviations ``(d,)`` of Gaussian mutation, before their factor."""
        p = self.parameters
        if self._polynomial:
            return first  # not used
        own = 1.0 if self.strength.adapts else FIXED
        base: Any = own * first if p.mut_par is None else np.full_like(first, p.mut_par)
        if not self.strength.adapts:
            return np.asarray(base)
        mean = np.exp(np.log(base).mean())  # the population says what they are to each other
        return np.asarray(mean * shape(operators.deviations(points)))

    def _confine(self, points: Floats, rows: Places) -> None:
        """Reflect rows at the bounds, and round integers and choices, in place."""
        if not self._free:
            points[rows] = reflected(points[rows], self.space.lower, self.space.upper)
        if self.whole:
            points[rows] = self.whole.snapped(points[rows])
