"""The NumPy backend: one set after the other in double precision, as the equations are written.

It is a thousand times slower than the compiled backends, needs nothing but NumPy (and SciPy for
erfc), and is what these are tested against.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from l2l.optimizees.whole_brain import maths
from l2l.optimizees.whole_brain.batch import Batch
from l2l.optimizees.whole_brain.observe.base import Observer
from l2l.optimizees.whole_brain.simulation import Outcome, Simulation, Watch, combined
from l2l.optimizees.whole_brain.stepping import Scheme
from l2l.optimizees.whole_brain.words import normals

Array = npt.NDArray[Any]


def run(simulation: Simulation, batch: Batch, observers: Sequence[Observer]) -> Outcome:
    """Simulate a batch; see :meth:`Simulation.run`. ``precision`` has no meaning here."""
    scheme = simulation.scheme(observers)
    step = scheme.compiled(lambda function: function, dict(vars(maths)))
    found = [_simulate(step, scheme, simulation, batch, observers, k) for k in range(batch.sets)]
    return combined([ok for ok, _ in found], [part for _, part in found])


def _simulate(
    step: Any,
    scheme: Scheme,
    simulation: Simulation,
    batch: Batch,
    observers: Sequence[Observer],
    k: int,
) -> tuple[bool, Any]:
    watch = Watch(simulation, observers, scheme.outputs, 1, batch.regions)
    run_of_set = _Run(step, scheme, simulation, batch, k)
    ok = True
    for samples in simulation.segments():
        out = np.zeros((samples, len(scheme.outputs), batch.regions))
        if ok:
            with np.errstate(all="ignore"):
                run_of_set.advance(out)
            ok = bool(np.isfinite(run_of_set.rows[: scheme.n_states]).all())
            if not ok:
                out[:] = 0
        watch.take(out[None])
    return ok, watch.results()


class _Run:
    """One set's simulation."""

    def __init__(
        self, step: Any, scheme: Scheme, simulation: Simulation, batch: Batch, k: int
    ) -> None:
        self.step, self.scheme, self.simulation = step, scheme, simulation
        self.rows = batch.rows(k, scheme, simulation.dt)
        if simulation.stimulus is not None:
            self.rows[-1] = simulation.stimulus.pattern
        weights = batch.connectome(k).weights
        delays = batch.connectome(k).delays(
            float(batch.speed[k]), simulation.dt, simulation.wrap_delays_at
        )
        self.targets, self.sources = np.nonzero(weights)
        self.weights = weights[self.targets, self.sources]
        self.delays = delays[self.targets, self.sources]
        horizon = int(self.delays.max(initial=0)) + 1
        self.past = list(batch.past(k, horizon))  # the last one is now
        self.seed, self.now = int(batch.seeds[k]), 0

    def advance(self, out: Array) -> None:
        """Simulate as many samples as ``out`` has room for."""
        simulation, scheme = self.simulation, self.scheme
        first, last = scheme.n_states, scheme.n_states + scheme.n_sent
        for sample in range(len(out)):
            for _ in range(simulation.every):
                self.rows[first:last] = self._sums()
                wave = simulation.wave(self.now, 1)[0]
                found = self.step(*self.rows, *self._normals(), simulation.dt, wave)
                results = np.array(np.broadcast_arrays(*found))
                self.rows[:first] = results[:first]
                self.past = [*self.past[1:], results[first:last]]
                out[sample] += results[last:]
                self.now += 1
        out /= simulation.every

    def _sums(self) -> Array:
        """Return what regions receive, ``(quantities, regions)``."""
        horizon = len(self.past)
        past = np.stack(self.past)[horizon - 1 - self.delays, :, self.sources]
        sums = np.zeros((self.scheme.n_sent, self.rows.shape[1]))
        np.add.at(sums.T, self.targets, self.weights[:, None] * past)
        return sums

    def _normals(self) -> list[Array]:
        count, regions = self.scheme.n_noise, self.rows.shape[1]
        generator = self.simulation.generator
        return normals(generator, self.seed, self.now, count, regions) if count else []
