"""Network: neurons, synapses with delays, and many copies of them side by side."""

from __future__ import annotations

import importlib.util

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l2l.errors import ConfigError, need
from l2l.optimizees.spiking.kernel import advance_numba, advance_numpy
from l2l.optimizees.spiking.neuron import AlphaLIF

BACKENDS = ("numba", "numpy")

#: Potentials (mV) and currents (pA) below this are set to 0 after each run; NEST's own rounding
#: errors are as large.
NOTHING = 1e-13


def default_backend() -> str:
    """Return "numba" where it is installed, else "numpy": the results are the same."""
    return "numba" if importlib.util.find_spec("numba") else "numpy"


class Network:
    """A network of ``n`` neurons in ``lanes`` copies that do not touch each other.

    Its spikes are those of ``iaf_psc_alpha`` in NEST, to the step. The copies may differ in weights
    and delays (individuals), or share them (agents with one network), and differ in their input.

    Args:
        n: Neurons.
        sources: ``(m,)``, the sending neuron of each synapse, 0..n-1.
        targets: ``(m,)``, the receiving one.
        weights: In pA, the peak of the current; ``(m,)``, or ``(lanes, m)``.
        delays: In steps of ``neuron.dt``, at least 1; a number, ``(m,)`` or ``(lanes, m)``.
        neuron: Constants of all neurons.
        lanes: Copies.
        input_delay: Steps after which a current given to :meth:`run` arrives, as from a NEST
            ``dc_generator`` connected with this delay (in NEST it moves V one step later still);
            0 acts in the same step, as NEST's ``I_e`` does.
        backend: "numba" or "numpy"; None for Numba where it is installed.

    Raises:
        ConfigError: On arrays that do not fit, a weight that is not finite, a delay below 1.
        MissingExtra: If Numba is asked for and not installed.
    """

    def __init__(
        self,
        n: int,
        sources: ArrayLike,
        targets: ArrayLike,
        weights: ArrayLike,
        delays: ArrayLike = 1,
        *,
        neuron: AlphaLIF | None = None,
        lanes: int = 1,
        input_delay: int = 1,
        backend: str | None = None,
    ) -> None:
        self.n, self.lanes, self.neuron = n, lanes, neuron or AlphaLIF()
        self.backend = backend or default_backend()
        if self.backend not in BACKENDS:
            raise ConfigError(f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}")
        if self.backend == "numba":
            need("numba", "numba", "numba")
        if n < 1 or lanes < 1 or input_delay < 0:
            raise ConfigError("a network needs n >= 1, lanes >= 1 and input_delay >= 0")
        source, target = (_neurons(name, x, n) for name, x in _named(sources, targets))
        if len(source) != len(target):
            raise ConfigError(f"{len(source)} sources do not fit {len(target)} targets")
        order = np.argsort(source, kind="stable")
        self.first = np.searchsorted(source[order], np.arange(n + 1)).astype(np.int64)
        self.targets = target[order]
        self.weights = self._rows("weights", weights, order)
        late = self._rows("delays", delays, order)
        if late.size and not (np.all(late >= 1) and _whole(late)):
            raise ConfigError(
                f"delays must be whole steps of at least 1, got {late.min():g}..{late.max():g}; "
                f"round delays in ms to steps of {self.neuron.dt} ms first"
            )
        self.delays: NDArray[np.int64] = late.astype(np.int64)
        self.receives = np.isin(np.arange(n), self.targets)
        self.lag = input_delay + 1 if input_delay else 0
        self._propagators = self.neuron.propagators()
        self.reset()

    def _rows(self, name: str, values: ArrayLike, order: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return weights or delays as ``(1 or lanes, m)``, by sending neuron."""
        array = np.asarray(values, dtype=np.float64)
        if array.ndim == 0:
            array = np.full((1, len(order)), float(array))
        rows = np.atleast_2d(array)
        if rows.ndim > 2 or rows.shape[1] != len(order) or len(rows) not in (1, self.lanes):
            raise ConfigError(
                f"{name} must have the shape ({len(order)},) or ({self.lanes}, {len(order)}), "
                f"got {array.shape}"
            )
        if not np.isfinite(rows).all():
            raise ConfigError(f"{name} must be finite numbers")
        return np.ascontiguousarray(rows[:, order])

    def reset(self) -> None:
        """Take all neurons to rest, with nothing on its way."""
        lanes, n = self.lanes, self.n
        slots = int(self.delays.max(initial=1)) + 1
        self.step = 0  #: steps taken
        self.state = np.zeros((5, lanes, n))  # V - E_L, then y and I of both kinds
        self.wait = np.zeros((lanes, n), dtype=np.int64)  # steps of refractoriness left
        self.ring = np.zeros((lanes, slots, n, 2))  # weights that will arrive, by step modulo slots
        self.pending = np.full((self.lag, lanes, n), self.neuron.I_e)  # currents on their way

    @property
    def V(self) -> NDArray[np.float64]:  # noqa: N802
        """Membrane potentials ``(lanes, n)``, in mV."""
        potentials: NDArray[np.float64] = self.state[0] + self.neuron.E_L
        return potentials

    def run(
        self, steps: int, currents: ArrayLike = 0.0, active: ArrayLike | None = None
    ) -> NDArray[np.int64]:
        """Take ``steps`` steps; return how often each neuron spiked in them, ``(lanes, n)``.

        Args:
            steps: Of ``neuron.dt`` each.
            currents: In pA, into each neuron; ``(lanes, n)`` or what broadcasts to it.
            active: ``(lanes,)``, False for lanes that stand still and need no time; a lane that
                stood still must not run again before a reset. All by default.
        """
        return self._run(steps, currents, active, np.zeros((0, 0, 0), dtype=bool))

    def record(self, steps: int, currents: ArrayLike = 0.0) -> NDArray[np.bool_]:
        """Take ``steps`` steps; return which neuron spiked when, ``(steps, lanes, n)``."""
        raster = np.zeros((steps, self.lanes, self.n), dtype=bool)
        self._run(steps, currents, None, raster)
        return raster

    def _run(
        self, steps: int, currents: ArrayLike, active: ArrayLike | None, raster: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        shape = (self.lanes, self.n)
        drive = np.empty(shape)
        drive[...] = currents
        if not np.isfinite(drive).all():
            raise ConfigError("currents must be finite numbers")
        drive += self.neuron.I_e
        on = np.ones(self.lanes, dtype=bool) if active is None else np.array(active, dtype=bool)
        counts = np.zeros(shape, dtype=np.int64)
        (advance_numba() if self.backend == "numba" else advance_numpy)(
            self.step, self._propagators, self.neuron.V_th - self.neuron.E_L,
            self.neuron.V_reset - self.neuron.E_L, self.neuron.refractory_steps,
            self.pending, drive, self.first, self.targets, self.weights, self.delays,
            self.receives, on, self.state, self.wait, self.ring, counts, steps, raster,
        )  # fmt: skip
        self.step += steps
        # What has decayed that far takes no part any more; and denormal numbers would be slow.
        self.state[np.abs(self.state) < NOTHING] = 0.0
        if self.lag:
            kept = self.pending[min(steps, self.lag) :]
            entered = np.broadcast_to(drive, (self.lag - len(kept), *shape))
            self.pending = np.ascontiguousarray(np.concatenate([kept, entered]))
        return counts


def _named(sources: ArrayLike, targets: ArrayLike) -> list[tuple[str, ArrayLike]]:
    return [("sources", sources), ("targets", targets)]


def _whole(values: NDArray[np.float64]) -> bool:
    return bool(np.all(values == np.round(values)))


def _neurons(name: str, values: ArrayLike, n: int) -> NDArray[np.int64]:
    """Return numbers of neurons as an array ``(m,)``."""
    array = np.asarray(values)
    if array.size == 0:
        return np.zeros(0, dtype=np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ConfigError(f"{name} must be whole numbers of shape (m,), got {array.dtype}")
    if array.min() < 0 or array.max() >= n:
        raise ConfigError(f"{name} must be in 0..{n - 1}, got {array.min()}..{array.max()}")
    return array.astype(np.int64)
