"""TVB: any model of an installed tvb-library, run by its own Simulator."""

from __future__ import annotations

from l2l.optimizees.tvb.optimizee import TVB, TVBParameters

__all__ = ["TVB", "TVBParameters"]
