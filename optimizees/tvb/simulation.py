"""One simulation by tvb-library's Simulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from l2l.errors import ConfigError, SimulationFailed
from l2l.optimizees.tvb import names
from l2l.optimizees.tvb.library import library
from l2l.optimizees.whole_brain.connectome import Connectome

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Brain:
    """All of a simulation but the values that differ between individuals.

    It holds names and numbers, no objects of TVB: those are made where it is simulated.

    Attributes:
        model: As in :func:`names.model_class`.
        coupling: Name of a class of ``tvb.simulator.coupling``.
        connectome: Weights and lengths.
        integrator: ``"euler"`` or ``"heun"``; stochastic where noise is set.
        dt: Step in ms.
        duration: Simulated time in ms.
        transient: Time at the start, in ms, whose samples are left out.
        monitor: Name of a class of ``tvb.simulator.monitors``.
        period: Time between samples in ms.
        observe: The state, or the sum of states, that is observed.
        initial: States that start from a value, everywhere and at all times before; others are
            drawn by TVB, for each region and each step of its history.
    """

    model: str
    coupling: str
    connectome: Connectome
    integrator: str
    dt: float
    duration: float
    transient: float
    monitor: str
    period: float
    observe: str
    initial: Mapping[str, float]

    def run(self, values: Mapping[str, Any], seed: int) -> Floats:
        """Simulate once; return what was observed after the transient, ``(samples, regions)``.

        Args:
            values: What differs from TVB's defaults, by name (:mod:`.names`).
            seed: Of the initial history and of the noise, 1..2^32-1.

        Raises:
            SimulationFailed: If a number is no longer finite.
        """
        simulator = self.simulator(values, seed)
        kept = []
        with np.errstate(all="ignore"):
            for (output,) in simulator(n_steps=np.int64(round(self.duration / self.dt))):
                if output is None:
                    continue
                time, sample = output
                sample = sample[0].mean(axis=-1)  # over modes; most models have one
                bad = np.count_nonzero(~np.isfinite(sample))
                if bad:
                    raise SimulationFailed(
                        f"the simulation diverged: {self.observe} of {bad} of {sample.size} "
                        f"regions is not finite at {time:g} ms"
                    )
                if time > self.transient:
                    kept.append(sample)
        return np.array(kept)

    def simulator(self, values: Mapping[str, Any], seed: int) -> Any:
        """Return a configured Simulator of TVB.

        Raises:
            ConfigError: If a value does not fit.
        """
        tvb = library()
        model_class = names.model_class(self.model)
        coupling_class = names.coupling_class(self.coupling)
        n = self.connectome.n_regions
        own, sent = self._sorted(values, model_class, coupling_class)
        model = model_class(**own)
        model.variables_of_interest = (self.observe,)
        simulator = tvb.simulator.Simulator(
            model=model,
            connectivity=self._connectivity(float(values.get(names.SPEED, 3.0))),
            coupling=coupling_class(**sent),
            integrator=self._integrator(names.amplitudes(values, model_class), seed),
            monitors=(self._monitor(),),
        )
        simulator.connectivity.configure()
        simulator.connectivity.set_idelays(self.dt)
        horizon = simulator.connectivity.horizon
        shape = (horizon, len(model.state_variables), n, model.number_of_modes)
        # TVB itself draws this unseeded, also what is missing in a history that is too short
        history = model.initial(self.dt, shape, np.random.default_rng([seed, 1]))
        for state, value in self.initial.items():
            history[:, model_class.state_variables.index(state)] = value
        simulator.initial_conditions = history
        simulator.configure()
        # TVB counts the steps of the history, and monitors would begin within one of their periods
        simulator.history.buffer = np.roll(simulator.history.buffer, 1, axis=0)
        simulator.current_step = 0
        return simulator

    def _sorted(
        self, values: Mapping[str, Any], model: Any, coupling: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the values of the model and those of the coupling, as TVB takes them."""
        n = self.connectome.n_regions
        own = {
            name: names.as_array(name, values[name], dtype, n)
            for name, dtype in names.arrays_of(model).items()
            if name in values
        }
        sent = {
            name: names.as_array(names.COUPLING + name, values[names.COUPLING + name], dtype, n)
            for name, dtype in names.arrays_of(coupling).items()
            if names.COUPLING + name in values
        }
        return own, sent

    def _connectivity(self, speed: float) -> Any:
        if not speed > 0:
            raise ConfigError(f"speed must be above 0 mm/ms, got {speed}")
        brain, n = self.connectome, self.connectome.n_regions
        return library().connectivity.Connectivity(
            weights=brain.weights.copy(),
            # TVB sizes its history by all lengths, also where there is no tract
            tract_lengths=np.where(brain.weights != 0, brain.lengths, 0.0),
            speed=np.array([speed]),
            region_labels=np.array(brain.labels),
            centres=np.zeros((n, 3)),
        )

    def _integrator(self, nsig: Floats | None, seed: int) -> Any:
        tvb, scheme = library(), names.INTEGRATORS[self.integrator]
        if nsig is None:
            return getattr(tvb.integrators, f"{scheme}Deterministic")(dt=self.dt)
        if not (nsig >= 0).all():
            raise ConfigError(f"noise must be at least 0, got {nsig.min()}")
        noise = tvb.noise.Additive(nsig=nsig, noise_seed=seed)
        return getattr(tvb.integrators, f"{scheme}Stochastic")(dt=self.dt, noise=noise)

    def _monitor(self) -> Any:
        made = getattr(library().monitors, self.monitor)
        return made() if self.monitor == "Raw" else made(period=self.period)
