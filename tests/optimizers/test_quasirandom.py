from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy.stats import qmc

from l2l import Parameter, ParameterSpace
from l2l.errors import ConfigError, MissingExtra
from l2l.evaluation import Evaluations
from l2l.optimizers.quasirandom import QuasiRandom, QuasiRandomParameters
from l2l.testing import play

SPACE = ParameterSpace([Parameter("x", -5.0, 5.0, shape=(3,))])
KINDS = [("sobol", True), ("sobol", False), ("halton", True), ("halton", False)]


def sampler(n=16, sequence="sobol", scramble=True, space=SPACE, **kwargs):
    return QuasiRandom(space, QuasiRandomParameters(n, sequence, scramble), **kwargs)


def van_der_corput(i, base):
    """Return the radical inverse of a number: its digits mirrored at the point."""
    value, scale = 0.0, 1.0 / base
    while i:
        i, digit = divmod(i, base)
        value, scale = value + digit * scale, scale / base
    return value


def test_halton_is_van_der_corputs_sequence_in_the_first_primes():
    points = np.concatenate(play(sampler(7, "halton", False), generations=5))
    expected = [[van_der_corput(i, base) for base in (2, 3, 5)] for i in range(35)]
    assert np.allclose(points, expected, atol=1e-15)


def test_sobol_begins_as_in_the_literature():
    """Joe & Kuo's direction numbers in Gray code order (Bratley & Fox 1988)."""
    points = np.concatenate(play(sampler(4, "sobol", False), generations=2))
    first, second = points[:, 0], points[:, 1]
    assert np.array_equal(first, [0, 0.5, 0.75, 0.25, 0.375, 0.875, 0.625, 0.125])
    assert np.array_equal(second, [0, 0.5, 0.25, 0.75, 0.375, 0.875, 0.125, 0.625])


@pytest.mark.parametrize(("sequence", "scramble"), KINDS)
def test_discrepancy_is_far_below_that_of_random_points(sequence, scramble):
    for n in (64, 512):
        optimizer = sampler(n // 4, sequence, scramble, seed=3)
        points = np.concatenate(play(optimizer, generations=4))
        rng = np.random.default_rng(1)
        random = np.median([qmc.discrepancy(rng.random((n, 3))) for _ in range(9)])
        assert qmc.discrepancy(points) < random / 2


def test_each_interval_of_a_scrambled_sobol_sequence_has_one_point():
    points = np.concatenate(play(sampler(16, seed=5), generations=4))
    for column in points.T:
        assert np.array_equal(np.sort((64 * column).astype(int)), np.arange(64))


@pytest.mark.parametrize(("sequence", "scramble"), KINDS)
def test_it_goes_on_anywhere(sequence, scramble):
    """The size of a generation changes nothing either."""
    expected = np.concatenate(play(sampler(10, sequence, scramble, seed=2), generations=12))
    for position in (0, 1, 16, 63, 97):
        done = sampler(position or 1, sequence, scramble, seed=2)
        if position:
            done.tell(Evaluations.of(done.ask(), np.zeros(position)))
        other = sampler(20, sequence, scramble, seed=9)
        other.restore(done.state())
        assert np.array_equal(other.ask(), expected[position : position + 20])
        assert np.array_equal(other.ask(), expected[position : position + 20])


def test_scrambling_depends_on_the_seed():
    one, same, other = (sampler(seed=seed).ask() for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    own = QuasiRandom(SPACE, QuasiRandomParameters(16, seed=1), seed=7)
    assert np.array_equal(own.ask(), one)
    assert np.array_equal(*(sampler(scramble=False, seed=seed).ask() for seed in (1, 2)))


def test_integers_and_choices_get_equal_shares():
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


def test_known_points_come_first_and_cost_no_place():
    first = np.full((3, 3), 0.5)
    one, two = play(sampler(8, seed=1, initial=first), generations=2)
    assert np.array_equal(one, first)
    assert np.array_equal(two, sampler(8, seed=1).ask())


def test_errors(monkeypatch):
    with pytest.raises(ConfigError, match=r"QuasiRandom draws .* but free have none here"):
        sampler(space=ParameterSpace([Parameter("free"), Parameter("x", 0.0, 1.0)]))
    with pytest.raises(ConfigError, match="at most 1000 coordinates, the space has 1001; try sob"):
        sampler(sequence="halton", space=ParameterSpace([Parameter("w", 0.0, 1.0, shape=(1001,))]))
    large = ParameterSpace([Parameter("w", 0.0, 1.0, shape=(30000,))])
    with pytest.raises(ConfigError, match="try random_search"):
        sampler(space=large)
    with pytest.raises(ConfigError, match="did you mean 'sobol'"):
        QuasiRandomParameters(sequence="sobel")
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(MissingExtra, match=r"pip install 'l2l\[scipy\]'"):
        sampler()
