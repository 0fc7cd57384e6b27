"""Many small networks at once: tanh layers with a linear output, and the gradient of their loss.

A network is a list of layers, each a pair of weights ``(..., inputs, outputs)`` and biases
``(..., 1, outputs)``. The leading axes, here always (individuals, tasks), are independent networks;
axes of length 1 are broadcast.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Network = list[tuple[Floats, Floats]]


def layer_sizes(hidden: int) -> tuple[int, ...]:
    """Return the numbers of neurons from input to output: two hidden layers."""
    return 1, hidden, hidden, 1


def glorot(hidden: int, seed: int) -> Network:
    """Return the usual start: uniform weights by fan-in and fan-out, biases of 0.

    Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural
    networks", equation 16.
    """
    rng = np.random.default_rng(seed)
    sizes = layer_sizes(hidden)
    network = []
    for fan_in, fan_out in pairwise(sizes):
        limit = glorot_limit(fan_in, fan_out)
        network.append((rng.uniform(-limit, limit, (fan_in, fan_out)), np.zeros((1, fan_out))))
    return network


def glorot_limit(fan_in: int, fan_out: int) -> float:
    """Return the largest weight of Glorot's uniform distribution."""
    return float(np.sqrt(6.0 / (fan_in + fan_out)))


def stack(networks: Sequence[Network]) -> Network:
    """Return networks as one of shape ``(1, len(networks), ...)``."""
    return [
        (np.stack([w for w, _ in layer])[None], np.stack([b for _, b in layer])[None])
        for layer in zip(*networks, strict=True)
    ]


def activity(network: Network, x: Floats) -> list[Floats]:
    """Return inputs ``x`` ``(..., points, inputs)`` and the output of each layer."""
    outputs = [x]
    for number, (w, b) in enumerate(network, start=1):
        # A product with one input is a multiplication, which is faster than many tiny products.
        drive = outputs[-1] * w if w.shape[-2] == 1 else outputs[-1] @ w
        outputs.append(drive + b if number == len(network) else np.tanh(drive + b))
    return outputs


def predict(network: Network, x: Floats) -> Floats:
    """Return the output ``(..., points)`` for inputs ``(..., points)``."""
    output: Floats = activity(network, x[..., None])[-1][..., 0]
    return output


def gradient(network: Network, x: Floats, y: Floats) -> Network:
    """Return the derivatives of the mean squared error over points ``(..., points)``."""
    outputs = activity(network, x[..., None])
    delta = 2.0 / x.shape[-1] * (outputs[-1] - y[..., None])
    found: Network = []
    for (w, _), before in zip(reversed(network), reversed(outputs[:-1]), strict=True):
        found.append((before.swapaxes(-1, -2) @ delta, delta.sum(axis=-2, keepdims=True)))
        if len(found) < len(network):
            delta = delta * w.swapaxes(-1, -2) if w.shape[-1] == 1 else delta @ w.swapaxes(-1, -2)
            delta = delta * (1.0 - before**2)
    return found[::-1]


def descend(network: Network, x: Floats, y: Floats, rates: Floats, steps: int) -> Iterator[Network]:
    """Yield a network before learning, and after each step of full-batch gradient descent.

    Args:
        network: Before learning.
        x: Inputs ``(..., points)``.
        y: What they should give.
        rates: Learning rates ``(..., layers)``, the same for weights and biases of a layer.
        steps: How many.
    """
    yield network
    for _ in range(steps):
        slopes = gradient(network, x, y)
        network = [
            (w - rate[..., None, None] * dw, b - rate[..., None, None] * db)
            for (w, b), (dw, db), rate in zip(
                network, slopes, np.moveaxis(rates, -1, 0), strict=True
            )
        ]
        yield network
