from __future__ import annotations

import numpy as np
import pytest

from l2l import Parameter, ParameterSpace
from l2l.errors import ConfigError
from l2l.optimizers.randomsearch import RandomSearch, RandomSearchParameters
from l2l.testing import play

SPACE = ParameterSpace([Parameter("x", -5.0, 5.0), Parameter("tau", 0.1, 1000.0, scale="log")])


def test_points_are_uniform_and_independent():
    points = np.concatenate(play(RandomSearch(SPACE, RandomSearchParameters(500)), generations=20))
    counts = np.histogram2d(*points.T, bins=10, range=[[0, 1], [0, 1]])[0]
    # chi-square with 99 degrees of freedom: mean 99, p = 0.001 at 148
    assert ((counts - 100) ** 2 / 100).sum() < 148


def test_log_scale_gives_every_decade_the_same_share():
    points = RandomSearch(SPACE, RandomSearchParameters(4000), seed=3).ask()
    tau = SPACE.from_search(points)[:, 1]
    shares = np.histogram(tau, bins=[0.1, 1, 10, 100, 1000])[0] / len(tau)
    assert np.allclose(shares, 0.25, atol=0.03)  # 4 standard errors


def test_initial_points_come_first_and_once():
    start = np.full((2, 2), 0.5)
    optimizer = RandomSearch(SPACE, RandomSearchParameters(4), initial=start)
    first, second = play(optimizer, generations=2)
    assert np.array_equal(first[:2], start)
    assert not (second == 0.5).any()


def test_never_done_and_needs_no_first_individuals():
    optimizer = RandomSearch(SPACE)
    play(optimizer, generations=50)
    assert optimizer.done is None
    assert RandomSearch.n_initial(optimizer.parameters) == 0


def test_bounds_are_needed():
    space = ParameterSpace(
        [Parameter("x", 0.0, 1.0), Parameter("free"), Parameter("w", shape=(3,))]
    )
    with pytest.raises(ConfigError, match="free, w have none here"):
        RandomSearch(space)


def test_classic_scripts_have_no_bounds_to_draw_between():
    with pytest.raises(ConfigError, match="x have none here"):
        RandomSearch(ParameterSpace([Parameter("x")], "raw"))
    with pytest.raises(ConfigError, match="in the parameters' own units"):
        RandomSearch(ParameterSpace(SPACE.parameters, "raw"))
