from __future__ import annotations

import numpy as np
import pytest

from l2l import Parameter, ParameterSpace
from l2l.errors import ConfigError
from l2l.evaluation import Evaluations
from l2l.optimizers.crossentropy import CrossEntropy, CrossEntropyParameters
from l2l.optimizers.distributions import Gaussian
from l2l.optimizers.face import FACE, FACEParameters
from l2l.optimizers.randomsearch import RandomSearch, RandomSearchParameters
from l2l.testing import play

D = 5
BOX = ParameterSpace([Parameter("x", -5.0, 5.0, shape=(D,))])
UPSTREAM = {
    "min_pop_size": 20, "max_pop_size": 50, "n_elite": 10, "smoothing": 0.2, "temp_decay": 0,
    "n_iteration": 1, "distribution": Gaussian(), "stop_criterion": np.inf, "n_expand": 5,
    "seed": 109,
}  # fmt: skip


def sphere(x):
    return -np.square(x - 0.3).sum(axis=1)


def face(seed=0, **options):
    return FACE(BOX, FACEParameters(**options), seed=seed)


def run(optimizer, fitness, generations):
    sizes = []
    while optimizer.done is None and len(sizes) < generations:
        points = optimizer.ask()
        sizes.append(len(points))
        optimizer.tell(Evaluations.of(points, fitness(points)))
    return sizes


def test_while_each_sample_is_better_it_is_cross_entropy():
    one = face(min_pop_size=20, n_elite=6)
    parameters = CrossEntropyParameters(pop_size=20, rho=0.3)
    other = CrossEntropy(BOX, parameters, seed=0)
    for bonus in range(0, 50, 10):  # each generation is better than the one before
        a, b = (play(o, lambda x, c=bonus: sphere(x) + c, 1)[0] for o in (one, other))
        np.testing.assert_array_equal(a, b)


def test_a_sample_grows_until_its_elite_is_better():
    optimizer = face(min_pop_size=20, max_pop_size=33, n_elite=5, n_expand=8)
    run(optimizer, sphere, 1)
    mean, threshold = optimizer.fitted.mean.copy(), optimizer.threshold
    assert run(optimizer, lambda x: np.full(len(x), threshold - 1), 2) == [20, 8]
    np.testing.assert_array_equal(optimizer.fitted.mean, mean)  # nothing is learned yet
    assert run(optimizer, lambda x: sphere(x) + 10, 2)[0] == 5  # 33 at most
    assert optimizer.threshold > threshold
    assert not np.array_equal(optimizer.fitted.mean, mean)


def test_it_ends_when_the_largest_sample_is_no_better():
    optimizer = face(min_pop_size=20, max_pop_size=33, n_elite=5, n_expand=8)
    run(optimizer, sphere, 1)
    assert run(optimizer, lambda x: np.full(len(x), -99.0), 20) == [20, 8, 5]
    assert "possibly diverged" in optimizer.done
    again = face(seed=3, min_pop_size=20, max_pop_size=33, n_elite=5, n_expand=8)
    again.restore(optimizer.state())
    assert again.done == optimizer.done


def test_restarts_have_larger_samples():
    optimizer = face(min_pop_size=20, max_pop_size=30, n_elite=5, n_expand=10, restarts="ipop")
    run(optimizer, sphere, 1)
    assert run(optimizer, lambda x: np.full(len(x), -99.0), 5) == [20, 10, 40, 40, 20]


def test_failed_evaluations_are_no_part_of_the_sample():
    optimizer = face(min_pop_size=20, max_pop_size=33, n_elite=5, n_expand=8)
    assert run(optimizer, lambda x: np.full(len(x), np.nan), 4) == [20] * 4

    def few(x):
        return np.where(np.arange(len(x)) < 2, sphere(x), np.nan)

    assert run(optimizer, few, 3) == [20, 8, 8]
    assert optimizer.threshold > -np.inf  # six of them make an elite of five


@pytest.mark.parametrize("seed", range(3))
def test_better_than_random_search(seed):
    """By a factor of 1000 in 3,000 evaluations at most (measured: 1e6 and more)."""
    optimizer = face(seed)
    n = sum(run(optimizer, sphere, 3000 // 27))
    other = RandomSearch(BOX, RandomSearchParameters(pop_size=n), seed=seed)
    run(other, sphere, 1)
    assert optimizer.best_score > other.best_score / 1000


@pytest.mark.parametrize("temp_decay", [0, 0.9])
def test_settings_of_upstream_run_to_their_end(temp_decay):
    rng = np.random.default_rng(0)
    space = ParameterSpace([Parameter("x", shape=(2,))], "raw")
    parameters = FACEParameters(**{**UPSTREAM, "temp_decay": temp_decay})
    optimizer = FACE(space, parameters, initial=rng.uniform(-5, 5, (32, 2)))
    run(optimizer, lambda x: sphere(x) + rng.normal(size=len(x)), 400)
    assert "possibly diverged" in optimizer.done  # noise is not improved upon for ever
    assert sphere(optimizer.recommended[None]) > -3


def test_fields_in_the_order_of_upstream():
    parameters = FACEParameters(*UPSTREAM.values())
    order = ("min_pop_size", "max_pop_size", "n_elite", "smoothing", "temp_decay", "n_iteration",
             "distribution", "stop_criterion", "n_expand", "seed")  # fmt: skip
    assert tuple(parameters._asdict())[:10] == order


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_pop_size": 20, "max_pop_size": 10}, "at least min_pop_size"),
        ({"min_pop_size": 20, "n_elite": 30}, "at most min_pop_size"),
        ({"smoothing": 1}, "less than 1"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ConfigError, match=message):
        face(**options)


@pytest.mark.parametrize("option", [{"n_expand": 3}, {"max_pop_size": 30}, {"n_elite": 9}])
def test_every_option_does_something(option):
    def noisy(x):
        return sphere(x) + np.sin(1e4 * x).sum(axis=1)

    assert play(face(), noisy, 12)[-1].tolist() != play(face(**option), noisy, 12)[-1].tolist()
