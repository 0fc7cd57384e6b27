"""A network that grows its connections, in NEST.

Importing this module imports NEST: only ``simulate`` does so, within a worker.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from l2l.optimizees.spiking.nest_kernel import fresh_kernel, nest
from l2l.optimizees.structural_plasticity.growth import Growth

if TYPE_CHECKING:
    from l2l.optimizees.structural_plasticity.optimizee import StructuralPlasticityParameters

DELAY = 1.0  #: of all connections, in ms
#: Elements of two kinds make a connection: of the axon that sends it, of the dendrite that gets it.
SYNAPSES = {
    "excitatory": {"pre_synaptic_element": "axon_e", "post_synaptic_element": "dendrite_e"},
    "inhibitory": {"pre_synaptic_element": "axon_i", "post_synaptic_element": "dendrite_i"},
}


def grow(egr: float, igr: float, seed: int, p: StructuralPlasticityParameters) -> Growth:
    """Let a network grow from no connection at all.

    Args:
        egr: Growth rate of excitatory elements, in elements/ms, at least 0.
        igr: Growth rate of inhibitory elements, likewise.
        seed: Of NEST's random numbers, 1..2^32-1.
        p: All else.

    Raises:
        ValueError: If a growth rate is negative, not finite, or so large that more connections than
            allowed could come between two records.
        RuntimeError: If more connections have grown than allowed.
    """
    _check(egr, igr, p)
    populations = _network(egr, igr, seed, p)
    recorders = [_recorder(population, p) for population in populations]
    times, calcium, connections = [], [], []
    for record in range(1, round(p.duration / p.record_interval) + 1):
        nest.Simulate(p.record_interval)
        times.append(record * p.record_interval)
        calcium.append([np.mean(population.Ca) for population in populations])
        connections.append([int(nest.GetDefaults(name, "num_connections")) for name in SYNAPSES])
        if sum(connections[-1]) > p.max_connections * p.neurons:
            raise RuntimeError(
                f"{sum(connections[-1]):,} connections after {times[-1]:g} ms, more than "
                f"{p.max_connections} a neuron: growth without end at egr={egr:g}, igr={igr:g}"
            )
    neuron_seconds = np.array([len(population) for population in populations]) * p.window / 1000
    rates = np.array([recorder.n_events for recorder in recorders]) / neuron_seconds
    return Growth(np.array(times), np.array(calcium), np.array(connections), rates)


def _check(egr: float, igr: float, p: StructuralPlasticityParameters) -> None:
    """Refuse what NEST would crash on (NaN), run out of memory on, or turn upside down."""
    for name, rate in (("egr", egr), ("igr", igr)):
        if not (math.isfinite(rate) and rate >= 0):
            raise ValueError(f"{name} must be a finite growth rate of at least 0, got {rate}")
        if rate * p.record_interval > p.max_connections:
            raise ValueError(
                f"{name}={rate:g} elements/ms could grow {rate * p.record_interval:g} elements a "
                f"neuron between two records, at most {p.max_connections} are allowed"
            )


def _network(egr: float, igr: float, seed: int, p: StructuralPlasticityParameters) -> list[Any]:
    """Return the two populations of a fresh kernel, with plasticity switched on."""
    # Forgets synapse models and elements, and switches plasticity off, which NEST has for one
    # thread only.
    fresh_kernel(p.resolution, threads=1, seed=seed)
    nest.structural_plasticity_update_interval = p.update_interval
    for name, weight in zip(SYNAPSES, (p.weight_e, -p.weight_i), strict=True):
        nest.CopyModel("static_synapse", name, {"weight": weight, "delay": DELAY})
    nest.structural_plasticity_synapses = {
        name: {"synapse_model": name, **elements} for name, elements in SYNAPSES.items()
    }
    # A spike adds 1000 / tau_Ca to calcium, which decays with tau_Ca: so it is a rate in Hz.
    params = {"tau_Ca": p.tau_ca, "beta_Ca": 1000.0 / p.tau_ca}
    n_inhibitory = p.neurons // 5
    sizes = {"axon_e": p.neurons - n_inhibitory, "axon_i": n_inhibitory}
    populations = []
    for (axon, size), target in zip(sizes.items(), (p.target_e, p.target_i), strict=True):
        population = nest.Create("iaf_psc_alpha", size, params=params)
        population.synaptic_elements = {
            name: {
                "growth_curve": "gaussian", "growth_rate": igr if name.endswith("_i") else egr,
                "eta": 0.0, "eps": target, "continuous": False,
            }
            for name in (axon, "dendrite_e", "dendrite_i")
        }  # fmt: skip
        populations.append(population)
    noise = nest.Create("poisson_generator", params={"rate": p.background})
    for population in populations:
        synapse = {"weight": p.weight_background, "delay": DELAY}
        nest.Connect(noise, population, "all_to_all", synapse)
    nest.EnableStructuralPlasticity()
    return populations


def _recorder(population: Any, p: StructuralPlasticityParameters) -> Any:
    """Return a recorder of the spikes within the window at the end."""
    recorder = nest.Create("spike_recorder", params={"start": p.duration - p.window})
    nest.Connect(population, recorder)
    return recorder
