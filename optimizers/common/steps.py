"""Steps of gradient ascent: what a gradient moves the point by.

Adam and AdaMax: Kingma & Ba (2015), Adam: a method for stochastic optimization, ICLR
(arXiv:1412.6980), algorithms 1 and 2. RMSProp: Tieleman & Hinton (2012), lecture 6.5 of
"Neural networks for machine learning". Momentum: Polyak (1964), USSR Comput. Math. 4.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from l2l.errors import ConfigError, nearest
from l2l.space import Floats

#: Keeps a division by a vanishing gradient finite (Kingma & Ba 2015, algorithm 1).
EPSILON = 1e-8


class Steps(ABC):
    """A rule that turns gradients into changes of a point; what it remembers is its state.

    Args:
        d: Number of coordinates.
        learning_rate: Scale of the change; may be set anew between steps.

    Attributes:
        t: Number of steps so far.
        first: ``(d,)`` decayed mean of the gradients; empty where not used.
        second: ``(d,)`` decayed mean of their squares (AdaMax: norm); empty likewise.
    """

    def __init__(self, d: int, learning_rate: float) -> None:
        self.learning_rate = learning_rate
        self.t = 0
        self.first: Floats = np.empty(0)
        self.second: Floats = np.empty(0)

    @abstractmethod
    def step(self, gradient: Floats) -> Floats:
        """Return the change ``(d,)`` that leads upwards along a gradient ``(d,)``."""

    def pack(self) -> dict[str, Any]:
        """Return everything that changes, under names; later steps do not change the arrays."""
        return {"step_t": self.t, "step_first": self.first, "step_second": self.second}

    def unpack(self, packed: dict[str, Any]) -> None:
        """Go back to a state that :meth:`pack` packed (among other entries, if need be)."""
        self.t = int(packed["step_t"])
        self.first, self.second = packed["step_first"], packed["step_second"]


class SGD(Steps):
    """Plain gradient ascent: the learning rate times the gradient."""

    def step(self, gradient: Floats) -> Floats:
        """Return the change ``(d,)`` that leads upwards along a gradient ``(d,)``."""
        self.t += 1
        return self.learning_rate * gradient


class Momentum(Steps):
    """Polyak's heavy ball: the velocity decays, and each gradient is added to it.

    Args:
        decay: Of the velocity, in a step.
    """

    def __init__(self, d: int, learning_rate: float, decay: float = 0.9) -> None:
        super().__init__(d, learning_rate)
        self.decay = decay
        self.first = np.zeros(d)

    def step(self, gradient: Floats) -> Floats:
        """Return the change ``(d,)`` that leads upwards along a gradient ``(d,)``."""
        self.t += 1
        self.first = self.decay * self.first + gradient
        return self.learning_rate * self.first


class Adam(Steps):
    """Kingma & Ba (2015), algorithm 1.

    Args:
        first_decay: beta_1, of the mean of the gradients.
        second_decay: beta_2, of the mean of their squares.
        epsilon: Added to the root of the latter.
    """

    def __init__(
        self,
        d: int,
        learning_rate: float,
        first_decay: float = 0.9,
        second_decay: float = 0.999,
        epsilon: float = EPSILON,
    ) -> None:
        super().__init__(d, learning_rate)
        self.first_decay, self.second_decay, self.epsilon = first_decay, second_decay, epsilon
        self.first, self.second = np.zeros(d), np.zeros(d)

    def step(self, gradient: Floats) -> Floats:
        """Return the change ``(d,)`` that leads upwards along a gradient ``(d,)``."""
        self.t += 1
        b1, b2 = self.first_decay, self.second_decay
        self.first = b1 * self.first + (1 - b1) * gradient
        self.second = self._second(gradient, b2)
        return self._change(self.learning_rate / (1 - b1**self.t))

    def _second(self, gradient: Floats, b2: float) -> Floats:
        return b2 * self.second + (1 - b2) * np.square(gradient)

    def _change(self, rate: float) -> Floats:
        change: Floats = np.sqrt(self.second / (1 - self.second_decay**self.t))
        change += self.epsilon
        np.divide(self.first, change, out=change)
        change *= rate
        return change


class AdaMax(Adam):
    """Kingma & Ba (2015), algorithm 2: Adam with the infinity norm.

    The norm needs no correction of its bias; the mean of the gradients does (section 7.1). Epsilon
    is added to the norm, for coordinates whose gradient has been zero from the start.
    """

    def _second(self, gradient: Floats, b2: float) -> Floats:
        return np.maximum(b2 * self.second, np.abs(gradient))

    def _change(self, rate: float) -> Floats:
        return rate * self.first / (self.second + self.epsilon)


class RMSProp(Steps):
    """Divides the gradient by the root of a decayed mean of its squares.

    Args:
        decay: Of that mean, in a step (Hinton: 0.9).
        epsilon: Added to the root.
    """

    def __init__(
        self, d: int, learning_rate: float, decay: float = 0.9, epsilon: float = EPSILON
    ) -> None:
        super().__init__(d, learning_rate)
        self.decay, self.epsilon = decay, epsilon
        self.second = np.zeros(d)

    def step(self, gradient: Floats) -> Floats:
        """Return the change ``(d,)`` that leads upwards along a gradient ``(d,)``."""
        self.t += 1
        self.second = self.decay * self.second + (1 - self.decay) * np.square(gradient)
        return self.learning_rate * gradient / (np.sqrt(self.second) + self.epsilon)


KINDS: dict[str, type[Steps]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "adam": Adam,
    "adamax": AdaMax,
    "rmsprop": RMSProp,
}


def make_step(kind: str, d: int, learning_rate: float, **constants: float) -> Steps:
    """Return a rule by its name.

    Args:
        kind: One of ``KINDS``.
        d: Number of coordinates.
        learning_rate: Scale of the change.
        constants: Further arguments of the class (``decay`` or ``first_decay``, ``epsilon``...).

    Raises:
        ConfigError: If there is no such rule.
    """
    if kind not in KINDS:
        raise ConfigError(f"there is no step {kind!r}; {nearest(kind, KINDS)}")
    return KINDS[kind](d, learning_rate, **constants)
