"""The settings of upstream's scripts run to their end, with every optimizer and every function.

The rule of the suite: a few functions and short runs; the campaign: all functions, with and
without noise, for as many generations as the scripts ask for.
"""

from __future__ import annotations

import numpy as np
import pytest
from l2l.optimizers.crossentropy.distribution import (
    Gaussian,
    NoisyBayesianGaussianMixture,
    NoisyGaussian,
)
from l2l.optimizers.gradientdescent.optimizer import (
    AdaMaxParameters,
    AdamParameters,
    ClassicGDParameters,
    GradientDescentOptimizer,
    RMSPropParameters,
    StochasticGDParameters,
)
from l2l.optimizers.paralleltempering.optimizer import (
    AvailableCoolingSchedules,
    ParallelTemperingOptimizer,
    ParallelTemperingParameters,
)
from l2l.optimizers.simulatedannealing.optimizer import (
    SimulatedAnnealingOptimizer,
    SimulatedAnnealingParameters,
)
from l2l.utils.experiment import Experiment

from l2l import ParameterSpace
from l2l.evaluation import seeds
from l2l.optimizees.functions.benchmarked_functions import BenchmarkedFunctions
from l2l.optimizees.functions.optimizee import FunctionGeneratorOptimizee
from l2l.optimizers.crossentropy import CrossEntropyOptimizer, CrossEntropyParameters
from l2l.optimizers.evolution import GeneticAlgorithmOptimizer, GeneticAlgorithmParameters
from l2l.optimizers.evolutionstrategies import (
    EvolutionStrategiesOptimizer,
    EvolutionStrategiesParameters,
)
from l2l.optimizers.face import FACEOptimizer, FACEParameters
from l2l.optimizers.gridsearch import GridSearchOptimizer, GridSearchParameters
from l2l.optimizers.naturalevolutionstrategies import (
    NaturalEvolutionStrategiesOptimizer,
    NaturalEvolutionStrategiesParameters,
)
from l2l.testing.optimizers import play

INF = np.inf
STEPS = {"learning_rate": 0.01, "exploration_step_size": 0.01, "n_random_steps": 5,
         "n_iteration": 100, "stop_criterion": INF, "seed": 99}  # fmt: skip
ORDERS = {"first_order_decay": 0.8, "second_order_decay": 0.8}


def annealing(schedule, n_iteration=100):
    return SimulatedAnnealingParameters(
        n_parallel_runs=50, noisy_step=0.03, temp_decay=0.99, n_iteration=n_iteration,
        stop_criterion=INF, seed=1, cooling_schedule=schedule,
    )  # fmt: skip


#: name -> (constructor, parameters of a function of the optimizee)
SETTINGS = {
    "ga": (GeneticAlgorithmOptimizer, lambda o: GeneticAlgorithmParameters(
        seed=0, pop_size=50, cx_prob=0.5, mut_prob=0.3, n_iteration=100, ind_prob=0.02,
        tourn_size=15, mate_par=0.5, mut_par=1)),
    "ce": (CrossEntropyOptimizer, lambda o: CrossEntropyParameters(
        pop_size=10, rho=0.9, smoothing=0.0, temp_decay=0, n_iteration=1000,
        distribution=NoisyGaussian(noise_magnitude=1.0, noise_decay=0.99), stop_criterion=INF,
        seed=102)),
    "ce mixture": (CrossEntropyOptimizer, lambda o: CrossEntropyParameters(
        pop_size=20, rho=0.9, smoothing=0.0, temp_decay=0, n_iteration=30,
        distribution=NoisyBayesianGaussianMixture(
            n_components=3, noise_magnitude=1.0, noise_decay=0.9, weight_concentration_prior=1.5),
        stop_criterion=INF, seed=102)),
    "face": (FACEOptimizer, lambda o: FACEParameters(
        min_pop_size=20, max_pop_size=50, n_elite=10, smoothing=0.2, temp_decay=0, n_iteration=100,
        distribution=Gaussian(), n_expand=5, stop_criterion=INF, seed=109)),
    "es": (EvolutionStrategiesOptimizer, lambda o: EvolutionStrategiesParameters(
        learning_rate=0.1, noise_std=1.0, mirrored_sampling_enabled=True,
        fitness_shaping_enabled=True, pop_size=20, n_iteration=1000, stop_criterion=INF,
        seed=1234)),
    "nes": (NaturalEvolutionStrategiesOptimizer, lambda o: NaturalEvolutionStrategiesParameters(
        learning_rate_mu=None, learning_rate_sigma=None, mu=np.zeros(o.dims),
        sigma=np.ones(o.dims), mirrored_sampling_enabled=True, fitness_shaping_enabled=True,
        pop_size=None, n_iteration=100, stop_criterion=INF, seed=1)),
    "gd": (GradientDescentOptimizer, lambda o: ClassicGDParameters(**STEPS)),
    "sgd": (GradientDescentOptimizer, lambda o: StochasticGDParameters(
        **STEPS, stochastic_deviation=1, stochastic_decay=0.99)),
    "adam": (GradientDescentOptimizer, lambda o: AdamParameters(**STEPS, **ORDERS)),
    "adamax": (GradientDescentOptimizer, lambda o: AdaMaxParameters(**STEPS, **ORDERS)),
    "rmsprop": (GradientDescentOptimizer, lambda o: RMSPropParameters(
        **STEPS, momentum_decay=0.5)),
    "sa": (SimulatedAnnealingOptimizer, lambda o: annealing(
        AvailableCoolingSchedules.QUADRATIC_ADDAPTIVE)),
    "pt": (ParallelTemperingOptimizer, lambda o: ParallelTemperingParameters(
        n_parallel_runs=5, noisy_step=0.03, n_iteration=1000, stop_criterion=INF, seed=1,
        cooling_schedules=[
            AvailableCoolingSchedules.EXPONENTIAL_ADDAPTIVE,
            AvailableCoolingSchedules.EXPONENTIAL_ADDAPTIVE,
            AvailableCoolingSchedules.EXPONENTIAL_ADDAPTIVE,
            AvailableCoolingSchedules.LINEAR_ADDAPTIVE,
            AvailableCoolingSchedules.LINEAR_ADDAPTIVE],
        temperature_bounds=np.array(
            [[0.8, 0], [0.7, 0], [0.6, 0], [1, 0.1], [0.9, 0.2]], dtype=float),
        decay_parameters=np.full(5, 0.99))),
    "gs": (GridSearchOptimizer, lambda o: GridSearchParameters(
        param_grid={"coords": (o.bound[0], o.bound[1], 30)})),
}  # fmt: skip
SETTINGS |= {
    f"sa {schedule.name}": (SimulatedAnnealingOptimizer, lambda o, s=schedule: annealing(s))
    for schedule in AvailableCoolingSchedules
}


def ran(tmp_path, name, function, noise, most):
    """Run upstream's script with one function; return optimizer, optimizee and trajectory."""
    make, parameters_for = SETTINGS[name]
    experiment = Experiment(tmp_path)
    traj, _ = experiment.prepare_experiment(name="run", multiprocessing=False)
    (_, fn), _ = BenchmarkedFunctions().get_function_by_index(function, noise=noise)
    optimizee = FunctionGeneratorOptimizee(traj, fn, seed=100)
    parameters = parameters_for(optimizee)
    if getattr(parameters, "n_iteration", None):
        parameters = parameters._replace(n_iteration=min(most, parameters.n_iteration))
    optimizer = make(
        traj, optimizee_create_individual=optimizee.create_individual,
        optimizee_fitness_weights=(-0.1,), parameters=parameters,
        **({} if name == "gs" else {"optimizee_bounding_func": optimizee.bounding_func}),
    )  # fmt: skip
    experiment.run_experiment(optimizer=optimizer, optimizee=optimizee)
    traj, _ = experiment.end_experiment(optimizer)
    return optimizer, parameters, traj.history


def check(optimizer, parameters, history):
    assert np.isfinite(optimizer.best_fitness).all()
    assert (history.status == 0).all()
    n_iteration = getattr(parameters, "n_iteration", None)
    if n_iteration is not None:  # or the algorithm has said why not
        assert history.generation.max() + 1 <= n_iteration


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("name", SETTINGS)
def test_short(tmp_path, name, noise):
    function = (len(name) + noise) % 2 * 2  # Rastrigin or Rosenbrock, in two dimensions
    check(*ran(tmp_path, name, function, noise, most=12))


@pytest.mark.campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("function", range(15))
@pytest.mark.parametrize("name", SETTINGS)
def test_to_the_end(name, function, noise):
    """All generations that the scripts ask for; without a run folder, which is tried above."""
    make, parameters_for = SETTINGS[name]
    (_, fn), _ = BenchmarkedFunctions().get_function_by_index(function, noise=noise)
    optimizee = FunctionGeneratorOptimizee(None, fn, seed=100)
    if name == "gs" and fn.dims > 2:
        pytest.skip("31^10 points are no grid to run to its end")
    parameters = parameters_for(optimizee)
    algorithm = next(a for a in make.algorithms if isinstance(parameters, a.Parameters))
    space = ParameterSpace(optimizee.space.parameters, "raw")
    drawn = [optimizee.create_individual() for _ in range(algorithm.n_initial(parameters))]
    optimizer = algorithm(
        space, parameters, weights=(-0.1,), initial=space.encode(drawn) if drawn else None
    )
    rng = np.random.default_rng(1) if noise else None

    def values(points):
        return np.array([fn.cost_function(x, rng) for x in points])

    n_iteration = getattr(parameters, "n_iteration", 1)
    generations = play(optimizer, values, n_iteration)
    assert len(generations) == n_iteration or optimizer.done is not None
    assert np.isfinite(optimizer.best_score)


def test_noise_differs_between_evaluations():
    (_, fn), _ = BenchmarkedFunctions().get_function_by_index(0, noise=True)
    values = {fn.cost_function(np.zeros(2), np.random.default_rng(s)) for s in seeds(1, range(5))}
    assert len(values) == 5
