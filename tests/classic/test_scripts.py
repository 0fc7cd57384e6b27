"""Run scripts written for upstream L2L work unchanged, with or without a main guard."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import l2l

SKELETON = """
from l2l.utils.experiment import Experiment
{imports}
{definitions}
def main():
    experiment = Experiment(root_dir_path='results')
    traj, runner_params = experiment.prepare_experiment(
        name='N', trajectory_name='T', log_stdout=True,
        runner_params={{"srun": "", "exec": "python3", "max_workers": 2}},
        overwrite=True, debug=False, stop_run=False)
    {optimizee}
    {optimizer}
    experiment.run_experiment(optimizer=optimizer, optimizee=optimizee,
                              optimizer_parameters=parameters, optimizee_parameters=None)
    traj, paths = experiment.end_experiment(optimizer)
    print("BEST", optimizer.best_fitness, len(traj.individuals), paths.output_dir_path)
{call}
"""

FUNCTION = """(fname, fn), fparams = BenchmarkedFunctions().get_function_by_index(4, noise=True)
    optimizee = FunctionGeneratorOptimizee(traj, fn, seed=100)"""
GA = """parameters = GeneticAlgorithmParameters(seed=0, pop_size=8, cx_prob=0.5, mut_prob=0.3,
        n_iteration=3, ind_prob=0.02, tourn_size=15, mate_par=0.5, mut_par=1)
    optimizer = GeneticAlgorithmOptimizer(traj,
        optimizee_create_individual=optimizee.create_individual,
        optimizee_fitness_weights=(-0.1,), parameters=parameters,
        optimizee_bounding_func=optimizee.bounding_func)"""
GRID = """parameters = GridSearchParameters(param_grid={
        'coords': (optimizee.bound[0], optimizee.bound[1], 3)})
    optimizer = GridSearchOptimizer(traj,
        optimizee_create_individual=optimizee.create_individual,
        optimizee_fitness_weights=(-0.1,), parameters=parameters)"""
FUNCTIONS = """
from l2l.optimizees.functions import tools as function_tools
from l2l.optimizees.functions.benchmarked_functions import BenchmarkedFunctions
from l2l.optimizees.functions.optimizee import FunctionGeneratorOptimizee
"""
EVOLUTION = """
from l2l.optimizers.evolution import GeneticAlgorithmOptimizer, GeneticAlgorithmParameters
"""
OWN = """
import numpy as np
from l2l.optimizees.optimizee import Optimizee, OptimizeeParameters
from collections import namedtuple
MineParameters = namedtuple('MineParameters', ['scale'])

class Mine(Optimizee):
    def __init__(self, traj, parameters):
        super().__init__(traj)
        self.scale = parameters.scale
        self.ind_idx = traj.individual.ind_idx
        for k, v in self.create_individual().items():
            traj.individual.f_add_parameter(k, v)

    def create_individual(self):
        return {'x': np.random.uniform(-1, 1), 'w': np.random.uniform(-1, 1, 3)}

    def bounding_func(self, individual):
        return {k: np.clip(v, -1, 1) for k, v in individual.items()}

    def simulate(self, traj):
        assert traj.individual.generation >= 0 and traj.individual.ind_idx >= 0
        assert abs(traj.individual.x) <= 1
        return (self.scale * (traj.individual.x ** 2 + np.sum(traj.individual.w ** 2)),)
"""

CASES = {
    "ga-on-a-function": (FUNCTIONS + EVOLUTION, "", FUNCTION, GA),
    "ga-from-the-submodule": (
        FUNCTIONS + EVOLUTION.replace("evolution", "evolution.optimizer"), "", FUNCTION, GA),
    "grid-on-a-function": (
        FUNCTIONS
        + "from l2l.optimizers.gridsearch import GridSearchOptimizer, GridSearchParameters",
        "", FUNCTION, GRID),
    "grid-from-the-submodule": (
        FUNCTIONS + "from l2l.optimizers.gridsearch.optimizer import GridSearchOptimizer\n"
        "from l2l.optimizers.gridsearch.optimizer import GridSearchParameters",
        "", FUNCTION, GRID),
    "ga-on-active-wait": (
        EVOLUTION + "from l2l.optimizees.active_wait import AWOptimizee, AWOptimizeeParameters", "",
        "optimizee = AWOptimizee(traj, parameters=AWOptimizeeParameters(difficulty=100))", GA),
    "ga-on-mnist": (
        EVOLUTION
        + "from l2l.optimizees.mnist.optimizee import MNISTOptimizee, MNISTOptimizeeParameters", "",
        "optimizee = MNISTOptimizee(traj, parameters=MNISTOptimizeeParameters("
        "n_hidden=10, seed=1, use_small_mnist=True))",
        GA.replace("optimizee.bounding_func", "getattr(optimizee, 'bounding_func', None)")),
    "ga-on-an-optimizee-of-the-script": (
        EVOLUTION, OWN, "optimizee = Mine(traj, MineParameters(scale=2.0))", GA),
}  # fmt: skip


def run_script(folder: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = folder / "script.py"
    script.write_text(text)
    return subprocess.run(
        [sys.executable, str(script), *arguments], cwd=folder, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("case", "guard"),
    [
        *((case, "guard") for case in CASES),
        ("ga-on-a-function", "no guard"),
        ("ga-on-an-optimizee-of-the-script", "no guard"),
    ],
)
def test_script(tmp_path, case, guard):
    imports, definitions, optimizee, optimizer = CASES[case]
    call = "if __name__ == '__main__':\n    main()" if guard == "guard" else "main()"
    done = run_script(tmp_path, SKELETON.format(imports=imports, definitions=definitions,
        optimizee=optimizee, optimizer=optimizer, call=call))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "BEST" in done.stdout
    history = l2l.load(tmp_path / "results" / "N")
    assert (history.status == 0).all()
    assert history.generation.max() == (0 if "grid" in case else 2)
    if "grid" in case:
        assert len(history) == 16


def test_the_papers_listing_1(tmp_path):
    """Its spellings, its keywords, and a JUBE parameter that is not needed here."""
    text = """
    from l2l.utils.experiment import Experiment
    from l2l.optimizees.functions.benchmarked_functions import BenchmarkedFunctions
    from l2l.optimizees.functions.optimizee import FunctionGeneratorOptimizee
    from l2l.optimizers.evolution import GeneticAlgorithmOptimizer, GeneticAlgorithmParameters

    experiment = Experiment(root_dir_path='results')
    jube_params = {"exec": "srun -n 1 -c 8 --exclusive python"}
    traj, all_jube_params = experiment.prepare_experiment(name='L2L-Run',
        log_stdout=True,
        jube_parameter=jube_params)
    assert all_jube_params["exec"].startswith("srun")
    (name, function), parameters = BenchmarkedFunctions().get_function_by_index(0)
    optimizee = FunctionGeneratorOptimizee(traj, function, seed=1)
    optimizee_parameters = None
    optimizer_parameters = GeneticAlgorithmParameters(pop_size=6, n_iteration=2)
    optimizer = GeneticAlgorithmOptimizer(traj,
        optimizee_prepare=optimizee.create_individual,
        fitness_weights=(-1.0,),
        optimizee_bounding_func=optimizee.bounding_func,
        parameters=optimizer_parameters)
    experiment.run_experiment(optimizee=optimizee,
        optimizee_parameters=optimizee_parameters,
        optimizer=optimizer,
        optimizer_parameters=optimizer_parameters)
    experiment.end_experiment(optimizer)
    """
    done = run_script(tmp_path, textwrap.dedent(text))
    assert done.returncode == 0, done.stderr
    assert l2l.load(tmp_path / "results" / "L2L-Run").generation.max() == 1


def test_every_import_path():
    text = """
    from l2l.utils.experiment import Experiment
    from l2l.utils.environment import Environment
    from l2l.paths import Paths
    from l2l.utils.trajectory import Trajectory
    from l2l.utils.individual import Individual
    from l2l.utils.tools import cartesian_product
    from l2l.utils.groups import ParameterGroup
    from l2l.utils.runner import prepare_optimizee
    from l2l.logging_tools import create_shared_logger_data, configure_loggers
    from l2l.optimizees.optimizee import Optimizee, OptimizeeParameters
    from l2l.optimizers.optimizer import Optimizer, OptimizerParameters
    from l2l.optimizees.functions import tools as function_tools
    from l2l.optimizees.functions.benchmarked_functions import BenchmarkedFunctions
    from l2l.optimizees.functions.optimizee import FunctionGeneratorOptimizee
    from l2l.optimizees.functions.function_generator import FunctionGenerator, GaussianParameters
    from l2l.optimizees.active_wait import AWOptimizee, AWOptimizeeParameters
    from l2l.optimizees.mnist.optimizee import MNISTOptimizee, MNISTOptimizeeParameters
    from l2l.optimizers.evolution import GeneticAlgorithmOptimizer as A
    from l2l.optimizers.evolution.optimizer import GeneticAlgorithmOptimizer as B
    from l2l.optimizers.gridsearch.optimizer import GridSearchOptimizer, GridSearchParameters
    from l2l import (sdict, sdictm, dict_to_list, list_to_dict, get_grouped_dict,
        convert_dict_to_numpy, DictEntryType, DummyTrajectory, timed, get, static_var, static_vars,
        stdout_redirected, stdout_discarded, printq)
    import l2l.utils.experiment
    import l2l.optimizers.evolution.optimizer
    assert A is B and l2l.utils.experiment.Experiment is Experiment
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(text)], capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
