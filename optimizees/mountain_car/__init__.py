"""Mountain car: a spiking network in NEST learns to drive a weak car up a hill."""

from __future__ import annotations

from l2l.optimizees.mountain_car.optimizee import MountainCar, MountainCarParameters

__all__ = ["MountainCar", "MountainCarParameters"]
