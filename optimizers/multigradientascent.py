"""Multi-gradient ascent: individuals that stand for a cloud of parameter sets each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.evaluation import Evaluations
from l2l.optimizer import Optimizer, OptimizerParameters, State
from l2l.optimizers.common.bounds import Bounds
from l2l.optimizers.gradient.method import HUGE, whole_steps
from l2l.optimizers.gradient.regression import slope
from l2l.options import option
from l2l.space import Floats

#: Sets of an individual by default: so many a dimension, and at least so many.
SETS, FEWEST = 8, 16
#: A best set that lies further out than this share of the range may have better ones beyond it;
#: a step from it along the slope is no longer than that, so that it stays in the next range.
OUTER = 0.5


class MultiGradientAscentParameters(OptimizerParameters):
    """Parameters of :class:`MultiGradientAscent`."""

    pop_size: int = option(4, "individuals, each with a range of its own", low=1)
    n_sets: int | None = option(
        None,
        f"parameter sets of an individual in a generation; {SETS} a dimension, at least {FEWEST}, "
        "if none",
        low=2,
    )
    learning_rate: float = option(
        0.01,
        "change of a coordinate a generation, times the gradient; at most half the radius",
        low=0,
    )
    radius: float = option(
        0.25,
        "half the width of an individual's first range, in search coordinates (in the unit cube: "
        "of the range of the parameter)",
        above=0,
    )
    shrink: float = option(
        0.7, "factor on the radius where the best set lies inside, or is none better", above=0,
        high=0.99,
    )  # fmt: skip
    tol: float = option(
        1e-4, "smallest radius; an individual that comes below it begins elsewhere", above=0
    )
    n_iteration: int | None = option(None, "generations, where the run says no stop", low=0)
    stop_criterion: float | None = option(None, "score (fitness times weights) to reach")
    seed: int | None = option(None, "of its randomness; the run's seed if none", low=0)


class MultiGradientAscent(Optimizer):
    """Gradient ascent with vectors of fitness: each individual is expanded to a cloud of sets.

    Use case 4 of the L2L paper (Yegenoglu et al. 2022, Front. Comput. Neurosci. 16:885207, section
    3.4.4). Each individual has a centre and a range around it, in which its sets are drawn as a
    Latin hypercube (McKay et al. 1979). The fitness of all sets is compressed to two things: the
    best set, and the slope of the plane that fits all of them. From the best set, one step along
    the slope leads to the next centre. The range shrinks where the best set lies well inside of it,
    or nothing better was found; it moves along where the best set lies at its edge.

    An individual whose range has become smaller than ``tol`` begins elsewhere, so that the search
    does not end in one optimum. What failed is left out.

    Attributes:
        centres: ``(k, d)`` of the individuals; None before the first generation.
        radii: ``(k,)`` half widths of their ranges.
        points: ``(k, d)`` the best set of each since it began.
        levels: ``(k,)`` scores of these; -inf if there is none.
        over: ``(k,)`` whether an individual has converged and can't begin elsewhere.
    """

    Parameters = MultiGradientAscentParameters
    on_failure = "drop"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        p, d = self.parameters, self.space.size
        k = p.pop_size
        self.n_sets: int = p.n_sets or max(FEWEST, SETS * d)
        self.centres: Floats | None = None
        self.points: Floats = np.zeros((k, d))
        self.radii: Floats = np.full(k, p.radius)
        self.levels: Floats = np.full(k, -np.inf)
        self.over: NDArray[np.bool_] = np.zeros(k, np.bool_)
        self._whole = whole_steps(self.space)
        self._inside = Bounds(self.space, "reflect")

    # -- expand -------------------------------------------------------------------------------

    def ask(self) -> Floats:
        """Return the sets of all individuals ``(pop_size * n_sets, d)``, one after the other.

        The first set of an individual is its centre.
        """
        if self.centres is None:
            self.centres = self.first_points(self.parameters.pop_size).copy()
        clouds = [self._cloud(*one) for one in zip(self.centres, self.radii, strict=True)]
        return np.concatenate(clouds)

    def _cloud(self, centre: Floats, radius: float) -> Floats:
        """Return the sets ``(n, d)`` of an individual, a Latin hypercube in its range."""
        reach = np.maximum(radius, self._whole)
        low = np.maximum(centre - reach, self.space.lower)
        high = np.minimum(centre + reach, self.space.upper)
        cells = np.broadcast_to(np.arange(self.n_sets)[:, None], (self.n_sets, len(centre)))
        drawn = self.rng.permuted(cells, axis=0) + self.rng.random(cells.shape)
        sets = low + (high - low) * drawn / self.n_sets
        sets[0] = centre
        return self._inside(sets)

    # -- compress -----------------------------------------------------------------------------

    def tell(self, evaluations: Evaluations) -> None:
        """Move every individual by what its sets have come to."""
        k, n = self.parameters.pop_size, self.n_sets
        scores = self.scored(evaluations, k * n)
        scores = np.where(np.isfinite(scores), np.clip(scores, -HUGE, HUGE), scores)
        for i in range(k):
            part = slice(i * n, (i + 1) * n)
            self._move(i, evaluations.evaluated[part], scores[part])
            if self.radii[i] < self.parameters.tol and not self.over[i]:
                self._begin_elsewhere(i)

    def _move(self, i: int, sets: Floats, scores: Floats) -> None:
        """Move individual ``i`` by the scores ``(n,)`` of its sets ``(n, d)``."""
        assert self.centres is not None
        centre, radius, shrink = self.centres[i], self.radii[i], self.parameters.shrink
        best = int(scores.argmax())
        if not np.isfinite(scores[best]):
            self._begin_elsewhere(i)
            return
        if scores[best] <= self.levels[i]:  # the best set so far is still the best
            self.centres[i] = self.points[i]
            self.radii[i] = radius * shrink
            return
        self.levels[i], self.points[i] = scores[best], sets[best]
        if (np.abs(sets[best] - centre) <= OUTER * np.maximum(radius, self._whole)).all():
            self.radii[i] = radius * shrink
        self.centres[i] = self._ascended(i, sets, scores)

    def _ascended(self, i: int, sets: Floats, scores: Floats) -> Floats:
        """Return the best set of individual ``i``, moved along the slope of all of its sets."""
        ok = np.isfinite(scores)
        best: Floats = self.points[i]
        if ok.sum() < 2:
            return best
        reach = np.maximum(self.radii[i], self._whole)
        change = self.parameters.learning_rate * slope(sets[ok], scores[ok], reach)
        most = float((np.abs(change) / (OUTER * self.radii[i])).max())
        moved = np.clip(best + change / max(1.0, most), self.space.lower, self.space.upper)
        found: Floats = np.where(np.isfinite(moved), moved, best)
        return found

    def _begin_elsewhere(self, i: int) -> None:
        """Let individual ``i`` begin anew, at a random point; without bounds it stays."""
        assert self.centres is not None
        if not self.space.bounded:
            self.over[i] = self.radii[i] < self.parameters.tol
            return
        self.centres[i] = self.space.sample(1, self.rng)[0]
        self.radii[i], self.levels[i] = self.parameters.radius, -np.inf

    # -- what it has come to ------------------------------------------------------------------

    @property
    def done(self) -> str | None:
        """Why there is nothing left to do, or None: all have converged and there are no bounds."""
        if self.over.all():
            return "all individuals have converged"
        return super().done

    def state(self) -> State:
        """Return everything that changes; see :meth:`Optimizer.state` for when."""
        own = {name: getattr(self, name) for name in STATE}
        return {**super().state(), **{k: None if v is None else v.copy() for k, v in own.items()}}

    def restore(self, state: State) -> None:
        """Go back to a state: what follows is bit-identical."""
        super().restore(state)
        for name in STATE:
            value = state[name]
            setattr(self, name, None if value is None else np.array(value))


#: What changes.
STATE = ("centres", "radii", "points", "levels", "over")
