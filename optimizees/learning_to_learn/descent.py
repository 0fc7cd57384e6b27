"""Learners that descend the gradient: their learning rates, and the weights they begin with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from l2l.optimizees.learning_to_learn.learner import Learner, examples, judged
from l2l.optimizees.learning_to_learn.network import (
    Floats,
    Network,
    descend,
    glorot,
    glorot_limit,
    predict,
    stack,
)
from l2l.optimizees.learning_to_learn.sinusoids import Sinusoid
from l2l.space import Parameter, ParameterSpace

N_LAYERS = 3
RATES = (1e-4, 1.0)  #: of the learning rates; 0.01, the usual one, is their geometric mean
GRID = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)  #: what one would try by hand
#: So many times Glorot's largest may a weight be away from where it is untuned; a bias, by so much.
REACH = 3.0


class LearningRates(Learner[Sinusoid]):
    """Gradient descent from a fresh network in each task; a learning rate for each layer.

    Args:
        hidden: Neurons in each of the two hidden layers.
        steps: Of gradient descent, with all examples each.
    """

    unit = "steps of learning"

    def __init__(self, hidden: int, steps: int) -> None:
        self.hidden, self.amount = hidden, steps
        self.space = ParameterSpace(self._parameters())
        self.default = self._with_rate(0.01)
        self.grid = [self._with_rate(rate) for rate in GRID]

    def _parameters(self) -> list[Parameter]:
        rates = Parameter(
            "learning_rate", *RATES, shape=(N_LAYERS,), scale="log", description="of each layer"
        )
        return [rates]

    def _with_rate(self, rate: float) -> dict[str, Any]:
        return {"learning_rate": np.full(N_LAYERS, rate)}

    def begin(self, params: Mapping[str, Floats], tasks: Sequence[Sinusoid]) -> Network:
        """Return the networks before learning, ``(n or 1, tasks or 1, ...)``."""
        return stack([glorot(self.hidden, task.seed) for task in tasks])

    def networks(
        self, params: Mapping[str, Floats], tasks: Sequence[Sinusoid], steps: int
    ) -> Iterator[Network]:
        """Yield the networks before learning and after each of some steps."""
        rates = params["learning_rate"][:, None]
        yield from descend(self.begin(params, tasks), *examples(tasks), rates, steps)

    def errors(
        self, params: Mapping[str, Floats], tasks: Sequence[Sinusoid], amounts: Sequence[int]
    ) -> Floats:
        """Return the errors ``(n, tasks, amounts, points)`` after some numbers of steps."""
        x, y = judged(tasks)
        found = np.empty((len(params["learning_rate"]), len(tasks), len(amounts), x.shape[-1]))
        for step, network in enumerate(self.networks(params, tasks, max(amounts))):
            if step in amounts:
                found[:, :, list(amounts).index(step)] = predict(network, x) - y
        return found

    def floats(self, tasks: int) -> int:
        """Return about how many numbers an individual needs: networks, slopes and activity."""
        return 6 * tasks * self.hidden * (self.hidden + 50)


class InitialWeights(LearningRates):
    """Gradient descent from weights that the outer loop finds, the same ones in each task.

    What it finds is what MAML finds (Finn et al. 2017, arXiv:1703.03400). The untuned network,
    which Glorot's rule draws from ``seed``, is the centre of the space.

    Args:
        hidden: Neurons in each of the two hidden layers.
        steps: Of gradient descent, with all examples each.
        seed: Of the untuned network.
    """

    def __init__(self, hidden: int, steps: int, seed: int) -> None:
        self.untuned = glorot(hidden, seed)
        super().__init__(hidden, steps)

    def _parameters(self) -> list[Parameter]:
        found = super()._parameters()
        for number, (w, b) in enumerate(self.untuned, start=1):
            reach = REACH * glorot_limit(*w.shape)
            found.append(Parameter(f"w{number}", w - reach, w + reach, shape=w.shape))
            found.append(Parameter(f"b{number}", b[0] - REACH, b[0] + REACH, shape=b[0].shape))
        return found

    def _with_rate(self, rate: float) -> dict[str, Any]:
        individual = super()._with_rate(rate)
        for number, (w, b) in enumerate(self.untuned, start=1):
            individual[f"w{number}"], individual[f"b{number}"] = w, b[0]
        return individual

    def begin(self, params: Mapping[str, Floats], tasks: Sequence[Sinusoid]) -> Network:
        """Return the individuals' own networks, ``(n, 1, ...)``."""
        return [
            (params[f"w{number}"][:, None], params[f"b{number}"][:, None, None])
            for number in range(1, N_LAYERS + 1)
        ]
