"""The rules of the world: what actions cost and bring, how far ants see, how scents spread."""

from __future__ import annotations

import math

import numpy as np

from l2l.optimizees.ants.layout import Floats

#: What is counted in an episode, in this order.
COUNTED = ("moved", "turned", "dropped", "rested", "taken", "home")
#: What each is worth (section 3.3.3 and equation 6 of the paper).
WORTH: Floats = np.array([-0.25, -0.02, -0.05, -0.5, 1.5, 220.0])

DIFFUSION = 0.2  #: share of the pheromone of a cell that its four neighbours get in a tick
EVAPORATION = 0.01  #: share that is gone after a tick
SCENT = 0.05  #: an ant smells more than this; one drop is 1
OCTANT = math.tan(math.pi / 8)  #: "ahead" is within 22.5 degrees of the heading
SIGHT = 3  #: cells ahead in which food is seen
FEEL = 2  #: cells ahead in which the wall is seen
