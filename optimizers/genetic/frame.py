"""Frame: what goes around breeding and succession: starts, convergence, restarts, state."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import L2LError
from l2l.optimizer import Optimizer, State
from l2l.optimizers.common.inflight import InFlight
from l2l.optimizers.common.restarts import Restarts
from l2l.optimizers.common.start import WIDTH, Start
from l2l.optimizers.genetic.breeding import Breeding, Children
from l2l.optimizers.genetic.fame import HallOfFame
from l2l.optimizers.genetic.operators import deviations
from l2l.optimizers.genetic.parameters import GeneticAlgorithmParameters
from l2l.space import Floats

#: A population has converged where the better half's scores differ by this, relatively, and the
#: genes by this much of what they did at first;
SAME_SCORE, SAME_GENES = 1e-12, 1e-3
#: or where genes differ by this much.
COLLAPSED = 1e-12
#: Full generations without a better best after which an adapting search stagnates.
PATIENCE = 50


class Frame(Optimizer):
    """A population that starts, converges and starts again; a subclass lets it have children.

    Attributes:
        population: ``(pop_size, d)`` of the current generation, in search coordinates.
        scores: ``(pop_size,)`` their fitness times weights; -inf where the evaluation failed.
        hall_of_fame: The best individuals ever.
    """

    Parameters = GeneticAlgorithmParameters
    asynchronous = True

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
        self._flight = InFlight()
        self._firsts: Floats = np.empty((0, d))  # of the first population, not yet asked for
        self._births: NDArray[np.int64] = np.empty(0, np.int64)  # when each of the population came
        self._told = 0  # one by one, in this start
        self._begun = False  # one by one: whether the first population is drawn

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

    # -- starts and ends ----------------------------------------------------------------------

    def _drawn(self) -> Floats:
        """Return a first population ``(n, d)``, of the run or of a restart."""
        if self._start is None:
            points = self.first_points(self.parameters.pop_size)
        else:
            n = self.restarts.pop_size
            points = np.array([self._start.elsewhere(self.space, self.rng) for _ in range(n)])
        whole = self.breeding.whole
        return whole.snapped(points) if whole else points

    def _first_start(self, points: Floats) -> Start:
        """Return mean and width of a first population; 0.3 or 1 where it has no width."""
        spread = deviations(points)
        default = np.where(np.isfinite(self.space.upper), WIDTH, 1.0)
        return Start(points.mean(axis=0), np.where(spread > 0, spread, default))

    def _end_of_generation(self) -> None:
        """Begin anew if the population has converged."""
        best = float(self.scores.max(initial=-np.inf))
        self._waited = 0 if best > self._best else self._waited + 1
        self._best = max(best, self._best)
        if self._converged() or self._stagnates() or self.restarts.exhausted:
            self._restart()

    def _converged(self) -> bool:
        """Whether nothing is left in the population that crossover and mutation could use."""
        p, strength = self.parameters, self.breeding.strength
        floats = ~self.breeding.whole.whole
        alive = p.mut_prob > 0 and p.ind_prob != 0 and not strength.adapts
        if alive or not floats.any() or self._start is None or not len(self.scores):
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
        self._firsts, self._births, self._told = self._firsts[:0], self._births[:0], 0
        self._begun = False
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
            "population": self.population.copy(),  # one by one, they change in place
            "scores": self.scores.copy(),
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
            **self._one_by_one(),
        }

    def _one_by_one(self) -> State:
        """Return what changes only where points are asked for one by one."""
        if not self._flight.asked:
            return {}
        own = {"firsts": self._firsts, "births": self._births.copy(), "born": self._told}
        own["begun"] = self._begun
        return {**own, **self._flight.pack()}

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
        self._flight.unpack(state)
        if self._flight.asked:
            self.population, self.scores = self.population.copy(), self.scores.copy()
            self._firsts, self._births = state["firsts"], state["births"].copy()
            self._told, self._begun = int(state["born"]), bool(state["begun"])
