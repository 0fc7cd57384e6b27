"""Arena: a Gymnasium environment by name, and how it couples to a network."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import ConfigError
from l2l.optimizees.gym_agent.coding import Coding

#: Episodes of random actions that find the range of a variable which has none.
N_RANDOM = 100


@dataclass(frozen=True)
class Arena:
    """An environment of Gymnasium, as ``gymnasium.make`` knows it.

    Attributes:
        name: For example "CartPole-v1", or "package.module:Name-v0".
        arguments: Further keyword arguments of ``gymnasium.make``.
        steps: Steps of an episode, at most; None for the environment's own limit.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    steps: int | None = None

    def open(self, number: int = 0) -> Any:
        """Return the environment; a reset with a seed makes it as good as new.

        Args:
            number: Environments of different numbers can be used at the same time.

        Raises:
            ConfigError: If Gymnasium knows no such environment, or cannot make it.
        """
        return _open(self.name, json.dumps(dict(self.arguments)), self.steps, number)


@functools.lru_cache(maxsize=256)
def _open(name: str, arguments: str, steps: int | None, number: int) -> Any:
    import gymnasium

    try:
        return gymnasium.make(
            name, max_episode_steps=steps, disable_env_checker=True, **json.loads(arguments)
        )
    except (gymnasium.error.Error, ImportError, TypeError) as error:
        raise ConfigError(
            f"Gymnasium cannot make the environment {name!r}: {error}. "
            "gymnasium.pprint_registry() lists the names"
        ) from error


def flat(observation: Any) -> list[float]:
    """Return an observation as a list of floats."""
    return np.asarray(observation, dtype=np.float64).ravel().tolist()


def couple(
    arena: Arena,
    *,
    bins: int,
    levels: int,
    hidden: int,
    bounds: Sequence[Sequence[float]] | None = None,
) -> Coding:
    """Return the coding of an environment.

    Args:
        arena: The environment.
        bins: Input neurons of each observed variable (a numbered state has one for each number).
        levels: Output neurons of each component of a real action.
        hidden: Neurons of the hidden layer.
        bounds: ``(low, high)`` of each observed variable; None for those that the environment
            declares, and where it declares none, those found by random actions.

    Raises:
        ConfigError: If the spaces of the environment can't be coded, or the bounds do not fit.
    """
    env = arena.open()
    outputs = _outputs(env.action_space, levels)
    if type(env.observation_space).__name__ == "Discrete":
        start, n = int(env.observation_space.start), int(env.observation_space.n)
        low, high, counts = [start - 0.5], [start + n - 0.5], [n]
    else:
        low, high = _ranges(arena, bounds)
        counts = [bins] * len(low)
    return Coding(tuple(low), tuple(high), tuple(counts), hidden=hidden, **outputs)


def _outputs(space: Any, levels: int) -> dict[str, Any]:
    """Return the fields of the coding that describe the action."""
    kind = type(space).__name__
    if kind == "Discrete":
        return {"outputs": (int(space.n),), "first": int(space.start)}
    if kind == "MultiDiscrete" and not np.any(space.start):
        return {"outputs": tuple(int(n) for n in space.nvec.ravel()), "shape": space.shape}
    if kind == "Box" and space.is_bounded():
        ends = zip(space.low.ravel().tolist(), space.high.ravel().tolist(), strict=True)
        ranges = tuple(ends)
        return {"outputs": (levels,) * len(ranges), "ranges": ranges, "shape": space.shape}
    raise ConfigError(
        f"actions must be Discrete, MultiDiscrete from 0, or a bounded Box; this environment's are "
        f"{space}. Wrap the environment, and register the wrapped one with Gymnasium"
    )


def _ranges(
    arena: Arena, bounds: Sequence[Sequence[float]] | None
) -> tuple[list[float], list[float]]:
    """Return the lower and upper ends of the ranges of the observed variables."""
    space = arena.open().observation_space
    if type(space).__name__ != "Box":
        raise ConfigError(
            f"observations must be a Box or Discrete; this environment's are {space}. Wrap it "
            "with gymnasium.wrappers.FlattenObservation, and register the wrapped one"
        )
    low, high = (np.array(end, dtype=np.float64).ravel() for end in (space.low, space.high))
    if bounds is not None:
        given = np.array(bounds, dtype=np.float64)
        if given.shape != (len(low), 2) or not np.all(given[:, 0] < given[:, 1]):
            raise ConfigError(
                f"bounds must be (low, high) for each of the {len(low)} observed variables, "
                f"low < high; got {bounds!r}"
            )
        low, high = given.T
    elif not (np.isfinite(low).all() and np.isfinite(high).all()):
        seen = _explore(arena)
        low = np.where(np.isfinite(low), low, seen.min(axis=0))
        high = np.where(np.isfinite(high), high, seen.max(axis=0))
    same = low >= high  # a variable that never moves gets a range around its value
    return (low - same).tolist(), (high + same).tolist()


def _explore(arena: Arena) -> NDArray[np.float64]:
    """Return what random actions come to see, ``(observations, k)``; always the same."""
    env = arena.open()
    env.action_space.seed(1)
    seen = []
    for seed in range(1, N_RANDOM + 1):
        seen.append(flat(env.reset(seed=seed)[0]))
        for _ in range(1000):
            observation, _, terminated, truncated, _ = env.step(env.action_space.sample())
            seen.append(flat(observation))
            if terminated or truncated:
                break
    return np.array(seen)
