"""Distributions: what the individuals of the cross-entropy method are drawn from.

The classes here only describe one; the numbers that are fitted belong to the optimizer's state. An
option ``distribution`` takes a name, a dict with a ``name`` and options, or an object of a class::

    distribution: noisy_gaussian
    distribution: {name: noisy_gaussian, noise_decay: 0.99}
    distribution=NoisyGaussian(noise_decay=0.99)

Extra noise that decreases: Szita & Lorincz (2006), Learning Tetris using the noisy cross-entropy
method, Neural Computation 18. Bayesian mixtures: Bishop (2006), Pattern Recognition and Machine
Learning, section 10.2, as scikit-learn fits them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from l2l.errors import ConfigError, nearest
from l2l.options import Options, option
from l2l.plain import as_plain

#: Options of scikit-learn's mixture that the optimizer itself sets.
OURS = ("n_components", "random_state", "warm_start", "verbose", "verbose_interval")


class Distribution(Options):
    """Base of all descriptions: immutable, and to be used for any number of optimizers."""

    name: ClassVar[str]

    def plain(self) -> dict[str, Any]:
        """Return the description as plain data, from which :func:`described` makes it again."""
        return {"name": self.name, **as_plain(self._asdict())}


class _Noise(Distribution):
    """The extra noise of the noisy distributions."""

    noise_magnitude: float = option(
        1.0, "standard deviation of the noise in the first generation, times coordinate_scale",
        low=0,
    )  # fmt: skip
    coordinate_scale: Any = option(
        None,
        "scale of the noise, a number or one a coordinate; if none, 1 in raw units and the first "
        "standard deviation (0.3) in the unit cube",
    )
    noise_decay: float = option(
        0.95, "what the noise is multiplied with a generation", low=0, high=1
    )

    def check(self) -> None:
        """Refuse a scale that is no number or list of numbers."""
        _check_scale(self.coordinate_scale)


class Gaussian(Distribution):
    """A normal distribution."""

    name = "gaussian"
    covariance: str = option(
        "auto",
        "full, diagonal, or auto: full up to 40 coordinates",
        choices=("auto", "full", "diagonal"),
    )


class NoisyGaussian(Gaussian, _Noise):
    """A normal distribution, to whose variance decreasing noise is added."""

    name = "noisy_gaussian"


class BayesianGaussianMixture(Distribution):
    """A mixture of normal distributions, for several optima at once. Needs ``l2l[scikit]``.

    Args:
        n_components: Number of normal distributions, at most.
        scikit: Further options of ``sklearn.mixture.BayesianGaussianMixture``, by keyword, for
            example ``weight_concentration_prior``. They hold for points that have been scaled to
            mean 0 and variance 1. ``covariance_type`` is ``full`` or ``diag``.
    """

    name = "bayesian_gaussian_mixture"
    n_components: int = option(2, "normal distributions, at most", low=1)
    scikit: Any = option(None, "further options of scikit-learn's BayesianGaussianMixture")

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Take keywords that are no fields as options of scikit-learn."""
        return object.__new__(cls)

    def __init__(self, n_components: int = 2, **scikit: Any) -> None:
        self._set(n_components=n_components, scikit=scikit)

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)
        self.__post_init__()

    def check(self) -> None:
        """Refuse what is set by the optimizer; scikit-learn's own names are checked later."""
        given = {**(self.scikit or {})}
        if taken := sorted(set(given) & set(OURS)):
            raise ConfigError(f"{', '.join(taken)} of a mixture can't be given: l2l sets it")
        if given.get("covariance_type", "full") not in ("full", "diag"):
            raise ConfigError(
                f"covariance_type must be full or diag, got {given['covariance_type']!r}"
            )
        object.__setattr__(self, "scikit", given)

    def _asdict(self) -> dict[str, Any]:
        """Return all options; those of scikit-learn stand beside ours."""
        own = super()._asdict()
        return {**{k: v for k, v in own.items() if k != "scikit"}, **own["scikit"]}


class NoisyBayesianGaussianMixture(BayesianGaussianMixture):
    """A mixture of normal distributions, to whose variances decreasing noise is added."""

    name = "noisy_bayesian_gaussian_mixture"
    noise_magnitude: float = option(1.0, "as of NoisyGaussian", low=0)
    coordinate_scale: Any = option(None, "as of NoisyGaussian")
    noise_decay: float = option(0.95, "as of NoisyGaussian", low=0, high=1)

    def __init__(
        self,
        n_components: int = 2,
        noise_magnitude: float = 1.0,
        coordinate_scale: Any = None,
        noise_decay: float = 0.95,
        **scikit: Any,
    ) -> None:
        self._set(
            n_components=n_components,
            scikit=scikit,
            noise_magnitude=noise_magnitude,
            coordinate_scale=coordinate_scale,
            noise_decay=noise_decay,
        )

    def check(self) -> None:
        """Refuse a bad scale, and what is set by the optimizer."""
        super().check()
        _check_scale(self.coordinate_scale)


KINDS: dict[str, type[Distribution]] = {
    kind.name: kind
    for kind in (
        Gaussian,
        NoisyGaussian,
        BayesianGaussianMixture,
        NoisyBayesianGaussianMixture,
    )
}


def described(given: Any) -> Distribution:
    """Return the description that a name, a dict with a ``name`` or a description stands for.

    Raises:
        ConfigError: If it is none of these, or an option is wrong.
    """
    if isinstance(given, Distribution):
        return given
    options = {"name": given} if isinstance(given, str) else given
    if not isinstance(options, Mapping) or not isinstance(options.get("name"), str):
        raise ConfigError(
            "distribution must be a name, a dict with a name and options, or an object such as "
            f"NoisyGaussian(noise_decay=0.99), got {given!r}; names: {', '.join(KINDS)}"
        )
    name = options["name"]
    if name not in KINDS:
        raise ConfigError(f"there is no distribution {name!r}; {nearest(name, KINDS)}")
    return KINDS[name](**{key: value for key, value in options.items() if key != "name"})


def _check_scale(scale: Any) -> None:
    if scale is None:
        return
    try:
        values = np.asarray(scale, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.array(np.nan)
    if values.ndim > 1 or not (np.isfinite(values) & (values >= 0)).all():
        raise ConfigError(
            "coordinate_scale must be a number >= 0, or one a coordinate (search coordinates), "
            f"got {scale!r}"
        )
