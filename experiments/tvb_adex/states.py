"""Metrics of config-states.yaml: likeness of functional connectivity to four planted states.

The states are those of the paper's table 3. Their references are simulated here, as the model's
second order in double precision, with seeds of their own.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from l2l.optimizees.whole_brain.analysis import upper
from l2l.optimizees.whole_brain.observe import Series
from l2l.optimizees.whole_brain.optimizee import WholeBrain
from l2l.optimizees.whole_brain.options import WholeBrainParameters

#: Parameters of the planted states.
STATES = {
    "G": [0.0, 0.3, 0.4, 0.4],
    "b_e": [0.0, 24.0, 72.0, 120.0],
    "E_L_e": [-64.0, -64.0, -70.0, -64.0],
    "E_L_i": [-64.0, -64.0, -70.0, -64.0],
}
SEEDS = np.array([1001, 1002, 1003, 1004])


@functools.cache
def brain(samples: int) -> WholeBrain:
    """Return what simulates the references, over so many ms, with the metrics of the search."""
    given = yaml.safe_load(Path(__file__).with_name("config-states.yaml").read_text())["optimizee"]
    del given["name"]
    given["metrics"] = [name for name in given["metrics"] if ":" not in name]
    given |= {"model": "adex_second_order", "precision": "float64"}
    given["duration"] = given["transient"] + samples
    return WholeBrain(parameters=WholeBrainParameters(**given))


def planted() -> dict[str, Any]:
    """Return the parameters of the states as arrays."""
    return {name: np.array(values) for name, values in STATES.items()}


@functools.cache
def references(samples: int) -> list[Any]:
    """Return the functional connectivity of the states over so many ms."""
    study = brain(samples).study
    series = study.simulation.run(study.batch(planted(), SEEDS), [Series("E", "E")]).results["E"]
    return [np.corrcoef(one.T) for one in series]


def pairs(signals: Any) -> Any:
    """Return the correlation with each reference, over all pairs of regions."""
    found = references(signals.samples)
    return np.array([np.corrcoef(upper(signals.fc), upper(one))[0, 1] for one in found])


def matrix(signals: Any) -> Any:
    """Return the same as published: over the whole matrices, with the ones on their diagonals."""
    found = references(signals.samples)
    return np.array([np.corrcoef(signals.fc.ravel(), one.ravel())[0, 1] for one in found])
