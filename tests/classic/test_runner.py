"""What runner parameters of classic scripts come to mean."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import l2l
from l2l.classic import runner
from l2l.classic.experiment import Experiment
from l2l.errors import ConfigError

JUBE = {"scheduler": "Slurm", "submit_cmd": "sbatch", "nodes": "2", "walltime": "01:00:00"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"name": "local"}),
        ({"runner_params": {"max_workers": 3}}, {"name": "local", "workers": 3}),
        ({"runner_parameter": {"max_workers": 3}}, {"name": "local", "workers": 3}),
        ({"jube_parameter": {"exec": "python", "max_workers": 3}}, {"name": "local", "workers": 3}),
        ({"jube_parameter": {"scheduler": "None"}}, {"name": "local"}),
        ({"multiprocessing": False, "timeout": 5}, {"name": "inline", "timeout": 5}),
        ({"timeout": True}, {"name": "local"}),
        ({"executor": "jube", "runner_params": {"max_workers": 3}}, {"name": "jube"}),
        ({"executor": {"name": "local", "workers": 2}, "timeout": 9.0},
         {"name": "local", "workers": 2, "timeout": 9.0}),
        ({"jube_parameter": JUBE}, {"name": "jube", "nodes": 2, "walltime": "01:00:00"}),
        ({"jube_parameter": {**JUBE, "ppn": "4", "cpu_pp": "2", "queue": "batch",
                             "mail_mode": "END", "mail_address": "me@here", "max_workers": 16,
                             "err_file": "stderr"}},
         {"name": "jube", "nodes": 2, "walltime": "01:00:00", "partition": "batch",
          "mail": "me@here", "cpus_per_task": 8, "workers_per_job": 4, "threads": 2, "packages": 4,
          "parameters": {"errlogfile": "stderr", "notification": "END"}}),
        ({"jube_parameter": {"scheduler": "slurm", "packages": 3, "account": "brain"}},
         {"name": "jube", "packages": 3, "account": "brain"}),
    ],
)  # fmt: skip
def test_settings_become_an_executor(settings: dict[str, Any], expected: dict[str, Any]) -> None:
    assert runner.executor(settings) == expected


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"srun": "srun -N 1 -n 1 -c 8 --exclusive", "exec": "python3"},
         {"name": "slurm", "threads": 8}),
        ({"srun": "", "exec": "srun --exact python3"}, {"name": "slurm"}),
        ({"srun": "srun --ntasks=4 --cpus-per-task 2", "exec": "python3", "max_workers": 5},
         {"name": "srun", "ntasks": 4, "cpus_per_task": 2, "max_steps": 5}),
    ],
)  # fmt: skip
def test_srun_inside_an_allocation(
    monkeypatch: pytest.MonkeyPatch, params: dict[str, Any], expected: dict[str, Any]
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    assert runner.executor({"runner_params": params}) == expected
    monkeypatch.delenv("SLURM_JOB_ID")
    assert runner.executor({"runner_params": params})["name"] == "local"


def test_what_has_no_effect_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "l2l"):
        runner.executor({"runner_params": {"work_path": "/x", "exec": "python3", "max_workers": 2}})
    assert "without effect here: work_path." in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING, "l2l"):
        runner.executor({"runner_params": {"srun": "srun -n 1"}})
        runner.executor({"runner_params": {"exec": "singularity run x.sif python3"}})
    assert "'srun' has no effect outside an allocation" in caplog.text
    assert "without effect here: exec." in caplog.text
    caplog.clear()
    runner.executor({"runner_params": {"srun": "", "exec": "python3", "max_workers": 32}})
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("executor", "message"),
    [
        ("locl", "did you mean 'local'"),
        (3, "a name or a dict"),
        ({"name": "local", "worker": 2}, "workers"),
    ],
)  # fmt: skip
def test_a_wrong_executor_is_said_at_once(tmp_path: Path, executor: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Experiment(str(tmp_path)).prepare_experiment(name="N", executor=executor)


SCRIPT = """
from l2l.utils.experiment import Experiment
from l2l.utils.JUBE_runner import prepare_optimizee
from l2l.optimizees.functions.benchmarked_functions import BenchmarkedFunctions
from l2l.optimizees.functions.optimizee import FunctionGeneratorOptimizee
from l2l.optimizers.crossentropy import CrossEntropyOptimizer, CrossEntropyParameters
from l2l.optimizers.crossentropy.distribution import Gaussian

experiment = Experiment(root_dir_path='results')
jube_params = {"scheduler": "Slurm", "platform": "none", "exec": "python3", "nodes": "1",
               "ppn": "1", "cpu_pp": "1", "max_workers": 2, "ready_file": "ready"}
traj, all_params = experiment.prepare_experiment(name='N', log_stdout=True,
                                                 jube_parameter=jube_params)
(name, function), parameters = BenchmarkedFunctions().get_function_by_index(0)
optimizee = FunctionGeneratorOptimizee(traj, function, seed=1)
prepare_optimizee(optimizee, 'somewhere')
parameters = CrossEntropyParameters(pop_size=6, rho=0.5, n_iteration=2, distribution=Gaussian())
optimizer = CrossEntropyOptimizer(traj, optimizee_create_individual=optimizee.create_individual,
    optimizee_fitness_weights=(-1.0,), optimizee_bounding_func=optimizee.bounding_func,
    parameters=parameters)
experiment.run_experiment(optimizee=optimizee, optimizer=optimizer)
experiment.end_experiment(optimizer)
"""


def test_a_script_with_jube_parameters_runs_by_jube(tmp_path: Path) -> None:
    if shutil.which("jube") is None:
        pytest.skip("jube is not installed (make system, or apt-get install jube)")
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT))
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "without effect here: ready_file." in done.stderr
    history = l2l.Trajectory(tmp_path / "results/N")
    assert len(history) == 12
    executor = history.config["executor"]
    assert (executor["name"], executor["packages"], executor["nodes"]) == ("jube", 2, 1)
    assert (tmp_path / "results/N/jube/000001").is_dir()
