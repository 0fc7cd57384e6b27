"""GymAgent: any Gymnasium environment, with discrete or real observations and actions."""

from __future__ import annotations

from typing import Any

from l2l.errors import ConfigError
from l2l.optimizee import OptimizeeParameters
from l2l.optimizees.gym_agent.agent import BACKENDS, SpikingAgent, check_installed
from l2l.optimizees.gym_agent.arena import Arena, couple
from l2l.optimizees.gym_agent.coding import N_BINS, N_HIDDEN
from l2l.optimizees.gym_agent.episode import Episode
from l2l.optimizees.gym_agent.starts import Starts
from l2l.options import option


class GymAgentParameters(OptimizeeParameters):
    """Parameters of :class:`GymAgent`."""

    environment: str = option("CartPole-v1", "name of the environment, for gymnasium.make")
    arguments: Any = option(None, "further arguments of gymnasium.make, a mapping")
    episodes: int = option(1, "episodes of one evaluation; fitness is their mean", low=1)
    steps: int | None = option(None, "steps of an episode, at most (None: its own limit)", low=1)
    fitness: str = option(
        "return",
        "sum of the rewards, or furthest of the 1st variable",
        choices=["return", "furthest"],
    )
    bins: int = option(N_BINS, "input neurons of each observed variable", low=2)
    bounds: Any = option(None, "[low, high] of each observed variable (None: declared, or found)")
    levels: int = option(3, "output neurons of each component of a real action", low=2)
    hidden: int = option(N_HIDDEN, "neurons of the hidden layer", low=1)
    backend: str = option("nest", "simulator of the network", choices=list(BACKENDS))
    threads: int = option(1, "threads of NEST", low=1)
    held_out: int = option(20, "held-out start states, on which the best are tested", low=1)

    def check(self) -> None:
        """Refuse arguments that are not a mapping."""
        if not isinstance(self.arguments, (dict, type(None))):
            raise ConfigError(f"arguments must be a mapping, got {self.arguments!r}")


class GymAgent(SpikingAgent):
    """A spiking network acts in any Gymnasium environment; maximise the return.

    An individual is ``{"weights": array}``, each in [-20, 20]: from the input to the hidden and on
    to the output layer. The metrics are ``steps`` and ``return``, means over the episodes.

    Raises:
        MissingExtra: If Gymnasium or the simulator of the network are not installed.
        ConfigError: If there is no such environment, or its spaces can't be coded.
    """

    Parameters = GymAgentParameters
    parameters: GymAgentParameters

    def __init__(self, traj: Any = None, parameters: GymAgentParameters | None = None) -> None:
        p = parameters or GymAgentParameters()
        check_installed(p.backend)
        arena = Arena(p.environment, p.arguments or {}, p.steps)
        coding = couple(arena, bins=p.bins, levels=p.levels, hidden=p.hidden, bounds=p.bounds)
        starts = Starts(p.episodes, p.held_out, shared=True)
        super().__init__(traj, p, arena, coding, starts)

    def score(self, episode: Episode) -> float:
        """Return the sum of the rewards, or how far the first variable came."""
        return episode.total if self.parameters.fitness == "return" else episode.furthest
