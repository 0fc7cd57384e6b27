"""l2l: learning to learn for high-performance computing.

An outer loop, the optimizer, proposes parameter sets; an inner loop, the optimizee, runs a
simulation with each and returns its fitness; a trajectory keeps everything that happened::

    import l2l

    result = l2l.optimize(lambda p: -(p.x**2), space={"x": (-5.0, 5.0)}, generations=20)
    print(result.best.individual)
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

from l2l.classic.finder import ClassicFinder

if TYPE_CHECKING:
    from l2l.api import optimize, resume
    from l2l.errors import ConfigError, Interrupted, L2LError, MissingExtra, NothingWorked
    from l2l.evaluation import Evaluations, Status
    from l2l.execution import Result as RunResult
    from l2l.optimizee import BatchResult, Individual, Optimizee, OptimizeeParameters, Result
    from l2l.optimizer import Optimizer, OptimizerParameters
    from l2l.options import option
    from l2l.registry import make_optimizer
    from l2l.replays import replay
    from l2l.space import Parameter, ParameterSpace
    from l2l.tasks import Ramp, TaskFamily
    from l2l.trajectory import Trajectory, load

__version__ = "0.1.0"

#: The folder in which this process was when it imported l2l; None if that has been deleted.
try:
    STARTED_IN: str | None = os.getcwd()
except OSError:
    STARTED_IN = None

#: Public name -> module. Imported when first used, so that ``import l2l`` stays fast.
_MODULES = {
    "l2l.api": ("optimize", "resume"),
    "l2l.errors": ("ConfigError", "Interrupted", "L2LError", "MissingExtra", "NothingWorked"),
    "l2l.evaluation": ("Evaluations", "Status"),
    "l2l.optimizee": (
        "BatchResult", "Individual", "Optimizee", "OptimizeeParameters", "Result",
    ),
    "l2l.optimizer": ("Optimizer", "OptimizerParameters"),
    "l2l.options": ("option",),
    "l2l.registry": ("make_optimizer",),
    "l2l.replays": ("replay",),
    "l2l.space": ("Parameter", "ParameterSpace"),
    "l2l.tasks": ("Ramp", "TaskFamily"),
    "l2l.trajectory": ("Trajectory", "load"),
    "l2l.classic.tools": (
        "DictEntryType", "DummyTrajectory", "convert_dict_to_numpy", "dict_to_list", "get",
        "get_grouped_dict", "list_to_dict", "printq", "sdict", "sdictm", "static_var",
        "static_vars", "stdout_discarded", "stdout_redirected", "timed",
    ),
}  # fmt: skip
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "BatchResult", "ConfigError", "Evaluations", "Individual", "Interrupted", "L2LError",
    "MissingExtra", "NothingWorked", "Optimizee", "OptimizeeParameters", "Optimizer",
    "OptimizerParameters", "Parameter", "ParameterSpace", "Ramp", "Result", "RunResult", "Status",
    "TaskFamily", "Trajectory", "load", "make_optimizer", "optimize", "option", "replay",
    "resume",
]  # fmt: skip

ClassicFinder.install(sys.meta_path)


def __getattr__(name: str) -> Any:
    if name == "RunResult":
        return importlib.import_module("l2l.execution").Result
    if name not in _HOME:
        raise AttributeError(f"module 'l2l' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
