"""SNES: against the natural gradient in closed form, its invariances, and what it must solve."""

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
from l2l.optimizers.naturalevolutionstrategies import (
    NaturalEvolutionStrategies,
    NaturalEvolutionStrategiesOptimizer,
    NaturalEvolutionStrategiesParameters,
)
from l2l.optimizers.searchdistribution.noise import BLOCK, Noise
from l2l.optimizers.searchdistribution.stepcontrol import StepControl, utilities
from l2l.optimizers.xnes import XNES, XNESParameters
from l2l.space import Parameter, ParameterSpace
from l2l.testing.optimizers import evaluated, play

#: Wierstra's algorithm as it stands, on one large generation of raw scores.
PLAIN = {"step_control": "natural", "fitness_shaping_enabled": False, "restarts": "none"}


def make(d=10, seed=1, start=1.0, **options):
    space = ParameterSpace([Parameter("x", shape=(d,))], "raw")
    parameters = NaturalEvolutionStrategiesParameters(**{"sigma": 1.0, **options})
    return NaturalEvolutionStrategies(
        space, parameters, seed=seed, initial=np.broadcast_to(np.asarray(start, float), (1, d))
    )


# -- the algorithm --------------------------------------------------------------------------------


def test_utilities_are_those_of_the_paper():
    """Wierstra et al. (2014), section 3.1, by hand for four individuals."""
    raw = np.array([np.log(3), np.log(3) - np.log(2), 0.0, 0.0])
    np.testing.assert_allclose(utilities(4), raw / raw.sum() - 0.25, atol=1e-15)


@pytest.mark.parametrize("mirrored", [True, False])
def test_a_step_is_the_natural_gradient_of_a_quadratic(mirrored):
    """For f = -sum a (x - c)^2, E f has the gradients -2 a (m - c) and -2 a s^2 (by log s)."""
    a, c = np.array([1.0, 4.0, 0.5]), np.array([0.3, -0.2, 2.0])
    m, s = np.array([1.0, 0.0, -1.0]), np.array([0.5, 1.0, 2.0])
    optimizer = make(
        3, mu=m, sigma=s, learning_rate_mu=0.1, learning_rate_sigma=0.1, pop_size=200_000,
        mirrored_sampling_enabled=mirrored, **PLAIN,
    )  # fmt: skip
    run(optimizer, lambda x: -(a * (x - c) ** 2).sum(axis=1), 1)
    deviation = np.sqrt((a**2 * (4 * (m - c) ** 2 * s**2 + 2 * s**4)).sum())  # of f
    by_mean = (optimizer.mean - m) / (0.1 * s**2)
    by_log_s = np.log(optimizer.sigma * optimizer.scale / s) / (0.1 / 2)
    # the standard error of each is about 3 / sqrt(200 000) = 0.007
    np.testing.assert_allclose(by_mean * s, -2 * a * (m - c) * s / deviation, atol=0.03)
    np.testing.assert_allclose(by_log_s, -2 * a * s**2 / deviation, atol=0.03)


@pytest.mark.parametrize("control", ["natural", "path", "phases"])
def test_monotone_transformations_of_the_score_change_nothing(control):
    def trace(transform):
        return run(make(step_control=control), lambda x: transform(sphere(x)), 400)

    for one, other in zip(trace(lambda f: f), trace(lambda f: np.exp(f / 8)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_mirrored_individuals_are_exact_mirror_images():
    optimizer = make(4, start=0.0, pop_size=7)
    points = optimizer.ask()
    assert len(points) == 14  # upstream's meaning: a pop_size of perturbations, both signs
    np.testing.assert_array_equal(points[:7], -points[7:])
    assert len(make(4, pop_size=7, mirrored_sampling_enabled=False).ask()) == 7


def test_sums_over_mirrored_noise_are_those_over_all():
    rng = np.random.default_rng(1)
    noise, weights = Noise(rng.standard_normal((5, 2 * BLOCK // 5)), True), rng.random(10)
    every = noise.all()
    np.testing.assert_allclose(noise.first(weights), weights @ every, atol=1e-12)
    np.testing.assert_allclose(noise.second(weights), weights @ every**2, atol=1e-12)
    np.testing.assert_allclose(noise.lengths(), np.linalg.norm(every, axis=1))


@pytest.mark.parametrize("mirrored", [True, False])
def test_the_path_is_standard_normal_where_selection_is_random(mirrored):
    rng, d, n = np.random.default_rng(2), 20, 10
    control = StepControl("path", d, n, mirrored, 0.1)
    lengths, factors = [], []
    for _ in range(4000):
        u = rng.permutation(utilities(n))
        control.follow(Noise.draw(rng, n, d, mirrored).first(u), float(u @ u))
        lengths.append(control.length)
        factors.append(np.log(control.factor(0.0)))
    # correlated over about 1 / c = 4 generations: a standard error of 0.7 * 2 / sqrt(1000)
    assert abs(np.mean(lengths[100:]) - control.chi) < 0.15
    assert abs(np.mean(factors[100:])) < 0.01


def test_phases_favour_the_far_while_the_mean_moves():
    control = StepControl("phases", 10, 6, False, 0.1)
    assert not control.weighs_distance
    control.follow(np.full(10, 9.0), float(np.square(utilities(6)).sum()))
    assert control.weighs_distance
    far, near = np.array([3.0, 1, 1, 1, 1, 1]), np.ones(6)
    u = utilities(6)
    np.testing.assert_allclose(control.by_distance(u, near), u, atol=1e-15)
    assert control.by_distance(u, far)[0] > u[0]
    assert np.isclose(control.by_distance(u, far).sum(), 0)


# -- what it solves -------------------------------------------------------------------------------


@pytest.mark.parametrize("control", ["natural", "path", "phases"])
@pytest.mark.parametrize("mirrored", [True, False])
def test_solves_a_separable_ellipsoid(control, mirrored):
    a = 10.0 ** np.linspace(0, 4, 10)
    optimizer = make(step_control=control, mirrored_sampling_enabled=mirrored)
    run(optimizer, lambda x: -(a * x**2).sum(axis=1), 8000)
    assert optimizer.best_score > -1e-8


def test_is_better_than_random_search():
    for seed in range(3):
        optimizer = make(seed=seed, start=3.0)

        def rosenbrock(x):
            return -(100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(axis=1)

        run(optimizer, rosenbrock, 2000)
        drawn = np.random.default_rng(seed).uniform(-4, 4, (2000, 10))
        assert optimizer.best_score > rosenbrock(drawn).max() / 10


def test_restarts_leave_a_local_optimum():
    """Two wells: the start lies in the shallow one, and no single start leaves it."""

    def wells(x):
        deep, shallow = np.square(x - 4).sum(axis=1), np.square(x + 2).sum(axis=1)
        return np.maximum(2 * np.exp(-deep / 4), np.exp(-shallow / 4))

    one = make(2, start=-2.0, sigma=0.5, restarts="none")
    run(one, wells, 20_000)
    assert one.done is not None
    assert one.best_score == pytest.approx(1.0)
    more = make(2, start=-2.0, sigma=3.0, seed=2)
    run(more, wells, 6000)
    assert more.restarts.n > 0
    assert more.best_score == pytest.approx(2.0, abs=0.01)
    np.testing.assert_allclose(more.recommended, 4.0, atol=0.1)


def test_a_population_grows_at_a_restart_and_the_state_goes_on():
    optimizer = make(2)
    trace = run(optimizer, sphere, 5000)
    assert len(trace[-1]) > len(trace[0])
    other = make(2, seed=5)
    other.restore(optimizer.state())
    for one, two in zip(run(optimizer, sphere, 500), run(other, sphere, 500), strict=True):
        np.testing.assert_array_equal(one, two)


# -- options, bounds, failures --------------------------------------------------------------------


def test_a_learning_rate_scales_the_step_of_the_mean():
    def step(**options):
        optimizer = make(**options)
        run(optimizer, sphere, 1)
        return optimizer.mean - 1.0

    np.testing.assert_allclose(step(learning_rate_mu=0.25), 0.25 * step(), rtol=1e-12)


def test_mu_and_sigma_say_where_to_begin_and_are_not_touched():
    mu, sigma = np.array([5.0, -5.0]), np.array([0.1, 2.0])
    optimizer = make(2, mu=mu, sigma=sigma, pop_size=2000)
    points = optimizer.ask()
    np.testing.assert_allclose(points.mean(axis=0), mu, atol=0.1)
    np.testing.assert_allclose(points.std(axis=0), sigma, rtol=0.1)
    optimizer.tell(Evaluations.of(points, sphere(points)))
    np.testing.assert_array_equal(mu, [5.0, -5.0])
    np.testing.assert_array_equal(sigma, [0.1, 2.0])
    assert NaturalEvolutionStrategies.n_initial(optimizer.parameters) == 0
    assert optimizer.parameters == type(optimizer.parameters)(**optimizer.parameters._asdict())


@pytest.mark.parametrize(
    "options",
    [{"mu": "here"}, {"sigma": 0}, {"sigma": [1, -1]}, {"mu": [np.nan]}, {"mu": [[1.0]]},
     {"sigma": []}, {"pop_size": 1}, {"step_control": "guess"}, {"learning_rate_mu": 0}],
)  # fmt: skip
def test_bad_options_are_errors(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        NaturalEvolutionStrategiesParameters(**options)


def test_a_mean_of_another_length_is_an_error():
    with pytest.raises(ConfigError, match="mu must be a number or have 3 entries"):
        make(3, mu=[1.0, 2.0])


@pytest.mark.parametrize("how", MAPS)
@pytest.mark.parametrize("cls", [NaturalEvolutionStrategies, XNES])
def test_finds_an_optimum_in_a_corner(how, cls):
    space = ParameterSpace([Parameter("x", 0.0, 1.0, shape=(5,))])
    kind = XNESParameters if cls is XNES else NaturalEvolutionStrategiesParameters
    optimizer = cls(space, kind(bounds=how), seed=3)
    for points in run(optimizer, sphere, 3000):
        assert (points >= 0).all()
        assert (points <= 1).all()
    assert optimizer.best_score > -1e-4


def test_finds_integers_and_choices():
    space = ParameterSpace(
        [Parameter("n", 0, 50, shape=(3,), kind="int"), Parameter("x", -5.0, 5.0, shape=(2,)),
         Parameter("c", kind="categorical", choices=("a", "b", "c", "d"))]
    )  # fmt: skip
    for seed in range(3):
        optimizer = NaturalEvolutionStrategies(space, seed=seed)

        def score(points):
            values = space.from_search(points)
            far = np.square(values - [7, 40, 21, 1.5, -2.5, 2]) * [1, 1, 1, 1, 1, 100]
            return -far.sum(axis=1)

        for _ in range(200):
            points = optimizer.ask()
            optimizer.tell(evaluated(optimizer, points, score))
        best = space.decode(optimizer.best_point[None])[0]
        assert best["n"].tolist() == [7, 40, 21]
        assert best["c"] == "c"


@pytest.mark.parametrize("cls", [NaturalEvolutionStrategies, XNES])
def test_learns_from_the_point_to_which_the_optimizee_moved(cls):
    """Half as far from a mean of 0, at the same scores: half the step."""
    space = ParameterSpace([Parameter("x", shape=(8,))], "raw")
    kind = XNESParameters if cls is XNES else NaturalEvolutionStrategiesParameters
    steps = []
    for factor in (1.0, 0.5):
        optimizer = cls(space, kind(sigma=1.0), seed=1, initial=np.zeros((1, 8)))
        points = optimizer.ask()
        told = Evaluations.of(points, sphere(points - 1))
        told.evaluated = factor * points
        optimizer.tell(told)
        steps.append(optimizer.mean)
    np.testing.assert_allclose(steps[1], 0.5 * steps[0], rtol=1e-9)


@pytest.mark.parametrize("control", ["natural", "path", "phases"])
def test_a_flat_fitness_moves_nothing(control):
    optimizer = make(step_control=control, restarts="none")
    run(optimizer, lambda x: np.zeros(len(x)), 5000)
    assert "TolFunHist" in optimizer.done
    np.testing.assert_array_equal(optimizer.mean, 1.0)
    np.testing.assert_allclose(optimizer.sigma * optimizer.scale, 1.0)


@pytest.mark.parametrize("control", ["natural", "path"])
def test_random_scores_with_many_ties_do_not_drift(control):
    """300 generations; peers that break ties by order go to 10 times the first width and more."""
    logs = []
    for seed in range(8):
        optimizer = make(seed=seed, step_control=control, restarts="none", tol_fun=0.0)
        rng = np.random.default_rng(seed)
        run(optimizer, lambda x, rng=rng: (rng.random(len(x)) < 0.1).astype(float), 3000)
        logs.append(np.log(optimizer.sigma))
    assert abs(np.mean(logs)) < 1.0


def test_nothing_but_the_random_numbers_changes_where_all_failed():
    optimizer = make()
    run(optimizer, sphere, 50)
    before = optimizer.state()
    first = optimizer.ask().copy()
    optimizer.tell(Evaluations.of(first, np.full(len(first), np.nan)))
    after = optimizer.state()
    for name in ("mean", "sigma", "scale", "path", "history"):
        np.testing.assert_array_equal(before[name], after[name])
    assert not np.array_equal(optimizer.ask(), first)


@pytest.mark.parametrize("shaping", [True, False])
def test_a_third_of_failures_does_little_harm(shaping):
    optimizer = make(fitness_shaping_enabled=shaping, pop_size=20)
    rng = np.random.default_rng(1)
    run(optimizer, lambda x: np.where(rng.random(len(x)) < 0.3, np.nan, sphere(x)), 12_000)
    assert optimizer.best_score > -1e-6


def test_begins_around_the_best_known_points():
    optimizer = make(3, start=0.0)
    points = np.random.default_rng(1).normal(5, 2, (200, 3))
    optimizer.start_from(points, sphere(points - 4))
    mean = optimizer.ask().mean(axis=0)
    np.testing.assert_allclose(mean, 4.0, atol=0.7)
    assert optimizer.start.sigma.max() <= 1.0


def test_the_mean_is_recommended_where_the_score_is_noisy():
    optimizer, rng = make(pop_size=20), np.random.default_rng(1)
    run(optimizer, lambda x: sphere(x) + rng.standard_normal(len(x)), 4000)
    assert -sphere(optimizer.recommended[None])[0] < -sphere(optimizer.best_point[None])[0]


# -- upstream -------------------------------------------------------------------------------------


def test_upstreams_settings_run_to_their_end(tmp_path):
    experiment = Experiment(root_dir_path=str(tmp_path))
    traj, _ = experiment.prepare_experiment(name="N", multiprocessing=False)
    (_, function), _ = BenchmarkedFunctions().get_function_by_index(4, noise=True)
    optimizee = FunctionGeneratorOptimizee(traj, function, seed=100)
    parameters = NaturalEvolutionStrategiesParameters(
        learning_rate_mu=None, learning_rate_sigma=None, mu=np.zeros(2), sigma=np.ones(2),
        mirrored_sampling_enabled=True, fitness_shaping_enabled=True, pop_size=None,
        n_iteration=20, stop_criterion=np.inf, seed=1,
    )  # fmt: skip
    optimizer = NaturalEvolutionStrategiesOptimizer(
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
    assert sorted(traj.individuals) == list(range(20))


@pytest.mark.parametrize("step_control", ["path", "natural"])
def test_scores_near_the_largest_number_leave_no_nan(step_control):
    parameters = NaturalEvolutionStrategiesParameters(
        fitness_shaping_enabled=False, step_control=step_control
    )
    space = ParameterSpace([Parameter("x", -5.0, 5.0, shape=(3,))])
    optimizer = NaturalEvolutionStrategies(space, parameters, seed=1)
    play(optimizer, lambda p: np.where(p[:, 0] > 0.5, p[:, 1], -np.finfo(float).max), 5)
    assert np.isfinite(optimizer.mean).all()
    assert np.isfinite(optimizer.sigma * optimizer.scale).all()
