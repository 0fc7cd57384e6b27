"""Evolution strategies as gradient ascent on the expected fitness (OpenAI-ES)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from l2l.classic.optimizer import classic_optimizer
from l2l.optimizer import OptimizerParameters, State
from l2l.optimizers.common import restarts, steps
from l2l.optimizers.common.bounds import MAPS
from l2l.optimizers.common.ranking import centred_ranks, shared
from l2l.optimizers.common.start import Start
from l2l.optimizers.searchdistribution.base import SearchDistribution
from l2l.optimizers.searchdistribution.noise import Noise
from l2l.optimizers.searchdistribution.percoordinate import fitting, numbers
from l2l.optimizers.searchdistribution.stepcontrol import utilities
from l2l.options import option
from l2l.space import Floats

#: Scores count no more than this where their values matter: squares and sums stay finite.
HUGE = 1e100


class EvolutionStrategiesParameters(OptimizerParameters):
    """Parameters of :class:`EvolutionStrategies`; the first eight are those of upstream L2L."""

    learning_rate: float = option(
        0.6, "change of the mean, in standard deviations of the noise", above=0
    )
    noise_std: Any = option(
        None,
        "initial standard deviation of the noise in search coordinates (a number, or one a "
        "coordinate); if none, 0.3 of the range, or as wide as the first individuals lie apart",
    )
    mirrored_sampling_enabled: bool = option(
        True, "evaluate each perturbation with both signs, which doubles a pop_size"
    )
    fitness_shaping_enabled: bool = option(
        True,
        "learn from centred ranks; if not, from the scores as they are, with the learning rate "
        "in search coordinates",
    )
    pop_size: int | None = option(
        None,
        "perturbations of a generation, at the start; 4 + 3 ln d if none",
        low=2,
    )
    n_iteration: int | None = option(None, "generations, where the run says no stop", low=0)
    stop_criterion: float | None = option(None, "score (fitness times weights) to reach")
    seed: int | None = option(None, "of its randomness; the run's seed if none", low=0)
    step: str = option("adam", "what a gradient moves the mean by", choices=tuple(steps.KINDS))
    first_decay: float = option(
        0.5, "of the mean of the gradients, in a generation (momentum, adam, adamax)",
        low=0, high=0.999999,
    )  # fmt: skip
    second_decay: float = option(
        0.99, "of the mean of their squares (adam, adamax, rmsprop)", low=0, high=0.999999
    )
    weight_decay: float = option(
        0.0,
        "L2: share of the learning rate by which the mean is drawn to 0, in the unit cube to its "
        "centre",
        low=0,
    )
    noise_adaptation: str = option(
        "each",
        "what of the noise follows its natural gradient: each coordinate, all alike, or nothing",
        choices=("each", "alike", "none"),
    )
    noise_decay: float = option(
        1.0, "factor of the noise in a generation, on top of that", above=0, high=1
    )
    restarts: str = option("auto", restarts.MEANING, choices=restarts.KINDS)
    bounds: str = option("reflect", "how points come to lie in the box", choices=MAPS)
    tol_x: float = option(
        1e-12, "standard deviations at which it has converged, relative to the first", low=0
    )
    tol_fun: float = option(1e-12, "range of scores at which it has converged", low=0)

    def check(self) -> None:
        """Make ``noise_std`` a number or a list of numbers."""
        noise = numbers(type(self).__name__, "noise_std", self.noise_std, above=0)
        object.__setattr__(self, "noise_std", noise)

    def constants(self) -> dict[str, float]:
        """Return the arguments of the step that is chosen."""
        if self.step in ("adam", "adamax"):
            return {"first_decay": self.first_decay, "second_decay": self.second_decay}
        named = {"momentum": self.first_decay, "rmsprop": self.second_decay}
        return {"decay": named[self.step]} if self.step in named else {}


class EvolutionStrategies(SearchDistribution):
    """Climbs the gradient of the expected fitness of a mean with Gaussian noise.

    Salimans, Ho, Chen, Sidor & Sutskever (2017), Evolution strategies as a scalable alternative to
    reinforcement learning, arXiv:1703.03864: mirrored sampling, centred ranks, Adam. There the
    noise is a constant, which keeps the mean from settling closer than the noise is wide. Here it
    follows its natural gradient (Wierstra et al. 2014, JMLR 15, algorithm 6), so that a budget
    need not be known in advance, and the learning rate counts in standard deviations of the noise.

    Attributes:
        step: What turns gradients into changes of the mean.
    """

    Parameters = EvolutionStrategiesParameters
    step: steps.Steps

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        d = self.space.size
        fitting("noise_std", self.parameters.noise_std, d)
        self._rate = (3 + math.log(d)) / (5 * math.sqrt(d))
        self._centre = np.where(np.isfinite(self.space.upper), 0.5, 0.0)

    def _first_start(self) -> Start:
        return Start.of(self.space, self.initial, self.parameters.noise_std)

    def _shaped(self, n: int) -> None:
        p, d = self.parameters, self.space.size
        self.step = steps.make_step(p.step, d, float(p.learning_rate), **p.constants())
        self._by_rank = utilities(n)

    def _learn(self, noise: Noise, scores: Floats, new: int) -> None:
        p = self.parameters
        if p.fitness_shaping_enabled:
            unit = unit_gradient(noise, centred_ranks(scores))
            change = self.sigma * self.scale * self.step.step(unit)
        else:
            change = self.step.step(raw_gradient(noise, scores) / (self.sigma * self.scale))
        if p.weight_decay:
            change -= p.learning_rate * p.weight_decay * (self.mean - self._centre)
        self.mean = self.mean + change
        if p.noise_adaptation != "none":
            self._adapt(noise, shared(scores, self._by_rank))
        self.sigma *= p.noise_decay

    def _adapt(self, noise: Noise, u: Floats) -> None:
        """Let the noise follow its natural gradient, by utilities ``(n,)``."""
        gradient = noise.second(u) - u.sum()
        common = float(gradient.mean())
        self.sigma *= math.exp(min(1.0, self._rate / 2 * common))
        if self.parameters.noise_adaptation == "each":
            self.scale = self.scale * np.exp(self._rate / 2 * (gradient - common))

    def _pack(self) -> State:
        return self.step.pack()

    def _unpack(self, state: State) -> None:
        self.step.unpack(state)


def unit_gradient(noise: Noise, weights: Floats) -> Floats:
    """Return the direction ``(d,)`` that ranks show, standard normal if they mean nothing.

    Args:
        noise: Of ``n`` individuals.
        weights: ``(n,)`` which sum to 0.
    """
    energy = float(weights @ weights)
    if energy == 0:
        return np.zeros(noise.drawn.shape[1])
    n = len(weights)
    energy *= n / (n - 1) if noise.mirrored else 1.0  # drawn without replacement
    return noise.first(weights) / math.sqrt(energy)


def raw_gradient(noise: Noise, scores: Floats) -> Floats:
    """Return the gradient ``(d,)`` of the expected score by the mean, in widths of the noise.

    Salimans et al. (2017), algorithm 1: the mean of score times noise. The mean score is
    subtracted, which changes the variance only; failed evaluations are left out.
    """
    good = np.isfinite(scores)
    scores = np.clip(scores, -HUGE, HUGE)
    away = np.where(good, scores, 0.0) - scores[good].mean()
    return noise.first(np.where(good, away, 0.0)) / int(good.sum())


EvolutionStrategiesOptimizer = classic_optimizer(EvolutionStrategies)
