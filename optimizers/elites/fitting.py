"""What the methods that fit a distribution to an elite share: options and their checks."""

from __future__ import annotations

from typing import Any

import numpy as np

from l2l.errors import ConfigError
from l2l.optimizer import OptimizerParameters
from l2l.optimizers.common.bounds import MAPS
from l2l.optimizers.common.restarts import KINDS, MEANING
from l2l.optimizers.distributions import BayesianGaussianMixture, Gaussian, described
from l2l.optimizers.elites.fitted import FittedGaussian
from l2l.optimizers.elites.mixture import FittedMixture
from l2l.options import option
from l2l.space import Floats

#: A covariance is full up to so many coordinates, if nothing else is said.
FULL = 40
#: Largest default population.
LARGEST = 100


class FittingParameters(OptimizerParameters):
    """Options of the cross-entropy method and FACE that upstream L2L does not have."""

    sigma: Any = option(
        None,
        "initial standard deviation in search coordinates, a number or one a coordinate; if none, "
        "0.3 in the unit cube, and in raw units the spread of the first individuals",
    )
    covariance_smoothing: float | None = option(
        None, "smoothing of the covariance; if none, what the elite is too small for", low=0, high=1
    )
    dynamic_smoothing: float | None = option(
        None, "q of a smoothing of the covariance that grows with time, 5 to 10; none: off", above=0
    )
    elite_weights: str = option(
        "log", "log: better ones count more; equal: all the same", choices=("log", "equal")
    )
    centre: str = option(
        "old",
        "mean from which the covariance is taken; new is maximum likelihood, and shrinks faster",
        choices=("old", "new"),
    )
    min_sigma: float = option(
        0.0, "smallest standard deviation, as a share of the initial one", low=0, high=1
    )
    bounds: str = option("reflect", "how points come to lie within the bounds", choices=MAPS)
    restarts: str = option("auto", MEANING, choices=KINDS)
    tol_x: float = option(
        1e-11, "converged at this share of the initial standard deviations", low=0
    )
    tol_fun: float = option(1e-12, "converged at this range of the best scores", low=0)

    def check(self) -> None:
        """Make the distribution plain data, and refuse a bad one or a bad sigma."""
        parameters: Any = self
        object.__setattr__(self, "distribution", described(parameters.distribution).plain())
        if self.sigma is not None:
            sigma = _numbers(self.sigma)
            if sigma.ndim > 1 or not (np.isfinite(sigma) & (sigma > 0)).all():
                raise ConfigError(
                    f"sigma must be a number > 0, or one a coordinate, got {self.sigma!r}"
                )


class _CrossEntropyFields(OptimizerParameters):
    """The fields of upstream L2L, in its order."""

    pop_size: int | None = option(
        None, "individuals of a generation; if none, 15 + 2.5 d, at most 100", low=2
    )
    rho: float = option(0.3, "share of the population that is its elite", above=0, high=1)
    smoothing: float = option(
        0.0, "of the mean: new = smoothing * old + (1 - smoothing) * fit", low=0, high=1
    )
    temp_decay: float = option(
        0.0,
        "others than the elite are accepted by Metropolis' rule at a temperature that is "
        "multiplied with this a generation; 0: none are",
        low=0,
        high=1,
    )
    n_iteration: int | None = option(None, "generations, where the run says no stop", low=0)
    distribution: Any = option(
        "gaussian", "name, {name: ..., options}, or an object such as NoisyGaussian()"
    )
    stop_criterion: float | None = option(None, "score (fitness times weights) to reach")
    seed: int | None = option(None, "of its randomness; the run's seed if none", low=0)


class CrossEntropyParameters(FittingParameters, _CrossEntropyFields):
    """Parameters of ``CrossEntropy``; the first eight are those of upstream L2L."""

    def check(self) -> None:
        """Refuse a smoothing with which nothing is learned."""
        super().check()
        check_smoothing(self.smoothing, self.covariance_smoothing)


def check_smoothing(*smoothings: float | None) -> None:
    """Refuse smoothings with which nothing would ever be learned."""
    if 1 in smoothings:
        raise ConfigError("a smoothing must be less than 1: with 1 nothing is ever learned")


def _numbers(value: Any) -> Floats:
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return np.array(np.nan)


def fitting(value: Any, d: int, name: str) -> Any:
    """Return a number or ``(d,)`` of an option, or raise ConfigError if its length is wrong."""
    numbers = _numbers(value)
    if numbers.ndim and numbers.shape != (d,):
        raise ConfigError(f"{name} must be a number or have {d} of them, got {len(numbers)}")
    return numbers if numbers.ndim else float(numbers)


def fitted_for(description: Any, d: int) -> FittedGaussian | FittedMixture:
    """Return the distribution that a description stands for, in ``d`` coordinates."""
    if isinstance(description, BayesianGaussianMixture):
        options = dict(description.scikit)
        full = options.get("covariance_type", "full" if d <= FULL else "diag") == "full"
        return FittedMixture(description.n_components, full, options)
    assert isinstance(description, Gaussian)
    how = description.covariance
    return FittedGaussian(how == "full" or (how == "auto" and d <= FULL))


def default_size(d: int) -> int:
    """Return the default population for ``d`` coordinates."""
    return min(LARGEST, 15 + 5 * d // 2)
