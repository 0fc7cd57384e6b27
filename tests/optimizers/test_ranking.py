"""Ranks and rank-based weights."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from l2l.optimizers.common.ranking import centred_ranks, shared


def test_values_go_to_ranks():
    values = shared(np.array([1.0, 5.0, 3.0]), np.array([10.0, 7.0, 1.0]))
    np.testing.assert_array_equal(values, [1.0, 10.0, 7.0])


def test_ties_share_the_mean():
    values = shared(np.array([2.0, 5.0, 2.0, 2.0]), np.array([10.0, 6.0, 3.0, 0.0]))
    np.testing.assert_allclose(values, [3.0, 10.0, 3.0, 3.0])


def test_failures_tie_for_worst():
    values = shared(np.array([-np.inf, 1.0, -np.inf, 2.0]), np.array([4.0, 3.0, 2.0, 0.0]))
    np.testing.assert_allclose(values, [1.0, 3.0, 1.0, 4.0])


def test_all_equal():
    np.testing.assert_allclose(shared(np.zeros(4), np.array([4.0, 3.0, 2.0, 0.0])), 2.25)


def test_the_sum_stays():
    rng = np.random.default_rng(1)
    by_rank = np.sort(rng.standard_normal(50))[::-1]
    for scores in (rng.standard_normal(50), rng.integers(0, 5, 50).astype(float)):
        assert np.isclose(shared(scores, by_rank).sum(), by_rank.sum())


def test_monotone_transformations_change_nothing():
    scores = np.random.default_rng(2).integers(-4, 5, 30).astype(float)
    by_rank = np.linspace(1, 0, 30)
    expected = shared(scores, by_rank)
    for transformed in (3 * scores - 7, np.exp(scores), np.arctan(scores)):
        np.testing.assert_array_equal(shared(transformed, by_rank), expected)


def test_centred_ranks_are_those_of_scipy():
    scores = np.random.default_rng(3).integers(0, 10, 25).astype(float)
    expected = (rankdata(scores) - 1) / 24 - 0.5
    np.testing.assert_allclose(centred_ranks(scores), expected, atol=1e-15)


def test_centred_ranks_of_one_and_of_equals():
    np.testing.assert_array_equal(centred_ranks(np.array([3.0])), [0.0])
    np.testing.assert_allclose(centred_ranks(np.zeros(5)), 0.0, atol=1e-16)
