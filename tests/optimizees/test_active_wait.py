"""Active wait: deterministic work that grows with its difficulty."""

from __future__ import annotations

import time

import numpy as np
import pytest

from l2l.errors import ConfigError
from l2l.optimizee import Individual, Trial, space_of
from l2l.optimizees.active_wait import AWOptimizee, AWOptimizeeParameters
from l2l.optimizees.active_wait.optimizee import count_primes


def trial(difficulty: float) -> Trial:
    return Trial(Individual({"difficulty": difficulty}))


@pytest.mark.parametrize(
    ("limit", "count"), [(1, 0), (2, 1), (3, 2), (4, 2), (100, 25), (1000, 168), (10_000, 1229)]
)
def test_primes_are_counted(limit, count):
    assert count_primes(limit) == count  # OEIS A006880 for the powers of ten


def test_fitness_is_a_tuple_of_the_count():
    optimizee = AWOptimizee(None, AWOptimizeeParameters(difficulty=2000.0))
    assert optimizee.simulate(trial(1000.9)) == (168.0,)
    assert optimizee.simulate(trial(1000.9)) == (168.0,)


def test_individuals_lie_between_half_and_all_of_the_difficulty():
    optimizee = AWOptimizee(parameters=AWOptimizeeParameters(1000))
    np.random.seed(1)
    drawn = [optimizee.create_individual()["difficulty"] for _ in range(200)]
    assert 500 <= min(drawn) < 520
    assert 980 < max(drawn) <= 1000
    assert optimizee.bounding_func({"difficulty": 1e9}) == {"difficulty": 1000.0}
    assert optimizee.bounding_func({"difficulty": 700.0}) == {"difficulty": 700.0}
    assert space_of(optimizee).bounded
    with pytest.raises(ConfigError, match="at least 4"):
        AWOptimizeeParameters(difficulty=1)


def test_more_difficulty_takes_more_time():
    optimizee = AWOptimizee(None, AWOptimizeeParameters(difficulty=60_000.0))
    cost = []
    for difficulty in (2000, 60_000):
        start = time.process_time()
        optimizee.simulate(trial(difficulty))
        cost.append(time.process_time() - start)
    assert cost[1] > 5 * cost[0]  # 60 to 100 times, measured
