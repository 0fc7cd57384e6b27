"""Parameters of the methods of gradient ascent, in upstream's order."""

from __future__ import annotations

from typing import Any

import numpy as np

from l2l.errors import ConfigError
from l2l.optimizer import OptimizerParameters
from l2l.options import option

#: Most directions along which the gradient is measured by default; each takes two evaluations.
DIRECTIONS = 16
#: Exploration steps that a generation moves at most by default: the slope is known no further.
REACH = 10.0


def _learning_rate() -> Any:
    return option(
        0.01,
        "change of a coordinate a generation, times what the rule makes of the gradient: a number, "
        "or one a coordinate, in search coordinates (in the unit cube: of the range)",
    )


def _exploration() -> Any:
    return option(
        0.01,
        "standard deviation of the random steps in search coordinates (in the unit cube: of the "
        "range), a number or one a coordinate; at least one step of an integer",
    )


def _n_random_steps() -> Any:
    return option(
        None,
        f"random steps of a generation; twice the dimension, at most {2 * DIRECTIONS}, if none",
        low=1,
    )


def _n_iteration() -> Any:
    return option(None, "generations, where the run says no stop", low=0)


def _stop_criterion() -> Any:
    return option(None, "score (fitness times weights) to reach")


def _seed() -> Any:
    return option(None, "of its randomness; the run's seed if none", low=0)


def _antithetic() -> Any:
    return option(True, "draw the random steps in pairs of opposite ones")


def _patience() -> Any:
    return option(
        20,
        "generations without a better mean score after which the learning rate is halved; "
        "none: never",
        low=1,
    )


def _max_step() -> Any:
    return option(
        None,
        "largest change of a coordinate a generation, in search coordinates; "
        f"{REACH:g} exploration steps if none",
        above=0,
    )


class GradientParameters(OptimizerParameters):
    """Base of the parameters of gradient ascent: what they share is checked here."""

    def check(self) -> None:
        """Refuse sizes of steps that are not positive."""
        for name in ("learning_rate", "exploration_step_size"):
            value = getattr(self, name)
            try:
                array = np.asarray(value, np.float64)
            except (TypeError, ValueError):
                array = np.array(np.nan)
            if array.ndim > 1 or not array.size or not (np.isfinite(array) & (array > 0)).all():
                raise ConfigError(
                    f"{type(self).__name__}.{name} must be a positive number, or a list with one "
                    f"a coordinate, got {value!r}"
                )


class ClassicGDParameters(GradientParameters):
    """Parameters of :class:`GradientAscent`."""

    learning_rate: Any = _learning_rate()
    exploration_step_size: Any = _exploration()
    n_random_steps: int | None = _n_random_steps()
    n_iteration: int | None = _n_iteration()
    stop_criterion: float | None = _stop_criterion()
    seed: int | None = _seed()
    antithetic: bool = _antithetic()
    patience: int | None = _patience()
    max_step: float | None = _max_step()


class StochasticGDParameters(GradientParameters):
    """Parameters of :class:`StochasticGradientAscent`."""

    learning_rate: Any = _learning_rate()
    stochastic_deviation: float = option(
        1.0, "standard deviation of the noise on each element of the gradient", low=0
    )
    stochastic_decay: float = option(
        0.99, "factor on the noise a generation; 0: no noise", low=0, high=1
    )
    exploration_step_size: Any = _exploration()
    n_random_steps: int | None = _n_random_steps()
    n_iteration: int | None = _n_iteration()
    stop_criterion: float | None = _stop_criterion()
    seed: int | None = _seed()
    antithetic: bool = _antithetic()
    patience: int | None = _patience()
    max_step: float | None = _max_step()


class AdamParameters(GradientParameters):
    """Parameters of :class:`Adam`."""

    learning_rate: Any = _learning_rate()
    exploration_step_size: Any = _exploration()
    n_random_steps: int | None = _n_random_steps()
    first_order_decay: float = option(0.9, "beta_1, of the mean gradient", low=0, high=0.999999)
    second_order_decay: float = option(
        0.999, "beta_2, of the mean squared gradient", low=0, high=0.999999
    )
    n_iteration: int | None = _n_iteration()
    stop_criterion: float | None = _stop_criterion()
    seed: int | None = _seed()
    antithetic: bool = _antithetic()
    patience: int | None = _patience()


class AdaMaxParameters(GradientParameters):
    """Parameters of :class:`AdaMax`."""

    learning_rate: Any = _learning_rate()
    exploration_step_size: Any = _exploration()
    n_random_steps: int | None = _n_random_steps()
    first_order_decay: float = option(0.9, "beta_1, of the mean gradient", low=0, high=0.999999)
    second_order_decay: float = option(
        0.999, "beta_2, of the largest gradient", low=0, high=0.999999
    )
    n_iteration: int | None = _n_iteration()
    stop_criterion: float | None = _stop_criterion()
    seed: int | None = _seed()
    antithetic: bool = _antithetic()
    patience: int | None = _patience()


class RMSPropParameters(GradientParameters):
    """Parameters of :class:`RMSProp`."""

    learning_rate: Any = _learning_rate()
    exploration_step_size: Any = _exploration()
    n_random_steps: int | None = _n_random_steps()
    momentum_decay: float = option(0.9, "of the mean squared gradient", low=0, high=0.999999)
    n_iteration: int | None = _n_iteration()
    stop_criterion: float | None = _stop_criterion()
    seed: int | None = _seed()
    antithetic: bool = _antithetic()
    patience: int | None = _patience()
