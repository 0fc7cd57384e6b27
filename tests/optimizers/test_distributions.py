from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest
import yaml

from l2l.errors import ConfigError, MissingExtra
from l2l.optimizers.crossentropy import CrossEntropyParameters
from l2l.optimizers.distributions import (
    KINDS,
    BayesianGaussianMixture,
    Gaussian,
    NoisyBayesianGaussianMixture,
    NoisyGaussian,
    described,
)
from l2l.optimizers.elites.fitted import FittedGaussian, Update, floored, shrunk
from l2l.optimizers.elites.mixture import FittedMixture, paired

ML = Update(mean=0.0, covariance=0.0, around_old=False)


def begun(full, d=3, mean=0.0, sigma=1.0):
    fitted = FittedGaussian(full)
    fitted.begin(np.full(d, mean), np.full(d, sigma))
    return fitted


def sample(n=50, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 5


# -- the fit --------------------------------------------------------------------------------------


@pytest.mark.parametrize("full", [True, False])
def test_maximum_likelihood_is_that_of_numpy(full):
    points, fitted = sample(), begun(full)
    weights = np.random.default_rng(1).dirichlet(np.ones(50))
    expected = np.cov(points.T, aweights=weights, ddof=0)
    mean = np.average(points, axis=0, weights=weights)
    fitted.fit(points.copy(), weights, ML)
    np.testing.assert_allclose(fitted.mean, mean, rtol=1e-12)  # rounding only
    np.testing.assert_allclose(fitted.covariance, expected if full else np.diag(expected), 1e-10)


@pytest.mark.parametrize("full", [True, False])
def test_smoothing_is_the_weighted_mean_of_old_and_fit(full):
    points, weights = sample(), np.full(50, 1 / 50)
    fit, smooth = begun(full, mean=1.0, sigma=2.0), begun(full, mean=1.0, sigma=2.0)
    fit.fit(points.copy(), weights, ML)
    smooth.fit(points.copy(), weights, Update(0.3, 0.8, False))
    old = 4.0 * (np.eye(3) if full else np.ones(3))
    np.testing.assert_allclose(smooth.mean, 0.3 * 1.0 + 0.7 * fit.mean, rtol=1e-12)
    np.testing.assert_allclose(smooth.covariance, 0.8 * old + 0.2 * fit.covariance, rtol=1e-10)


def test_around_the_old_mean_the_step_counts_too():
    """sum w (x - m)^2 = variance + (new mean - m)^2."""
    points, weights = sample(), np.full(50, 1 / 50)
    new, old = begun(True), begun(True)
    new.fit(points.copy(), weights, ML)
    old.fit(points.copy(), weights, Update(0.0, 0.0, True))
    expected = new.covariance + np.outer(new.mean, new.mean)
    np.testing.assert_allclose(old.covariance, expected, rtol=1e-10)


def test_draws_have_the_mean_and_covariance():
    """Within 5 standard errors of 20,000 draws."""
    cov = np.array([[2.0, 0.9], [0.9, 1.0]])
    fitted = FittedGaussian(True)
    fitted.unpack({"mean": np.array([1.0, -2.0]), "covariance": cov})
    points = fitted.draw(20_000, np.random.default_rng(0), noise=np.array([0.0, 3.0]))
    np.testing.assert_allclose(points.mean(axis=0), [1, -2], atol=5 * 2 / 141)
    np.testing.assert_allclose(np.cov(points.T), cov + np.diag([0, 3]), atol=5 * 4 * 1.5 / 141)


def test_few_points_shrink_towards_the_diagonal_and_stay_regular():
    points = sample(5, 20)
    spread = np.cov(points.T)
    weights = np.full(5, 0.2)
    assert np.linalg.matrix_rank(spread) < 20
    better = shrunk(spread, weights, 0.0)
    assert np.linalg.eigvalsh(better)[0] > 0
    np.testing.assert_allclose(np.diag(better), np.diag(spread), rtol=1e-12)
    assert shrunk(spread, weights, 0.9) is spread  # ten generations are enough


def test_floor():
    np.testing.assert_allclose(floored(np.array([1e-9, 4.0]), 0.1), [0.01, 4.0])
    flat = np.array([[1.0, 1.0], [1.0, 1.0]])
    assert np.linalg.eigvalsh(floored(flat, 0.1))[0] == pytest.approx(0.01)
    assert floored(flat, 0.0) is flat


def test_paired():
    old = np.array([[0.0], [5.0], [9.0]])
    np.testing.assert_array_equal(paired(old, np.array([[8.0], [1.0], [5.5]])), [1, 2, 0])


# -- mixtures -------------------------------------------------------------------------------------


def test_a_mixture_finds_two_clusters():
    """The means are those of the two clusters of 100 points, within 5 standard errors."""
    rng = np.random.default_rng(0)
    truth = np.array([[-3.0, 1.0], [4.0, 2.0]])
    points = np.concatenate([rng.normal(m, 0.5, (100, 2)) for m in truth])
    fitted = FittedMixture(2, True, {})
    fitted.begin(np.zeros(2), np.full(2, 5.0))
    fitted.fit(points, np.full(200, 1 / 200), ML, rng)
    order = np.argsort(fitted.means[:, 0])
    np.testing.assert_allclose(fitted.means[order], truth, atol=5 * 0.5 / 10)
    np.testing.assert_allclose(fitted.weights, 0.5, atol=0.01)
    drawn = fitted.draw(1000, rng)
    assert drawn.shape == (1000, 2)
    assert 400 < (drawn[:, 0] > 0).sum() < 600  # 6 standard errors


def test_a_mixture_of_equal_points_is_no_error():
    fitted = FittedMixture(2, False, {})
    fitted.begin(np.zeros(2), np.ones(2))
    with np.errstate(all="raise"):
        fitted.fit(np.ones((6, 2)), np.full(6, 1 / 6), ML, np.random.default_rng(0))
    assert np.isfinite(fitted.draw(4, np.random.default_rng(0))).all()


def test_without_scikit_learn_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises((MissingExtra, ImportError), match=r"l2l\[scikit\]"):
        FittedMixture(2, True, {})


def test_unknown_options_of_scikit_learn():
    with pytest.raises(ConfigError, match="did you mean 'weight_concentration_prior'"):
        FittedMixture(2, True, {"weight_concentration_priro": 1.0})


# -- descriptions ---------------------------------------------------------------------------------

OBJECTS = [
    Gaussian("full"),
    NoisyGaussian(noise_magnitude=1.0, noise_decay=0.99),
    NoisyGaussian(2.0, [1.0, 2.0], 0.9),
    BayesianGaussianMixture(3, weight_concentration_prior=1.5),
    NoisyBayesianGaussianMixture(
        n_components=3, noise_magnitude=1.0, noise_decay=0.9, weight_concentration_prior=1.5
    ),
]


@pytest.mark.parametrize("given", OBJECTS, ids=lambda o: o.name)
def test_there_and_back(given):
    plain = yaml.safe_load(yaml.safe_dump(given.plain()))
    assert plain["name"] == given.name
    assert described(plain) == given
    assert pickle.loads(pickle.dumps(given)) == given
    parameters = CrossEntropyParameters(distribution=given)
    assert parameters.distribution == plain
    assert CrossEntropyParameters(distribution=plain) == parameters
    assert parameters._replace(rho=0.1).distribution == plain


@pytest.mark.parametrize("name", KINDS)
def test_names(name):
    assert described(name) == KINDS[name]()
    assert described({"name": name}) == KINDS[name]()


def test_fields_in_the_order_of_upstream():
    assert NoisyGaussian(0.5, None, 0.9).noise_decay == 0.9
    mixture = NoisyBayesianGaussianMixture(4, 0.5, None, 0.9, max_iter=7)
    assert mixture._asdict() == {
        "n_components": 4, "noise_magnitude": 0.5, "coordinate_scale": None, "noise_decay": 0.9,
        "max_iter": 7,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("gausian", "did you mean 'gaussian'"),
        (7, "must be a name"),
        ({"noise_decay": 1}, "must be a name"),
        ({"name": "noisy_gaussian", "noise_decai": 1}, "did you mean 'noise_decay'"),
        ({"name": "noisy_gaussian", "noise_decay": 2}, "at most 1"),
        ({"name": "noisy_gaussian", "coordinate_scale": [1, -1]}, "coordinate_scale"),
        ({"name": "bayesian_gaussian_mixture", "random_state": 1}, "l2l sets it"),
        ({"name": "bayesian_gaussian_mixture", "covariance_type": "tied"}, "full or diag"),
        ({"name": "bayesian_gaussian_mixture", "n_components": 0}, "at least 1"),
    ],
)
def test_bad_descriptions(given, message):
    with pytest.raises(ConfigError, match=message):
        CrossEntropyParameters(distribution=given)


def test_descriptions_do_not_change():
    with pytest.raises(AttributeError):
        Gaussian().covariance = "full"
