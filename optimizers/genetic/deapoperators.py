"""Operators of ``deap.tools`` by name.

They work on one list of genes after the other, and draw from Python's global ``random``, which is
lent to them.
"""

from __future__ import annotations

import functools
import inspect
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from deap import base, tools
from numpy.typing import NDArray

from l2l.errors import ConfigError, nearest
from l2l.optimizers.genetic.variation import PythonRandom
from l2l.space import Floats, ParameterSpace

#: What the functions of each sort begin with.
PREFIX = {"crossover": "cx", "mutation": "mut", "selection": "sel"}
#: These need a strategy beside the genes; the algorithm adapts its steps itself.
STRATEGIES = ("cxESBlend", "cxESTwoPoint", "cxESTwoPoints", "mutESLogNormal")
#: These choose in proportion to a fitness that must be positive.
PROPORTIONAL = ("selRoulette", "selStochasticUniversalSampling")


def names(sort: str) -> list[str]:
    """Return the names of the operators of a sort: crossover, mutation or selection."""
    found = (n for n in dir(tools) if n.startswith(PREFIX[sort]) and n not in STRATEGIES)
    return [name for name in found if callable(getattr(tools, name))]


def check_name(name: str, sort: str, own: Sequence[str], args: Any) -> None:
    """Check a name and its arguments.

    Raises:
        ConfigError: If there is no such operator, or it has no such argument, or it is one of our
            own, whose arguments are options.
    """
    if args is not None and not isinstance(args, Mapping):
        raise ConfigError(f"{sort}_args must be a dict of arguments, got {args!r}")
    if name in own:
        if args:
            raise ConfigError(f"{sort}_args are for operators of deap.tools, not for {name!r}")
        return
    if name not in names(sort):
        hint = nearest(name, [*own, *names(sort)])
        raise ConfigError(f"{sort} can't be {name!r}; {hint}")
    known = list(inspect.signature(getattr(tools, name)).parameters)
    for key in args or ():
        if key not in known:
            raise ConfigError(f"{name} has no argument {key!r}; {nearest(key, known)}")


class Fitness(base.Fitness):  # type: ignore[misc]
    """One objective, to be maximised."""

    weights = (1.0,)


class Genes(list[float]):
    """One individual, as the operators of DEAP see it."""

    place: int
    fitness: Fitness


class DeapOperators:
    """Those operators of an algorithm that are DEAP's.

    Arguments that are not given are those of the algorithm's options (``indpb`` is ``ind_prob``,
    ``tournsize`` is ``tourn_size``, ...), and ``low`` and ``up`` the bounds of the unit cube.
    Where all parameters are integers or choices the genes are their values, so that permutations
    and bits work; else they are search coordinates.

    Args:
        parameters: Options of the genetic algorithm.
        ind_prob: Probability that a gene changes.
        step: Standard deviation of ``mutGaussian``.
        space: The parameter space.
        seed: What the lent ``random`` starts from.

    Raises:
        ConfigError: If an operator does not work on individuals of this space.
    """

    def __init__(
        self, parameters: Any, ind_prob: float, step: float, space: ParameterSpace, seed: int
    ) -> None:
        p = parameters
        self._space = space
        self._whole = all(parameter.kind != "float" for parameter in space.parameters)
        self._given = {
            "indpb": ind_prob, "mu": 0.0, "sigma": step, "alpha": p.mate_par, "eta": p.eta_cx,
            "tournsize": p.tourn_size,
        }  # fmt: skip
        if space.bounded:
            corners = np.array([np.zeros(space.size), np.ones(space.size)])
            low, up = self._genes(corners)
            self._given |= {"low": list(low), "up": list(up)}
        self.random = PythonRandom(seed)
        self._functions = {
            sort: self._bound(getattr(tools, getattr(p, sort)), getattr(p, f"{sort}_args") or {})
            for sort in PREFIX
            if getattr(p, sort) in names(sort)
        }
        self._proportional = p.selection in PROPORTIONAL
        self._try()

    def __contains__(self, sort: object) -> bool:
        return sort in self._functions

    def selected(self, points: Floats, scores: Floats, n: int) -> NDArray[np.int64]:
        """Return the places ``(n,)`` of parents among points ``(m, d)`` with scores ``(m,)``."""
        population = self._genes(points)
        values = _finite(scores)
        if self._proportional and values.min() <= 0:  # window scaling (Goldberg 1989, ch. 4)
            values = values - values.min()
            values = values if values.any() else values + 1.0
        for place, (genes, value) in enumerate(zip(population, values.tolist(), strict=True)):
            genes.place, genes.fitness = place, Fitness((value,))
        with self.random.lent():
            chosen = self._functions["selection"](population, n)
            chosen += random.choices(population, k=n - len(chosen))  # roulette may miss some
        return np.array([genes.place for genes in chosen], dtype=np.int64)

    def mate(self, points: Floats, pairs: NDArray[np.int64]) -> None:
        """Mate rows of points ``(n, d)`` with the rows below, in place."""
        self._work("crossover", points, pairs, 2)

    def mutate(self, points: Floats, rows: NDArray[np.int64]) -> None:
        """Mutate rows of points ``(n, d)`` in place."""
        self._work("mutation", points, rows, 1)

    def _work(self, sort: str, points: Floats, rows: NDArray[np.int64], k: int) -> None:
        with self.random.lent():
            for row in rows.tolist():
                changed = self._functions[sort](*self._genes(points[row : row + k]))
                points[row : row + k] = self._points(changed)

    def _genes(self, points: Floats) -> list[Genes]:
        if not self._whole:
            return [Genes(row) for row in points.tolist()]
        values = self._space.repair(self._space.from_search(points))
        return [Genes(row) for row in values.astype(np.int64).tolist()]

    def _points(self, genes: Any) -> Floats:
        values = np.array(genes, dtype=np.float64)
        return self._space.to_search(values) if self._whole else values

    def _bound(self, function: Any, args: Mapping[str, Any]) -> Callable[..., Any]:
        known = inspect.signature(function).parameters
        given = {key: value for key, value in self._given.items() if key in known}
        return functools.partial(function, **{**given, **args})

    def _try(self) -> None:
        """Let each operator work once on a small population."""
        state, rng = self.random.pack(), np.random.default_rng(0)
        points = rng.random((8, self._space.size))
        trials: dict[str, Callable[[], Any]] = {
            "crossover": lambda: self.mate(points, np.array([0, 2])),
            "mutation": lambda: self.mutate(points, np.arange(8)),
            "selection": lambda: self.selected(points, rng.random(8), 8),
        }
        for sort in self._functions:
            try:
                trials[sort]()
            except Exception as error:
                name = self._functions[sort].func.__name__  # type: ignore[attr-defined]
                raise ConfigError(
                    f"{sort}: {name} of deap.tools does not work on individuals of this space "
                    f"({type(error).__name__}: {error}); give what it needs in {sort}_args, or "
                    "choose another"
                ) from error
        self.random.unpack(state)


def _finite(scores: Floats) -> Floats:
    """Return scores ``(n,)`` with those of failed evaluations a little below all others."""
    ok = np.isfinite(scores)
    worst = scores[ok].min() if ok.any() else 0.0
    values: Floats = np.where(ok, scores, np.nextafter(worst, -np.inf))
    return values
