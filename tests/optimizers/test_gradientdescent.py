from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from l2l import Parameter, ParameterSpace
from l2l.classic.tools import DummyTrajectory
from l2l.errors import ConfigError
from l2l.evaluation import Evaluations
from l2l.optimizers import gradientdescent as gd
from l2l.optimizers.gradient.method import whole_steps
from l2l.optimizers.gradient.regression import apart, random_steps, slope
from l2l.optimizers.gradientdescent import GradientDescentOptimizer
from l2l.optimizers.randomsearch import RandomSearch, RandomSearchParameters
from l2l.plain import as_plain
from l2l.testing import play
from l2l.testing.optimizers import bowl, evaluated

RULES = [gd.GradientAscent, gd.StochasticGradientAscent, gd.Adam, gd.AdaMax, gd.RMSProp]
BOX = ParameterSpace([Parameter("x", -5.0, 5.0, shape=(6,))])
RAW = ParameterSpace([Parameter("x", shape=(6,))], "raw")


def ids(rule):
    return rule.__name__


# -- the gradient ---------------------------------------------------------------------------------


@pytest.mark.parametrize("antithetic", [True, False])
@pytest.mark.parametrize(("n", "d"), [(1, 1), (2, 1), (4, 6), (5, 6), (13, 6), (30, 6), (8, 200)])
def test_random_steps(n, d, antithetic):
    steps = random_steps(n, d, np.random.default_rng(1), antithetic)
    assert steps.shape == (n, d)
    assert np.allclose(np.linalg.norm(steps, axis=1), np.sqrt(d))
    half = (n + 1) // 2
    if antithetic:
        assert np.array_equal(steps[half:], -steps[: n - half])
    first = steps[: min(half if antithetic else n, d)]
    tolerance = 1e-9 if len(first) > 0.1 * d else 0.3 * d  # few in many: nearly orthogonal
    assert np.abs(first @ first.T - d * np.eye(len(first))).max() <= tolerance


def test_random_steps_have_no_preferred_direction():
    rng = np.random.default_rng(2)
    steps = np.concatenate([random_steps(4, 3, rng, False) for _ in range(3000)])
    assert np.allclose(steps.mean(axis=0), 0, atol=4 / np.sqrt(3 * 3000))  # 4 standard errors
    assert np.allclose(steps.T @ steps / len(steps), np.eye(3), atol=0.05)


@pytest.mark.parametrize("n", [7, 8, 20])
def test_exact_for_a_linear_function(n):
    rng = np.random.default_rng(n)
    points, g = rng.normal(size=(n, 6)), rng.normal(size=6)
    assert np.allclose(slope(points, 3.0 + points @ g, np.ones(6)), g, rtol=1e-9)


def test_of_least_norm_where_there_are_few_points():
    """As numpy's pseudoinverse has it, in units of the scale."""
    rng = np.random.default_rng(1)
    points, scores, scale = rng.normal(size=(5, 9)), rng.normal(size=5), rng.uniform(0.1, 10, 9)
    centred = (points - points.mean(axis=0)) / scale
    expected = np.linalg.pinv(centred) @ (scores - scores.mean()) / scale
    assert np.allclose(slope(points, scores, scale), expected, rtol=1e-9)


def test_points_that_coincide_have_no_slope():
    assert np.array_equal(slope(np.ones((4, 3)), np.arange(4.0), np.ones(3)), np.zeros(3))


def quadratic(d, seed=1):
    """Return ``f(points)`` and its gradient at 0."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(d, d)), rng.normal(size=d)
    return (lambda x: x @ b + np.einsum("ni,ij,nj->n", x, a + a.T, x)), b


def test_opposite_pairs_are_exact_for_a_quadratic_function():
    f, b = quadratic(6)
    points = np.concatenate([np.zeros((1, 6)), random_steps(12, 6, np.random.default_rng(1), True)])
    assert np.allclose(slope(points, f(points), np.ones(6)), b, rtol=1e-9)


@pytest.mark.parametrize(("n", "share", "antithetic"), [(6, 1.0, False), (4, 1 / 3, True)])
def test_unbiased_for_a_quadratic_function(n, share, antithetic):
    """With k directions of d, the mean of the projections is k/d of the gradient."""
    f, b = quadratic(6)
    rng, found = np.random.default_rng(3), []
    for _ in range(1500):
        points = np.concatenate([np.zeros((1, 6)), random_steps(n, 6, rng, antithetic)])
        found.append(slope(points, f(points), np.ones(6)))
    error = np.std(found, axis=0) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - share * b) < 4 * error).all()


# -- the rules ------------------------------------------------------------------------------------


def given(optimizer, gradients):
    """Return the points ``(n + 1, d)`` that an optimizer goes through with given gradients."""
    optimizer.gradients, trace = True, []
    for gradient in gradients:
        points = optimizer.ask()
        assert len(points) == 1
        evaluations = Evaluations.of(points, [float(len(trace))])
        evaluations.gradient = np.array([gradient])
        optimizer.tell(evaluations)
        trace.append(points[0])
    return np.array([*trace, optimizer.point])


def start(rule, space=RAW, at=0.0, **options):
    return rule(space, rule.Parameters(**options), seed=1, initial=np.full((1, space.size), at))


GRADIENTS = np.random.default_rng(1).normal(size=(8, 6)) * [1e-3, 1e-1, 1, 1, 10, 1e3]


def test_gradient_ascent_by_hand():
    points = given(start(gd.GradientAscent, learning_rate=0.5, max_step=np.inf), GRADIENTS)
    assert np.allclose(np.diff(points, axis=0), 0.5 * GRADIENTS)


def test_adam_by_hand():
    optimizer = start(gd.Adam, learning_rate=0.1, first_order_decay=0.8, second_order_decay=0.9)
    x, m, v = np.zeros(6), np.zeros(6), np.zeros(6)
    expected = [x]
    for t, g in enumerate(GRADIENTS, 1):
        m, v = 0.8 * m + 0.2 * g, 0.9 * v + 0.1 * g**2
        x = x + 0.1 * (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.9**t)) + 1e-8)
        expected.append(x)
    assert np.allclose(given(optimizer, GRADIENTS), expected, rtol=1e-12)


def test_adamax_by_hand():
    optimizer = start(gd.AdaMax, learning_rate=0.1, first_order_decay=0.8, second_order_decay=0.9)
    x, m, u = np.zeros(6), np.zeros(6), np.zeros(6)
    expected = [x]
    for t, g in enumerate(GRADIENTS, 1):
        m, u = 0.8 * m + 0.2 * g, np.maximum(0.9 * u, np.abs(g))
        x = x + 0.1 / (1 - 0.8**t) * m / (u + 1e-8)
        expected.append(x)
    assert np.allclose(given(optimizer, GRADIENTS), expected, rtol=1e-12)


def test_rmsprop_by_hand():
    x, v = np.zeros(6), np.zeros(6)
    expected = [x]
    for g in GRADIENTS:
        v = 0.7 * v + 0.3 * g**2
        x = x + 0.1 * g / (np.sqrt(v) + 1e-8)
        expected.append(x)
    optimizer = start(gd.RMSProp, learning_rate=0.1, momentum_decay=0.7)
    assert np.allclose(given(optimizer, GRADIENTS), expected, rtol=1e-12)


def test_stochastic_noise_has_the_deviation_that_decays():
    noise = []
    for seed in range(200):
        rule = gd.StochasticGradientAscent
        options = rule.Parameters(0.5, 2.0, 0.5, max_step=np.inf)
        optimizer = rule(RAW, options, seed=seed, initial=np.zeros((1, 6)))
        noise.append(np.diff(given(optimizer, GRADIENTS[:3]), axis=0) - 0.5 * GRADIENTS[:3])
    spread = np.std(noise, axis=(0, 2))
    assert np.allclose(spread, 0.5 * 2.0 * 0.5 ** np.arange(1, 4), rtol=0.09)  # 4 errors
    assert np.abs(np.mean(noise, axis=(0, 2))).max() < 0.07


def test_stochastic_without_noise_is_plain():
    plain = given(start(gd.GradientAscent), GRADIENTS)
    still = given(start(gd.StochasticGradientAscent, stochastic_decay=0), GRADIENTS)
    assert np.array_equal(plain, still)


@pytest.mark.parametrize("rule", RULES[:2], ids=ids)
def test_a_long_change_is_shortened_in_its_direction(rule):
    g = np.array([[3.0, -4.0, 0, 0, 0, 0]])
    none = {"stochastic_deviation": 0.0} if rule is gd.StochasticGradientAscent else {}
    short = given(start(rule, learning_rate=1.0, max_step=0.2, **none), g)[1]
    assert np.allclose(short, [0.15, -0.2, 0, 0, 0, 0])
    default = given(start(rule, learning_rate=1.0, exploration_step_size=0.05, **none), g)[1]
    assert np.allclose(default, [0.375, -0.5, 0, 0, 0, 0])  # ten exploration steps


def test_a_coordinate_without_a_gradient_stays():
    g = np.array([[1.0, np.nan, 1.0, np.nan, 1.0, 1.0]])
    moved = given(start(gd.GradientAscent, learning_rate=0.01), g)[1]
    assert np.allclose(moved, [0.01, 0, 0.01, 0, 0.01, 0.01])


def test_learning_rate_and_exploration_one_a_coordinate():
    rate, width = np.array([1.0, 2, 3, 4, 5, 6]) * 1e-3, np.array([1.0, 2, 3, 4, 5, 6])
    moved = given(start(gd.GradientAscent, learning_rate=rate.tolist()), np.ones((1, 6)))[1]
    assert np.allclose(moved, rate)
    optimizer = start(gd.Adam, exploration_step_size=width.tolist(), n_random_steps=2000)
    assert np.allclose(optimizer.ask()[1:].std(axis=0), width, rtol=0.05)


# -- asking and telling ---------------------------------------------------------------------------


def test_a_generation_is_the_point_and_random_steps():
    assert len(start(gd.Adam).ask()) == 13  # twice the dimension, and the point
    assert len(start(gd.Adam, n_random_steps=5).ask()) == 6
    points = start(gd.Adam, at=0.25, n_random_steps=4).ask()
    assert np.array_equal(points[0], np.full(6, 0.25))
    assert np.allclose(points[1:].mean(axis=0), 0.25)  # opposite pairs
    assert len(start(gd.Adam, ParameterSpace([Parameter("x", shape=(50,))])).ask()) == 33
    free = start(gd.Adam, n_random_steps=4, antithetic=False).ask()[1:]
    assert not np.allclose(free.mean(axis=0), 0)


def test_gradients_that_come_unannounced_make_it_ask_for_one_point():
    optimizer = start(gd.GradientAscent, learning_rate=0.1)
    points = optimizer.ask()
    evaluations = Evaluations.of(points, np.arange(13.0))
    evaluations.gradient = np.tile([1.0, 0, 0, 0, 0, 0], (13, 1))
    optimizer.tell(evaluations)
    assert np.allclose(optimizer.ask(), [[0.1, 0, 0, 0, 0, 0]])
    other = start(gd.GradientAscent, learning_rate=0.1)
    other.restore(optimizer.state())
    assert len(other.ask()) == 1


def test_of_several_first_points_it_takes_the_best():
    first = np.random.default_rng(1).uniform(size=(9, 6))
    optimizer = gd.Adam(BOX, initial=first)
    (asked,) = play(optimizer, generations=1)
    assert np.array_equal(asked, first)
    assert np.array_equal(optimizer.ask()[0], first[bowl(first).argmax()])


def test_a_warm_start_begins_at_the_best_known_point():
    known = np.random.default_rng(1).uniform(size=(9, 6))
    optimizer = gd.Adam(BOX)
    optimizer.start_from(known, bowl(known))
    assert np.array_equal(optimizer.ask()[0], known[bowl(known).argmax()])


def test_what_failed_is_left_out():
    """The gradient of a linear function is exact all the same."""
    g = np.array([1.0, -2, 3, -4, 5, -6])
    options = {"learning_rate": 1e-3, "n_random_steps": 30}
    for failed in ([0], [3, 4, 5], [0, *range(2, 31, 2)]):
        optimizer = start(gd.GradientAscent, at=0.5, space=BOX, **options)
        points = optimizer.ask()
        scores = points @ g
        scores[failed] = np.nan
        optimizer.tell(Evaluations.of(points, scores))
        assert np.allclose(optimizer.point - 0.5, 1e-3 * g, rtol=1e-6)


def test_where_all_fails_it_goes_half_the_way_back():
    optimizer = start(gd.GradientAscent, learning_rate=0.1)
    play(optimizer, lambda p: p @ np.ones(6), 1)
    assert np.allclose(optimizer.point, 0.1)
    play(optimizer, lambda p: np.full(len(p), np.nan), 1)
    assert np.allclose(optimizer.point, 0.05)


def test_a_start_that_fails_is_drawn_anew():
    optimizer = gd.Adam(BOX, seed=1)
    first, second = play(optimizer, lambda p: np.full(len(p), np.nan), 2)
    assert not np.allclose(first[0], second[0], atol=0.1)


def test_it_follows_the_bounding_function():
    optimizer = start(gd.GradientAscent, at=3.0)
    points = optimizer.ask()
    evaluations = Evaluations.of(points, -np.square(points).sum(axis=1))
    evaluations.evaluated = np.clip(points, -1, 1)
    optimizer.tell(evaluations)
    assert (np.abs(optimizer.point) <= 1).all()


def test_integers_take_steps_of_their_own():
    whole = np.array([False, True, False, False, True])
    steps = apart(10, whole, np.random.default_rng(1), True)
    moved = steps != 0
    assert np.array_equal(moved[:4], np.tile(whole, (4, 1)))
    assert np.array_equal(moved[4:], np.tile(~whole, (6, 1)))
    assert np.allclose(steps.sum(axis=0), 0)
    assert (apart(3, whole, np.random.default_rng(1), True) != 0).all()  # too few to be divided


def test_random_steps_reach_the_next_integer():
    space = ParameterSpace(
        [
            Parameter("n", 1, 5, kind="int"),
            Parameter("x", 0.0, 1.0),
            Parameter("rule", kind="categorical", choices=("a", "b", "c", "d")),
        ]
    )
    assert np.allclose(whole_steps(space), [0.2, 0, 0.25])
    assert np.array_equal(whole_steps(ParameterSpace(space.parameters, "raw")), [1, 0, 1])

    def best_at_four(points):
        n, x, _ = space.repair(space.from_search(points)).T
        return -np.square(n - 4) - np.square(x - 0.25)

    optimizer = gd.Adam(space, gd.AdamParameters(0.03), seed=1)
    play(optimizer, best_at_four, 80)
    n, x, _ = space.repair(space.from_search(optimizer.recommended[None]))[0]
    assert n == 4
    assert abs(x - 0.25) < 0.02


# -- finding optima -------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=ids)
def test_better_than_random_search_on_a_quadratic_function(rule):
    """By a factor of ten with the same budget, in each of three seeds."""
    scales = 10.0 ** np.linspace(0, 1, 6)

    def f(points):
        return -(scales * np.square(points - 0.3)).sum(axis=1)

    for seed in range(3):
        optimizer = rule(BOX, seed=seed)
        play(optimizer, f, 150)
        search = RandomSearch(BOX, RandomSearchParameters(13), seed=seed)
        play(search, f, 150)
        assert f(optimizer.recommended[None])[0] > search.best_score / 10


@pytest.mark.parametrize("rule", RULES, ids=ids)
def test_an_optimum_in_a_corner_is_reached(rule):
    optimizer = rule(BOX, rule.Parameters(learning_rate=0.05), seed=1)
    play(optimizer, lambda p: 10 * p @ np.array([1.0, -1, 1, -1, 1, -1]), 100)
    assert np.allclose(optimizer.recommended, [1, 0, 1, 0, 1, 0], atol=1e-12)
    assert optimizer.done == "the point has not moved for 10 generations"


@pytest.mark.parametrize("rule", RULES, ids=ids)
def test_noise(rule):
    """The recommended point is far better than the one that happened to score best."""
    rng = np.random.default_rng(1)

    def noisy(points):
        return 100 * bowl(points) + rng.normal(size=len(points))

    options = {"learning_rate": 0.001} if "Ascent" in rule.__name__ else {}
    true = []
    for seed in range(3):
        optimizer = rule(BOX, rule.Parameters(exploration_step_size=0.1, **options), seed=seed)
        play(optimizer, noisy, 150)
        true.append([bowl(x[None])[0] for x in (optimizer.recommended, optimizer.best_point)])
    recommended, best = np.mean(true, axis=0)
    assert recommended > -0.01
    assert recommended > best


@pytest.mark.parametrize("rule", RULES, ids=ids)
def test_a_flat_fitness_moves_nothing_and_ends(rule):
    none = {"stochastic_deviation": 0.0} if rule is gd.StochasticGradientAscent else {}
    optimizer = start(rule, at=0.5, space=BOX, **none)
    assert len(play(optimizer, lambda p: np.zeros(len(p)), 50)) == 10
    assert np.array_equal(optimizer.point, np.full(6, 0.5))
    assert optimizer.done == "the point has not moved for 10 generations"


def test_patience_halves_the_learning_rate():
    optimizer = start(gd.Adam, at=0.5, space=BOX, patience=3)
    for number, factor in enumerate((1, 1, 1, 0.5, 0.5, 0.5, 0.25)):
        points = optimizer.ask()
        optimizer.tell(Evaluations.of(points, points[:, 0] - optimizer.point[0] - number))
        assert optimizer.factor == factor
    optimizer = start(gd.Adam, at=0.5, space=BOX, patience=None)
    play(optimizer, lambda p: -p[:, 0] + 10 * optimizer.point[0], 40)
    assert optimizer.factor == 1


def test_stop_criterion():
    optimizer = start(gd.Adam, at=0.5, space=BOX, stop_criterion=-0.05)
    play(optimizer, bowl, 500)
    assert optimizer.done == f"score {optimizer.best_score:g} has reached the stop_criterion -0.05"
    endless = start(gd.Adam, at=0.5, space=BOX, stop_criterion=np.inf)
    play(endless, bowl, 5)
    assert endless.done is None


def test_a_hundredfold_of_parameters_costs_no_square_of_them():
    space = ParameterSpace([Parameter("w", -1.0, 1.0, shape=(28800,))])
    optimizer = gd.Adam(space, seed=1)
    population = 33 * 28800 * 8
    tracemalloc.start()
    for _ in range(2):
        points = optimizer.ask()
        optimizer.tell(Evaluations.of(points, bowl(points)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * population  # of which the fitness takes two


# -- input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["learning_rate", "exploration_step_size"])
@pytest.mark.parametrize("value", [0, -1, np.nan, np.inf, "fast", [], [1, 0], [[1.0]]])
def test_sizes_that_are_none(name, value):
    with pytest.raises(ConfigError, match=f"AdamParameters.{name} must be a positive number"):
        gd.AdamParameters(**{name: value})


def test_lists_and_arrays_are_written_to_a_run_and_read_back():
    given = gd.AdamParameters(learning_rate=np.array([0.1, 0.2]), stop_criterion=np.inf)
    plain = as_plain(given._asdict())
    assert plain["learning_rate"] == [0.1, 0.2]
    assert as_plain(gd.AdamParameters(**plain)._asdict()) == plain


def test_a_list_of_another_length():
    with pytest.raises(ConfigError, match="a list of 6, one a coordinate; got 2"):
        gd.Adam(BOX, gd.AdamParameters(learning_rate=[0.1, 0.2]))


def test_without_bounds_it_needs_a_first_point():
    with pytest.raises(ConfigError, match="x have no bounds"):
        gd.Adam(ParameterSpace([Parameter("x")])).ask()


# -- classic scripts ------------------------------------------------------------------------------

#: As in upstream's run scripts.
CLASSIC = {
    gd.GradientAscent: gd.ClassicGDParameters(
        learning_rate=0.01, exploration_step_size=0.01, n_random_steps=5, n_iteration=100,
        stop_criterion=np.inf, seed=99),
    gd.StochasticGradientAscent: gd.StochasticGDParameters(
        learning_rate=0.01, stochastic_deviation=1, stochastic_decay=0.99,
        exploration_step_size=0.01, n_random_steps=5, n_iteration=100, stop_criterion=np.inf,
        seed=99),
    gd.Adam: gd.AdamParameters(
        learning_rate=0.01, exploration_step_size=0.01, n_random_steps=15, first_order_decay=0.8,
        second_order_decay=0.8, n_iteration=83, stop_criterion=np.inf, seed=99),
    gd.AdaMax: gd.AdaMaxParameters(0.01, 0.01, 15, 0.8, 0.8, 83, np.inf, 99),
    gd.RMSProp: gd.RMSPropParameters(
        learning_rate=0.01, exploration_step_size=0.01, n_random_steps=5, momentum_decay=0.5,
        n_iteration=100, stop_criterion=np.inf, seed=99),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=ids)
def test_the_parameters_say_which_algorithm(rule):
    made = GradientDescentOptimizer(
        DummyTrajectory(), optimizee_create_individual=dict, optimizee_fitness_weights=(-1.0,),
        parameters=CLASSIC[rule],
    )  # fmt: skip
    assert made.algorithm is rule
    assert made.parameters is CLASSIC[rule]


def test_other_parameters_are_refused():
    with pytest.raises(ConfigError, match=r"takes ClassicGDParameters or Stochastic.* or RMSProp"):
        GradientDescentOptimizer(DummyTrajectory(), dict, (1.0,), RandomSearchParameters())


@pytest.mark.parametrize("rule", RULES, ids=ids)
def test_upstreams_settings_run_to_their_end(rule, tmp_path):
    from l2l.utils.experiment import Experiment

    from l2l.optimizees.functions.benchmarked_functions import BenchmarkedFunctions
    from l2l.optimizees.functions.optimizee import FunctionGeneratorOptimizee

    experiment = Experiment(root_dir_path=str(tmp_path))
    traj, _ = experiment.prepare_experiment(name="run", multiprocessing=False)
    function = BenchmarkedFunctions().get_function_by_index(4, noise=True)[0][1]
    optimizee = FunctionGeneratorOptimizee(traj, function, seed=100)
    optimizer = GradientDescentOptimizer(
        traj, optimizee_create_individual=optimizee.create_individual,
        optimizee_fitness_weights=(-0.1,), parameters=CLASSIC[rule],
        optimizee_bounding_func=optimizee.bounding_func,
    )  # fmt: skip
    experiment.run_experiment(optimizer=optimizer, optimizee=optimizee)
    history = experiment.result.history
    generations = CLASSIC[rule].n_iteration
    assert history.generation[-1] == generations - 1
    assert len(history) == generations * (CLASSIC[rule].n_random_steps + 1)


def test_points_are_told_as_they_were_evaluated():
    """Of an integer, the value that it was rounded to."""
    space = ParameterSpace([Parameter("n", 0, 9, kind="int")])
    optimizer = gd.GradientAscent(space, gd.ClassicGDParameters(0.01), initial=np.array([[0.55]]))
    points = optimizer.ask()
    told = evaluated(optimizer, points, lambda p: 3.0 * p[:, 0])
    assert not np.array_equal(told.evaluated, points)
    optimizer.tell(told)
    assert np.isclose(optimizer.point[0], 0.55 + 0.01 * 3.0)


@pytest.mark.parametrize("rule", RULES, ids=ids)
def test_scores_near_the_largest_number_leave_no_nan(rule):
    penalty = -np.finfo(float).max
    optimizer = rule(BOX, seed=1)
    play(optimizer, lambda p: np.where(p[:, 0] > 0.5, bowl(p), penalty), 5)
    assert all(np.isfinite(v).all() for v in (optimizer.point, *optimizer.rule.pack().values()))
