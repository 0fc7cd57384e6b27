"""One episode: the network drives the car until it reaches the goal or the time is up."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from l2l.optimizees.mountain_car.layout import active_inputs, winner
from l2l.optimizees.mountain_car.network import Network


@dataclass(frozen=True)
class Episode:
    """What happened in an episode of n steps.

    Attributes:
        positions: ``(n + 1,)`` of the car, from the start on.
        actions: ``(n,)``: 0 push left, 1 do nothing, 2 push right.
        spikes: ``(n, 3)`` of the output neurons.
        solved: Whether the car reached the goal, at position 0.5.
    """

    positions: NDArray[np.float64]
    actions: NDArray[np.int64]
    spikes: NDArray[np.int64]
    solved: bool

    @property
    def steps(self) -> int:
        """Number of steps taken."""
        return len(self.actions)


def drive(
    weights: NDArray[np.float64], seed: int, *, steps: int = 110, threads: int = 1
) -> Episode:
    """Run one episode on a fresh network.

    Args:
        weights: ``(315,)``, see :func:`~l2l.optimizees.mountain_car.layout.split`.
        seed: Of the start position, and of NEST; 1..2^32-1.
        steps: Steps of the environment at most.
        threads: Threads of NEST.
    """
    env = _environment(steps)
    state, _ = env.reset(seed=seed)
    positions, actions, spikes = [float(state[0])], [], []
    with Network(weights, seed, threads) as network:
        over = solved = False
        while not (solved or over):
            spikes.append(network.step(active_inputs(*state)))
            actions.append(winner(spikes[-1]))
            state, _, solved, over, _ = env.step(actions[-1])
            positions.append(float(state[0]))
    return Episode(np.array(positions), np.array(actions), np.array(spikes), bool(solved))


@functools.lru_cache(maxsize=1)
def _environment(steps: int) -> Any:
    """Return the environment; a reset with a seed makes it as good as new."""
    return gymnasium.make("MountainCar-v0", max_episode_steps=steps, disable_env_checker=True)
