"""What surrounds NEST: settings, timing, recorded spikes and how they are counted. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l2l.optimizees.digits.layout import COOL_DOWN, IMAGE, WARM_UP, Floats, Layout

DELAY = 1.0  #: of all synapses, in ms


@dataclass(frozen=True)
class Settings:
    """What the network is, but for the readout weights.

    Attributes:
        layout: Sizes.
        gain: Factor on the weights within the reservoir and of the readout.
        input_weight: From input to reservoir, in pA.
        input_degree: Share of the reservoir's neurons that an input neuron reaches.
        noise_rate: Background spikes of each neuron, in 1/s.
        noise_weight: Of these, in pA.
        resolution: Of NEST, in ms.
        wiring_seed: Of the reservoir's connections and weights.
        threads: Of NEST.
    """

    layout: Layout
    gain: float
    input_weight: float
    input_degree: float
    noise_rate: float
    noise_weight: float
    resolution: float
    wiring_seed: int
    threads: int


@dataclass(frozen=True)
class Recording:
    """What a minibatch makes the reservoir do.

    Attributes:
        steps: When a neuron spiked, in time steps, in order.
        neurons: Which neuron of the reservoir spiked, likewise.
        n_images: Number of images.
        seed: Of the noise.
    """

    steps: NDArray[np.int64]
    neurons: NDArray[np.int64]
    n_images: int
    seed: int


def onsets(n_images: int) -> Floats:
    """Return when the images appear, in ms."""
    times: Floats = WARM_UP + (IMAGE + COOL_DOWN) * np.arange(n_images, dtype=np.float64)
    return times


def duration(n_images: int) -> float:
    """Return how long it takes to show images, in ms."""
    return WARM_UP + n_images * (IMAGE + COOL_DOWN)


def windows(settings: Settings, n_images: int) -> NDArray[np.int64]:
    """Return which image is shown in a step, -1 for none: of spikes 1, 2, ... steps from 0 on."""
    ends = np.arange(1, round(duration(n_images) / settings.resolution) + 1)
    length, period, start = (
        round(t / settings.resolution) for t in (IMAGE, IMAGE + COOL_DOWN, WARM_UP)
    )
    image, since = np.divmod(ends - 1 - start, period)
    return np.where((image >= 0) & (since < length), image, -1)


def count(
    settings: Settings,
    steps: NDArray[np.int64],
    neurons: NDArray[np.int64],
    n_neurons: int,
    n_images: int,
) -> NDArray[np.int64]:
    """Return the spikes ``(images, neurons)`` while the images were shown."""
    image = windows(settings, n_images)[steps - 1]
    cell = image[image >= 0] * n_neurons + neurons[image >= 0]
    return np.bincount(cell, minlength=n_images * n_neurons).reshape(n_images, n_neurons)


def background(settings: Settings, n_outputs: int, recording: Recording) -> list[NDArray[np.int64]]:
    """Return the background of the outputs, a Poisson process each, in time steps.

    Drawn here and not by NEST, it does not depend on how many individuals share it.
    """
    rng = np.random.default_rng([recording.seed, 1])
    steps = round(duration(recording.n_images) / settings.resolution)
    mean = settings.noise_rate * settings.resolution / 1000 * steps
    return [np.sort(rng.integers(1, steps, n)) for n in rng.poisson(mean, n_outputs)]
