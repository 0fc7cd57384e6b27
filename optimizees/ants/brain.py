"""The spiking networks of many ants, stepped together: in NumPy, and the same with Numba."""

from __future__ import annotations

from typing import Protocol, Self

import numpy as np

from l2l.optimizees.ants import layout
from l2l.optimizees.ants.layout import (
    LEAK,
    N_MOTORS,
    N_RECEIVERS,
    N_SENDERS,
    N_SENSES,
    SLOTS,
    THRESHOLD,
    Bools,
    Floats,
    Ints,
)


class Brain(Protocol):
    """What steers n colonies: from receptors to motor neurons, one tick at a time."""

    def step(self, senses: Bools) -> Ints:
        """Return the spikes ``(n, ants, 4)`` of the motor neurons in the next tick.

        Args:
            senses: ``(n, ants, 12)`` which receptors are active.
        """

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Quiet:
    """A brain that leaves nothing behind."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class NumpyBrain(Quiet):
    """Networks of leaky integrate-and-fire neurons, integrated exactly.

    NEST's ``iaf_psc_delta``, in steps of 1 ms: each synapse moves the potential of its target by
    its weight, in mV, as long after the spike as its delay says; what arrives in the refractory
    time is lost. Spikes are equal to NEST's.

    Args:
        weights: ``(n, 250)`` of n colonies, in mV.
        delays: ``(n, 250)``, 1..5 ms.
        ants: Number of ants, each with a network of its own state.
        steps: Steps of 1 ms in a tick.
    """

    def __init__(self, weights: Floats, delays: Ints, ants: int, steps: int) -> None:
        n, neurons = len(weights), N_SENSES + N_RECEIVERS
        self.weight = layout.matrix(weights)
        self.delay = layout.matrix(delays, absent=1)
        self.steps, self.clock = steps, 0
        self.potential = np.zeros((n, ants, neurons))
        self.waiting = np.zeros((n, ants, neurons), dtype=np.int64)
        self.arriving = np.zeros((n, ants, SLOTS, N_RECEIVERS))
        self.drive = layout.PER_CURRENT * layout.CURRENT  # mV in a step

    def step(self, senses: Bools) -> Ints:
        """Return the spikes ``(n, ants, 4)`` of the motor neurons in the next tick."""
        counts = np.zeros((*senses.shape[:2], N_MOTORS), dtype=np.int64)
        drive = np.where(senses, self.drive, 0.0)
        for _ in range(self.steps):
            counts += self._advance(drive)[..., N_SENDERS:]
            self.clock += 1
        return counts

    def _advance(self, drive: Floats) -> Bools:
        """Advance all neurons by 1 ms; return which spiked, ``(n, ants, 26)``."""
        now = self.clock % SLOTS
        v = LEAK * self.potential
        v[..., :N_SENSES] = drive + v[..., :N_SENSES]
        v[..., N_SENSES:] += self.arriving[:, :, now]
        self.arriving[:, :, now] = 0.0
        free = self.waiting == 0
        v = np.where(free, v, 0.0)
        spiked = v >= THRESHOLD
        self.potential = np.where(spiked, 0.0, v)
        self.waiting = np.where(spiked, layout.REFRACTORY, np.where(free, 0, self.waiting - 1))
        for sender in np.flatnonzero(spiked[..., :N_SENDERS].any(axis=(0, 1))):
            lane, ant = np.nonzero(spiked[..., sender])
            slot = (self.clock + self.delay[lane, sender]) % SLOTS
            place = (lane[:, None], ant[:, None], slot, np.arange(N_RECEIVERS))
            self.arriving[place] += self.weight[lane, sender]
        return spiked


class NumbaBrain(NumpyBrain):
    """The same, compiled."""

    def step(self, senses: Bools) -> Ints:
        """Return the spikes ``(n, ants, 4)`` of the motor neurons in the next tick."""
        from l2l.optimizees.ants import kernels

        counts = np.empty((*senses.shape[:2], N_MOTORS), dtype=np.int64)
        kernels.think(
            senses, self.drive, self.potential, self.waiting, self.arriving, self.clock,
            self.weight, self.delay, self.steps, counts,
        )  # fmt: skip
        self.clock += self.steps
        return counts
