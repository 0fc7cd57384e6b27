"""Natural evolution strategies with a separable distribution (SNES)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from l2l.classic.optimizer import classic_optimizer
from l2l.optimizer import OptimizerParameters, State
from l2l.optimizers.common import restarts
from l2l.optimizers.common.bounds import MAPS
from l2l.optimizers.common.ranking import shared
from l2l.optimizers.common.start import DRAWS, Start
from l2l.optimizers.searchdistribution import stepcontrol
from l2l.optimizers.searchdistribution.base import SearchDistribution
from l2l.optimizers.searchdistribution.noise import Noise
from l2l.optimizers.searchdistribution.percoordinate import fitting, numbers
from l2l.optimizers.searchdistribution.stepcontrol import StepControl, utilities
from l2l.options import option
from l2l.space import Floats

#: Scores count no more than this where their values matter.
HUGE = 1e300


class NaturalEvolutionStrategiesParameters(OptimizerParameters):
    """Parameters of :class:`NaturalEvolutionStrategies`; the first nine are upstream L2L's."""

    learning_rate_mu: float | None = option(None, "of the mean; 1 if none", above=0)
    learning_rate_sigma: float | None = option(
        None,
        "of the standard deviations; if none, (3 + ln d) / (5 sqrt d), and for xNES "
        "(9 + 3 ln d) / (5 d sqrt d)",
        low=0,
    )
    mu: Any = option(
        None,
        "first mean in search coordinates, a number or one a coordinate; if none, the centre of "
        "the box or of the first individuals",
    )
    sigma: Any = option(
        None,
        "initial standard deviation in search coordinates (a number, or one a coordinate); if "
        "none, 0.3 of the range, or as wide as the first individuals lie apart",
    )
    mirrored_sampling_enabled: bool = option(
        True, "evaluate each perturbation with both signs, which doubles a pop_size"
    )
    fitness_shaping_enabled: bool = option(
        True, "learn from ranks; if not, from the scores, with mean 0 and deviation 1"
    )
    pop_size: int | None = option(
        None,
        "perturbations of a generation, at the start; if none, as many as make "
        "4 + 3 ln d individuals",
        low=2,
    )
    n_iteration: int | None = option(None, "generations, where the run says no stop", low=0)
    stop_criterion: float | None = option(None, "score (fitness times weights) to reach")
    seed: int | None = option(None, "of its randomness; the run's seed if none", low=0)
    step_control: str = option(
        "path",
        "how the overall step size changes: by the path of the mean, by the phase it shows "
        "(DX-NES), or by its natural gradient",
        choices=stepcontrol.KINDS,
    )
    restarts: str = option("auto", restarts.MEANING, choices=restarts.KINDS)
    bounds: str = option("reflect", "how points come to lie in the box", choices=MAPS)
    tol_x: float = option(
        1e-12, "standard deviations at which it has converged, relative to the first", low=0
    )
    tol_fun: float = option(1e-12, "range of scores at which it has converged", low=0)

    def check(self) -> None:
        """Make ``mu`` and ``sigma`` numbers or lists of numbers."""
        owner = type(self).__name__
        object.__setattr__(self, "mu", numbers(owner, "mu", self.mu))
        object.__setattr__(self, "sigma", numbers(owner, "sigma", self.sigma, above=0))


class NaturalEvolutionStrategies(SearchDistribution):
    """Follows the natural gradient of the expected utility, one standard deviation a coordinate.

    Wierstra, Schaul, Glasmachers, Sun, Peters & Schmidhuber (2014), Natural evolution strategies,
    JMLR 15:949-980, algorithm 6 (SNES), with its utilities and learning rates. What the standard
    deviations have in common is the step size, which the path of the mean controls
    (:class:`~l2l.optimizers.searchdistribution.stepcontrol.StepControl`); ``step_control:
    natural`` is the algorithm of the paper. Equal scores share their utilities, failed
    evaluations the lowest ones.

    Attributes:
        control: Of the step size.
    """

    Parameters = NaturalEvolutionStrategiesParameters
    in_parts = True
    control: StepControl

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        p, d = self.parameters, self.space.size
        fitting("mu", p.mu, d)
        fitting("sigma", p.sigma, d)
        self._rate_mu = 1.0 if p.learning_rate_mu is None else float(p.learning_rate_mu)
        given = p.learning_rate_sigma
        self._rate_sigma = self._default_rate(d) if given is None else float(given)

    @staticmethod
    def _default_rate(d: int) -> float:
        return (3 + math.log(d)) / (5 * math.sqrt(d))

    def _first_size(self, pop_size: int | None) -> int:
        if pop_size is None:  # of the paper, which its learning rates are made for
            return 4 + int(3 * math.log(self.space.size))
        return super()._first_size(pop_size)

    @classmethod
    def n_initial(cls, parameters: Any) -> int:
        """Return how many individuals are drawn to learn where to begin, without bounds."""
        if parameters.mu is not None and parameters.sigma is not None:
            return 0
        return DRAWS

    def _first_start(self) -> Start:
        p, d = self.parameters, self.space.size
        initial = self.initial
        if p.mu is not None:
            sigma = p.sigma
            if sigma is None and initial is not None:
                sigma = Start.of(self.space, initial).sigma
            return Start.of(self.space, np.broadcast_to(np.asarray(p.mu, float), (1, d)), sigma)
        return Start.of(self.space, initial, p.sigma)

    # -- learning -----------------------------------------------------------------------------

    def _shaped(self, n: int) -> None:
        p, d = self.parameters, self.space.size
        self.control = StepControl(p.step_control, d, n, self.mirrored, self._rate_sigma)
        self._by_rank = utilities(n)

    def _learn(self, noise: Noise, scores: Floats, new: int) -> None:
        u = self._utilities(scores)
        energy = float(u @ u)
        if energy == 0:
            return
        part = noise.last(new)
        step = part.first(u[-new:])
        unit = self.control.follow(step, energy, new / len(u))
        if self.control.weighs_distance:
            u = self.control.by_distance(u, noise.lengths())
            step = part.first(u[-new:])
        by = self._rate_mu * self.sigma * self.scale
        self.mean = self.mean + by * self._coloured(step[None])[0]
        self.sigma *= self.control.factor(self._reshape(part, u[-new:], unit))

    def _reshape(self, noise: Noise, u: Floats, unit: Floats) -> float:
        """Change the shape by utilities ``(n,)``, and leave its size alone.

        Args:
            noise: Of the individuals.
            u: Their utilities, ``(n,)``.
            unit: ``(d,)`` step of the mean, standard normal if selection is random.

        Returns:
            Mean over the coordinates of the natural gradient, which is that of the size.
        """
        gradient = noise.second(u) - u.sum()
        common = float(gradient.mean())
        gradient -= common
        gradient *= self._rate_sigma / 2
        self.scale = self.scale * np.exp(gradient, out=gradient)
        return common

    def _utilities(self, scores: Floats) -> Floats:
        """Return the utilities ``(n,)`` of scores ``(n,)``, -inf where failed; they sum to 0."""
        if self.parameters.fitness_shaping_enabled:
            return shared(scores, self._by_rank)
        good = np.isfinite(scores)
        scores = np.where(good, scores, scores[good].min())
        scores = np.clip(scores, -HUGE, HUGE)  # their sum would overflow
        away: Floats = scores - scores.mean()
        largest = float(np.abs(away).max())
        if largest > 0:
            away /= largest  # squares of huge scores would overflow
            away /= math.sqrt(float(np.square(away).mean())) * len(away)
        return away

    # -- state --------------------------------------------------------------------------------

    def _pack(self) -> State:
        return {"path": self.control.path}

    def _unpack(self, state: State) -> None:
        self.control.path = state["path"]


NaturalEvolutionStrategiesOptimizer = classic_optimizer(NaturalEvolutionStrategies)
