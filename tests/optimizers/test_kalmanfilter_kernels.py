"""The kernels of the ensemble Kalman filter against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from l2l.optimizers.kalman import ensemble
from l2l.optimizers.kalman import update as kalmanupdate

N, D, K = 12, 4, 3
R = np.array([0.5, 0.1, 2.0])


def linear(seed=0, n=N):
    """An ensemble, a linear map, data; residuals are outputs less data."""
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((n, D)) * [1, 2, 0.5, 1] + 1
    h, y = rng.standard_normal((K, D)), rng.standard_normal(K)
    return points, h, y, points @ h.T - y


def kalman(points, h, y, r):
    """The Kalman update of the sample mean and covariance, in d x d."""
    mean, p = points.mean(axis=0), np.cov(points.T)
    gain = p @ h.T @ np.linalg.inv(h @ p @ h.T + np.diag(r))
    return mean + gain @ (y - h @ mean), (np.eye(len(mean)) - gain @ h) @ p


def transform(residuals, update, r=R, seed=0):
    return kalmanupdate.transform(
        kalmanupdate.gram(residuals, r), update, np.random.default_rng(seed)
    )


def test_etki_is_the_kalman_filter_exactly():
    points, h, y, residuals = linear()
    moved = transform(residuals, "transform") @ points
    mean, covariance = kalman(points, h, y, R)
    np.testing.assert_allclose(moved.mean(axis=0), mean, rtol=1e-10)
    np.testing.assert_allclose(np.cov(moved.T), covariance, rtol=1e-9, atol=1e-12)


def test_perturbed_observations_are_the_kalman_filter_in_the_mean():
    """Over 600 draws of 12 members; the standard error is about 1.2 % of the prior's spread."""
    points, h, y, residuals = linear()
    rng = np.random.default_rng(1)
    b = kalmanupdate.gram(residuals, R)
    moved = [kalmanupdate.transform(b, "perturbed", rng) @ points for _ in range(600)]
    mean, covariance = kalman(points, h, y, R)
    spread = points.std(axis=0)
    assert (abs(np.mean(moved, axis=(0, 1)) - mean) < 0.05 * spread).all()
    found = np.mean([np.cov(m.T) for m in moved], axis=0)
    assert (abs(found - covariance) < 0.05 * np.outer(spread, spread)).all()


def test_the_papers_update_moves_each_member_by_its_own_residual():
    points, _h, _y, residuals = linear()
    a, g = points - points.mean(axis=0), residuals - residuals.mean(axis=0)
    gain = a.T @ g / (N - 1) @ np.linalg.inv(g.T @ g / (N - 1) + np.diag(R))
    np.testing.assert_allclose(
        transform(residuals, "paper") @ points, points - residuals @ gain.T, rtol=1e-10
    )


@pytest.mark.parametrize("update", ["paper", "perturbed", "transform"])
def test_rows_of_a_transform_sum_to_one(update):
    """So that residuals can be transformed like points, and an offset of all points is kept."""
    t = transform(linear()[3], update)
    np.testing.assert_allclose(t.sum(axis=1), 1, rtol=1e-12)


def test_data_can_be_used_one_after_the_other():
    points, _h, _y, residuals = linear()
    t = np.eye(N)
    for k in range(K):
        t = transform(t @ residuals[:, [k]], "transform", R[[k]]) @ t
    once = transform(residuals, "transform") @ points
    np.testing.assert_allclose((t @ points).mean(axis=0), once.mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(np.cov((t @ points).T), np.cov(once.T), rtol=1e-9, atol=1e-12)


def test_steps_that_sum_to_one_are_one_step():
    points, _h, _y, residuals = linear()
    t = np.eye(N)
    for dt in (0.1, 0.3, 0.6):
        t = transform(t @ residuals, "transform", R / dt) @ t
    once = transform(residuals, "transform") @ points
    np.testing.assert_allclose((t @ points).mean(axis=0), once.mean(axis=0), rtol=1e-10)


def test_equal_outputs_change_nothing():
    for update in ("paper", "perturbed", "transform"):
        np.testing.assert_allclose(transform(np.ones((N, K)), update), np.eye(N), atol=1e-12)


def test_explained_is_the_degrees_of_freedom_for_signal():
    points, h, _y, residuals = linear()
    p = np.cov(points.T)
    s = h @ p @ h.T
    expected = np.trace(s @ np.linalg.inv(s + np.diag(R)))
    found = kalmanupdate.explained(transform(residuals, "transform"))
    assert found == pytest.approx(expected, rel=1e-10)


def test_step_of_the_data_misfit_controller():
    phi = np.array([40.0, 60.0])  # mean 50, variance 100
    assert kalmanupdate.dmc_step(phi, 10, 1.0) == pytest.approx(np.sqrt(10 / 200))
    assert kalmanupdate.dmc_step(np.array([10.0, 90.0]), 10, 1.0) == pytest.approx(0.1)
    assert kalmanupdate.dmc_step(phi, 10, 0.05) == 0.05
    assert kalmanupdate.dmc_step(np.zeros(3), 10, 0.7) == 0.7


@pytest.mark.parametrize("perturbed", [False, True])
def test_an_update_localised_by_ones_is_the_plain_one(perturbed):
    points, _h, _y, residuals = linear()
    noise = np.random.default_rng(3).standard_normal((N, K)) if perturbed else None
    found = kalmanupdate.localised(points, residuals, R, noise, np.ones_like)
    a, g = points - points.mean(axis=0), residuals - residuals.mean(axis=0)
    gain = a.T @ g / (N - 1) @ np.linalg.inv(g.T @ g / (N - 1) + np.diag(R))
    wanted = -residuals if noise is None else noise - residuals
    np.testing.assert_allclose(found, points + wanted @ gain.T, rtol=1e-10)


def test_blocks_of_a_localised_update_are_one(monkeypatch):
    points, _h, _y, residuals = linear()
    whole = kalmanupdate.localised(points, residuals, R, None, kalmanupdate.sampling_error(N))
    monkeypatch.setattr(kalmanupdate, "BLOCK", 3)
    parts = kalmanupdate.localised(points, residuals, R, None, kalmanupdate.sampling_error(N))
    np.testing.assert_allclose(parts, whole, rtol=1e-12)


def test_tapers():
    r = np.array([[-1.0, -0.2, 0.0, 0.31, 0.9]])
    assert kalmanupdate.truncation(100)(r).tolist() == [[1, 0, 0, 1, 1]]
    factors = kalmanupdate.sampling_error(100)(r)[0]
    assert factors[[0, 2]].tolist() == [1, 0]
    assert factors[1] == pytest.approx(0.04 / (0.04 + 0.96**2 / 99))


# -- ensembles ------------------------------------------------------------------------------------


def test_flipping_keeps_spread_and_distances_and_leaves_the_subspace():
    rng = np.random.default_rng(0)
    points, mean = rng.standard_normal((5, 40)), np.arange(40.0)
    found = ensemble.flipped(points, mean, 0.5, rng)
    np.testing.assert_allclose(found.mean(axis=0), mean, atol=1e-12)
    np.testing.assert_allclose(found.std(axis=0), 0.5 * points.std(axis=0), rtol=1e-12)
    before, after = points - points.mean(axis=0), found - mean
    np.testing.assert_allclose(after @ after.T, 0.25 * before @ before.T, rtol=1e-10, atol=1e-10)
    assert np.linalg.matrix_rank(np.vstack([before, after])) == 8


def test_redrawing_keeps_mean_and_spread():
    """400 members: a standard deviation has a standard error of 3.5 %."""
    rng = np.random.default_rng(0)
    points, mean = rng.standard_normal((400, 3)) * [1, 5, 0.1], np.arange(3.0)
    found = ensemble.redrawn(points, mean, 2.0, rng)
    np.testing.assert_allclose(found.mean(axis=0), mean, atol=1e-12)
    np.testing.assert_allclose(found.std(axis=0), 2 * points.std(axis=0), rtol=0.15)
    assert abs(np.corrcoef(found[:, 0], points[:, 0])[0, 1]) < 0.2


def test_relaxation_to_prior_spread():
    rng = np.random.default_rng(0)
    before, after = rng.standard_normal((6, 3)), 0.3 * rng.standard_normal((6, 3)) + 2
    found = ensemble.relaxed(before, after, 0.9)
    expected = 0.1 * after.std(axis=0, ddof=1) + 0.9 * before.std(axis=0, ddof=1)
    np.testing.assert_allclose(found.std(axis=0, ddof=1), expected, rtol=1e-12)
    np.testing.assert_allclose(found.mean(axis=0), after.mean(axis=0), rtol=1e-12)
    same = ensemble.relaxed(before, np.ones((6, 3)), 0.9)  # nothing to scale
    assert (same == 1).all()


def test_mixtures_have_the_mean_and_covariance_of_the_members():
    """20,000 draws: standard errors below 1.5 % of the spread."""
    rng = np.random.default_rng(0)
    points = rng.standard_normal((5, 3)) + 4
    weights = ensemble.mixtures(20_000, 5, rng)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-10)
    drawn = weights @ points
    np.testing.assert_allclose(drawn.mean(axis=0), points.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(points.T), atol=0.06)


def test_completing_keeps_those_that_are_there():
    points, ok = np.arange(8.0).reshape(4, 2), np.array([True, False, True, True, True, False])
    found = ensemble.completed(points, ok, np.random.default_rng(0))
    assert (found[ok] == points).all()
    assert len(found) == 6
    assert np.isfinite(found).all()
    assert ensemble.completed(points, np.ones(4, bool), np.random.default_rng(0)) is points


def replace(method="random", n=10, seed=0, **changes):
    """Ten members, number 3 the best, then 5; 0 and 1 the worst."""
    points = 10.0 * np.arange(n)[:, None] + np.zeros((n, 2))
    scores = np.array([-9.0, -8, 0, 10, 1, 9, 2, 3, 4, 5])
    arguments = {"best_n": 0.2, "worst_n": 0.2, "method": method, "scale_noise": False,
                 "settings": {"pick_probability": 0.7, "loc": 0.0, "scale": 0.0},
                 **changes}  # fmt: skip
    return ensemble.replaced(
        points, np.arange(n)[:, None] * 1.0, scores, **arguments, rng=np.random.default_rng(seed)
    )


def test_random_replaces_by_any_of_the_best():
    seen = set()
    for seed in range(20):
        points, residuals = replace(seed=seed)
        assert (points[2:] == 10.0 * np.arange(2, 10)[:, None]).all()
        assert (points[:, 0] == 10 * residuals[:, 0]).all()  # a copy has the copied's residual
        seen |= set(points[:2, 0])
    assert seen == {30, 50}


@pytest.mark.parametrize(("probability", "expected"), [(1.0, {30}), (0.0, {0, 10})])
def test_best_first_takes_the_first_that_the_probability_takes(probability, expected):
    """With 0 none is taken, and the worst stay."""
    settings = {"pick_probability": probability, "loc": 0.0, "scale": 0.0}
    assert set(replace("best_first", settings=settings)[0][:2, 0]) == expected


@pytest.mark.parametrize(("probability", "expected"), [(1.0, {30}), (0.0, {50})])
def test_pick_probability_takes_the_best_or_another(probability, expected):
    settings = {"pick_probability": probability, "loc": 0.0, "scale": 0.0}
    assert set(replace("pick_probability", settings=settings)[0][:2, 0]) == expected


def test_frequencies_of_picks():
    """4000 picks: a standard error below 0.8 %."""
    rng = np.random.default_rng(0)
    first = ensemble.picked(4000, 3, "best_first", 0.7, rng)
    shares = [(first == i).mean() for i in (0, 1, 2, -1)]
    np.testing.assert_allclose(shares, [0.7, 0.21, 0.063, 0.027], atol=0.03)
    other = ensemble.picked(4000, 3, "pick_probability", 0.7, rng)
    np.testing.assert_allclose(
        [(other == i).mean() for i in range(3)], [0.7, 0.15, 0.15], atol=0.03
    )


def test_gaussian_draws_points_and_residuals_together():
    points, residuals = replace("gaussian", best_n=0.4)
    np.testing.assert_allclose(points[:2, 0], 10 * residuals[:2, 0], rtol=1e-12)
    assert not np.isin(points[:2, 0], 10.0 * np.arange(10)).any()


def test_noise_of_replaced_members():
    settings = {"pick_probability": 0.7, "loc": 2.0, "scale": 0.0}
    assert set(replace(settings=settings)[0][:2, 0]) <= {32, 52}
    scaled = replace(settings=settings, scale_noise=True)[0][:2, 0]  # the range is 90
    assert set(scaled) <= {30 + 180, 50 + 180}


def test_shares_are_rounded_down_and_someone_is_left():
    assert (replace(worst_n=0.09)[0][:, 0] == 10.0 * np.arange(10)).all()
    assert (replace(worst_n=1.0, best_n=0.0)[0][:, 0] == 30).all()
