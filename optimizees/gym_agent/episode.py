"""Episodes: the network acts until the environment ends them or the time is up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.optimizees.gym_agent.arena import Arena, flat
from l2l.optimizees.gym_agent.coding import Coding
from l2l.optimizees.gym_agent.network import Brain, FastBrain

#: Episodes side by side on the fast backends, at most.
LANES = 100


@dataclass
class Episode:
    """What happened in an episode of n steps.

    Attributes:
        observations: ``n + 1`` of ``k`` numbers each, from the start on.
        actions: ``n`` of them.
        rewards: ``n``.
        spikes: ``n`` times those of the output neurons.
        terminated: Whether the environment ended it: goal reached, or fallen.
        truncated: Whether the time was up.
    """

    observations: list[list[float]]
    actions: list[Any] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    spikes: list[NDArray[np.int64]] = field(default_factory=list)
    terminated: bool = False
    truncated: bool = False

    @property
    def steps(self) -> int:
        """Number of steps taken."""
        return len(self.actions)

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.terminated or self.truncated

    @property
    def total(self) -> float:
        """The return: the sum of the rewards."""
        return float(np.sum(self.rewards))

    @property
    def furthest(self) -> float:
        """Largest value that the first observed variable took, the start included."""
        return max(observation[0] for observation in self.observations)


def drive(
    arena: Arena,
    coding: Coding,
    weights: NDArray[np.float64],
    seeds: Sequence[int],
    *,
    backend: str = "nest",
    threads: int = 1,
) -> list[Episode]:
    """Run an episode for each seed, each on a network at rest.

    Args:
        arena: The environment.
        coding: What couples it to the network.
        weights: ``(n_weights,)``, see :meth:`Coding.split`; or one row an episode.
        seeds: Of the environment's ``reset``, which decide where the episodes start.
        backend: "nest", "numba" or "numpy"; all give the same episodes, to the bit.
        threads: Threads of NEST.

    Raises:
        FloatingPointError: If an observation or a reward is not a finite number.
    """
    rows = np.atleast_2d(np.asarray(weights, dtype=np.float64))
    width = 1 if backend == "nest" else LANES
    episodes: list[Episode] = []
    for k in range(0, len(seeds), width):
        part = seeds[k : k + width]
        own = rows[k : k + width] if len(rows) > 1 else rows
        brain = _brain(coding, own, len(part), backend, threads)
        episodes += _side_by_side(arena, coding, brain, part)
    return episodes


def _brain(
    coding: Coding, weights: NDArray[np.float64], lanes: int, backend: str, threads: int
) -> Brain:
    if backend != "nest":
        return FastBrain(coding, weights, lanes, backend)
    from l2l.optimizees.gym_agent.nest_network import NestBrain

    return NestBrain(coding, weights[0], threads)


def _side_by_side(
    arena: Arena, coding: Coding, brain: Brain, seeds: Sequence[int]
) -> list[Episode]:
    """Run the episodes of some lanes until the last has ended."""
    envs = [arena.open(number) for number in range(len(seeds))]
    episodes = [
        Episode([flat(env.reset(seed=int(seed))[0])]) for env, seed in zip(envs, seeds, strict=True)
    ]
    with ExitStack() as stack:
        stack.enter_context(brain)
        while not all(episode.over for episode in episodes):
            spikes = brain.step(list(_active(coding, episodes)))
            for env, episode, counts in zip(envs, episodes, spikes, strict=True):
                if not episode.over:
                    _act(env, episode, counts, coding.action(counts))
    return episodes


def _active(coding: Coding, episodes: Sequence[Episode]) -> Iterator[tuple[int, ...] | None]:
    for episode in episodes:
        yield None if episode.over else coding.active_inputs(episode.observations[-1])


def _act(env: Any, episode: Episode, spikes: NDArray[np.int64], action: Any) -> None:
    """Take one step of the environment and note it."""
    observation, reward, terminated, truncated, _ = env.step(action)
    if not np.isfinite(reward):
        raise FloatingPointError(f"the environment returned a reward of {reward}")
    episode.observations.append(flat(observation))
    episode.actions.append(action)
    episode.rewards.append(float(reward))
    episode.spikes.append(spikes)
    episode.terminated, episode.truncated = bool(terminated), bool(truncated)
