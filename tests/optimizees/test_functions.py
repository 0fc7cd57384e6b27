"""Benchmark functions: values, optima, noise, and the optimizees made of them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from l2l.errors import ConfigError
from l2l.optimizee import Individual, Trial, space_of
from l2l.optimizees.functions import tools
from l2l.optimizees.functions.benchmarked_functions import FUNCTIONS, BenchmarkedFunctions
from l2l.optimizees.functions.function_generator import (
    AckleyParameters,
    ChasmParameters,
    EasomParameters,
    FunctionGenerator,
    GaussianParameters,
    LangermannParameters,
    MichalewiczParameters,
    PermutationParameters,
    RastriginParameters,
    RosenbrockParameters,
    ShekelParameters,
)
from l2l.optimizees.functions.optimizee import (
    BenchmarkFunction,
    BenchmarkFunctionParameters,
    FunctionGeneratorOptimizee,
)

PI = np.pi

#: number, name, bounds, place of the minimum, its value (literature, or a fine search of 200,000
#: points and Nelder-Mead for those whose minimum has no closed form), tolerance
TABLE = [
    (0, "Rastrigin2d", (-5, 5), [0] * 2, 0, 0),
    (1, "Rastrigin10d", (-5, 5), [0] * 10, 0, 0),
    (2, "Rosenbrock2d", (-2, 2), [1] * 2, 0, 0),
    (3, "Rosenbrock10d", (-2, 2), [1] * 10, 0, 0),
    (4, "Ackley2d", (-2, 2), [0] * 2, 0, 1e-14),
    (5, "Ackley10d", (-2, 2), [0] * 10, 0, 1e-14),
    (6, "Chasm", (-2, 2), [0] * 2, 0, 0),
    (7, "Gauss2d", (-5, 5), [-1, -1], -1 / (2 * PI * np.sqrt(1.5 * 0.3 - 0.01)), 1e-12),
    (8, "Shekel2d", (0, 10), [2.9962, 4.9959], -5.76016, 1e-5),
    (9, "Langermann2d", (0, 10), [2.7934, 1.5972], -4.155809, 1e-5),
    (10, "Michalewicz2d", (0, PI), [2.2029, 1.5708], -1.801303, 1e-5),
    (11, "Permutation2d", (-2, 2), [1, 2], 0, 0),
    (12, "Easom2d", (-10, 10), [PI] * 2, -1, 1e-12),
    (13, "Easom10d", (-10, 10), [PI] * 10, -1, 1e-12),
    (14, "3Gaussians2d", (-5, 5), [0.9991, 0.9951], -0.398475, 1e-5),
]


@pytest.mark.parametrize(("number", "name", "bound", "place", "value", "tolerance"), TABLE)
def test_the_optimum_of_each_benchmark(number, name, bound, place, value, tolerance):
    (got, function), description = BenchmarkedFunctions().get_function_by_index(number)
    assert got == name
    assert function.bound == list(bound)
    assert function.dims == len(place)
    assert function.cost_function(place) == pytest.approx(value, abs=tolerance)
    rng = np.random.default_rng(number)
    anywhere = rng.uniform(*bound, (20_000, len(place)))
    nearby = np.clip(place + rng.normal(0, 1e-2, (2000, len(place))), *bound)
    lowest = min(function(anywhere).min(), function(nearby).min())
    assert lowest >= value - max(tolerance, 1e-5)
    assert description["benchmark_id"] == number
    assert description["dims"] == len(place)
    (by_name, same), _ = BenchmarkedFunctions().get_function_by_name(name)
    assert by_name == name
    assert same(anywhere[0]) == function(anywhere[0])


def test_the_table_is_complete():
    assert [row[1] for row in TABLE] == [name for name, *_ in FUNCTIONS]


#: Values worked out by hand, away from the optimum.
POINTS = [
    (RastriginParameters(), [1.0, 0.5], 1.0 + 0.25 + 20.0),  # cos(2 pi) = 1, cos(pi) = -1
    (RosenbrockParameters(), [0.0, 1.0, 2.0], 100.0 + 1.0 + 100.0),
    (AckleyParameters(), [1.0, 1.0], 20 - 20 * np.exp(-0.2)),
    (ChasmParameters(), [-1.0, -2.0], 1000 / 1001 + 0.02),
    (EasomParameters(), [PI, 0.0], np.exp(-(PI**2))),
    (EasomParameters(), [PI, PI, PI], -1.0),  # odd dimensions too have their minimum there
    (MichalewiczParameters(), [PI / 2, PI / 2], -(np.sin(PI / 4) ** 20) - 1.0),
    (MichalewiczParameters(m=1), [PI / 2], -(np.sin(PI / 4) ** 2)),
    (PermutationParameters(beta=0.0), [2.0, 2.0], 1.0 + 9.0),
    (PermutationParameters(beta=1.0), [2.0], 4.0),
    (GaussianParameters(sigma=[[4.0]], mean=[1.0]), [3.0], -np.exp(-0.5) / np.sqrt(8 * PI)),
    (ShekelParameters(A=[[8, 5], [0, 0]], c=[0.08, 1]), [8.0, 6.0], -1 / 1.08 - 1 / 101),
    (LangermannParameters(A=[[1, 1]], c=[3]), [1.0, 2.0], -3 * np.exp(-1 / PI)),
]


@pytest.mark.parametrize(("function", "point", "value"), POINTS)
def test_values_worked_out_by_hand(function, point, value):
    generator = FunctionGenerator([function], dims=len(point))
    assert generator.cost_function(point) == pytest.approx(value, rel=1e-12)
    assert isinstance(generator.cost_function(point), float)


@pytest.mark.parametrize("number", range(15))
def test_many_points_at_once_are_the_same_as_one_by_one(number):
    (_, function), _ = BenchmarkedFunctions().get_function_by_index(number)
    points = np.random.default_rng(number).uniform(*function.bound, (3, 4, function.dims))
    values = function(points)
    assert values.shape == (3, 4)
    one_by_one = [[function(point) for point in row] for row in points]
    np.testing.assert_allclose(values, one_by_one, rtol=1e-12)


def test_functions_are_summed_and_the_widest_bounds_are_taken():
    terms = [RastriginParameters(), ShekelParameters()]
    both = FunctionGenerator(terms, dims=2)
    assert both.bound == [-5, 10]
    point = [0.3, 1.2]
    alone = [FunctionGenerator([term]).cost_function(point) for term in terms]
    assert both.cost_function(point) == pytest.approx(sum(alone))
    assert FunctionGenerator(terms, bound=[-1, 1]).bound == [-1, 1]
    assert both.get_params()["functions"][0] == {"RastriginParameters": {}}


@pytest.mark.parametrize("kind", [np.random.RandomState, np.random.default_rng])
def test_noise_has_the_given_moments_and_comes_from_the_given_generator(kind):
    terms = [AckleyParameters()]
    noisy = FunctionGenerator(terms, noise=True, mu=2.0, sigma=0.5)
    rng = kind(7)
    values = np.array([noisy.cost_function([0, 0], rng) for _ in range(4000)])
    # five standard errors: a false alarm in two million runs
    assert abs(values.mean() - 2.0) < 5 * 0.5 / np.sqrt(4000)
    assert abs(values.std() - 0.5) < 5 * 0.5 / np.sqrt(8000)
    assert noisy.cost_function([0, 0], kind(7)) == values[0]
    assert noisy.get_params()["sigma"] == 0.5
    with pytest.raises(ValueError, match="needs a random_state"):
        noisy.cost_function([0, 0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FunctionGenerator([]), "at least one function"),
        (lambda: FunctionGenerator([ChasmParameters()], dims=3), "needs 2 dimensions, got 3"),
        (lambda: FunctionGenerator([RosenbrockParameters()], dims=1), "at least 2 dimensions"),
        (lambda: FunctionGenerator([ShekelParameters()], dims=3), r"A of shape \(m, 3\)"),
        (lambda: FunctionGenerator([ShekelParameters(A=[[1, 2]])]), "both A and c, or neither"),
        (
            lambda: FunctionGenerator([GaussianParameters([[1, 0], [0, 1]], [0])], dims=2),
            "sigma and mean of 2-D",
        ),
        (lambda: BenchmarkedFunctions().get_function_by_index(15), "0 to 14, got 15"),
        (lambda: BenchmarkedFunctions().get_function_by_name("Ackley"), "mean 'Ackley2d'"),
        (lambda: PermutationParameters(beta=-1), "at least 0"),
    ],
)
def test_errors_say_what_is_wrong(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_a_point_of_the_wrong_dimension_is_refused():
    with pytest.raises(ValueError, match=r"expected points of shape \(\.\.\., 2\), got \(3,\)"):
        FunctionGenerator([AckleyParameters()]).cost_function([1, 2, 3])


# -- optimizees -------------------------------------------------------------------------------


def trial(coords, seed=1):
    return Trial(Individual({"coords": np.asarray(coords, dtype=float)}, seed=seed))


def test_the_classic_optimizee():
    (_, function), _ = BenchmarkedFunctions().get_function_by_index(4)
    optimizee = FunctionGeneratorOptimizee(None, function, seed=100)
    again = FunctionGeneratorOptimizee(None, function, 100)
    drawn = [optimizee.create_individual()["coords"] for _ in range(50)]
    assert np.array_equal(drawn[0], again.create_individual()["coords"])
    assert len(np.unique(drawn)) == 100
    assert (np.abs(drawn) <= 2).all()
    assert optimizee.bounding_func({"coords": np.array([3.0, -1.0])})["coords"].tolist() == [2, -1]
    assert optimizee.simulate(trial([0.5, 0.5])) == (function.cost_function([0.5, 0.5]),)
    assert optimizee.bound == [-2, 2]
    assert optimizee.dims == 2
    assert len(pickle.dumps(optimizee)) < 3000
    with pytest.raises(TypeError, match="must be a FunctionGenerator"):
        FunctionGeneratorOptimizee(None, 4)


def test_without_a_seed_individuals_come_from_the_run():
    (_, function), _ = BenchmarkedFunctions().get_function_by_index(4)
    drawn = []
    for seed in (1, 1, 2):
        np.random.seed(seed)
        drawn.append(FunctionGeneratorOptimizee(None, function).create_individual()["coords"])
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_noise_differs_between_evaluations_and_repeats_with_the_seed():
    parameters = BenchmarkFunctionParameters(function=4, noise=True, mu=0.0, sigma=0.1)
    frozen = pickle.dumps(BenchmarkFunction(None, parameters))
    values = [pickle.loads(frozen).simulate(trial([0, 0], seed))[0] for seed in range(1, 401)]
    again = [pickle.loads(frozen).simulate(trial([0, 0], seed))[0] for seed in range(1, 401)]
    assert values == again
    assert len(set(values)) == 400
    assert abs(np.mean(values)) < 5 * 0.1 / 20
    assert abs(np.std(values) - 0.1) < 5 * 0.1 / np.sqrt(800)


@pytest.mark.parametrize("function", ["Easom10d", 13])
def test_the_benchmark_by_name_and_by_number(function):
    optimizee = BenchmarkFunction(None, BenchmarkFunctionParameters(function=function))
    assert optimizee.simulate(trial([PI] * 10))[0] == pytest.approx(-1)
    space = space_of(optimizee)
    assert space.bounded
    assert space.size == 10
    assert space.from_search(np.ones((1, 10))).max() == 10


def test_the_default_benchmark_and_a_wrong_name():
    assert BenchmarkFunction().simulate(trial([0, 0]))[0] == pytest.approx(0, abs=1e-14)
    with pytest.raises(ConfigError, match="did you mean 'Rastrigin2d'"):
        BenchmarkFunction(None, BenchmarkFunctionParameters(function="rastrigin2d"))


# -- drawing ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [4, 14])
def test_a_surface_is_drawn(number, tmp_path, monkeypatch):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)
    (_, function), _ = BenchmarkedFunctions().get_function_by_index(number, noise=True, sigma=1e-6)
    figure = tools.plot(function, random_state=np.random.RandomState(1))
    surface, *_ = figure.axes
    assert surface.name == "3d"
    assert len(surface.collections) == 1
    minimum = TABLE[number][4]
    drawn = float(surface.get_title().split()[4])
    assert drawn == pytest.approx(minimum, abs=0.01)
    assert list(tmp_path.iterdir()) == []  # nothing is written unless asked for
    figure.savefig(tmp_path / "surface.png")
    assert (tmp_path / "surface.png").stat().st_size > 10_000
    plt.close(figure)


def test_only_two_dimensions_can_be_drawn():
    with pytest.raises(ValueError, match="this one has 10"):
        BenchmarkedFunctions().get_function_by_index(5)[0][1].plot()
