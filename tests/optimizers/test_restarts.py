"""Restarts: the schedules of the papers, their limits, their state."""

from __future__ import annotations

import numpy as np
import pytest

from l2l.optimizers.common.restarts import MOST, Restarts


def test_none_never_goes_on():
    restarts = Restarts("none", 10)
    assert not restarts.next(np.random.default_rng(0))
    assert (restarts.n, restarts.pop_size) == (0, 10)


def test_ipop_doubles_up_to_a_limit():
    """Auger & Hansen (2005): factor 2 at each restart, same first step size."""
    restarts, rng, sizes = Restarts("auto", 10), np.random.default_rng(0), []
    for _ in range(12):
        assert restarts.next(rng)
        sizes.append(restarts.pop_size)
        assert restarts.sigma_factor == 1.0
        assert not restarts.exhausted
    assert sizes == [min(10 * 2**k, 10 * MOST) for k in range(1, 13)]


@pytest.fixture
def played():
    """Starts of a BIPOP schedule: population, factor of sigma, evaluations used."""
    restarts, rng, starts = Restarts("bipop", 12), np.random.default_rng(1), []
    for _ in range(60):
        used, wanted = 0, 50 * restarts.pop_size
        while used < wanted and not restarts.exhausted:
            restarts.count(restarts.pop_size)
            used += restarts.pop_size
        starts.append((restarts.pop_size, restarts.sigma_factor, used))
        assert restarts.next(rng)
    return starts


def test_bipop_spends_as_much_on_small_starts_as_on_large_ones(played):
    """Hansen (2009): of the two regimes the one that has used less so far goes next."""
    large = [s for s in played if s[0] in [12 * 2**k for k in range(12)] and s[1] == 1.0]
    small = [s for s in played if s[1] < 1.0]
    assert len(large) + len(small) == len(played)
    assert [s[0] for s in large] == [12 * 2**k for k in range(len(large))]
    assert played[1] in large
    spent = [sum(s[2] for s in kind) for kind in (large, small)]
    assert 0.4 < spent[1] / spent[0] < 2.5


def test_bipop_draws_the_size_and_the_step_of_small_starts(played):
    """Hansen (2009): first (large / 2 first)^(U^2) and 10^(-2 U), half the evaluations."""
    largest, last = 12, played[0]
    for size, factor, used in played:
        if factor < 1.0:
            assert 12 <= size <= largest / 2
            assert factor >= 0.01
            assert used <= last[2] / 2 + size
        else:
            largest, last = max(largest, size), (size, factor, used)
    factors = np.log10([s[1] for s in played if s[1] < 1.0])
    assert factors.min() < -1.5
    assert factors.max() > -0.5


def test_the_state_round_trip():
    one, other = Restarts("bipop", 6), Restarts("bipop", 6)
    for seed in range(20):
        other.unpack(one.pack())
        assert np.array_equal(one.pack(), other.pack())
        for restarts in (one, other):
            restarts.count(100 * restarts.pop_size)
            restarts.next(np.random.default_rng(seed))
        assert (one.pop_size, one.sigma_factor) == (other.pop_size, other.sigma_factor)
        assert one.exhausted == other.exhausted


def test_a_population_that_the_user_has_fixed_stays_as_large():
    for restarts in (Restarts("auto", 10, fixed=True), Restarts("same", 10)):
        rng = np.random.default_rng(0)
        for _ in range(5):
            restarts.count(1000)
            assert restarts.next(rng)
            assert (restarts.pop_size, restarts.sigma_factor) == (10, 1.0)
        assert restarts.n == 5
