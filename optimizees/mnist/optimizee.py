"""MNISTOptimizee: find the weights of a network with one hidden layer without a gradient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import need
from l2l.optimizee import Optimizee, OptimizeeParameters, Result
from l2l.optimizees.mnist.data import N_CLASSES, load, n_pixels
from l2l.options import option
from l2l.space import Parameter, ParameterSpace

LIMIT = 5.0  #: weights are kept within [-5, 5]
BATCH = 256  #: images of one evaluation

Floats = NDArray[np.float64]


class MNISTOptimizeeParameters(OptimizeeParameters):
    """Parameters of :class:`MNISTOptimizee`."""

    n_hidden: int = option(10, "neurons of the hidden layer", low=1)
    seed: int | None = option(None, "of the individuals drawn; None: the run's seed decides", low=0)
    use_small_mnist: bool = option(True, "scikit-learn's 8x8 digits instead of MNIST (download)")


class MNISTOptimizee(Optimizee):
    """A network with one hidden layer classifies handwritten digits; maximise its likelihood.

    Fitness is minus the mean cross-entropy, in nats, of 256 training images, which are drawn with
    the evaluation's seed. Guessing gives -2.303, perfection 0. The metric ``accuracy`` is the
    fraction that is classified correctly. An individual is ``{"weights": array}`` within [-5, 5]:
    hidden weights ``(pixels, n_hidden)``, hidden biases, output weights ``(n_hidden, 10)``, output
    biases, one after the other.

    Raises:
        MissingExtra: If scikit-learn, which brings the images, is not installed.
    """

    Parameters = MNISTOptimizeeParameters

    def __init__(
        self, traj: Any = None, parameters: MNISTOptimizeeParameters | None = None
    ) -> None:
        super().__init__(traj, parameters)
        need("sklearn", "scikit-learn", "scikit")
        p = self.parameters
        self.shapes = layers(n_pixels(p.use_small_mnist), p.n_hidden)
        size = sum(int(np.prod(shape)) for shape in self.shapes)
        self.space = ParameterSpace([Parameter("weights", -LIMIT, LIMIT, shape=(size,))])
        self.rng = None if p.seed is None else np.random.default_rng(p.seed)

    def create_individual(self) -> dict[str, Any]:
        """Return Gaussian weights of variance 1 / fan-in, and biases of 0 (LeCun et al. 1998)."""
        rng: Any = np.random if self.rng is None else self.rng
        parts = [
            rng.normal(0.0, shape[0] ** -0.5, shape) if len(shape) == 2 else np.zeros(shape)
            for shape in self.shapes
        ]
        return {"weights": np.concatenate([part.ravel() for part in parts])}

    def bounding_func(self, individual: Mapping[str, Any]) -> dict[str, Any]:
        """Return the individual with its weights clipped to [-5, 5]."""
        return {"weights": np.clip(individual["weights"], -LIMIT, LIMIT)}

    def simulate(self, traj: Any) -> Result:
        """Classify 256 images that the evaluation's seed picks."""
        images, labels = load(self.parameters.use_small_mnist).train
        picked = np.random.default_rng(traj.individual.seed).integers(len(labels), size=BATCH)
        entropy, accuracy = self.score(traj.individual.weights, images[picked], labels[picked])
        return Result(fitness=(-entropy,), metrics={"accuracy": accuracy})

    def score(self, weights: Floats, images: Floats, labels: NDArray[np.int64]) -> Any:
        """Return mean cross-entropy (nats) and accuracy on images ``(n, pixels)``."""
        logits = forward(weights, self.shapes, images)
        logits = logits - logits.max(axis=1, keepdims=True)
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        entropy = -log_p[np.arange(len(labels)), labels].mean()
        return float(entropy), float(np.mean(log_p.argmax(axis=1) == labels))


def layers(n_inputs: int, n_hidden: int) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of weights and biases, in order."""
    return (n_inputs, n_hidden), (n_hidden,), (n_hidden, N_CLASSES), (N_CLASSES,)


def forward(weights: Floats, shapes: tuple[tuple[int, ...], ...], images: Floats) -> Floats:
    """Return the network's outputs ``(n, 10)`` before the softmax; hidden neurons are tanh."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    parts = np.split(np.asarray(weights, dtype=np.float64), ends[:-1])
    w1, b1, w2, b2 = (part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))
    output: Floats = np.tanh(images @ w1 + b1) @ w2 + b2
    return output
