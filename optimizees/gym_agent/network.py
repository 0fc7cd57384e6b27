"""The three-layer spiking network that acts, on the fast backends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from l2l.optimizees.gym_agent.coding import Coding
from l2l.optimizees.spiking import AlphaLIF, Network

DT = 0.2  #: resolution, in ms
STEP = 20.0  #: time of the network in one step of the environment, in ms
T_REF = 1.0  #: refractory period, in ms
DELAY = 1.0  #: of all connections, NEST's default, in ms
AMPLITUDE = 4000.0  #: dc current into an active input neuron, in pA: it fires at 499 Hz
GAIN = 100.0  #: peak of a postsynaptic current per unit of weight, in pA


class Brain(Protocol):
    """A network in some lanes, stepped 20 ms at a time within a ``with`` block."""

    def __enter__(self) -> Self:
        """Start."""

    def __exit__(self, *_: object) -> None:
        """End."""

    def step(self, active: Sequence[Sequence[int] | None]) -> NDArray[np.int64]:
        """Drive the input neurons ``active[lane]``; return the outputs' spikes (lanes, outputs).

        None in place of a lane's neurons: the lane has ended, and is not simulated any more.
        """


class FastBrain:
    """The network by exact integration, in lanes that share the weights or have their own.

    Args:
        coding: Of the layers' sizes.
        weights: ``(n_weights,)``, or ``(lanes, n_weights)``.
        lanes: Episodes side by side.
        backend: "numba" or "numpy".
    """

    def __init__(
        self, coding: Coding, weights: NDArray[np.float64], lanes: int, backend: str
    ) -> None:
        n_in, n_hidden, n_out = coding.n_inputs, coding.hidden, coding.n_outputs
        ids = np.arange(n_in + n_hidden + n_out)
        inputs, hidden, outputs = np.split(ids, [n_in, n_in + n_hidden])
        self.network = Network(
            len(ids),
            np.concatenate([np.repeat(inputs, n_hidden), np.repeat(hidden, n_out)]),
            np.concatenate([np.tile(hidden, n_in), np.tile(outputs, n_hidden)]),
            GAIN * np.asarray(weights, dtype=np.float64),
            round(DELAY / DT),
            neuron=AlphaLIF(dt=DT, t_ref=T_REF),
            lanes=lanes,
            input_delay=round(DELAY / DT),
            backend=backend,
        )
        self.n_out = n_out

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def step(self, active: Sequence[Sequence[int] | None]) -> NDArray[np.int64]:
        """Drive the input neurons of each lane for 20 ms; return the spikes of the outputs."""
        currents = np.zeros((len(active), self.network.n))
        for lane, neurons in enumerate(active):
            for neuron in neurons or ():
                currents[lane, neuron] = AMPLITUDE
        on = [neurons is not None for neurons in active]
        return self.network.run(round(STEP / DT), currents, on)[:, -self.n_out :]
