"""The network in NEST: a reservoir that sees the images, and output clusters that listen to it.

The reservoir does not depend on the readout weights. So its spikes are recorded once
(:func:`record`) and replayed, spike by spike and at the same times, to the output neurons of one
individual or of a whole ensemble, which NEST simulates in one kernel (:func:`respond`).
:func:`whole` is the network in one piece. All three agree spike by spike.

Importing this module imports NEST: only ``simulate`` does so, within a worker.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.optimizees.digits.layout import EXC, IMAGE, INH, N_OUT, N_OUT_EXC, SPREAD, Floats
from l2l.optimizees.digits.spikes import (
    DELAY,
    Recording,
    Settings,
    background,
    count,
    duration,
    onsets,
    windows,
)
from l2l.optimizees.spiking.nest_kernel import fresh_kernel, nest

MIN_RATE, MAX_RATE = 1.0, 100.0  #: of an input neuron, for pixels of 0 and 1, in Hz
NEURON = "iaf_psc_alpha"  #: with NEST's defaults


def record(settings: Settings, images: Floats, seed: int) -> Recording:
    """Show images ``(n, 784)`` in [0, 1] to the reservoir, alone; return its spikes."""
    reset(settings, seed)
    reservoir = create_reservoir(settings, images)
    recorder = nest.Create("spike_recorder")
    nest.Connect(reservoir, recorder, syn_spec={"delay": settings.resolution})
    nest.Simulate(duration(len(images)))
    return Recording(*_events(settings, recorder, reservoir), len(images), seed)


def respond(
    settings: Settings, recording: Recording, weights: Floats, backend: str = "nest"
) -> NDArray[np.int64]:
    """Return the spike counts ``(n, images, outputs)`` of the readouts of n individuals.

    Args:
        settings: Of the network.
        recording: What the reservoir does.
        weights: ``(n, outputs, senders)`` in pA, before the gain.
        backend: ``nest``, or ``numba`` for the same by a kernel of our own.
    """
    if backend == "numba":
        return _respond_numba(settings, recording, weights)
    reset(settings, recording.seed)
    outputs = create_outputs(settings, replay(settings, recording), weights, recording)
    recorder = nest.Create("spike_recorder")
    nest.Connect(outputs, recorder, syn_spec={"delay": settings.resolution})
    nest.Simulate(duration(recording.n_images))
    spikes = _events(settings, recorder, outputs)
    counts = count(settings, *spikes, len(outputs), recording.n_images)
    return counts.reshape(recording.n_images, len(weights), -1).swapaxes(0, 1)


def _respond_numba(settings: Settings, recording: Recording, weights: Floats) -> NDArray[np.int64]:
    from l2l.optimizees.digits.kernel import spike_counts

    place = np.full(settings.layout.n_reservoir, -1)
    place[settings.layout.senders] = np.arange(weights.shape[2])
    heard = place[recording.neurons] >= 0
    trains = background(settings, weights.shape[1], recording)
    sent = np.concatenate(trains)
    order = np.argsort(sent, kind="stable")
    who = np.repeat(np.arange(len(trains)), [len(train) for train in trains])
    return spike_counts(
        settings.gain * weights,
        (recording.steps[heard], place[recording.neurons[heard]]),
        (sent[order], who[order], settings.noise_weight),
        windows(settings, recording.n_images),
        round(DELAY / settings.resolution),
        settings.resolution,
    )


def whole(
    settings: Settings, images: Floats, seed: int, weights: Floats
) -> tuple[Recording, Recording]:
    """Simulate the whole network in one kernel; return the spikes of reservoir and outputs.

    Args:
        settings: Of the network.
        images: ``(n, 784)`` in [0, 1].
        seed: Of the noise.
        weights: ``(outputs, senders)`` of one individual, in pA, before the gain.
    """
    reset(settings, seed)
    reservoir = create_reservoir(settings, images)
    sources = reservoir[settings.layout.senders.tolist()]
    nothing = Recording(np.empty(0, np.int64), np.empty(0, np.int64), len(images), seed)
    outputs = create_outputs(settings, sources, weights[None], nothing)
    recorders = nest.Create("spike_recorder", 2)
    nest.Connect(reservoir, recorders[0], syn_spec={"delay": settings.resolution})
    nest.Connect(outputs, recorders[1], syn_spec={"delay": settings.resolution})
    nest.Simulate(duration(len(images)))
    first = _events(settings, recorders[0], reservoir)
    second = _events(settings, recorders[1], outputs)
    return Recording(*first, len(images), seed), Recording(*second, len(images), seed)


# -- parts ----------------------------------------------------------------------------------------


def reset(settings: Settings, seed: int) -> None:
    """Begin a new kernel."""
    fresh_kernel(settings.resolution, settings.threads, seed)


def create_reservoir(settings: Settings, images: Floats) -> Any:
    """Create inputs and reservoir; return the reservoir's neurons, excitatory ones first."""
    layout, rng = settings.layout, np.random.default_rng(settings.wiring_seed)
    inputs = _create_inputs(images)
    neurons = nest.Create(NEURON, layout.n_reservoir)
    noise = nest.Create("poisson_generator", params={"rate": settings.noise_rate})
    nest.Connect(noise, neurons, syn_spec={"weight": settings.noise_weight, "delay": DELAY})
    ids = np.array(neurons.tolist())
    reached = max(1, round(settings.input_degree * layout.n_reservoir))
    _connect(np.array(inputs.tolist()), ids, reached, (settings.input_weight, 0.0), rng)
    exc, inh = ids[: layout.n_exc], ids[layout.n_exc :]
    spread = settings.gain * SPREAD
    for sources, degree, mean in zip((exc, inh), layout.out_degrees, (EXC, INH), strict=True):
        _connect(sources, ids, degree, (settings.gain * mean, spread), rng)
    return neurons


def _create_inputs(images: Floats) -> Any:
    """Create a Poisson process for each pixel, and a neuron that passes its spikes on."""
    n, pixels = images.shape
    processes = nest.Create("inhomogeneous_poisson_generator", pixels)
    switches = np.stack([onsets(n), onsets(n) + IMAGE], axis=1).ravel()
    rates = MIN_RATE + (MAX_RATE - MIN_RATE) * images
    for process, own in zip(processes, rates.T, strict=True):
        values = np.stack([own, np.zeros(n)], axis=1).ravel()
        process.set(rate_times=switches, rate_values=values)
    inputs = nest.Create("parrot_neuron", pixels)
    nest.Connect(processes, inputs, "one_to_one", {"delay": DELAY})
    return inputs


def _connect(
    sources: NDArray[np.int64],
    targets: NDArray[np.int64],
    out_degree: int,
    weight: tuple[float, float],
    rng: np.random.Generator,
) -> None:
    """Connect each source to so many targets, no one twice and not to itself; normal weights.

    The pairs are drawn here and not by NEST: they depend on nothing but the generator.
    """
    order = rng.random((len(sources), len(targets)))
    order[sources[:, None] == targets] = 2.0  # never among the smallest
    chosen = np.argpartition(order, out_degree - 1, axis=1)[:, :out_degree]
    n = chosen.size
    nest.Connect(
        np.repeat(sources, out_degree), targets[np.sort(chosen, axis=1)].ravel(), "one_to_one",
        {"weight": rng.normal(*weight, n), "delay": np.full(n, DELAY)},
    )  # fmt: skip


def replay(settings: Settings, recording: Recording) -> Any:
    """Create generators of the spikes of the senders, in the order of the weights' columns."""
    senders = settings.layout.senders
    order = np.argsort(recording.neurons, kind="stable")
    sorted_neurons = recording.neurons[order]
    times = recording.steps[order] * settings.resolution
    first = np.searchsorted(sorted_neurons, senders, "left")
    last = np.searchsorted(sorted_neurons, senders, "right")
    trains = [{"spike_times": times[a:b]} for a, b in zip(first, last, strict=True)]
    return nest.Create("spike_generator", len(senders), params=trains)


def create_outputs(settings: Settings, sources: Any, weights: Floats, recording: Recording) -> Any:
    """Create the output clusters of n individuals; return their neurons, individual by individual.

    Within a cluster all neurons are connected, between clusters none. The background is the same
    for all individuals.
    """
    n, n_outputs, n_senders = weights.shape
    outputs = nest.Create(NEURON, n * n_outputs)
    ids = np.array(outputs.tolist())
    # NEST wants a weight matrix with a row for each target
    matrix = settings.gain * weights.reshape(n * n_outputs, n_senders)
    nest.Connect(sources, outputs, "all_to_all", {"weight": matrix, "delay": DELAY})
    _connect_clusters(ids)
    noise = _create_noise(settings, n_outputs, recording)
    nest.Connect(
        np.tile(np.array(noise.tolist()), n), ids, "one_to_one",
        {"weight": np.full(len(ids), settings.noise_weight), "delay": np.full(len(ids), DELAY)},
    )  # fmt: skip
    return outputs


def _connect_clusters(ids: NDArray[np.int64]) -> None:
    clusters = ids.reshape(-1, N_OUT)
    source, target = np.nonzero(~np.eye(N_OUT, dtype=bool))
    weights = np.tile(np.where(source < N_OUT_EXC, EXC, INH), len(clusters))
    nest.Connect(
        clusters[:, source].ravel(), clusters[:, target].ravel(), "one_to_one",
        {"weight": weights, "delay": np.full(len(weights), DELAY)},
    )  # fmt: skip


def _create_noise(settings: Settings, n_outputs: int, recording: Recording) -> Any:
    """Create a Poisson process for each output neuron of an individual."""
    trains = background(settings, n_outputs, recording)
    return nest.Create(
        "spike_generator", n_outputs,
        params=[{"spike_times": train * settings.resolution} for train in trains],
    )  # fmt: skip


def _events(
    settings: Settings, recorder: Any, neurons: Any
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return steps and places of the neurons that spiked, in order of time, then of place."""
    events = recorder.events
    steps = np.rint(np.asarray(events["times"]) / settings.resolution).astype(np.int64)
    places = np.asarray(events["senders"], dtype=np.int64) - int(neurons[0].global_id)
    order = np.argsort(steps * len(neurons) + places)
    return steps[order], places[order]
