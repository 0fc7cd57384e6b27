from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy.stats import qmc

from l2l import Parameter, ParameterSpace
from l2l.errors import ConfigError, L2LError
from l2l.evaluation import Evaluations
from l2l.optimizers.latinhypercube import LatinHypercube, LatinHypercubeParameters
from l2l.testing import play

SPACE = ParameterSpace([Parameter("x", -5.0, 5.0, shape=(4,))])


def sampler(n=40, batch=4096, centred=False, space=SPACE, **kwargs):
    return LatinHypercube(space, LatinHypercubeParameters(n, batch, centred), **kwargs)


def design(*args, **kwargs):
    return np.concatenate(play(sampler(*args, **kwargs), generations=1000))


@pytest.mark.parametrize("batch", [1, 7, 40, 4096])
@pytest.mark.parametrize("centred", [True, False])
def test_each_stratum_has_exactly_one_point(batch, centred):
    points = design(40, batch, centred, seed=3)
    assert points.shape == (40, 4)
    for column in points.T:
        assert np.array_equal(np.sort(np.floor(40 * column)), np.arange(40))
    middle = np.allclose((40 * points) % 1, 0.5)
    assert middle == centred


def test_batches_and_resumes_change_nothing():
    expected = design(40, seed=3)
    assert np.array_equal(design(40, 7, seed=3), expected)
    optimizer = sampler(40, 9, seed=3)
    for position in (0, 9, 18, 27, 36):
        other = sampler(40, 9, seed=8)
        other.restore(optimizer.state())
        points = optimizer.ask()
        assert np.array_equal(points, expected[position : position + 9])
        assert np.array_equal(other.ask(), points)
        optimizer.tell(Evaluations.of(points, np.zeros(len(points))))


def test_permutations_are_uniform_and_independent():
    """Of 3 points in 2 columns: each of the 36 pairs of permutations as often."""
    counts = np.zeros((6, 6))
    code = {(0, 1, 2): 0, (0, 2, 1): 1, (1, 0, 2): 2, (1, 2, 0): 3, (2, 0, 1): 4, (2, 1, 0): 5}
    space = ParameterSpace({"a": (0.0, 1.0), "b": (0.0, 1.0)})
    for seed in range(1800):
        points = sampler(3, space=space, seed=seed).ask()
        a, b = (code[tuple(np.floor(3 * column).astype(int))] for column in points.T)
        counts[a, b] += 1
    # chi-square with 35 degrees of freedom: p = 0.001 at 66.6
    assert ((counts - 50) ** 2 / 50).sum() < 66.6


def test_discrepancy_is_below_that_of_random_points():
    rng = np.random.default_rng(1)
    random = np.median([qmc.discrepancy(rng.random((100, 4))) for _ in range(20)])
    hypercubes = [qmc.discrepancy(sampler(100, seed=seed).ask()) for seed in range(20)]
    assert np.median(hypercubes) < 0.8 * random


def test_the_mean_of_an_additive_function_is_far_more_accurate():
    """McKay, Beckman & Conover (1979): that is what it is for; random points have 1/12 d / n."""
    means = [sampler(50, seed=seed).ask().sum(axis=1).mean() for seed in range(50)]
    assert np.var(means) < 0.01 * (4 / 12 / 50)


def test_it_ends_with_its_last_point():
    optimizer = sampler(10, 4)
    assert [len(points) for points in play(optimizer, generations=9)] == [4, 4, 2]
    assert optimizer.done == "all 10 points of the Latin hypercube"
    with pytest.raises(L2LError, match="no points left"):
        optimizer.ask()


def test_integers_choices_and_log_scales():
    space = ParameterSpace(
        [
            Parameter("n", 1, 8, kind="int"),
            Parameter("rule", kind="categorical", choices=("a", "b")),
            Parameter("tau", 1e-2, 1e2, scale="log"),
        ]
    )
    n, rule, tau = space.repair(space.from_search(sampler(64, space=space).ask())).T
    assert np.array_equal(np.bincount(n.astype(int))[1:], np.full(8, 8))
    assert np.array_equal(np.bincount(rule.astype(int)), [32, 32])
    assert np.array_equal(np.histogram(tau, [1e-2, 1e-1, 1, 10, 100])[0], np.full(4, 16))


def test_a_large_design_is_never_in_memory():
    space = ParameterSpace([Parameter("w", 0.0, 1.0, shape=(40,))])
    optimizer = sampler(10**5, 100, space=space)
    tracemalloc.start()
    points = optimizer.ask()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert points.shape == (100, 40)
    assert peak < 0.15 * 10**5 * 40 * 8  # a few columns


def test_known_points_come_first_and_cost_no_place():
    first = np.full((3, 4), 0.5)
    one, two = play(sampler(8, seed=1, initial=first), generations=9)
    assert np.array_equal(one, first)
    assert np.array_equal(two, sampler(8, seed=1).ask())


def test_bounds_are_needed():
    with pytest.raises(ConfigError, match=r"LatinHypercube draws .* but free have none here"):
        sampler(space=ParameterSpace([Parameter("free"), Parameter("x", 0.0, 1.0)]))
