"""Frame: how a search with a distribution starts, ends, starts again, and what its state is."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from l2l.errors import L2LError
from l2l.optimizer import Optimizer, State
from l2l.optimizers.common.bounds import Bounds
from l2l.optimizers.common.inflight import InFlight, Landed
from l2l.optimizers.common.margin import Margin, whole_columns
from l2l.optimizers.common.restarts import Restarts
from l2l.optimizers.common.start import DRAWS, Start
from l2l.optimizers.common.stopping import Stopping
from l2l.optimizers.searchdistribution.noise import Noise
from l2l.space import Floats


class Frame(Optimizer):
    """A distribution around a mean, with starts and restarts, in a box or not.

    Attributes:
        mean: ``(d,)`` of the distribution, before bounds; empty before the first ``ask``.
        sigma: Step size.
        scale: ``(d,)`` factors of the coordinates.
        restarts: Population size now, and number of restarts so far.
        ended: Why the last start ended; None before the first restart.
    """

    asynchronous = True
    #: Whether one by one a part of a population can be learned from, ranked among all of it.
    in_parts: ClassVar[bool] = False
    sigma: float
    scale: Floats
    first_steps: Floats
    stopping: Stopping

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        p = self.parameters
        self._whole = whole_columns(self.space)
        self._real = np.flatnonzero(~self._whole) if self._whole.any() else slice(None)
        self._margin = Margin(self.space)
        self._bounds = Bounds(self.space, p.bounds, but=self._whole)
        self.mirrored = bool(getattr(p, "mirrored_sampling_enabled", False))
        self.restarts = Restarts(p.restarts, self._first_size(p.pop_size), p.pop_size is not None)
        self._cohort = self.n_individuals
        self.start: Start | None = None
        self.mean: Floats = np.empty(0)
        self.ended: str | None = None
        self._over = False
        self._noise: Noise | None = None
        self._settled: Floats | None = None  # mean of the best earlier start
        self._settled_score = -np.inf
        self._flight, self._landed = InFlight(), Landed()
        self._opposite: Floats | None = None  # noise whose mirror image is asked for next

    # -- for subclasses -----------------------------------------------------------------------

    @abstractmethod
    def _first_start(self) -> Start:
        """Return where the parameters and the first individuals say to begin."""

    @abstractmethod
    def _shaped(self, n: int) -> None:
        """Make what is learned besides mean, sigma and scale anew, for ``n`` individuals."""

    @abstractmethod
    def _learn(self, noise: Noise, scores: Floats, new: int) -> None:
        """Move and shape the distribution by scores ``(n,)``, -inf where failed.

        Args:
            noise: Of the individuals.
            scores: ``(n,)``.
            new: How many, the last ones, to learn from; all but for ``in_parts``.
        """

    def _first_size(self, pop_size: int | None) -> int:
        """Return how many individuals a generation has at first: both signs of each if mirrored."""
        perturbations = pop_size or 4 + int(3 * math.log(self.space.size))
        return perturbations * (2 if self.mirrored else 1)

    def _coloured(self, noise: Floats) -> Floats:
        """Return noise ``(n, d)`` with the correlations of the distribution."""
        return noise

    def _white(self, y: Floats) -> Floats:
        """Return the noise ``(n, d)`` that :meth:`_coloured` makes ``y`` of."""
        return y

    def _widths(self) -> Floats:
        """Return the standard deviations ``(d,)`` of what :meth:`_coloured` returns."""
        return np.ones(self.space.size)

    def _pack(self) -> State:
        """Return what is learned besides mean, sigma and scale."""
        return {}

    def _unpack(self, state: State) -> None:
        """Go back to what :meth:`_pack` packed."""

    # -- starts -------------------------------------------------------------------------------

    @classmethod
    def n_initial(cls, parameters: Any) -> int:
        """Return how many individuals are drawn to learn where to begin, without bounds."""
        return DRAWS

    def start_from(self, points: Floats, scores: Floats) -> None:
        """Begin around the best tenth of the points, as wide as they lie apart."""
        self.initial = points
        self.start = Start.near(points, scores, self._first_start().sigma)
        self.initial = None

    @property
    def cohort(self) -> int:
        """Points that count as one generation where they are asked for one by one."""
        return self._cohort

    @property
    def n_individuals(self) -> int:
        """Individuals of a generation, in the current start."""
        n = self.restarts.pop_size
        return n + n % 2 if self.mirrored else n

    def _ready(self) -> None:
        """Begin, if it has not."""
        if not len(self.mean):
            if self.start is None:
                self.start = self._first_start()
            self.initial = None
            self._begin(self.start.mean)

    def _begin(self, mean: Floats) -> None:
        """Begin at a mean ``(d,)``, as wide as the first start."""
        assert self.start is not None
        p, n = self.parameters, self.n_individuals
        self.mean, self._opposite = mean, None
        self.first_steps = self.start.sigma * self.restarts.sigma_factor
        self.sigma = math.exp(np.log(self.first_steps).mean())
        self.scale = self.first_steps / self.sigma
        self.stopping = Stopping(self.space.size, n, p.tol_x, p.tol_fun)
        self._shaped(n)

    def _end_of_generation(self, spread: float) -> None:
        reason = self.stopping.by_scores(spread) or self._by_distribution()
        if reason is None and self.restarts.exhausted:
            reason = "Budget: a small start may use half of what the last large one did"
        if reason is None:
            return
        self.ended = reason
        self._settled, self._settled_score = self._favourite()
        assert self.start is not None
        if self.restarts.next(self.rng):
            self._landed.forget()
            self._begin(self.start.elsewhere(self.space, self.rng))
        else:
            self._over = True

    def _by_distribution(self) -> str | None:
        """Return why the distribution says that this start is over, or None."""
        real = self._real
        mean, steps = self.mean[real], (self.sigma * self.scale * self._widths())[real]
        return self.stopping.by_steps(mean, steps, np.zeros(1), self.first_steps[real], None)

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
        if not len(self.mean) or self.best_point is None:
            return self.best_point
        mean, _ = self._favourite()
        return None if mean is None else self._image(mean[None])[0]

    def _image(self, points: Floats) -> Floats:
        """Return points ``(n, d)`` in the box."""
        points = self._bounds(points)
        if self._margin and np.isfinite(self.space.lower).any():
            # what lies beyond the last integer belongs to it: a margin needs no mirror
            confined = np.clip(points, self.space.lower, self.space.upper)
            points = np.where(self._whole, confined, points)
        return points

    def _keep_margin(self) -> None:
        alpha = 1 / (self.space.size * self.n_individuals)
        unit = self.sigma * self._widths()
        self.mean, steps = self._margin.corrected(self.mean, unit * self.scale, alpha)
        self.scale = np.where(self._whole, steps / unit, self.scale)

    # -- state --------------------------------------------------------------------------------

    def state(self) -> State:
        """Return everything that changes; see :meth:`Optimizer.state` for when."""
        if self._noise is not None:
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
            **self._flight.pack(),
            **self._landed.pack(),
            **({} if self._opposite is None else {"opposite": self._opposite}),
        }
        if not len(self.mean):
            return state
        named = {"mean": self.mean, "sigma": self.sigma, "scale": self.scale}
        return {**state, **named, "history": self.stopping.pack(), **self._pack()}

    def restore(self, state: State) -> None:
        """Go back to a state: what follows is bit-identical."""
        super().restore(state)
        self.restarts.unpack(state["restarts"])
        mean, sigma = state["start_mean"], state["start_sigma"]
        self.start = None if mean is None else Start(mean, sigma)
        self._settled, self._settled_score = state["settled"], float(state["settled_score"])
        self.ended, self._over, self._noise = state["ended"], bool(state["over"]), None
        self._flight.unpack(state)
        self._landed.unpack(state)
        self.mean = np.empty(0)
        if "mean" not in state:
            return
        self._begin(state["mean"])
        self.sigma, self.scale = float(state["sigma"]), state["scale"]
        self.stopping.unpack(state["history"])
        self._opposite = state.get("opposite")
        self._unpack(state)
