"""The base classes under the path that classic run scripts import them from."""

from __future__ import annotations

from l2l.optimizee import Optimizee, OptimizeeParameters

__all__ = ["Optimizee", "OptimizeeParameters"]
