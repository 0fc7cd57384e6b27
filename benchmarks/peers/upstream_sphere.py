"""The optimizee of ``upstream_ga.py``; a module of its own, because its workers must import it."""

import numpy as np
from measure import DIMENSIONS, HIGH, LOW, sphere

from l2l.optimizees.optimizee import Optimizee


class Sphere(Optimizee):
    def create_individual(self):
        return {"x": np.random.uniform(LOW, HIGH, DIMENSIONS)}  # noqa: NPY002

    def bounding_func(self, individual):
        return {"x": np.clip(individual["x"], LOW, HIGH)}

    def simulate(self, traj):
        return (sphere(traj.individual.x.tolist()),)
