"""Ants: evolve the spiking network of an ant so that a colony brings food home.

Use case 3 of Yegenoglu et al. 2022, "Exploring parameter and hyper-parameter spaces of neuroscience
models on high performance computers with learning to learn", Front. Comput. Neurosci. 16:885207.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from l2l.errors import ConfigError, need
from l2l.optimizee import BatchResult, Optimizee, OptimizeeParameters, Result
from l2l.optimizees.ants.layout import MAX_DELAY, N_SYNAPSES, WEIGHT_LIMIT
from l2l.optimizees.ants.rules import COUNTED
from l2l.optimizees.ants.worlds import World, Worlds
from l2l.optimizees.spiking import default_backend
from l2l.options import option
from l2l.space import Parameter, ParameterSpace

#: Where each backend comes from: module, package, extra.
_NEEDS = {"nest": ("nest", "nest-simulator", "nest"), "numba": ("numba", "numba", "numba")}


class AntsParameters(OptimizeeParameters):
    """Parameters of :class:`Ants`."""

    backend: str = option(
        "auto", "what simulates the networks; auto is numba where it is installed, else numpy",
        choices=("auto", "numba", "numpy", "nest"),
    )  # fmt: skip
    ticks: int = option(800, "length of an episode, in ticks", low=1)
    ants: int = option(15, "ants in a colony", low=1)
    size: int = option(71, "cells along each side of the world, odd", low=21)
    pieces: int = option(10, "pieces of food in each of the 21 cells of a patch", low=1)
    worlds: int = option(1, "worlds that one evaluation faces; fitness is their mean", low=1)
    test_worlds: int = option(20, "held-out worlds, a multiple of worlds", low=1)
    ramp: int = option(
        0, "generations in which the food moves from beside the nest to its place", low=0
    )

    def check(self) -> None:
        """Refuse a world that has no middle."""
        if self.size % 2 == 0:
            raise ConfigError(f"{type(self).__name__}.size must be odd, got {self.size}")


class Ants(Optimizee):
    """A colony of ants, steered by copies of one spiking network, brings food home; maximise it.

    Fitness is the colony's rewards less its costs (equation 6 of the paper): 220 for a piece of
    food brought home, 1.5 for one taken up, -0.25 for a step, -0.02 for a turn, -0.05 for a drop
    of pheromone, -0.5 for resting. An individual is ``{"weights": (250,) in [-20, 20] mV,
    "delays": (250,) whole numbers in [1, 5] ms}``. Metrics: how often each of these happened in
    the mean over the worlds (``home``, ``taken``, ``moved``, ``turned``, ``dropped``, ``rested``).

    Raises:
        MissingExtra: If the backend that was asked for is not installed.
    """

    Parameters = AntsParameters
    tasks: Worlds
    figures: ClassVar[Mapping[str, str]] = {
        "colony": "l2l.optimizees.ants.figures:colony",
        "world": "l2l.optimizees.ants.figures:world",
    }
    space = ParameterSpace(
        [
            Parameter(
                "weights", -WEIGHT_LIMIT, WEIGHT_LIMIT, shape=(N_SYNAPSES,), unit="mV",
                description="of the synapses",
            ),
            Parameter(
                "delays", 1, MAX_DELAY, shape=(N_SYNAPSES,), kind="int", unit="ms",
                description="of the synapses",
            ),
        ]
    )  # fmt: skip

    def __init__(self, traj: Any = None, parameters: AntsParameters | None = None) -> None:
        super().__init__(traj, parameters)
        p = self.parameters
        self.tasks = Worlds(
            p.ticks, p.ants, size=p.size, pieces=p.pieces,
            n_tasks=p.worlds, n_test=p.test_worlds, ramp=p.ramp,
        )  # fmt: skip
        if p.backend in _NEEDS:  # said before the first evaluation, without importing anything
            need(*_NEEDS[p.backend])

    def bounding_func(self, individual: Mapping[str, Any]) -> dict[str, Any]:
        """Return the individual with its weights and delays clipped to their ranges."""
        return {
            "weights": np.clip(individual["weights"], -WEIGHT_LIMIT, WEIGHT_LIMIT),
            "delays": np.clip(np.rint(individual["delays"]), 1, MAX_DELAY).astype(np.int64),
        }

    def simulate(self, traj: Any) -> Result:
        """Let one colony forage in each of the worlds of ``traj.individual.tasks``."""
        one = traj.individual
        batch = self.simulate_batch(
            {"weights": one.weights[None], "delays": one.delays[None]}, [one.seed], [one.tasks]
        )
        fitness = np.asarray(batch.fitness)
        metrics = {name: float(np.asarray(values)[0]) for name, values in batch.metrics.items()}
        return Result(float(fitness[0]), metrics=metrics)

    def simulate_batch(
        self,
        params: Mapping[str, Any],
        seeds: Sequence[int],
        tasks: Sequence[Sequence[World]],
    ) -> BatchResult:
        """Let n colonies forage at once, colony k in each of the worlds ``tasks[k]``."""
        from l2l.optimizees.ants.colony import brain_for, forage

        p = self.parameters
        backend = default_backend() if p.backend == "auto" else p.backend
        per = [len(worlds) for worlds in tasks]
        weights, delays = (np.repeat(params[name], per, axis=0) for name in ("weights", "delays"))
        brain = brain_for(backend, weights, delays, p.ants)
        harvest = forage(brain, [world for worlds in tasks for world in worlds])
        ends = np.cumsum([0, *per[:-1]])
        means = np.add.reduceat(harvest.counts, ends, axis=0) / np.array(per)[:, None]
        returns = np.add.reduceat(harvest.returns, ends) / np.array(per)
        return BatchResult(returns, metrics=dict(zip(COUNTED, means.T, strict=True)))
