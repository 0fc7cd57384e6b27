"""StructuralPlasticity: find growth rates with which a network reaches its target activity.

The supplementary use case of Yegenoglu et al. 2022, "Exploring parameter and hyper-parameter spaces
of neuroscience models on high performance computers with learning to learn", Front. Comput.
Neurosci. 16:885207. The model: Butz & van Ooyen 2013, PLoS Comput. Biol. 9:e1003259; Diaz-Pier et
al. 2016, Front. Neuroanat. 10:57.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from l2l.errors import ConfigError, need
from l2l.optimizee import Optimizee, OptimizeeParameters, Result
from l2l.optimizees.structural_plasticity.growth import Growth
from l2l.options import option
from l2l.space import Parameter, ParameterSpace
from l2l.tasks import TaskFamily


class StructuralPlasticityParameters(OptimizeeParameters):
    """Parameters of :class:`StructuralPlasticity`."""

    neurons: int = option(100, "number of neurons, four fifths of them excitatory", low=10)
    duration: float = option(20000.0, "simulated time", above=0, unit="ms")
    window: float = option(5000.0, "the end, which fitness is measured over", above=0, unit="ms")
    target_e: float = option(5.0, "target of the excitatory neurons", above=0, unit="Hz")
    target_i: float = option(20.0, "target of the inhibitory neurons", above=0, unit="Hz")
    slowest: float = option(1e-4, "lower bound of growth rates", above=0, unit="elements/ms")
    fastest: float = option(1e-2, "upper bound of growth rates", above=0, unit="elements/ms")
    networks: int = option(1, "networks that one evaluation grows; fitness is their mean", low=1)
    test_networks: int = option(10, "held-out networks, a multiple of networks", low=1)
    tau_ca: float = option(1000.0, "time constant of calcium", above=0, unit="ms")
    weight_e: float = option(585.0, "peak current of an excitatory connection", low=0, unit="pA")
    weight_i: float = option(585.0, "that of an inhibitory one, downwards", low=0, unit="pA")
    background: float = option(10000.0, "Poisson input into each neuron", low=0, unit="Hz")
    weight_background: float = option(6.2, "peak current of a spike of it", low=0, unit="pA")
    update_interval: float = option(
        100.0, "time between two changes of the connections", above=0, unit="ms"
    )
    record_interval: float = option(500.0, "time between two records", above=0, unit="ms")
    resolution: float = option(1.0, "time step of NEST, at most 1", above=0, high=1.0, unit="ms")
    max_connections: int = option(
        200, "connections a neuron, on average; more are a failed evaluation", low=1
    )

    def check(self) -> None:
        """Refuse times that do not fit into each other."""
        for long, short in (
            ("update_interval", "resolution"),
            ("record_interval", "update_interval"),
            ("duration", "record_interval"),
            ("window", "record_interval"),
        ):
            times = getattr(self, long) / getattr(self, short)
            if round(times) < 1 or abs(times - round(times)) > 1e-6:
                raise ConfigError(
                    f"{long} must be a multiple of {short}, got {getattr(self, long):g} and "
                    f"{getattr(self, short):g} ms"
                )
        if self.window > self.duration:
            raise ConfigError(
                f"window can't be longer than duration, got {self.window:g} and "
                f"{self.duration:g} ms"
            )
        if self.slowest >= self.fastest:
            raise ConfigError(
                f"slowest must be less than fastest, got {self.slowest:g} and {self.fastest:g}"
            )


class Networks(TaskFamily[int]):
    """Networks that differ in everything random, background and wiring: a task is NEST's seed.

    Args:
        n_tasks: Networks that an evaluation grows.
        n_test: Held-out networks.
    """

    def __init__(self, n_tasks: int, n_test: int) -> None:
        self.n_tasks, self.n_test = n_tasks, n_test

    def sample(self, rng: np.random.Generator, difficulty: float) -> int:
        """Return a seed, 1..2^32-1."""
        return int(rng.integers(1, 2**32))


class StructuralPlasticity(Optimizee):
    """A network in NEST grows its synapses; find growth rates that bring it to its target activity.

    An individual is ``egr`` and ``igr``, the growth rates of excitatory and inhibitory synaptic
    elements in elements/ms. Fitness is minus the distance of calcium from its target over the last
    part of the simulation, relative to the target, in the mean over excitatory and inhibitory
    neurons: 0 is best. Metrics: ``rate_e``, ``rate_i`` (Hz, over the same time), ``calcium_e``,
    ``calcium_i`` (Hz) and ``connections_e``, ``connections_i`` at the end, ``time_to_target`` (ms;
    the duration if it is not reached), ``overshoot`` (relative to the target).

    Raises:
        ConfigError: If parameters do not fit together.
        MissingExtra: If NEST is not installed.
    """

    Parameters = StructuralPlasticityParameters
    tasks: Networks
    figures: ClassVar[Mapping[str, str]] = {
        "growth": "l2l.optimizees.structural_plasticity.figures:growth",
        "search": "l2l.optimizees.structural_plasticity.figures:search",
    }

    def __init__(
        self, traj: Any = None, parameters: StructuralPlasticityParameters | None = None
    ) -> None:
        super().__init__(traj, parameters)
        # Said before the first evaluation, and without importing NEST into the outer loop.
        need("nest", "nest-simulator", "nest")
        p = self.parameters
        self.tasks = Networks(p.networks, p.test_networks)
        kinds = {"egr": "excitatory", "igr": "inhibitory"}
        self.space = ParameterSpace(
            [
                Parameter(
                    name, p.slowest, p.fastest, scale="log", unit="elements/ms",
                    description=f"growth rate of {kind} synaptic elements",
                )
                for name, kind in kinds.items()
            ]
        )  # fmt: skip

    @property
    def targets(self) -> Any:
        """``(2,)`` of the excitatory and the inhibitory neurons, in Hz."""
        return np.array([self.parameters.target_e, self.parameters.target_i])

    def bounding_func(self, individual: Mapping[str, Any]) -> dict[str, Any]:
        """Return the individual with its growth rates clipped to their bounds."""
        low, high = self.parameters.slowest, self.parameters.fastest
        return {name: float(np.clip(rate, low, high)) for name, rate in individual.items()}

    def simulate(self, traj: Any) -> Result:
        """Grow the networks of the evaluation's tasks."""
        from l2l.optimizees.structural_plasticity.network import grow

        rates = traj.individual.egr, traj.individual.igr
        grown = [grow(*rates, seed, self.parameters) for seed in traj.individual.tasks]
        distances = [one.distance(self.targets, self.parameters.window) for one in grown]
        metrics = [self._metrics(one) for one in grown]
        return Result(
            fitness=(-float(np.mean(distances)),),
            metrics={name: float(np.mean([each[name] for each in metrics])) for name in metrics[0]},
        )

    def _metrics(self, grown: Growth) -> dict[str, float]:
        window = grown.times > grown.times[-1] - self.parameters.window
        calcium = grown.calcium[window].mean(axis=0)
        return {
            "rate_e": float(grown.rates[0]),
            "rate_i": float(grown.rates[1]),
            "calcium_e": float(calcium[0]),
            "calcium_i": float(calcium[1]),
            "connections_e": float(grown.connections[-1, 0]),
            "connections_i": float(grown.connections[-1, 1]),
            "time_to_target": grown.time_to_target(self.targets),
            "overshoot": grown.overshoot(self.targets),
        }
