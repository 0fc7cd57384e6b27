"""NetLogo models as optimizees, run headless."""

from __future__ import annotations

from l2l.optimizees.netlogo.optimizee import NetLogo
from l2l.optimizees.netlogo.parameters import NetLogoParameters

__all__ = ["NetLogo", "NetLogoParameters"]
