"""Parameters of the ensemble Kalman filter, and what they come to in a space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from l2l.errors import ConfigError, nearest
from l2l.optimizer import OptimizerParameters
from l2l.optimizers.kalman.ensemble import PICKS
from l2l.options import option
from l2l.space import Floats

#: Of upstream's ``kwargs``: how the best members are picked, and the noise they get.
PICKING = {"pick_probability": 0.7, "loc": 0.0, "scale": 0.1}
#: chi2 of the mean output that counts as noise level; below 1: the output of the mean fits worse.
DISCREPANCY = 0.5
#: Generations in a row at the noise level after which a fit to a given target ends.
PATIENCE = 3


class EnsembleKalmanFilterParameters(OptimizerParameters):
    """Parameters of :class:`EnsembleKalmanFilter`; those up to ``kwargs`` are upstream L2L's."""

    gamma: float | None = option(
        None,
        "variance of the observation noise, the same for all; given, it selects the paper's "
        "variant (update paper, step fixed, resample none, discrepancy 0)",
        above=0,
    )
    maxit: int | None = option(
        None,
        "times that a generation's observations are used, with the step each; if none, 2 where "
        "the ensemble is resampled, else 1",
        low=1,
    )
    n_iteration: int | None = option(None, "generations, where the run says no stop", low=0)
    pop_size: int = option(100, "members of the ensemble", low=3)
    n_batches: int = option(
        1, "minibatches into which an observation is split, used one after the other", low=1
    )
    online: bool = option(False, "use one minibatch a generation, drawn at random")
    seed: int | None = option(None, "of its randomness; the run's seed if none", low=0)
    path: str | None = option(
        None, "upstream's folder for weights; without effect: the run folder holds all"
    )
    n_repeat_batch: int = option(
        1,
        "generations for which minibatches stay as they are; as in upstream, fewer members are "
        "replaced in the repeats",
        low=1,
    )
    stop_criterion: float | None = option(
        None, "mean squared residual of the mean output at which it ends; inf: none", low=0
    )
    scale_weights: bool = option(
        True, "replacing: the noise is in units of the ensemble's range (largest - smallest)"
    )
    sample: bool = option(False, "replace the worst members by the best before the update")
    best_n: float = option(0.25, "replacing: share of the members that are copied", low=0, high=1)
    worst_n: float = option(0.25, "replacing: share of the members replaced", low=0, high=1)
    pick_method: str = option(
        "random",
        "replacing: by any of the best (random), by the first one that pick_probability takes "
        "(best_first), by the best one with pick_probability and else by another "
        "(pick_probability), or by draws from the Gaussian of the best (gaussian)",
        choices=PICKS,
    )
    data_loader_method: str = option(
        "separated",
        "how upstream loaded its images; without effect: the optimizee has the data",
        choices=("separated", "random"),
    )
    shuffle: bool = option(False, "deal observations to the minibatches at random")
    n_slice: int = option(
        4, "images of a class that upstream loaded; without effect, as above", low=1
    )
    kwargs: Any = option(
        None, "replacing: {pick_probability: 0.7, loc: 0, scale: 0.1}, loc and scale of the noise"
    )
    target: Any = option(
        None, "data that observations should equal, a number or k; none: observations are "
        "residuals, which should be 0",
    )  # fmt: skip
    noise_std: Any = option(
        0.1, "standard deviation of the data's noise, a number or k; gamma wins over it"
    )
    update: str | None = option(
        None, "transform if none", choices=("paper", "perturbed", "transform")
    )
    step: str | None = option(
        None, "pseudo-time of a generation: dmc, by the misfit (if none), or fixed: dt",
        choices=("dmc", "fixed"),
    )  # fmt: skip
    dt: float = option(
        1.0, "fixed step: its length; the noise's variance is divided by it", above=0
    )
    end_time: float | None = option(
        None, "pseudo-time at which it ends; 1 is the posterior, where the data stay the same",
        above=0,
    )  # fmt: skip
    discrepancy: float | None = option(
        None, "chi2 of the mean output at which the mean stays where it is; 0.5 if none, 0: never",
        low=0,
    )  # fmt: skip
    patience: int | None = option(
        None, "generations in a row at that chi2 after which it ends; 3 with a target, if none",
        low=1,
    )  # fmt: skip
    resample: str | None = option(
        None,
        "flip signs of the deviations by coordinate, redraw them, or none; if none given, flip "
        "where the members can't span the space (d > pop_size - 1)",
        choices=("none", "flip", "redraw"),
    )
    contraction: float = option(
        0.8,
        "resampling: factor of the spread while outputs spread wider than misfit and noise",
        above=0,
        high=1,
    )
    inflation: float = option(1.0, "factor of the deviations after each update", above=0)
    rtps: float = option(
        0.0, "without resampling: relaxation to the spread before the update", low=0, high=1
    )
    tikhonov: float = option(
        0.0, "weight of the first ensemble's mean and spread as a prior (TEKI)", low=0
    )
    localisation: str = option(
        "none",
        "taper of the gain by correlation: none, truncation below 3/sqrt(n), or sampling_error; "
        "rarely good for weights of networks",
        choices=("none", "truncation", "sampling_error"),
    )

    def check(self) -> None:
        """Refuse data that are no numbers, unknown kwargs, and what does not go together."""
        if self.target is not None:
            _numbers("target", self.target)
        if (_numbers("noise_std", self.noise_std) <= 0).any():
            raise ConfigError(f"noise_std must be greater than 0, got {self.noise_std!r}")
        given = {} if self.kwargs is None else self.kwargs
        if not isinstance(given, Mapping):
            raise ConfigError(f"kwargs must be a dict such as {PICKING}, got {given!r}")
        for name, value in given.items():
            if name not in PICKING:
                raise ConfigError(f"kwargs has no entry {name!r}; {nearest(str(name), PICKING)}")
            _numbers(f"kwargs[{name!r}]", value)
        if not 0 <= self.picking["pick_probability"] <= 1 or self.picking["scale"] < 0:
            raise ConfigError(
                f"kwargs: expected 0 <= pick_probability <= 1 and scale >= 0, got {given}"
            )
        if self.localisation != "none" and (
            self._update == "transform"
            or self.n_batches > 1
            or (self.maxit or 1) > 1
            or self.resample not in (None, "none")
            or self.tikhonov
        ):
            raise ConfigError(
                "localisation needs update: perturbed or paper, n_batches 1, maxit 1, no "
                f"resampling and no tikhonov, got update {self._update}, n_batches "
                f"{self.n_batches}, maxit {self.maxit}, resample {self.resample}, tikhonov "
                f"{self.tikhonov}"
            )

    @property
    def picking(self) -> dict[str, float]:
        """``kwargs`` with its defaults."""
        return {**PICKING, **(self.kwargs or {})}

    @property
    def _update(self) -> str:
        return self.update or ("transform" if self.gamma is None else "paper")

    def settled(self, d: int) -> Settings:
        """Return what is in force in a space of ``d`` columns."""
        paper = self.gamma is not None
        subspace = d > self.pop_size - 1 and not paper and self.localisation == "none"
        resample = self.resample or ("flip" if subspace else "none")
        level = 0.0 if paper else DISCREPANCY
        patience = PATIENCE if self.target is not None else None
        return Settings(
            variance=np.square(_numbers("noise_std", self.noise_std))
            if self.gamma is None
            else np.asarray(float(self.gamma)),
            update=self._update,
            step=self.step or ("fixed" if paper else "dmc"),
            resample=resample,
            passes=self.maxit or (1 if resample == "none" else 2),
            discrepancy=level if self.discrepancy is None else float(self.discrepancy),
            patience=self.patience if self.patience is not None else patience,
        )


@dataclass(frozen=True)
class Settings:
    """What is in force once defaults that depend on others are known.

    Attributes:
        variance: Of the noise, a number or ``(k,)``.
        update: ``paper``, ``perturbed`` or ``transform``.
        step: ``fixed`` or ``dmc``.
        resample: ``none``, ``flip`` or ``redraw``.
        passes: Times that a generation's observations are used.
        discrepancy: chi2 at which the mean stays.
        patience: Generations at that level after which it ends, or None.
    """

    variance: Floats
    update: str
    step: str
    resample: str
    passes: int
    discrepancy: float
    patience: int | None


def _numbers(name: str, value: Any) -> Floats:
    try:
        numbers = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.array(np.nan)
    if numbers.ndim > 1 or not numbers.size or not np.isfinite(numbers).all():
        raise ConfigError(f"{name} must be a number or a list of numbers, got {value!r}")
    return numbers
