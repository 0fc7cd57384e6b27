"""Bounds: each map against its definition; nothing outside, nothing changed inside."""

from __future__ import annotations

import numpy as np
import pytest

from l2l import ParameterSpace
from l2l.optimizers.common.bounds import MAPS, TRIES, Bounds, flattened, reflected, wrapped
from l2l.space import Parameter

CUBE = ParameterSpace([Parameter("x", -5.0, 5.0, shape=(3,))])
LOW, HIGH = np.array([-1.0, 0.0, -np.inf]), np.array([2.0, 1.0, np.inf])


def clouds(n=500, d=3):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, d)) * 10.0 ** rng.uniform(-2, 2, (n, 1))


def folded(x, low, high):
    """Mirror a number at the edges, step by step."""
    while not low <= x <= high:
        x = 2 * low - x if x < low else 2 * high - x
    return x


@pytest.mark.parametrize("how", MAPS)
def test_all_images_lie_in_the_box(how):
    inside = Bounds(CUBE, how)(clouds())
    assert ((inside >= 0) & (inside <= 1)).all()
    for edge in (0.0, 1.0, np.nextafter(0, -1), np.nextafter(1, 2), 1e300, -1e300):
        image = Bounds(CUBE, how)(np.full((1, 3), edge))
        assert ((image >= 0) & (image <= 1)).all()


@pytest.mark.parametrize("how", MAPS)
def test_points_in_the_middle_are_returned_as_they_are(how):
    points = np.random.default_rng(0).uniform(0.06, 0.94, (20, 3))
    bounds = Bounds(CUBE, how)
    assert bounds(points) is points
    assert bounds.redrawn(points, lambda n: pytest.fail("drawn")) is points
    mixed = np.concatenate([points, points + 1])
    assert np.array_equal(bounds(mixed)[:20], points)


@pytest.mark.parametrize("how", MAPS)
def test_a_single_point_and_the_points_given_stay(how):
    points = clouds()
    before = points.copy()
    bounds = Bounds(CUBE, how)
    assert np.array_equal(bounds(points)[7], bounds(points[7]))
    assert np.array_equal(points, before)


def test_reflection_mirrors_as_often_as_it_takes():
    points = clouds()[:, :2]
    expected = [[folded(x, *e) for x, e in zip(p, ((-1, 2), (0, 1)), strict=True)] for p in points]
    np.testing.assert_allclose(reflected(points, LOW[:2], HIGH[:2]), expected, atol=1e-11)


def test_reflection_in_blocks_is_the_same():
    points = np.random.default_rng(0).normal(0.5, 1.0, (50, 3000))  # more than one block
    got = reflected(points, np.zeros(3000), np.ones(3000))
    rows = [reflected(p, np.zeros(3000), np.ones(3000)) for p in points]
    assert np.array_equal(got, rows)


def test_periodic_is_the_remainder():
    got = wrapped(clouds()[:, :2], LOW[:2], HIGH[:2])
    expected = np.stack([(clouds()[:, 0] + 1) % 3 - 1, clouds()[:, 1] % 1], axis=1)
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_the_transform_is_smooth_monotone_and_reaches_the_edges():
    x = np.linspace(-0.05, 1.05, 2201)[:, None]
    y = flattened(x, np.zeros(1), np.ones(1))
    assert y[0] == pytest.approx(0, abs=1e-12)
    assert y[-1] == pytest.approx(1)
    slope = np.diff(y[:, 0]) / np.diff(x[:, 0])
    assert (slope >= -1e-9).all()
    assert np.abs(np.diff(slope)).max() < 0.01
    assert slope[0] < 0.01
    mirrored = flattened(-0.1 - x, np.zeros(1), np.ones(1))  # about the edge of the edge
    np.testing.assert_allclose(mirrored, y, atol=1e-12)


@pytest.mark.parametrize("function", [reflected, wrapped, flattened])
def test_columns_without_bounds_are_left_alone(function):
    points = clouds()
    assert np.array_equal(function(points, LOW, HIGH)[:, 2], points[:, 2])


def test_columns_may_be_left_out():
    bounds = Bounds(CUBE, but=np.array([False, True, False]))
    inside = bounds(clouds())
    assert np.array_equal(inside[:, 1], clouds()[:, 1])
    assert ((inside[:, [0, 2]] >= 0) & (inside[:, [0, 2]] <= 1)).all()


def test_resampling_draws_the_conditional_distribution():
    """What is left has the truncated normal distribution, not one with mass on the edges."""
    from scipy.stats import kstest, truncnorm

    rng, space = np.random.default_rng(0), ParameterSpace({"x": (0.0, 1.0)})
    points = 0.2 + 0.5 * rng.standard_normal((4000, 1))
    drawn = Bounds(space, "resample").redrawn(
        points, lambda n: 0.2 + 0.5 * rng.standard_normal((n, 1))
    )
    assert kstest(drawn[:, 0], truncnorm(-0.4, 1.6, 0.2, 0.5).cdf).pvalue > 0.001


def test_resampling_gives_up_and_reflects():
    calls = []

    def draw(n):
        calls.append(n)
        return np.full((n, 3), 7.5)

    bounds = Bounds(CUBE, "resample")
    points = np.full((4, 3), 1.5)
    drawn = bounds.redrawn(points, draw)
    assert len(calls) == TRIES
    assert (points == 1.5).all()
    assert ((bounds(drawn) >= 0) & (bounds(drawn) <= 1)).all()
