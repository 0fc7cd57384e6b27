"""Parameter sets that are on a GPU at the same time."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import cuda

from l2l.optimizees.whole_brain.batch import Batch
from l2l.optimizees.whole_brain.cpu.links import Links
from l2l.optimizees.whole_brain.cpu.run import links_for
from l2l.optimizees.whole_brain.gpu.kernel import fill, kernel_of
from l2l.optimizees.whole_brain.gpu.links import Delayed, Dense
from l2l.optimizees.whole_brain.gpu.observers import counterpart
from l2l.optimizees.whole_brain.gpu.program import Program
from l2l.optimizees.whole_brain.gpu.tables import Tables
from l2l.optimizees.whole_brain.observe.base import Observer
from l2l.optimizees.whole_brain.simulation import SEGMENT, Simulation
from l2l.optimizees.whole_brain.stepping import Scheme

Array = npt.NDArray[Any]
log = logging.getLogger("l2l")
SEVERAL = 4  #: sets of a block, without delays, so that a weight is read once for all of them
ENOUGH = 4096  #: sets from which on blocks of several sets still fill a GPU
FEW = 256  #: regions up to which several sets find room in shared memory
_launched: set[Any] = set()


class Groups:
    """The sets of a batch by connectome and speed.

    Attributes:
        links: Of each group.
        of: The group of each set, ``(sets,)``.
    """

    def __init__(self, simulation: Simulation, batch: Batch) -> None:
        keys = np.stack([batch.subject.astype(float), batch.speed])
        _, first, of = np.unique(keys, axis=1, return_index=True, return_inverse=True)
        self.of = of.reshape(-1)
        self.links = [links_for(simulation, batch, int(k)) for k in first]

    def members(self, delayed: bool) -> Array:
        """Return the sets with delays, or those without, ordered by group."""
        dense = np.array([bool(one.panels.size) for one in self.links])[self.of]
        chosen = np.flatnonzero(dense != delayed)
        return chosen[np.argsort(self.of[chosen], kind="stable")]


class Wave:
    """Sets that are on the GPU at the same time.

    Args:
        simulation, scheme, batch, groups: As in :func:`run`.
        members: Its sets, ordered by group.
        delayed: Whether they have delays.

    Attributes:
        members: As given.
        places: The slot of each member.
    """

    def __init__(
        self,
        simulation: Simulation,
        scheme: Scheme,
        batch: Batch,
        groups: Groups,
        members: Array,
        delayed: bool,
    ) -> None:
        self.simulation, self.batch, self.members = simulation, batch, members
        several = not delayed and len(members) >= ENOUGH and batch.regions <= FEW
        each = SEVERAL if several else 1
        slots, self.places = _slots(groups.of[members], each)
        slots = members[slots]
        own, of = np.unique(groups.of[slots], return_inverse=True)
        tables = Tables.of(simulation, scheme, batch, slots)
        self.program = Program(
            scheme, batch.regions, tables.places, each, delayed, simulation.precision,
            simulation.generator,
        )  # fmt: skip
        self.slots = len(slots)
        self.blocks = self.slots // each
        put = cuda.to_device
        self.ok = put(np.ones(self.slots, np.int32))
        self.groups = put(of.reshape(-1).astype(np.int32))
        self.numbers = tuple(
            put(array if array.size else np.zeros((1,) * array.ndim, array.dtype))
            for array in (tables.states, tables.sent, tables.uniform, tables.regional.reshape(-1))
        )
        self.seeds = put(batch.seeds[slots])
        rows = 1 if self.program.shared else self.blocks
        columns = 1 if self.program.shared else self.program.layout["size"]
        self.scratch = cuda.device_array((rows, columns), simulation.dtype)
        links = [groups.links[k] for k in own]
        if delayed:
            self.links = self._histories(links, of.reshape(-1), slots)
        else:
            self.links = tuple(put(array) for array in Dense.of(links, batch.regions).arrays)

    def _histories(self, links: Sequence[Links], of: Array, slots: Array) -> tuple[Any, ...]:
        """Return the links and the histories of all slots, on the device."""
        found = Delayed.of(links, self.batch.regions)
        lengths = found.horizons[of] * self.program.scheme.n_sent * self.batch.regions
        starts = np.concatenate([[0], np.cumsum(lengths)])
        ring = cuda.device_array(int(starts[-1]), self.simulation.dtype)
        arrays = tuple(map(cuda.to_device, (*found.arrays, starts[:-1])))
        given = (self.batch.initial or {}).values()
        if any(np.ndim(value) == 2 for value in given):
            here = np.empty(len(ring), self.simulation.dtype)
            for slot, k in enumerate(slots):
                longest, horizon = found.longest[of[slot]], found.horizons[of[slot]]
                past = self.batch.past(int(k), int(longest) + 1)
                past = np.pad(past, ((horizon - len(past), 0), (0, 0), (0, 0)), mode="edge")
                own = np.roll(past, 1, axis=0).transpose(1, 2, 0)  # the start is at 0
                here[starts[slot] : starts[slot + 1]] = own.ravel()
            ring.copy_to_device(here)
        else:
            fill[self.slots, self.program.threads](
                self.numbers[1], arrays[-2], self.groups, ring, arrays[-1]
            )
        return (*arrays[:-1], ring, arrays[-1])

    def run(self, observers: Sequence[Observer]) -> None:
        """Simulate from beginning to end; the observers' counterparts are in ``observed`` then."""
        simulation, outputs = self.simulation, self.program.scheme.outputs
        regions, real = self.batch.regions, simulation.dtype
        self.observed = [counterpart(observer) for observer in observers]
        for one in self.observed:
            one.start(self.slots, regions, simulation.period, real)
        columns = [outputs.index(o.output or simulation.model.bold) for o in observers]
        room = cuda.device_array(max(1, len(outputs)) * self.slots * SEGMENT * regions, real)
        step, left = 0, simulation.skipped
        for samples in simulation.segments():
            shape = max(1, len(outputs)), self.slots, samples, regions
            out = room[: math.prod(shape)].reshape(shape)
            self._advance(step, samples, out)
            step += samples * simulation.every
            if left:
                left -= samples
                continue
            for one, column in zip(self.observed, columns, strict=True):
                one.take(out[column], self.ok)

    def _advance(self, step: int, samples: int, out: Any) -> None:
        simulation = self.simulation
        steps = samples * simulation.every
        waves = simulation.wave(step, steps if simulation.stimulus else 1)
        began = time.perf_counter()
        kernel_of(self.program)[self.blocks, self.program.threads](
            step, samples, simulation.every, simulation.dtype(simulation.dt), cuda.to_device(waves),
            *self.numbers, self.seeds, out, self.ok, self.scratch, self.groups, *self.links,
        )  # fmt: skip
        if self.program.key not in _launched:
            _launched.add(self.program.key)
            log.info(
                "compiled the kernel of %s for the GPU in %.1f s",
                simulation.model.name,
                time.perf_counter() - began,
            )

    def results(self) -> Iterator[tuple[str, Array]]:
        """Yield the observers' results, ``(members, ...)``; NaN for what diverged."""
        ok = self.finite()
        for one in self.observed:
            for name, value in one.result().items():
                own = value[self.places]
                if not ok.all() and np.issubdtype(own.dtype, np.floating):
                    own[~ok] = np.nan
                yield name, own

    def finite(self) -> Array:
        """Return whether each member stayed finite."""
        return np.asarray(self.ok.copy_to_host()[self.places] == 1)


def _slots(groups: Array, each: int) -> tuple[Array, Array]:
    """Return the member in each slot, and the slot of each member.

    ``each`` slots are of one group; where a group has too few members, its last one is there again.
    """
    slots: list[Array] = []
    places, count = [], 0
    for group in np.unique(groups):
        own = np.flatnonzero(groups == group)
        places.append(count + np.arange(len(own)))
        own = np.concatenate([own, np.repeat(own[-1:], -len(own) % each)])
        slots.append(own)
        count += len(own)
    return np.concatenate(slots), np.concatenate(places)
