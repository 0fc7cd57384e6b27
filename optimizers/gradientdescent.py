"""Gradient ascent: five rules that follow a gradient, which is measured by random steps or given.

The name of the module is upstream's; fitness times weights is maximised here as everywhere.
"""

from __future__ import annotations

from l2l.classic.optimizer import classic_optimizer
from l2l.optimizers.common import steps
from l2l.optimizers.gradient.method import Clipped, GradientMethod
from l2l.optimizers.gradient.parameters import (
    AdaMaxParameters,
    AdamParameters,
    ClassicGDParameters,
    RMSPropParameters,
    StochasticGDParameters,
)
from l2l.space import Floats

__all__ = [
    "AdaMax",
    "AdaMaxParameters",
    "Adam",
    "AdamParameters",
    "ClassicGDParameters",
    "GradientAscent",
    "GradientDescentOptimizer",
    "RMSProp",
    "RMSPropParameters",
    "StochasticGDParameters",
    "StochasticGradientAscent",
]


class GradientAscent(Clipped):
    """Plain gradient ascent: x <- x + learning_rate * gradient.

    Nocedal & Wright (2006), Numerical optimization, chapter 3; a change that is longer than the
    gradient is known for is shortened (Pascanu et al. 2013, arXiv:1211.5063, algorithm 1).
    """

    Parameters = ClassicGDParameters

    def _rule(self, d: int) -> steps.Steps:
        return steps.SGD(d, 1.0)


class StochasticGradientAscent(Clipped):
    """Gradient ascent with noise on the gradient that fades away.

    x <- x + learning_rate * (gradient + deviation * decay^t * N(0, 1)), t = 1, 2, ... Noise that
    fades lets the point leave shallow optima first (Neelakantan et al. 2015, arXiv:1511.06807,
    with another way to fade).
    """

    Parameters = StochasticGDParameters

    def _rule(self, d: int) -> steps.Steps:
        return steps.SGD(d, 1.0)

    def _change(self, gradient: Floats) -> Floats:
        p = self.parameters
        deviation = p.stochastic_deviation * p.stochastic_decay**self.generation
        return super()._change(gradient + deviation * self.rng.standard_normal(len(gradient)))


class Adam(GradientMethod):
    """Adam: the mean gradient over the root of its mean square, both decayed and unbiased.

    Kingma & Ba (2015), arXiv:1412.6980, algorithm 1. The change is about the learning rate,
    whatever the scale of the fitness.
    """

    Parameters = AdamParameters

    def _rule(self, d: int) -> steps.Steps:
        p = self.parameters
        return steps.Adam(d, 1.0, p.first_order_decay, p.second_order_decay)


class AdaMax(GradientMethod):
    """AdaMax: Adam with the largest recent gradient in place of the root mean square.

    Kingma & Ba (2015), arXiv:1412.6980, algorithm 2.
    """

    Parameters = AdaMaxParameters

    def _rule(self, d: int) -> steps.Steps:
        p = self.parameters
        return steps.AdaMax(d, 1.0, p.first_order_decay, p.second_order_decay)


class RMSProp(GradientMethod):
    """RMSProp: the gradient over the root of its decayed mean square.

    Tieleman & Hinton (2012), lecture 6.5 of "Neural networks for machine learning".
    """

    Parameters = RMSPropParameters

    def _rule(self, d: int) -> steps.Steps:
        return steps.RMSProp(d, 1.0, self.parameters.momentum_decay)


GradientDescentOptimizer = classic_optimizer(
    GradientAscent,
    StochasticGradientAscent,
    Adam,
    AdaMax,
    RMSProp,
    name="GradientDescentOptimizer",
)
