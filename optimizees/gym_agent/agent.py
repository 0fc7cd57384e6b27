"""SpikingAgent: what all optimizees have in common whose network acts in an environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import need
from l2l.optimizee import Optimizee, OptimizeeParameters, Result
from l2l.optimizees.gym_agent.arena import Arena
from l2l.optimizees.gym_agent.coding import LIMIT, Coding
from l2l.optimizees.gym_agent.episode import Episode, drive
from l2l.optimizees.gym_agent.starts import Starts
from l2l.space import Parameter, ParameterSpace

#: Simulators of the network: module, package and extra.
BACKENDS = {
    "nest": ("nest", "nest-simulator", "nest"),
    "numba": ("numba", "numba", "numba"),
    "numpy": ("numpy", "numpy", "gym"),
}


def check_installed(backend: str) -> None:
    """Raise MissingExtra unless Gymnasium and what the backend needs are installed.

    Said before the first evaluation, and without importing a simulator into the outer loop.
    """
    need(*BACKENDS[backend])
    need("gymnasium", "gymnasium", "gym")


class SpikingAgent(Optimizee):
    """A spiking network acts in an environment; its weights are evolved.

    Args:
        traj: As for every optimizee.
        parameters: With the fields ``backend`` and ``threads``.
        arena: The environment.
        coding: What couples it to the network.
        starts: Where its episodes start.

    Raises:
        MissingExtra: If Gymnasium or the simulator of the network are not installed.
    """

    tasks: Starts

    def __init__(
        self,
        traj: Any,
        parameters: OptimizeeParameters | None,
        arena: Arena,
        coding: Coding,
        starts: Starts,
    ) -> None:
        super().__init__(traj, parameters)
        self.arena, self.coding, self.tasks = arena, coding, starts
        self.space = ParameterSpace(
            [
                Parameter(
                    "weights", -LIMIT, LIMIT, shape=(coding.n_weights,), description="of synapses"
                )
            ]
        )

    def bounding_func(self, individual: Mapping[str, Any]) -> dict[str, Any]:
        """Return the individual with its weights clipped to [-20, 20]."""
        return {"weights": np.clip(individual["weights"], -LIMIT, LIMIT)}

    def drive(
        self,
        weights: NDArray[np.float64],
        seeds: Sequence[int],
        *,
        steps: int | None = None,
        backend: str | None = None,
    ) -> list[Episode]:
        """Run an episode for each seed, each on a network at rest.

        Args:
            weights: ``(n_weights,)``, or a row for each episode.
            seeds: Of the environment's ``reset``.
            steps: Steps of an episode at most, where they are not those of the parameters.
            backend: The same for the simulator of the network.
        """
        p = self.parameters
        arena = self.arena if steps is None else replace(self.arena, steps=steps)
        return drive(
            arena, self.coding, weights, seeds, backend=backend or p.backend, threads=p.threads
        )

    def simulate(self, traj: Any) -> Result:
        """Run the episodes that the tasks say: seeds of the environment's ``reset``."""
        individual = traj.individual
        seeds = individual.tasks or self.tasks.train(individual.seed, individual.generation)
        episodes = self.drive(individual.weights, seeds)
        scores = [self.score(episode) for episode in episodes]
        return Result(fitness=(float(np.mean(scores)),), metrics=self.metrics(episodes))

    def score(self, episode: Episode) -> float:
        """Return the fitness of one episode."""
        return episode.total

    def metrics(self, episodes: Sequence[Episode]) -> dict[str, float]:
        """Return the metrics of an evaluation."""
        return {
            "steps": float(np.mean([episode.steps for episode in episodes])),
            "return": float(np.mean([episode.total for episode in episodes])),
        }
