"""A spiking network acts in any Gymnasium environment, and is evolved to act well."""

from __future__ import annotations

from l2l.optimizees.gym_agent.agent import SpikingAgent
from l2l.optimizees.gym_agent.optimizee import GymAgent, GymAgentParameters

__all__ = ["GymAgent", "GymAgentParameters", "SpikingAgent"]
