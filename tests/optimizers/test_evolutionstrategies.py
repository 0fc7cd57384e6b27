"""Evolution strategies: the gradient against the smoothed function, and what it must solve."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.searches import run, sphere

from l2l.classic.experiment import Experiment
from l2l.errors import ConfigError
from l2l.evaluation import Evaluations
from l2l.optimizees.functions.benchmarked_functions import BenchmarkedFunctions
from l2l.optimizees.functions.optimizee import FunctionGeneratorOptimizee
from l2l.optimizers.common.bounds import MAPS
from l2l.optimizers.common.steps import KINDS
from l2l.optimizers.evolutionstrategies import (
    EvolutionStrategies,
    EvolutionStrategiesOptimizer,
    EvolutionStrategiesParameters,
    raw_gradient,
    unit_gradient,
)
from l2l.optimizers.searchdistribution.noise import Noise
from l2l.space import Parameter, ParameterSpace
from l2l.testing.optimizers import evaluated, play

#: Salimans' algorithm 1 as it stands.
PLAIN = {"fitness_shaping_enabled": False, "step": "sgd", "noise_adaptation": "none"}


def make(d=10, seed=1, start=1.0, **options):
    space = ParameterSpace([Parameter("x", shape=(d,))], "raw")
    initial = np.broadcast_to(np.asarray(start, float), (1, d))
    parameters = EvolutionStrategiesParameters(**{"noise_std": 1.0, **options})
    return EvolutionStrategies(space, parameters, seed=seed, initial=initial)


# -- the gradient ---------------------------------------------------------------------------------


def test_mirrored_noise_finds_the_gradient_of_a_plane_in_its_span():
    """Without error: each pair tells the slope along its direction."""
    slope, noise = np.array([1.0, -2.0, 0.5]), Noise(np.sqrt(3) * np.eye(3), mirrored=True)
    scores = 7 + noise.all() @ slope
    np.testing.assert_allclose(raw_gradient(noise, scores), slope, rtol=1e-12)


@pytest.mark.parametrize("mirrored", [True, False])
def test_a_raw_step_climbs_the_smoothed_fitness(mirrored):
    """For f = -sum a (x - c)^2 its gradient by the mean is -2 a (m - c), whatever the noise."""
    a, c = np.array([1.0, 4.0, 0.5]), np.array([0.3, -0.2, 2.0])
    noise = np.array([0.5, 1.0, 2.0])
    optimizer = make(
        3, start=1.0, noise_std=noise, pop_size=200_000, learning_rate=0.01,
        mirrored_sampling_enabled=mirrored, **PLAIN,
    )  # fmt: skip
    run(optimizer, lambda x: 100 - (a * (x - c) ** 2).sum(axis=1), 1)
    gradient = (optimizer.mean - 1.0) / 0.01
    # standard error of an entry: deviation of f (12) times about 1.5 / (s sqrt(200 000))
    np.testing.assert_allclose(gradient * noise, -2 * a * (1 - c) * noise, atol=0.2)


def test_failures_are_left_out_of_a_raw_gradient():
    noise = Noise(np.random.default_rng(1).standard_normal((50, 3)), mirrored=False)
    scores = sphere(noise.drawn)
    scores[:20] = -np.inf
    rest = Noise(noise.drawn[20:], mirrored=False)
    np.testing.assert_allclose(raw_gradient(noise, scores), raw_gradient(rest, scores[20:]))


@pytest.mark.parametrize("mirrored", [True, False])
def test_the_unit_gradient_is_standard_normal_where_scores_mean_nothing(mirrored):
    rng = np.random.default_rng(1)
    ranks = np.linspace(-0.5, 0.5, 10)
    directions = [
        unit_gradient(Noise.draw(rng, 10, 5, mirrored), rng.permutation(ranks)) for _ in range(4000)
    ]
    assert np.isclose(np.var(directions), 1.0, atol=0.04)  # 20 000 numbers: 4 standard errors


def test_the_step_is_as_wide_as_the_noise():
    wide, narrow = make(noise_std=2.0, start=0.0), make(noise_std=0.5, start=0.0)
    run(wide, lambda x: x.sum(axis=1), 1)
    run(narrow, lambda x: x.sum(axis=1), 1)
    np.testing.assert_allclose(wide.mean, 4 * narrow.mean, rtol=1e-9)
    np.testing.assert_allclose(np.abs(wide.mean), 0.6 * 2.0, rtol=1e-6)  # Adam's first step


# -- what it solves -------------------------------------------------------------------------------


@pytest.mark.parametrize("step", KINDS)
def test_solves_a_sphere_with_every_step(step):
    rate = 0.1 if step == "momentum" else 0.6
    optimizer = make(step=step, learning_rate=rate, start=3.0, stop_criterion=-1e-8)
    run(optimizer, sphere, 30_000)
    assert optimizer.best_score >= -1e-8


def test_constant_noise_is_a_floor_and_adapted_noise_is_none():
    """Salimans' constant noise stays as far from the optimum as the noise is wide."""
    constant, alike, each = (
        make(noise_adaptation=kind, restarts="none") for kind in ("none", "alike", "each")
    )
    for optimizer in (constant, alike, each):
        run(optimizer, sphere, 6000)
    assert constant.best_score < -0.1
    assert alike.best_score > -1e-6
    assert each.best_score > -1e-6
    assert (alike.scale == alike.scale[0]).all()
    assert not (each.scale == each.scale[0]).all()


def test_noise_decays_where_that_is_asked_for():
    optimizer = make(noise_adaptation="none", noise_decay=0.9)
    trace = run(optimizer, sphere, 200)
    assert np.isclose(optimizer.sigma, 0.9 ** len(trace))


def test_each_coordinate_has_its_own_noise():
    a = 10.0 ** np.linspace(0, 4, 10)
    optimizer = make(stop_criterion=-1e-8, pop_size=10)
    run(optimizer, lambda x: -(a * x**2).sum(axis=1), 15_000)
    assert optimizer.best_score >= -1e-8


def test_weight_decay_draws_to_zero():
    decayed, free = make(weight_decay=0.5, start=10.0), make(start=10.0)
    for optimizer in (decayed, free):
        run(optimizer, lambda x: x[:, 0], 1)
    np.testing.assert_allclose(free.mean - decayed.mean, 0.6 * 0.5 * 10.0)


def test_is_better_than_random_search():
    for seed in range(3):
        optimizer = make(seed=seed, start=3.0)
        run(optimizer, lambda x: sphere(x) - 10 * np.sin(3 * x).sum(axis=1), 2000)
        drawn = np.random.default_rng(seed).uniform(-4, 4, (2000, 10))
        assert optimizer.best_score > (sphere(drawn) - 10 * np.sin(3 * drawn).sum(axis=1)).max()


def test_monotone_transformations_of_the_score_change_nothing():
    one, other = run(make(), sphere, 400), run(make(), lambda x: np.exp(sphere(x) / 8), 400)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


# -- options, bounds, failures --------------------------------------------------------------------


def test_the_population_is_mirrored():
    optimizer = make(start=0.0, pop_size=7)
    points = optimizer.ask()
    np.testing.assert_array_equal(points[:7], -points[7:])
    assert len(make(pop_size=7, mirrored_sampling_enabled=False).ask()) == 7


def test_noise_may_differ_by_coordinate_and_is_not_touched():
    noise = np.array([0.1, 3.0])
    optimizer = make(2, noise_std=noise, pop_size=2000)
    np.testing.assert_allclose(optimizer.ask().std(axis=0), noise, rtol=0.1)
    np.testing.assert_array_equal(noise, [0.1, 3.0])
    assert optimizer.parameters.noise_std == [0.1, 3.0]


@pytest.mark.parametrize(
    "options",
    [{"noise_std": -1}, {"noise_std": [[1.0]]}, {"noise_std": "wide"}, {"learning_rate": 0},
     {"step": "adan"}, {"noise_adaptation": "some"}, {"noise_decay": 1.1}, {"first_decay": -0.1}],
)  # fmt: skip
def test_bad_options_are_errors(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        EvolutionStrategiesParameters(**options)


def test_noise_of_another_length_is_an_error():
    with pytest.raises(ConfigError, match="noise_std must be a number or have 3 entries"):
        make(3, noise_std=[1.0, 2.0])


@pytest.mark.parametrize("how", MAPS)
def test_finds_an_optimum_in_a_corner(how):
    space = ParameterSpace([Parameter("x", 0.0, 1.0, shape=(5,))])
    optimizer = EvolutionStrategies(space, EvolutionStrategiesParameters(bounds=how), seed=3)
    for points in run(optimizer, sphere, 4000):
        assert (points >= 0).all()
        assert (points <= 1).all()
    assert optimizer.best_score > -1e-3


def test_finds_integers():
    space = ParameterSpace([Parameter("n", 0, 50, shape=(3,), kind="int")])
    optimizer = EvolutionStrategies(space, seed=1)

    def score(points):
        return -np.square(space.from_search(points) - [7, 40, 21]).sum(axis=1)

    for _ in range(150):
        points = optimizer.ask()
        optimizer.tell(evaluated(optimizer, points, score))
    assert space.decode(optimizer.best_point[None])[0]["n"].tolist() == [7, 40, 21]


def test_a_flat_fitness_moves_nothing():
    optimizer = make(restarts="none")
    run(optimizer, lambda x: np.zeros(len(x)), 5000)
    assert "TolFunHist" in optimizer.done
    np.testing.assert_array_equal(optimizer.mean, 1.0)


@pytest.mark.parametrize("shaping", [True, False])
def test_nothing_changes_where_all_failed(shaping):
    optimizer = make(fitness_shaping_enabled=shaping)
    run(optimizer, sphere, 50)
    before = optimizer.state()
    points = optimizer.ask()
    optimizer.tell(Evaluations.of(points, np.full(len(points), np.nan)))
    after = optimizer.state()
    for name in ("mean", "sigma", "scale", "step_t", "step_first", "step_second"):
        np.testing.assert_array_equal(before[name], after[name])


def test_goes_on_bit_identically_after_a_restart():
    optimizer, other = make(2), make(2, seed=9)
    run(optimizer, sphere, 6000)
    assert optimizer.restarts.n > 0
    other.restore(optimizer.state())
    for one, two in zip(run(optimizer, sphere, 500), run(other, sphere, 500), strict=True):
        np.testing.assert_array_equal(one, two)


def test_begins_around_the_best_known_points():
    optimizer = make(3, start=0.0)
    points = np.random.default_rng(1).normal(5, 2, (200, 3))
    optimizer.start_from(points, sphere(points - 4))
    np.testing.assert_allclose(optimizer.ask().mean(axis=0), 4.0, atol=0.7)


# -- upstream -------------------------------------------------------------------------------------


def test_upstreams_settings_run_to_their_end(tmp_path):
    experiment = Experiment(root_dir_path=str(tmp_path))
    traj, _ = experiment.prepare_experiment(name="N", multiprocessing=False)
    (_, function), _ = BenchmarkedFunctions().get_function_by_index(4, noise=True)
    optimizee = FunctionGeneratorOptimizee(traj, function, seed=100)
    parameters = EvolutionStrategiesParameters(
        learning_rate=0.1, noise_std=1.0, mirrored_sampling_enabled=True,
        fitness_shaping_enabled=True, pop_size=20, n_iteration=12, stop_criterion=np.inf,
        seed=1234,
    )  # fmt: skip
    optimizer = EvolutionStrategiesOptimizer(
        traj,
        optimizee_create_individual=optimizee.create_individual,
        optimizee_fitness_weights=(-0.1,),
        parameters=parameters,
        optimizee_bounding_func=optimizee.bounding_func,
    )
    experiment.run_experiment(
        optimizer=optimizer, optimizee=optimizee, optimizer_parameters=parameters
    )
    traj, _ = experiment.end_experiment(optimizer)
    assert [len(traj.individuals[g]) for g in sorted(traj.individuals)] == [40] * 12


def test_scores_near_the_largest_number_leave_no_nan():
    parameters = EvolutionStrategiesParameters(fitness_shaping_enabled=False)
    space = ParameterSpace([Parameter("x", -5.0, 5.0, shape=(3,))])
    optimizer = EvolutionStrategies(space, parameters, seed=1)
    play(optimizer, lambda p: np.where(p[:, 0] > 0.5, p[:, 1], -np.finfo(float).max), 5)
    assert np.isfinite(optimizer.mean).all()


@pytest.mark.parametrize("name", ["first_decay", "second_decay"])
def test_a_decay_of_one_is_refused(name):
    with pytest.raises(ConfigError, match=name):
        EvolutionStrategiesParameters(**{name: 1.0})
