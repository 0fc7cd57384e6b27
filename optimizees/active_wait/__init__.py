"""Active wait: an optimizee that burns CPU time, for trying executors and machines out."""

from __future__ import annotations

from l2l.optimizees.active_wait.optimizee import AWOptimizee, AWOptimizeeParameters

__all__ = ["AWOptimizee", "AWOptimizeeParameters"]
