"""Every registered optimizer keeps the contract, in every sort of space."""

from __future__ import annotations

import functools
import subprocess
import sys

import pytest

from l2l import registry
from l2l.testing import check_optimizer, example_spaces
from l2l.testing.optimizers import CONTRACT

#: Options with which an optimizer does more within the few generations of a check.
SMALL = {
    "cma_es": {"pop_size": 6},
    "cross_entropy": {"pop_size": 8, "rho": 0.5, "temp_decay": 0.9, "tol_x": 0.2},
    "evolution_strategies": {"pop_size": 3, "tol_x": 0.9, "restarts": "bipop"},
    "ensemble_kalman_filter": {"pop_size": 7, "sample": True, "n_batches": 2},
    "face": {"min_pop_size": 8, "max_pop_size": 14, "n_expand": 3, "restarts": "ipop"},
    "genetic_algorithm": {"pop_size": 9, "elitism": 2, "hall_of_fame": 3},
    "grid_search": {"n_points": 3, "batch": 7},
    "gradient_ascent": {"learning_rate": 0.1, "n_random_steps": 3},
    "latin_hypercube": {"n_samples": 23, "batch": 7},
    "multi_gradient_ascent": {"pop_size": 2, "n_sets": 5, "tol": 0.05},
    "natural_evolution_strategies": {"pop_size": 3, "tol_x": 0.9, "bounds": "resample"},
    "parallel_tempering": {"n_parallel_runs": 4, "temp_decay": 0.5},
    "quasi_random": {"pop_size": 7},
    "random_search": {"pop_size": 8},
    "simulated_annealing": {"n_parallel_runs": 3, "temp_decay": 0.5},
    "stochastic_gradient_ascent": {"learning_rate": 0.1, "antithetic": False},
    "xnes": {"pop_size": 4, "tol_x": 0.9, "step_control": "phases"},
}


def small(name):
    cls = registry.load("optimizers", name)
    parameters = cls.Parameters(**SMALL.get(name, {}))
    return functools.partial(_make, cls, parameters)


def _make(cls, parameters, space, **kwargs):
    return cls(space, parameters, **kwargs)


@pytest.mark.parametrize("contract", CONTRACT, ids=lambda c: c.__name__)
@pytest.mark.parametrize("space", example_spaces())
@pytest.mark.parametrize("name", registry.names("optimizers"))
def test_small(name, space, contract):
    contract(small(name), example_spaces()[space], 8)


@pytest.mark.parametrize("name", registry.names("optimizers"))
def test_defaults(name):
    check_optimizer(registry.load("optimizers", name))


@pytest.mark.parametrize("name", registry.names("optimizers"))
def test_every_option_has_a_default_and_a_line_of_text(name):
    cls = registry.load("optimizers", name)
    for field in cls.Parameters.__dataclass_fields__.values():
        assert field.metadata["doc"], field.name
    cls.Parameters()


def test_the_folder_refuses_to_be_a_package_of_its_own():
    code = "import optimizers"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "ImportError" in done.stderr
    assert "from l2l.optimizers" in done.stderr
