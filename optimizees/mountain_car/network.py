"""The 60-5-3 spiking network that drives the car, in NEST.

Importing this module imports NEST: only ``simulate`` does so, within a worker.
"""

from __future__ import annotations

import os

# OpenMP threads that wait must sleep: spinning makes NEST 3-5 times slower on a shared machine.
# NEST reads these once, when it is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ.setdefault("PYNEST_QUIET", "1")

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import nest
import numpy as np
from numpy.typing import NDArray

from l2l.optimizees.mountain_car.layout import N_HIDDEN, N_INPUT, N_OUTPUT, split

DT = 0.2  #: resolution of NEST, in ms
STEP = 20.0  #: time of NEST in one step of the environment, in ms
T_REF = 1.0  #: refractory period, in ms
AMPLITUDE = 4000.0  #: dc current into an active input neuron, in pA: it fires at 499 Hz
GAIN = 100.0  #: peak of a postsynaptic current per unit of weight, in pA


class Network:
    """A network on a fresh NEST kernel, stepped 20 ms at a time.

    NEST has one kernel a process: making a network ends every other one.

    Args:
        weights: ``(315,)``, see :func:`~l2l.optimizees.mountain_car.layout.split`.
        seed: Of NEST's random numbers, 1..2^32-1 (the network draws none).
        threads: Threads of NEST.
    """

    def __init__(self, weights: NDArray[np.float64], seed: int = 1, threads: int = 1) -> None:
        to_hidden, to_output = split(weights)
        nest.ResetKernel()
        nest.verbosity = nest.VerbosityLevel.ERROR
        nest.set(resolution=DT, local_num_threads=threads, rng_seed=int(seed))
        self.generators = nest.Create("dc_generator", N_INPUT)
        self.inputs = nest.Create("iaf_psc_alpha", N_INPUT, params={"t_ref": T_REF})
        hidden = nest.Create("iaf_psc_alpha", N_HIDDEN, params={"t_ref": T_REF})
        outputs = nest.Create("iaf_psc_alpha", N_OUTPUT, params={"t_ref": T_REF})
        self.recorders = nest.Create("spike_recorder", N_OUTPUT)
        nest.Connect(self.generators, self.inputs, "one_to_one")
        # NEST wants a weight matrix with a row for each target.
        nest.Connect(self.inputs, hidden, "all_to_all", {"weight": GAIN * to_hidden.T})
        nest.Connect(hidden, outputs, "all_to_all", {"weight": GAIN * to_output.T})
        nest.Connect(outputs, self.recorders, "one_to_one")
        self.active: frozenset[int] = frozenset()
        self.spikes = np.zeros(N_OUTPUT, dtype=np.int64)

    def __enter__(self) -> Self:
        nest.Prepare()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        nest.Cleanup()

    def step(self, active: Sequence[int]) -> NDArray[np.int64]:
        """Drive the input neurons ``active`` for 20 ms; return the spikes of the outputs ``(3,)``.

        Only the currents that change are set: a call of NEST for all 60 would cost three times as
        much as the 20 ms themselves.
        """
        wanted = frozenset(active)
        for neuron in self.active - wanted:
            self.generators[neuron].amplitude = 0.0
        for neuron in wanted - self.active:
            self.generators[neuron].amplitude = AMPLITUDE
        self.active = wanted
        nest.Run(STEP)
        total = np.array(self.recorders.n_events, dtype=np.int64)
        spikes, self.spikes = total - self.spikes, total
        return spikes
