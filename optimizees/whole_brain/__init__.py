"""Whole-brain models, simulated by the ten thousand on CPUs and GPUs.

The optimizee is :class:`~l2l.optimizees.whole_brain.optimizee.WholeBrain`. The engine beneath it
can be used by itself::

    from l2l.optimizees.whole_brain import Batch, Connectivity, Simulation, load, synthetic

    model, connectome = load("generic2d"), synthetic(76).scaled("max")
    sets = Batch(model, [connectome], seeds=range(1, 65), parameters={"G": 0.1}, speed=3.0)
    outcome = Simulation(model, duration=2000.0, transient=500.0).run(sets, [Connectivity()])
    outcome.results["fc"]  # (64, 76, 76)

The folders: ``models`` the equations; ``connectome`` what links regions; ``cpu``, ``gpu`` and
``reference`` the backends; ``observe`` what is taken from a simulation while it runs; ``analysis``
what is computed from that. Importing this package imports no compiler.
"""

from l2l.optimizees.whole_brain.batch import Batch
from l2l.optimizees.whole_brain.connectome import Connectome, read, synthetic
from l2l.optimizees.whole_brain.model import Model, ModelParameter, State
from l2l.optimizees.whole_brain.models import MODELS, load
from l2l.optimizees.whole_brain.observe import (
    Bold,
    Coarser,
    Connectivity,
    Dynamics,
    Observer,
    PhaseDynamics,
    Series,
    Statistics,
)
from l2l.optimizees.whole_brain.simulation import Outcome, Simulation, Stimulus

__all__ = [
    "MODELS",
    "Batch",
    "Bold",
    "Coarser",
    "Connectivity",
    "Connectome",
    "Dynamics",
    "Model",
    "ModelParameter",
    "Observer",
    "Outcome",
    "PhaseDynamics",
    "Series",
    "Simulation",
    "State",
    "Statistics",
    "Stimulus",
    "load",
    "read",
    "synthetic",
]
