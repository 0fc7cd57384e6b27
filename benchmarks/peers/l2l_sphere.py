"""The task as an optimizee; in a module, as the peers' objectives are."""

from __future__ import annotations

from typing import Any

from measure import DIMENSIONS, HIGH, LOW, sphere

import l2l


class Sphere(l2l.Optimizee):
    """The sum of squares; to be minimised."""

    space = l2l.ParameterSpace({f"x{i}": (LOW, HIGH) for i in range(DIMENSIONS)})

    def simulate(self, traj: Any) -> float:
        return sphere(traj.individual.params.values())
