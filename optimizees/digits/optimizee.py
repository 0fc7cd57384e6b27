"""Digits: train the readout of a spiking reservoir that sees handwritten digits.

Use case 1 of Yegenoglu et al. 2022, "Exploring parameter and hyper-parameter spaces of neuroscience
models on high performance computers with learning to learn", Front. Comput. Neurosci. 16:885207.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from l2l.errors import ConfigError, need
from l2l.optimizee import BatchResult, Optimizee, OptimizeeParameters, Result
from l2l.optimizees.digits.data import Part, load
from l2l.optimizees.digits.layout import (
    REACH,
    SPREAD,
    Floats,
    Layout,
    one_hot,
    rates,
    softmax,
)
from l2l.optimizees.digits.spikes import Recording, Settings
from l2l.optimizees.digits.tasks import Minibatch, Minibatches
from l2l.options import option
from l2l.space import Parameter, ParameterSpace

#: Memory of a synapse in NEST, and of its weight on the way there, in bytes (measured).
_SYNAPSE = 200


class DigitsParameters(OptimizeeParameters):
    """Parameters of :class:`Digits`; ``config-paper.yaml`` has the published values."""

    scale: float = option(0.1, "size of the reservoir; 1: the paper's 2,000 neurons", low=0.02)
    digits: int = option(3, "classes: 0 up to this number less one", low=2, high=10)
    data: str | None = option(
        None,
        "MNIST: a folder with its IDX files or an .npz file; none: scikit-learn's digits 8x8",
        path=True,
    )
    images: int = option(10, "images of a minibatch, that is of an evaluation", low=1)
    draw: str = option(
        "balanced", "digits of a minibatch: balanced, or all the same (paper)",
        choices=("balanced", "same"),
    )  # fmt: skip
    test_batches: int = option(17, "held-out minibatches", low=1)
    temperature: float = option(
        1.0, "of the softmax: rates are divided by it (paper: 1)", above=0, unit="Hz"
    )
    gain: float | None = option(
        None,
        "factor on the weights in the reservoir and on those of the readout (paper: 1); if none, "
        "0.05 / scale: the sum over the synapses of a neuron stays",
        above=0,
    )
    input_weight: float = option(60.0, "of the synapses from input to reservoir", unit="pA")
    input_degree: float = option(
        0.06, "share of the reservoir that an input neuron reaches", above=0, high=1
    )
    noise_rate: float = option(5.0, "background spikes of each neuron", low=0, unit="1/s")
    noise_weight: float = option(70.0, "of the background's synapses", unit="pA")
    resolution: float = option(1.0, "time step of NEST", above=0, high=1, unit="ms")
    wiring_seed: int = option(1, "of connections and weights within the reservoir", low=0)
    threads: int = option(1, "threads of NEST", low=1)
    backend: str = option(
        "nest",
        "what simulates the readouts, from the reservoir's spikes in NEST: nest, or numba, which "
        "gives the same spikes sooner",
        choices=("nest", "numba"),
    )


class Digits(Optimizee):
    """A spiking reservoir in NEST sees digits; find the readout weights that tell them apart.

    An evaluation shows a minibatch of images, 500 ms each. The softmax of the firing rates of the
    output clusters, one a digit, is compared with the label: fitness is 1 - mean squared error
    (equation 1 of the paper); a constant answer has 0.778 with three digits. The observation,
    for the ensemble Kalman filter, is softmax - label, ``(images x digits,)``. The metric
    ``accuracy`` is the share of the images whose own cluster fires most.

    An individual is ``{"weights": array}`` in pA, with a row for each output neuron (10 excitatory
    and 2 inhibitory ones a digit) and a column for each sender in the reservoir.

    Attributes:
        layout: Sizes of the network.

    Raises:
        MissingExtra: If NEST or scikit-learn (for its images) are not installed.
        ConfigError: If there are too few images, or no MNIST where ``data`` says.
    """

    Parameters = DigitsParameters
    tasks: Minibatches
    figures: ClassVar[Mapping[str, str]] = {
        "raster": "l2l.optimizees.digits.figures:raster",
        "confusion": "l2l.optimizees.digits.figures:confusion",
    }

    def __init__(self, traj: Any = None, parameters: DigitsParameters | None = None) -> None:
        super().__init__(traj, parameters)
        p = self.parameters
        need("nest", "nest-simulator", "nest")
        if p.data is None:
            need("sklearn", "scikit-learn", "scikit")
        if p.backend == "numba":
            need("numba", "numba", "numba")
        self.layout = Layout(p.scale, p.digits)
        self.tasks = Minibatches(p.data, p.digits, p.images, p.draw, p.test_batches)
        held_out = len(load(p.data, p.digits).test.labels)
        if p.test_batches * p.images > held_out:
            raise ConfigError(
                f"test_batches x images must be at most {held_out}, the number of held-out images; "
                f"got {p.test_batches} x {p.images}"
            )
        mean, reach = self.layout.mean_weights, REACH * SPREAD
        self.space = ParameterSpace(
            [
                Parameter(
                    "weights", mean - reach, mean + reach, shape=self.layout.shape, unit="pA",
                    description="from reservoir to outputs",
                )
            ]
        )  # fmt: skip

    @property
    def settings(self) -> Settings:
        """What the network is, but for the readout weights."""
        p = self.parameters
        return Settings(
            layout=self.layout,
            gain=0.05 / p.scale if p.gain is None else p.gain,
            input_weight=p.input_weight,
            input_degree=p.input_degree,
            noise_rate=p.noise_rate,
            noise_weight=p.noise_weight,
            resolution=p.resolution,
            wiring_seed=p.wiring_seed,
            threads=p.threads,
        )

    def create_individual(self) -> dict[str, Any]:
        """Return weights from N(70, 50) of excitatory senders, N(-90, 50) of inhibitory ones."""
        drawn = np.random.normal(self.layout.mean_weights, SPREAD)  # noqa: NPY002
        return self.bounding_func({"weights": drawn})

    def bounding_func(self, individual: Mapping[str, Any]) -> dict[str, Any]:
        """Return the individual with its weights clipped to 5 standard deviations."""
        mean, reach = self.layout.mean_weights, REACH * SPREAD
        return {"weights": np.clip(individual["weights"], mean - reach, mean + reach)}

    def max_batch(self, memory: int | None) -> int | None:
        """Return how many individuals fit into one kernel."""
        return (
            None
            if memory is None
            else max(1, memory // (_SYNAPSE * int(np.prod(self.layout.shape))))
        )

    def simulate(self, traj: Any) -> Result:
        """Show the minibatch to one individual."""
        weights = np.asarray(traj.individual.weights)[None]
        found = self.judge(self.counts(weights, traj.individual.task), traj.individual.task)
        fitness, observation, accuracy = found
        return Result(float(fitness[0]), observation[0], {"accuracy": float(accuracy[0])})

    def simulate_batch(
        self,
        params: Mapping[str, Any],
        seeds: NDArray[np.uint32],
        tasks: Sequence[Sequence[Minibatch]],
    ) -> BatchResult:
        """Show their minibatches to n individuals, those with the same one in one NEST kernel."""
        weights = np.asarray(params["weights"])
        faced = [each[0] for each in tasks]
        n, size = len(faced), self.parameters.images * self.parameters.digits
        fitness, observation, accuracy = np.empty(n), np.empty((n, size)), np.empty(n)
        for task in dict.fromkeys(faced):
            lanes = [i for i, own in enumerate(faced) if own == task]
            found = self.judge(self.counts(weights[lanes], task), task)
            fitness[lanes], observation[lanes], accuracy[lanes] = found
        return BatchResult(fitness, observation=observation, metrics={"accuracy": accuracy})

    def counts(self, weights: Floats, task: Minibatch) -> NDArray[np.int64]:
        """Return the spikes ``(n, images, outputs)`` of n readouts ``(n, outputs, senders)``."""
        from l2l.optimizees.digits.network import respond

        recording = _recorded(self.settings, self.tasks, task)
        return respond(self.settings, recording, weights, self.parameters.backend)

    def content(self, task: Minibatch) -> Part:
        """Return images and labels of a minibatch."""
        return self.tasks.content(task)

    def judge(self, counts: NDArray[np.int64], task: Minibatch) -> tuple[Floats, Floats, Floats]:
        """Return fitness ``(n,)``, observations ``(n, images x digits)`` and accuracy ``(n,)``."""
        labels = self.content(task).labels
        rate = rates(counts)
        residual = softmax(rate / self.parameters.temperature) - one_hot(labels, rate.shape[-1])
        fitness: Floats = 1 - np.square(residual).mean(axis=(1, 2))
        accuracy: Floats = (rate.argmax(axis=2) == labels).mean(axis=1)
        return fitness, residual.reshape(len(counts), -1), accuracy


@functools.lru_cache(maxsize=64)
def _recorded(settings: Settings, family: Minibatches, task: Minibatch) -> Recording:
    """Return the reservoir's spikes; those of the last 64 minibatches are remembered.

    They depend on the minibatch alone, not on individuals, so that nothing is carried from one
    evaluation to another.
    """
    from l2l.optimizees.digits.network import record

    return record(settings, family.content(task).images, task.seed)
