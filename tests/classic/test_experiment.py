"""Experiment, trajectory and constructors of classic scripts, in this process."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from l2l import DummyTrajectory, L2LError, dict_to_list, list_to_dict, sdict, sdictm
from l2l.classic.experiment import Environment, Experiment, prepare_optimizee
from l2l.classic.tools import cartesian_product, stdout_discarded, timed
from l2l.errors import ConfigError, RunExists
from l2l.optimizees.functions.benchmarked_functions import BenchmarkedFunctions
from l2l.optimizees.functions.optimizee import FunctionGeneratorOptimizee
from l2l.optimizers.evolution import GeneticAlgorithmOptimizer, GeneticAlgorithmParameters


def prepare(tmp_path, **kwargs):
    experiment = Experiment(root_dir_path=str(tmp_path))
    traj, _ = experiment.prepare_experiment(name="N", multiprocessing=False, **kwargs)
    return experiment, traj


def make(traj, n_iteration=3, **kwargs):
    (_, function), _ = BenchmarkedFunctions().get_function_by_index(0)
    optimizee = FunctionGeneratorOptimizee(traj, function, seed=1)
    parameters = GeneticAlgorithmParameters(seed=4, pop_size=6, n_iteration=n_iteration)
    optimizer = GeneticAlgorithmOptimizer(
        traj,
        optimizee_create_individual=optimizee.create_individual,
        parameters=parameters,
        **{
            "optimizee_fitness_weights": (-1.0,),
            "optimizee_bounding_func": optimizee.bounding_func,
            **kwargs,
        },
    )
    return optimizee, optimizer, parameters


def run_with(tmp_path, value):
    experiment, traj = prepare(tmp_path)
    traj.f_add_parameter("value", value)
    return run(experiment, traj)


def run(experiment, traj, **kwargs):
    optimizee, optimizer, parameters = make(traj, **kwargs)
    experiment.run_experiment(optimizer=optimizer, optimizee=optimizee,
                              optimizer_parameters=parameters)  # fmt: skip
    return experiment.end_experiment(optimizer), optimizer


def test_results_of_a_run(tmp_path):
    experiment, traj = prepare(tmp_path)
    (traj, paths), optimizer = run(experiment, traj)
    assert sorted(traj.individuals) == [0, 1, 2]
    first = traj.individuals[0]
    assert len(first) == 6
    assert first[2].ind_idx == 2
    assert first[2].coords.shape == (2,)
    assert np.array_equal(first[2].params["coords"], first[2].coords)
    assert set(optimizer.best_individual) == {"coords"}
    best = max(-f for results in traj.results.all_results.values() for _, (f,) in results)
    assert best == -optimizer.best_fitness[0]
    assert traj.results.final_fitness == optimizer.best_fitness
    assert traj.results.n_iteration == 3
    assert traj.current_results == traj.results.all_results[2]
    assert paths.output_dir_path == str(tmp_path / "N")


def test_checkpoint_goes_on_with_the_loaded_run(tmp_path):
    whole = run(*prepare(tmp_path / "whole"), n_iteration=6)[0][0].history
    experiment, traj = prepare(tmp_path)
    run(experiment, traj, n_iteration=3)
    experiment = Experiment(str(tmp_path))
    loaded = experiment.load_trajectory(str(tmp_path / "N"))
    assert len(loaded.individuals[0]) == 6
    traj, _ = experiment.prepare_experiment(
        name="N", checkpoint=loaded, overwrite=True, multiprocessing=False
    )
    (traj, _), _ = run(experiment, traj, n_iteration=6)
    assert traj.history.digest() == whole.digest()


def test_checkpoint_under_another_name_leaves_the_old_run(tmp_path):
    experiment, traj = prepare(tmp_path)
    run(experiment, traj)
    loaded = experiment.load_trajectory(tmp_path / "N" / "history.h5")
    experiment = Experiment(tmp_path)
    traj, _ = experiment.prepare_experiment(name="M", checkpoint=loaded, multiprocessing=False)
    run(experiment, traj, n_iteration=5)
    assert len(experiment.load_trajectory(tmp_path / "N").individuals) == 3
    assert len(experiment.load_trajectory(tmp_path / "M").individuals) == 5


def test_a_second_run_gets_a_folder_of_its_own(tmp_path):
    experiment, traj = prepare(tmp_path)
    run(experiment, traj)
    run(experiment, traj)
    assert {p.name for p in tmp_path.iterdir()} == {"N", "N-2"}


def test_existing_runs(tmp_path):
    run(*prepare(tmp_path))
    with pytest.raises(RunExists):
        prepare(tmp_path)
    run(*prepare(tmp_path, overwrite=True))
    assert (tmp_path / "N.1").is_dir()
    run(*prepare(tmp_path, resume=True), n_iteration=4)
    assert {p.name for p in tmp_path.iterdir()} == {"N", "N.1"}


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda p: prepare(p, runner_parmas={}), "runner_params"),
        (lambda p: make(prepare(p)[1], optimizee_bound_func=None), "optimizee_bounding_func"),
        (lambda p: GeneticAlgorithmOptimizer(prepare(p)[1]), "optimizee_create_individual"),
        (lambda p: GeneticAlgorithmParameters(pop_siz=3), "pop_size"),
        (lambda p: Experiment(p).load_trajectory(p), "run.yaml"),
        (lambda p: Experiment(p).run_experiment("ga", None), "classic constructor"),
        (lambda p: GeneticAlgorithmOptimizer(prepare(p)[1], {"x": 1.0}), "must be a function"),
        (lambda p: run(*prepare(p), optimizee_fitness_weights=float("nan")), "weights must be"),
        (lambda p: run_with(p, threading.Lock()), "can't be sent to workers"),
    ],
)
def test_errors_name_what_is_wrong(tmp_path, call, text):
    with pytest.raises(ConfigError, match=text):
        call(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_one_weight_may_be_a_number(tmp_path):
    _, optimizer = run(*prepare(tmp_path), optimizee_fitness_weights=-1.0)
    assert optimizer.optimizee_fitness_weights == (-1.0,)


def test_subclasses_of_upstreams_optimizer_are_told_what_to_write():
    from l2l.optimizers.optimizer import Optimizer

    with pytest.raises(ConfigError, match="ask"):

        class Mine(Optimizer):
            def post_process(self, traj, fitnesses):
                pass

    with pytest.raises(ConfigError, match="GeneticAlgorithmOptimizer"):
        Optimizer(None)


def test_parameters_in_the_order_of_old():
    p = GeneticAlgorithmParameters(0, 50, 0.5, 0.3, 100, 0.02, 15, 0.5, 1)
    assert (p.seed, p.pop_size, p.n_iteration, p.tourn_size, p.mut_par) == (0, 50, 100, 15, 1)
    assert p._replace(pop_size=7)._asdict()["pop_size"] == 7


def test_parameters_of_the_trajectory_reach_the_optimizee(tmp_path):
    experiment, traj = prepare(tmp_path)
    traj.f_add_parameter_group("model", "of the model")
    traj.f_add_parameter_to_group("model", "scale", 3.0)
    traj.f_add_parameter("offset", 1.0, comment="a constant")

    class Mine:
        def create_individual(self):
            return {"x": float(np.random.uniform())}

        def simulate(self, traj):
            return traj.parameters.model.scale * 0 + traj.offset + traj.par.model.scale

    optimizee = Mine()
    parameters = GeneticAlgorithmParameters(pop_size=4, n_iteration=1)
    optimizer = GeneticAlgorithmOptimizer(traj, optimizee.create_individual, (1.0,), parameters)
    experiment.run_experiment(optimizer, optimizee)
    traj, _ = experiment.end_experiment(optimizer)
    assert (traj.history.fitness == 4.0).all()
    assert traj["model.scale"] == 3.0
    with pytest.raises(AttributeError, match="offset"):
        _ = traj.offse
    with pytest.raises(L2LError, match="no results yet"):
        _ = Experiment(tmp_path).traj.individuals


def test_environment(tmp_path):
    environment = Environment(trajectory="T", filename=str(tmp_path / "E"), multiprocessing=False)
    optimizee, _, _ = make(environment.trajectory)
    environment.run(optimizee.simulate)
    assert len(environment.trajectory.individuals) == 3


def test_helpers_of_old():
    flat, specs = dict_to_list({"b": np.array([2.0, 3.0]), "a": 1.0}, get_dict_spec=True)
    assert flat == [1.0, 2.0, 3.0]
    back = list_to_dict(flat, specs)
    assert back["a"] == 1.0
    assert back["b"].tolist() == [2.0, 3.0]
    entries = sdict(a=1)
    entries.b = 2
    assert (entries.a, entries["b"]) == (1, 2)
    fixed = sdictm(a=1)
    fixed.a = 2
    with pytest.raises(KeyError):
        fixed.c = 1
    assert cartesian_product({"x": [1, 2], "y": [3, 4]}) == {"x": [1, 1, 2, 2], "y": [3, 4, 3, 4]}
    together = cartesian_product({"x": [1, 2], "y": [3, 4], "z": [5]}, (("x", "y"), "z"))
    assert together == {"x": [1, 2], "y": [3, 4], "z": [5, 5]}
    traj = DummyTrajectory(x=1.0)
    assert traj.individual.x == 1.0
    with stdout_discarded():
        assert timed(lambda: 5)() == 5


def test_prepare_optimizee_says_what_can_not_be_sent(tmp_path):
    optimizee, _, _ = make(prepare(tmp_path)[1])
    prepare_optimizee(optimizee, str(tmp_path))
    with open(tmp_path / "file", "w") as file:
        optimizee.file = file
        with pytest.raises(ConfigError, match=r"simulate\(\)"):
            prepare_optimizee(optimizee, str(tmp_path))


def test_an_asynchronous_experiment(tmp_path):
    experiment, traj = prepare(tmp_path, mode="async")
    optimizee, optimizer, parameters = make(traj, n_iteration=3)
    experiment.run_experiment(optimizer, optimizee, parameters)
    traj, _ = experiment.end_experiment(optimizer)
    assert experiment.result.history.config["mode"] == "async"
    assert len(traj.history) == 18
    assert traj.history.generation.max() == 2
