"""Frame: how chains start, freeze and start again, in simulated annealing and tempering."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from l2l.optimizer import Optimizer, State
from l2l.optimizers.annealing.chains import NO_CHAINS, Chains, Proposal
from l2l.optimizers.annealing.cooling import initial_temperature
from l2l.optimizers.annealing.turns import Turns
from l2l.optimizers.annealing.wholesteps import snapped, whole_columns
from l2l.optimizers.common.inflight import InFlight
from l2l.optimizers.common.start import Start
from l2l.space import Floats

#: Choices of an option ``restarts``.
RESTARTS = ("restart", "reheat", "none")
#: First steps, as a part of the standard deviation of the first states.
FIRST_STEP = 0.5
#: Chains may be frozen at less than this part of the first temperature.
COLD = 1e-3
#: Generations after which the worst chain may give up.
PERIOD = 10
#: Steps from which the first temperature is estimated, at least.
TRANSITIONS = 10
#: The best current score stands still if it changes by less, relative to its size.
STILL = 1e-11


class Frame(Optimizer):
    """Chains that start, freeze and start again; subclasses know their temperatures.

    Attributes:
        chains: The chains; None before the first generation was told, and at each restart.
        n_restarts: How often they have frozen.
        cooled: Generations since the temperature began to fall, k of the schedules.
        first_temperature: T_0; None as long as it is not known.
    """

    asynchronous = True
    groups = 1

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.n = int(self.parameters.n_parallel_runs)
        self.chains: Chains | None = None
        self.n_restarts = 0
        self.cooled = 0
        self.first_temperature: float | None = self._given_temperature()
        self._start: Start | None = None
        self._losses: Floats = np.empty(0)  # of score, by the first steps
        self._level, self._still = -np.inf, 0
        self._told = 0
        self._asked = 0
        self._frozen = False
        self._proposal: Proposal | None = None
        self._flight = InFlight()
        self._turns: Turns | None = None  # one by one

    @classmethod
    def n_initial(cls, parameters: Any) -> int:
        """Return how many first points the algorithm starts from: one a chain."""
        return int(parameters.n_parallel_runs)

    @abstractmethod
    def _given_temperature(self) -> float | None:
        """Return T_0 if the parameters say it."""

    @abstractmethod
    def _temperatures(self, cooled: int | None = None) -> float | Floats:
        """Return the temperature, or one a chain ``(n,)``, once T_0 is known.

        Args:
            cooled: After so many steps of cooling; now if None.
        """

    def _exchange(self, temperatures: float | Floats) -> None:
        """Let chains exchange their states after a generation."""

    def _cold(self) -> bool:
        """Return whether the temperature has fallen so far that the chains may be frozen."""
        if self.first_temperature is None:
            return False
        return float(np.max(self._temperatures())) < COLD * self.first_temperature

    # -- starts -------------------------------------------------------------------------------

    def _first(self) -> Floats:
        """Return the points that the chains start from, the first time or again."""
        if self._start is not None and self.n_restarts:
            shape = (self.n, self.space.size)
            drawn = self._start.mean + self._start.sigma * self.rng.standard_normal(shape)
            box = np.isfinite(self.space.upper)
            points: Floats = np.where(box, self.rng.random(shape), drawn)
        else:
            if self._start is None:
                self._start = Start.of(self.space, self.initial)
            points = self.first_points(self.n)
        if whole_columns(self.space) is None:
            return points.copy()
        return snapped(self.space, points)

    def _begin(self, points: Floats, scores: Floats) -> None:
        """Let chains start from points ``(n, d)``."""
        assert self._start is not None
        step, d = self.parameters.noisy_step, self.space.size
        sigma = FIRST_STEP * self._start.sigma if step is None else np.full(d, float(step))
        self.chains = Chains(self.space, points, scores, sigma, self.groups)
        self._level, self._still = -np.inf, 0

    def _adapts(self, told: int) -> bool:
        """Return whether steps adapt after so many generations."""
        until = self.parameters.n_adapt
        return until is None or told <= until

    @property
    def cohort(self) -> int:
        """Points that count as one generation where they are asked for one by one: one a chain."""
        return self.n

    # -- temperature and restarts -------------------------------------------------------------

    def _measure(self, before: Floats, after: Floats) -> None:
        """Collect losses of score until the first temperature can be told from them."""
        ok = np.isfinite(before) & np.isfinite(after)
        self._losses = np.concatenate([self._losses, before[ok] - after[ok]])
        if len(self._losses) >= TRANSITIONS and (self._losses > 0).any():
            acceptance = self.parameters.initial_acceptance
            self.first_temperature = initial_temperature(self._losses, acceptance)
            self._losses = np.empty(0)

    def _go_with_winners(self, before: Any) -> None:
        """Let the worst chain go on from the state of another one, if it can't follow the cooling.

        In population annealing (Hukushima & Iba 2003, AIP Conf. Proc. 690) the weight of a state
        changes by exp((1/T' - 1/T) s) as the temperature falls from T to T'. Here only the worst
        one dies, with that weight against the best one's as its chance to live: the other chains
        stay different. At a constant temperature none ever dies.
        """
        chains = self.chains
        assert chains is not None
        worst = int(chains.scores.argmin())
        colder = 1 / self._temperatures() - 1 / before
        colder = float(colder if np.ndim(colder) == 0 else colder[worst])
        best = chains.scores.max()
        if not (colder > 0 and np.isfinite(best)):
            return
        gap = chains.scores[worst] - best
        if self.rng.standard_exponential() < -colder * gap:
            other = (worst + 1 + int(self.rng.integers(self.n - 1))) % self.n
            chains.copy(other, worst)

    def _watch(self) -> None:
        """Start again if the best current state has stood still for long."""
        assert self.chains is not None
        level = float(self.chains.scores.max())
        still = level == self._level or abs(level - self._level) <= STILL * abs(level)
        self._still = self._still + 1 if still else 0
        if not still:
            self._level = level
        patience = 50 + 120 * self.space.size / self.n
        if self._still < patience or not self._cold():
            return
        how = self.parameters.restarts
        if how == "none":
            self._frozen = True
            return
        self.n_restarts += 1
        self.cooled, self._still = 0, 0
        if how == "restart":
            self.chains = None
            self.first_temperature = self._given_temperature()
        else:
            self.chains.forget_steps()

    @property
    def done(self) -> str | None:
        """Why the algorithm has nothing left to do: the score is reached, or it is frozen."""
        if self._frozen:
            return "frozen: no chain has moved to another score for long (restarts: none)"
        return super().done

    # -- start and state ----------------------------------------------------------------------

    def start_from(self, points: Floats, scores: Floats) -> None:
        """Begin at the best known points, with steps as wide as those lie apart."""
        best = points[np.argsort(-scores, kind="stable")[: self.n]]
        known = Start.of(self.space, points)
        self._start = Start.near(points, scores, known.sigma)
        self.initial = np.resize(best, (self.n, self.space.size))

    def state(self) -> State:
        """Return everything that changes; see :meth:`Optimizer.state` for when."""
        start = self._start
        return {
            **super().state(),
            **(NO_CHAINS if self.chains is None else self.chains.pack()),
            "n_restarts": self.n_restarts,
            "cooled": self.cooled,
            "first_temperature": self.first_temperature,
            "start_mean": None if start is None else start.mean,
            "start_sigma": None if start is None else start.sigma,
            "losses": self._losses,
            "level": self._level,
            "still": self._still,
            "told": self._told,
            "frozen": self._frozen,
            **self._flight.pack(),
            **({} if self._turns is None else self._turns.pack()),
        }

    def restore(self, state: State) -> None:
        """Go back to a state: what follows is bit-identical."""
        super().restore(state)
        self.chains = Chains.unpacked(self.space, state)
        self.n_restarts, self.cooled = int(state["n_restarts"]), int(state["cooled"])
        first, mean = state["first_temperature"], state["start_mean"]
        self.first_temperature = None if first is None else float(first)
        self._start = None if mean is None else Start(mean, state["start_sigma"])
        self._losses, self._level = state["losses"], float(state["level"])
        self._still, self._told = int(state["still"]), int(state["told"])
        self._frozen, self._asked = bool(state["frozen"]), 0
        self._flight.unpack(state)
        self._turns = Turns.unpacked(state)
