"""MountainCar: evolve the weights of a spiking network so that it drives the car to the goal.

Use case 5 of Yegenoglu et al. 2022, "Exploring parameter and hyper-parameter spaces of neuroscience
models on high performance computers with learning to learn", Front. Comput. Neurosci. 16:885207.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from l2l.optimizee import OptimizeeParameters
from l2l.optimizees.gym_agent.agent import BACKENDS, SpikingAgent, check_installed
from l2l.optimizees.gym_agent.arena import Arena
from l2l.optimizees.gym_agent.coding import N_BINS, Coding
from l2l.optimizees.gym_agent.episode import Episode
from l2l.optimizees.gym_agent.starts import Starts
from l2l.options import option

#: Position [-1.2, 0.6] and velocity [-0.07, 0.07] (the paper's 0.7 is a misprint) in 30 bins each;
#: three actions: 0 push left, 1 do nothing, 2 push right. With 5 hidden neurons: 315 weights.
CODING = Coding(low=(-1.2, -0.07), high=(0.6, 0.07), bins=(N_BINS, N_BINS), outputs=(3,))


GOAL = 0.5  #: position of the flag

#: Fitness of an episode: the furthest position; or where the goal is reached, 0.5 and a hundredth
#: for each step that was left.
SCORES = ("position", "time")


class MountainCarParameters(OptimizeeParameters):
    """Parameters of :class:`MountainCar`."""

    episodes: int = option(1, "episodes of one evaluation; fitness is their mean", low=1)
    steps: int = option(110, "steps of the environment in an episode, at most", low=1)
    threads: int = option(1, "threads of NEST", low=1)
    backend: str = option("nest", "simulator of the network", choices=list(BACKENDS))
    held_out: int = option(20, "held-out start states, on which the best are tested", low=1)
    fitness: str = option(
        "position", "the furthest (the paper's), or with a bonus for time", choices=SCORES
    )


class MountainCar(SpikingAgent):
    """A spiking network in NEST drives a weak car up a hill; maximise how far it comes.

    Fitness is the furthest position of the car, in the mean over the episodes (or, with ``fitness:
    time``, once the goal is reached, 0.5 and 0.01 for each step that was left). The car starts at
    rest at -0.6..-0.4; the valley is at -0.5, the goal at 0.5. An individual is ``{"weights": array
    of shape (315,)}``, each in [-20, 20]. The metrics are ``position`` (mean of the furthest
    positions, whatever the fitness), ``steps`` (mean number of steps taken, ``parameters.steps``
    where the goal was not reached) and ``solved`` (fraction of the episodes that reached the goal).

    Raises:
        MissingExtra: If Gymnasium or the simulator of the network are not installed.
    """

    Parameters = MountainCarParameters
    figures: ClassVar[Mapping[str, str]] = {
        "policy": "l2l.optimizees.mountain_car.figures:policy",
    }

    def __init__(self, traj: Any = None, parameters: MountainCarParameters | None = None) -> None:
        p = parameters or MountainCarParameters()
        check_installed(p.backend)
        # With starts that all individuals of a generation share, the genetic algorithm of the paper
        # solved the task for more seeds than with starts of each one's own (reproduce.md).
        starts = Starts(p.episodes, p.held_out, shared=True)
        super().__init__(traj, p, Arena("MountainCar-v0", steps=p.steps), CODING, starts)

    def score(self, episode: Episode) -> float:
        """Return the furthest position of the car, or what the time it took is worth."""
        if self.parameters.fitness == "position" or not episode.terminated:
            return episode.furthest
        return GOAL + float(self.parameters.steps - episode.steps) / 100

    def metrics(self, episodes: Sequence[Episode]) -> dict[str, float]:
        """Return mean furthest position and steps, and the fraction that reached the goal."""
        return {
            "position": float(np.mean([episode.furthest for episode in episodes])),
            "steps": float(np.mean([episode.steps for episode in episodes])),
            "solved": float(np.mean([episode.terminated for episode in episodes])),
        }
