"""A learner whose synapses follow a local rule, the coefficients of which the outer loop finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from l2l.optimizees.learning_to_learn.descent import N_LAYERS, InitialWeights
from l2l.optimizees.learning_to_learn.learner import examples
from l2l.optimizees.learning_to_learn.network import Floats, Network, activity, layer_sizes
from l2l.optimizees.learning_to_learn.sinusoids import Sinusoid
from l2l.space import Parameter

COEFFICIENTS = ("A", "B", "C", "D")
#: The delta rule at the output: what one would set by hand.
DELTA_RULE = np.array([[0.0] * 4, [0.0] * 4, [0.0, 1.0, 0.0, 0.0]])


class Plasticity(InitialWeights):
    """One example after the other changes each synapse by what is known at its place.

    With the activity o_i before and o_j after a synapse, the error e = y - output, and a random
    feedback weight f_j from the output to neuron j (1 to the output itself), a weight changes by

        learning_rate * (A o_i o_j + B o_i + C o_j + D) * f_j * e

    with a learning rate and coefficients for each layer: the ABCD rule of Najarro & Risi 2020
    (arXiv:2007.02686), gated by an error that is broadcast at random as in direct feedback
    alignment (Nøkland 2016, arXiv:1609.01596). A bias is a weight whose o_i is 1. The weights to
    begin with are found together with the rule; the centre of the space is the delta rule at the
    output of the untuned network.

    Args:
        hidden: Neurons in each of the two hidden layers.
        steps: How often the examples are gone through.
        seed: Of the untuned network and of the feedback.
    """

    def __init__(self, hidden: int, steps: int, seed: int) -> None:
        super().__init__(hidden, steps, seed)
        self.feedback = feedback(hidden, seed)

    def _parameters(self) -> list[Parameter]:
        rule = Parameter(
            "rule", DELTA_RULE - 1.0, DELTA_RULE + 1.0, shape=(N_LAYERS, len(COEFFICIENTS)),
            description="A, B, C, D of each layer",
        )  # fmt: skip
        return [rule, *super()._parameters()]

    def _with_rate(self, rate: float) -> dict[str, Any]:
        return {"rule": DELTA_RULE, **super()._with_rate(rate)}

    def networks(
        self, params: Mapping[str, Floats], tasks: Sequence[Sinusoid], steps: int
    ) -> Iterator[Network]:
        """Yield the networks before learning and after each pass through the examples."""
        network, (x, y) = self.begin(params, tasks), examples(tasks)
        gains = params["learning_rate"][..., None] * params["rule"]
        yield network
        for _ in range(steps):
            for k in range(x.shape[-1]):
                network = changed(network, x[:, k], y[:, k], gains, self.feedback)
            yield network


def feedback(hidden: int, seed: int) -> list[Floats]:
    """Return the feedback weights ``(outputs,)`` to each layer, uniform within [-1, 1]."""
    rng = np.random.default_rng([seed, 1])
    *sizes, n_outputs = layer_sizes(hidden)[1:]
    return [*(rng.uniform(-1.0, 1.0, n) for n in sizes), np.ones(n_outputs)]


def changed(
    network: Network, x: Floats, y: Floats, gains: Floats, feedback: Sequence[Floats]
) -> Network:
    """Return a network after one example ``x, y`` ``(tasks,)``; gains ``(n, layers, 4)``."""
    outputs = activity(network, x[:, None, None])
    error = y[:, None, None] - outputs[-1]
    found = []
    for number, (w, b) in enumerate(network):
        a_, b_, c_, d_ = np.moveaxis(gains[:, number], -1, 0)[..., None, None, None]
        signal, post = feedback[number] * error, outputs[number + 1]
        pre = outputs[number].swapaxes(-1, -2)
        slope, rest = (a_ * post + b_) * signal, (c_ * post + d_) * signal
        found.append((w + pre * slope + rest, b + slope + rest))
    return found
