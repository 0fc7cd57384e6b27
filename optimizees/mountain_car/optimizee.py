"""MountainCar: evolve the weights of a spiking network so that it drives the car to the goal.

Use case 5 of Yegenoglu et al. 2022, "Exploring parameter and hyper-parameter spaces of neuroscience
models on high performance computers with learning to learn", Front. Comput. Neurosci. 16:885207.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

import numpy as np

from l2l.errors import MissingExtra
from l2l.optimizee import Optimizee, OptimizeeParameters, Result
from l2l.optimizees.mountain_car.layout import LIMIT, N_WEIGHTS
from l2l.options import option
from l2l.space import Parameter, ParameterSpace


class MountainCarParameters(OptimizeeParameters):
    """Parameters of :class:`MountainCar`."""

    episodes: int = option(1, "episodes of one evaluation; fitness is their mean", low=1)
    steps: int = option(110, "steps of the environment in an episode, at most", low=1)
    threads: int = option(1, "threads of NEST", low=1)


class MountainCar(Optimizee):
    """A spiking network in NEST drives a weak car up a hill; maximise how far it comes.

    Fitness is the furthest position of the car, in the mean over the episodes. The car starts at
    rest at -0.6..-0.4; the valley is at -0.5, the goal at 0.5. An individual is ``{"weights": array
    of shape (315,)}``, each in [-20, 20]. The metrics are ``steps`` (mean number of steps taken,
    ``parameters.steps`` where the goal was not reached) and ``solved`` (fraction of the episodes
    that reached the goal).

    Raises:
        MissingExtra: If NEST or Gymnasium are not installed.
    """

    Parameters = MountainCarParameters
    space = ParameterSpace(
        [Parameter("weights", -LIMIT, LIMIT, shape=(N_WEIGHTS,), description="of the synapses")]
    )

    def __init__(self, traj: Any = None, parameters: MountainCarParameters | None = None) -> None:
        super().__init__(traj, parameters)
        # Said before the first evaluation, and without importing NEST into the outer loop.
        for module, package, extra in (
            ("nest", "nest-simulator", "nest"),
            ("gymnasium", "gymnasium", "gym"),
        ):
            if importlib.util.find_spec(module) is None:
                raise MissingExtra(package, extra)

    def bounding_func(self, individual: Mapping[str, Any]) -> dict[str, Any]:
        """Return the individual with its weights clipped to [-20, 20]."""
        return {"weights": np.clip(individual["weights"], -LIMIT, LIMIT)}

    def simulate(self, traj: Any) -> Result:
        """Drive ``parameters.episodes`` times, from start positions that the seed decides."""
        from l2l.optimizees.mountain_car.episode import drive

        p = self.parameters
        runs = [
            drive(traj.individual.weights, seed, steps=p.steps, threads=p.threads)
            for seed in episode_seeds(traj.individual.seed, p.episodes)
        ]
        return Result(
            fitness=(float(np.mean([run.positions.max() for run in runs])),),
            metrics={
                "steps": float(np.mean([run.steps for run in runs])),
                "solved": float(np.mean([run.solved for run in runs])),
            },
        )


def episode_seeds(seed: int, n: int) -> list[int]:
    """Return the seeds of ``n`` episodes, 1..2^32-1; the first ones do not depend on ``n``."""
    words = np.random.SeedSequence(seed).generate_state(n)
    return [max(1, int(word)) for word in words]
