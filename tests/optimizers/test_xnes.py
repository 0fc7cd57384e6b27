"""xNES: against the algorithm of the paper with scipy's expm, rotations, and what it must solve."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.searches import run
from scipy.linalg import expm
from scipy.stats import rankdata, special_ortho_group

from l2l.evaluation import Evaluations
from l2l.optimizers.xnes import XNES, XNESParameters
from l2l.space import Parameter, ParameterSpace

#: The algorithm of the papers, without what was added later.
PLAIN = {"step_control": "natural", "evolution_path": False, "restarts": "none"}


def make(d=6, seed=1, start=1.0, **options):
    space = ParameterSpace([Parameter("x", shape=(d,))], "raw")
    initial = np.broadcast_to(np.asarray(start, float), (1, d))
    parameters = XNESParameters(**{"sigma": 1.0, **options})
    return XNES(space, parameters, seed=seed, initial=initial)


def ellipsoid(d, condition, seed=0):
    """Return a rotated ellipsoid's matrix ``(d, d)`` and its score."""
    turn = special_ortho_group.rvs(d, random_state=seed)
    matrix = turn.T @ np.diag(np.geomspace(1, condition, d)) @ turn
    return matrix, lambda x: -np.einsum("ij,jk,ik->i", x, matrix, x)


def by_the_paper(mean, a, z, scores, eta):
    """Wierstra et al. (2014), algorithm 5, with eta_sigma = eta_B: A = sigma B."""
    n, d = z.shape
    raw = np.maximum(0, np.log(n / 2 + 1) - np.log(n + 1 - rankdata(scores)))
    u = raw / raw.sum() - 1 / n
    gradient = sum(
        weight * (np.outer(row, row) - np.eye(d)) for weight, row in zip(u, z, strict=True)
    )
    return mean + a @ (u @ z), a @ expm(eta / 2 * gradient)


@pytest.mark.parametrize("mirrored", [True, False])
@pytest.mark.parametrize(("d", "pop_size"), [(3, 20), (12, 3), (6, 6), (1, 4)])
def test_is_the_algorithm_of_the_paper(d, pop_size, mirrored):
    """Several generations; with few individuals the exponential is one of low rank."""
    optimizer = make(d, pop_size=pop_size, mirrored_sampling_enabled=mirrored, **PLAIN)
    _, score = ellipsoid(d, 10.0) if d > 1 else (None, lambda x: -np.square(x[:, 0]))
    eta = (9 + 3 * np.log(d)) / (5 * d * np.sqrt(d))
    mean, a = np.ones(d), np.eye(d)
    for _ in range(5):
        points = optimizer.ask()
        z = np.linalg.solve(a, (points - mean).T).T
        scores = score(points)
        mean, a = by_the_paper(mean, a, z, scores, eta)
        optimizer.tell(Evaluations.of(points, scores))
        np.testing.assert_allclose(optimizer.mean, mean, rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(optimizer.sigma * optimizer.transform, a, rtol=1e-8, atol=1e-9)


def test_a_step_is_the_natural_gradient_of_a_quadratic():
    """For f = -x'Hx, E f z = -2 A'H m and E f (z z' - 1) = -2 A'H A."""
    matrix, score = ellipsoid(3, 5.0)
    m = np.array([1.0, -1.0, 0.5])
    optimizer = make(
        3, mu=m, sigma=0.7, learning_rate_mu=0.1, learning_rate_sigma=0.1, pop_size=200_000,
        fitness_shaping_enabled=False, **PLAIN,
    )  # fmt: skip
    run(optimizer, score, 1)
    h = 0.7**2 * matrix
    deviation = np.sqrt(4 * m @ matrix @ h @ m + 2 * np.trace(h @ h))
    by_mean = (optimizer.mean - m) / (0.1 * 0.7)
    # the standard error of an entry is about 3 / sqrt(400 000) = 0.005
    np.testing.assert_allclose(by_mean, -2 * 0.7 * matrix @ m / deviation, atol=0.025)
    expected = 0.7 * expm(-0.1 * h / deviation)
    np.testing.assert_allclose(optimizer.sigma * optimizer.transform, expected, atol=0.002)


def test_the_transform_keeps_its_determinant():
    optimizer = make(8)
    _, score = ellipsoid(8, 100.0)
    run(optimizer, score, 1500)
    assert np.isclose(np.linalg.det(optimizer.transform), 1.0, rtol=1e-9)
    assert abs(optimizer.transform[0, 1]) > 1e-3  # no elementwise exponential


@pytest.mark.parametrize("control", ["path", "phases", "natural"])
def test_a_rotation_of_the_space_rotates_the_search(control):
    turn = special_ortho_group.rvs(6, random_state=3)
    _, score = ellipsoid(6, 100.0)
    plain = make(6, start=1.0, step_control=control)
    turned = make(6, start=turn.T @ np.ones(6), step_control=control)
    for optimizer in (plain, turned):  # a flat generation begins, and teaches nothing
        run(optimizer, lambda x: np.zeros(len(x)), 1)
    turned.transform = turn.T.copy()
    one = run(plain, score, 300)
    other = run(turned, lambda x: score(x @ turn.T), 300)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(b @ turn.T, a, atol=1e-8)


def test_monotone_transformations_of_the_score_change_nothing():
    _, score = ellipsoid(6, 100.0)
    one, other = run(make(), score, 500), run(make(), lambda x: -np.log1p(-score(x)), 500)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("control", "evolution_path"), [("path", True), ("phases", False), ("natural", False)]
)
def test_learns_a_rotated_ellipsoid(control, evolution_path):
    """Condition 1e4 in 10 dimensions: elementwise exponentials stay above 1e2."""
    optimizer = make(
        10, start=3.0, step_control=control, evolution_path=evolution_path, stop_criterion=-1e-8
    )
    _, score = ellipsoid(10, 1e4)
    run(optimizer, score, 20_000)
    assert optimizer.best_score >= -1e-8


def test_the_path_control_saves_evaluations():
    """Against the natural gradient alone."""

    def needed(control):
        optimizer = make(12, start=3.0, stop_criterion=-1e-4, step_control=control)
        return sum(len(p) for p in run(optimizer, lambda x: -np.square(x).sum(axis=1), 10_000))

    assert needed("path") < 0.7 * needed("natural")


def test_goes_on_bit_identically_after_a_restart():
    optimizer, other = make(2), make(2, seed=9)
    _, score = ellipsoid(2, 10.0)
    run(optimizer, score, 5000)
    assert optimizer.restarts.n > 0
    other.restore(optimizer.state())
    for one, two in zip(run(optimizer, score, 500), run(other, score, 500), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_flat_fitness_moves_nothing():
    optimizer = make(restarts="none")
    run(optimizer, lambda x: np.zeros(len(x)), 5000)
    assert optimizer.done is not None
    np.testing.assert_array_equal(optimizer.mean, 1.0)
    np.testing.assert_array_equal(optimizer.transform, np.eye(6))


def test_integers_are_found():
    space = ParameterSpace([Parameter("n", -20, 20, shape=(4,), kind="int")])
    for seed in range(2):
        optimizer = XNES(space, seed=seed)

        def score(points):
            return -np.square(space.repair(space.from_search(points)) - [3, -17, 20, 0]).sum(axis=1)

        run(optimizer, score, 1500)
        assert optimizer.best_score == 0.0


def test_ends_where_the_covariance_degenerates():
    optimizer = make(2, restarts="none", tol_fun=0.0, tol_x=0.0)
    run(optimizer, lambda x: -(x[:, 0] ** 2 + 1e-18 * np.abs(x[:, 1] - 1e9)), 60_000)
    assert optimizer.done is not None
