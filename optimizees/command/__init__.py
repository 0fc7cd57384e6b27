"""Any command line as an optimizee; no Python needed."""

from __future__ import annotations

from l2l.optimizees.command.optimizee import Command, CommandParameters

__all__ = ["Command", "CommandParameters"]
