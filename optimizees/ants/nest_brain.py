"""The spiking networks of many ants in NEST.

Importing this module imports NEST: only a simulation does so, within a worker.
"""

from __future__ import annotations

from typing import Self

import numpy as np

from l2l.optimizees.ants import layout
from l2l.optimizees.ants.layout import N_MOTORS, N_RECEIVERS, N_SENSES, Bools, Floats, Ints
from l2l.optimizees.spiking.nest_kernel import fresh_kernel, nest

N_NEURONS = N_SENSES + N_RECEIVERS


class NestBrain:
    """Networks of ``iaf_psc_delta`` neurons on a fresh NEST kernel, all colonies in one.

    NEST has one kernel a process: making a brain ends every other one.

    Args:
        weights: ``(n, 250)`` of n colonies, in mV.
        delays: ``(n, 250)``, 1..5 ms.
        ants: Number of ants, each with a network of its own state.
        steps: Steps of 1 ms in a tick.
    """

    def __init__(self, weights: Floats, delays: Ints, ants: int, steps: int) -> None:
        n = len(weights)
        fresh_kernel(layout.DT)
        neurons = nest.Create(
            "iaf_psc_delta",
            n * ants * N_NEURONS,
            params={
                "tau_m": layout.TAU_M,
                "C_m": layout.C_M,
                "t_ref": layout.REFRACTORY * layout.DT,
            },
        )
        ids = np.array(neurons.tolist()).reshape(n * ants, N_NEURONS)
        self._connect(ids, np.repeat(weights, ants, axis=0), np.repeat(delays, ants, axis=0))
        self.recorder = nest.Create("spike_recorder")
        self._motors = ids[:, -N_MOTORS:].ravel()
        nest.Connect(nest.NodeCollection(self._motors), self.recorder)
        self._receptors = ids[:, :N_SENSES].ravel()
        self._first = int(ids[0, 0])
        self._place = np.full(n * ants * N_NEURONS, -1)
        self._place[self._motors - self._first] = np.arange(len(self._motors))
        self._active = np.zeros((n, ants, N_SENSES), dtype=np.bool_)
        self._read = 0
        self._time = float(steps * layout.DT)

    @staticmethod
    def _connect(ids: Ints, weights: Floats, delays: Ints) -> None:
        """Connect the neurons ``(networks, 26)`` of each network, a row of weights each."""
        synapses = {"weight": weights.ravel(), "delay": delays.ravel().astype(np.float64)}
        nest.Connect(
            ids[:, layout.SENDER].ravel(),
            ids[:, N_SENSES + layout.RECEIVER].ravel(),
            "one_to_one",
            synapses,
        )

    def __enter__(self) -> Self:
        nest.Prepare()
        return self

    def __exit__(self, *_: object) -> None:
        nest.Cleanup()

    def step(self, senses: Bools) -> Ints:
        """Return the spikes ``(n, ants, 4)`` of the motor neurons in the next tick.

        Only the currents that change are set: that is where most of the time would go.
        """
        changed = np.flatnonzero(senses != self._active)
        if len(changed):
            currents = np.where(senses, layout.CURRENT, 0.0).ravel()[changed]
            nest.NodeCollection(self._receptors[changed]).set(I_e=currents.tolist())
            self._active = senses.copy()
        nest.Run(self._time)
        # of all ticks so far: NEST lets nothing be forgotten while it is prepared to run
        senders = np.asarray(self.recorder.get("events", "senders"), dtype=np.int64)
        fresh, self._read = senders[self._read :], len(senders)
        spikes = np.bincount(self._place[fresh - self._first], minlength=len(self._motors))
        return spikes.reshape(*senses.shape[:2], N_MOTORS)
