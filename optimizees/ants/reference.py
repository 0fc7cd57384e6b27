"""Ants that follow rules instead of a network: what the worlds have to give."""

from __future__ import annotations

import numpy as np

from l2l.optimizees.ants.brain import Quiet
from l2l.optimizees.ants.layout import N_MOTORS, Bools, Ints


class RuleBrain(Quiet):
    """Rules written by hand, with the receptors of the network and no memory.

    An ant with food turns towards the nest and lays a trail; one without goes for the food that it
    sees, follows a trail away from the nest, and turns from walls; else it goes straight ahead.

    Args:
        scent: Whether the ants use pheromone.
    """

    def __init__(self, scent: bool = True) -> None:
        self.scent = scent

    def step(self, senses: Bools) -> Ints:
        """Return the actions ``(n, ants, 4)``, in the place of spikes."""
        smell_left, _, smell_right, nest_left, nest_ahead, nest_right = np.moveaxis(
            senses[..., :6], -1, 0
        )
        queen, loaded, food, wall = (senses[..., k] for k in (6, 7, 9, 10))
        trail = self.scent & ~loaded & ~food & ~queen & senses[..., :3].any(axis=-1)
        back = trail & nest_ahead
        left = np.where(loaded, nest_left, (trail & smell_left & ~back) | (wall & ~food) | back)
        right = np.where(loaded, nest_right, trail & smell_right & ~back & ~wall)
        actions = np.zeros((*queen.shape, N_MOTORS), dtype=np.int64)
        actions[..., 0] = ~(wall & ~loaded & ~food) & ~back
        actions[..., 1], actions[..., 2] = left, right
        actions[..., 3] = self.scent & loaded
        return actions
