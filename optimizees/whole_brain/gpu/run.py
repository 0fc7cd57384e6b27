"""Runs batches on a GPU, as many sets at a time as its memory holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import cuda

from l2l.errors import ConfigError
from l2l.optimizees.whole_brain.batch import Batch
from l2l.optimizees.whole_brain.gpu.observers import counterpart
from l2l.optimizees.whole_brain.gpu.wave import SEVERAL, Groups, Wave
from l2l.optimizees.whole_brain.observe.base import Observer
from l2l.optimizees.whole_brain.simulation import SEGMENT, Outcome, Simulation

PART = 0.85  #: of the free memory that is used


def run(simulation: Simulation, batch: Batch, observers: Sequence[Observer]) -> Outcome:
    """Simulate a batch; see :meth:`Simulation.run`."""
    if not cuda.is_available():
        raise ConfigError(
            "there is no NVIDIA GPU here that Numba can use, but the backend numba-cuda needs one; "
            "take backend=auto or numba, or ask the executor for gpus"
        )
    scheme = simulation.scheme(observers)
    groups = Groups(simulation, batch)
    outcome = Outcome(np.zeros(batch.sets, bool))
    for delayed in (False, True):
        members = groups.members(delayed)
        if len(members):
            size = capacity(simulation, batch, groups, observers)
            for first in range(0, len(members), size):
                part = members[first : first + size]
                wave = Wave(simulation, scheme, batch, groups, part, delayed)
                wave.run(observers)
                _put(outcome, wave, batch.sets)
    return outcome


def capacity(
    simulation: Simulation, batch: Batch, groups: Groups, observers: Sequence[Observer]
) -> int:
    """Return how many sets like those of a batch the GPU's free memory holds.

    A set needs its numbers, the history of what it sends, the samples of a segment, what observers
    keep, and its share of the links.

    Raises:
        ConfigError: If it does not hold one.
    """
    free = min(cuda.current_context().get_memory_info().free, 2**50) * PART
    need = set_memory(simulation, batch, groups, observers)
    if free < need:
        raise ConfigError(
            f"the GPU has {free / 2**20:.0f} MiB left, but one parameter set needs "
            f"{need / 2**20:.1f} MiB; shorten what observers keep, or take backend=numba"
        )
    return max(1, int(free // need) // SEVERAL * SEVERAL)


def set_memory(
    simulation: Simulation, batch: Batch, groups: Groups, observers: Sequence[Observer]
) -> int:
    """Return the bytes of the GPU's memory that a set of a batch needs."""
    scheme, n, real = simulation.scheme(observers), batch.regions, simulation.dtype
    number = np.dtype(real).itemsize
    longest = max((int(one.horizon) for one in groups.links), default=0)
    history = scheme.n_sent * (longest + 16)
    rows = len(scheme.rows) + scheme.n_states + len(scheme.outputs) * SEGMENT
    scratch = scheme.n_states + len(scheme.outputs) + 48 * scheme.n_sent + 1
    own = (history + rows + scratch) * n * number + 64
    links = sum(
        (8 + number) * (one.far[3].size + one.near[3].size) + number * one.panels.size
        for one in groups.links
    )
    samples = simulation.samples - simulation.skipped
    kept = (counterpart(o).memory(n, simulation.period, samples, real) for o in observers)
    return int(own + links / batch.sets + sum(kept))


def _put(outcome: Outcome, wave: Wave, sets: int) -> None:
    """Put what comes of a wave where its sets are in the batch."""
    outcome.ok[wave.members] = wave.finite()
    for name, value in wave.results():
        if name not in outcome.results:
            outcome.results[name] = np.zeros((sets, *value.shape[1:]), value.dtype)
        outcome.results[name][wave.members] = value
