"""Analysis of whole-brain simulations: connectivity, phases, spectra, UP and DOWN states.

:func:`evaluate` computes :data:`METRICS` of many sets; what they are is in
``docs/whole-brain-analysis.md``.
"""

from l2l.optimizees.whole_brain.analysis.compare import (
    correlation,
    fcsc,
    identifiability,
    ks_distance,
    upper,
)
from l2l.optimizees.whole_brain.analysis.context import Context
from l2l.optimizees.whole_brain.analysis.evaluation import check, evaluate, flat, metrics
from l2l.optimizees.whole_brain.analysis.metrics import METRICS, Metric
from l2l.optimizees.whole_brain.analysis.signals import Signals, signals

__all__ = [
    "METRICS",
    "Context",
    "Metric",
    "Signals",
    "check",
    "correlation",
    "evaluate",
    "fcsc",
    "flat",
    "identifiability",
    "ks_distance",
    "metrics",
    "signals",
    "upper",
]
