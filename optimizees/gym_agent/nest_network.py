"""The same network in NEST.

Importing this module imports NEST: only ``simulate`` does so, within a worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from l2l.optimizees.gym_agent.coding import Coding
from l2l.optimizees.gym_agent.network import AMPLITUDE, DELAY, DT, GAIN, STEP, T_REF
from l2l.optimizees.spiking.nest_kernel import fresh_kernel, nest


class NestBrain:
    """The network on a fresh NEST kernel, in one lane; it draws no random numbers.

    NEST has one kernel a process: making a network ends every other one.

    Args:
        coding: Of the layers' sizes.
        weights: ``(n_weights,)``.
        threads: Threads of NEST.
    """

    def __init__(self, coding: Coding, weights: NDArray[np.float64], threads: int = 1) -> None:
        to_hidden, to_output = coding.split(weights)
        fresh_kernel(DT, threads)
        layers = [
            nest.Create("iaf_psc_alpha", n, params={"t_ref": T_REF})
            for n in (coding.n_inputs, coding.hidden, coding.n_outputs)
        ]
        self.inputs, hidden, outputs = layers
        self.generators = nest.Create("dc_generator", coding.n_inputs)
        self.recorders = nest.Create("spike_recorder", coding.n_outputs)
        nest.Connect(self.generators, self.inputs, "one_to_one", {"delay": DELAY})
        # NEST wants a weight matrix with a row for each target.
        for source, target, weight in (
            (self.inputs, hidden, to_hidden),
            (hidden, outputs, to_output),
        ):
            synapses = {"weight": GAIN * weight.T, "delay": DELAY}
            nest.Connect(source, target, "all_to_all", synapses)
        nest.Connect(outputs, self.recorders, "one_to_one")
        self.active: frozenset[int] = frozenset()
        self.spikes = np.zeros(coding.n_outputs, dtype=np.int64)

    def __enter__(self) -> Self:
        nest.Prepare()
        return self

    def __exit__(self, *_: Any) -> None:
        nest.Cleanup()

    def step(self, active: Sequence[Sequence[int] | None]) -> NDArray[np.int64]:
        """Drive the input neurons ``active[0]`` for 20 ms; return the outputs' spikes (1, n).

        Only the currents that change are set: a call of NEST for all 60 would cost three times as
        much as the 20 ms themselves.
        """
        wanted = frozenset(active[0] or ())
        for neuron in self.active - wanted:
            self.generators[neuron].amplitude = 0.0
        for neuron in wanted - self.active:
            self.generators[neuron].amplitude = AMPLITUDE
        self.active = wanted
        nest.Run(STEP)
        total = np.atleast_1d(np.array(self.recorders.n_events, dtype=np.int64))
        spikes, self.spikes = total - self.spikes, total
        return spikes[None]
