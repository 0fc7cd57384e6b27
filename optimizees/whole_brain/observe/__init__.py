"""Observation of simulations on the fly: series, BOLD, functional connectivity and its dynamics.

What there is and how to use it is in ``docs/whole-brain-observation.md``.
"""

from l2l.optimizees.whole_brain.observe.base import Observer, Passing, check_names, results
from l2l.optimizees.whole_brain.observe.bold import Bold
from l2l.optimizees.whole_brain.observe.connectivity import Connectivity, Statistics
from l2l.optimizees.whole_brain.observe.dynamics import Dynamics, PhaseDynamics
from l2l.optimizees.whole_brain.observe.series import Coarser, Series

__all__ = [
    "Bold",
    "Coarser",
    "Connectivity",
    "Dynamics",
    "Observer",
    "Passing",
    "PhaseDynamics",
    "Series",
    "Statistics",
    "check_names",
    "results",
]
