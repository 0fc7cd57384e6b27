"""The operators on whole populations have the distribution of DEAP's.

Two-sample Kolmogorov-Smirnov tests with fixed seeds; p > 0.001 is asked for, which a difference of
a percent in a distribution would not pass with so many draws.
"""

from __future__ import annotations

import random

import numpy as np
import pytest
from deap import tools
from scipy.stats import ks_2samp

from l2l.evaluation import seeded_globals
from l2l.optimizers.genetic import operators

N = 20_000
P = 0.001


def of_deap(operator, rows, *args):
    """Return what becomes of ``N`` copies of the rows."""
    with seeded_globals(1):
        out = [operator(*[list(row) for row in rows], *args) for _ in range(N)]
    return np.array(out)  # (N, parents or 1, d)


def assert_alike(ours, deaps):
    for one, other in zip(ours.reshape(N, -1).T, deaps.reshape(N, -1).T, strict=True):
        assert ks_2samp(one, other).pvalue > P


def test_tournament():
    scores = np.random.default_rng(0).normal(size=12)

    class Fit:
        def __init__(self, place):
            self.place, self.fitness = place, scores[place]

    random.seed(1)
    deaps = [c.place for c in tools.selTournament([Fit(i) for i in range(12)], N, 3)]
    ours = operators.tournament(scores, N, 3, np.random.default_rng(2))
    one, other = (np.bincount(x, minlength=12) for x in (ours, deaps))
    drawn = one + other > 0
    chi2 = ((one - other)[drawn] ** 2 / (one + other)[drawn]).sum()
    assert chi2 < 31.3  # 11 degrees of freedom, p = 0.001


def test_failed_evaluations_lose_every_tournament_they_can_lose():
    scores = np.array([-np.inf] * 9 + [0.0])
    wins = operators.tournament(scores, 2000, 3, np.random.default_rng(0))
    # the one that worked loses only where it is not drawn: (9/10)^3 = 0.729
    assert np.mean(wins == 9) == pytest.approx(1 - 0.729, abs=0.04)  # 4 standard errors


def test_ties_are_broken_at_random():
    wins = operators.tournament(np.zeros(10), 5000, 3, np.random.default_rng(0))
    counts = np.bincount(wins, minlength=10)
    assert ((counts - 500) ** 2 / 500).sum() < 27.9  # chi-square, 9 degrees of freedom, p = 0.001


@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_blend(alpha):
    parents = np.array([[0.1, -3.0, 2.0], [0.4, 5.0, 2.0]])
    points = np.tile(parents, (N, 1))
    operators.blend(points, np.arange(0, 2 * N, 2), alpha, np.random.default_rng(3))
    assert_alike(points.reshape(N, 2, 3), of_deap(tools.cxBlend, parents, alpha))
    assert np.allclose(points[::2] + points[1::2], parents.sum(axis=0))


@pytest.mark.parametrize("eta", [2.0, 15.0])
def test_simulated_binary(eta):
    parents = np.array([[0.02, 0.5, 0.3, 0.0, 1.0], [0.4, 0.45, 0.3, 0.9, 0.2]])
    points = np.tile(parents, (N, 1))
    pairs = np.arange(0, 2 * N, 2)
    operators.simulated_binary(points, pairs, eta, np.random.default_rng(3))
    deaps = of_deap(tools.cxSimulatedBinaryBounded, parents, eta, 0.0, 1.0)
    ours = points.reshape(N, 2, 5)
    assert_alike(ours, deaps)
    kept = (ours == parents).mean(axis=0), (deaps == parents).mean(axis=0)
    assert np.abs(kept[0] - kept[1]).max() < 0.02  # 4 standard errors
    assert ((points >= 0) & (points <= 1)).all()


@pytest.mark.parametrize("eta", [1.0, 20.0])
def test_polynomial(eta):
    genes = np.array([0.0, 0.03, 0.5, 0.99, 1.0])
    ours = operators.polynomial(np.tile(genes, N), eta, np.random.default_rng(3))
    assert_alike(ours, of_deap(tools.mutPolynomialBounded, [genes], eta, 0.0, 1.0, 1.0))


def test_polynomial_steps_shrink_with_eta_far_below_the_precision_of_a_power():
    rng = np.random.default_rng(0)
    step = np.abs(operators.polynomial(np.full(1000, 1e-3), 1e12, rng) - 1e-3)
    assert 1e-13 < np.median(step) < 1e-12


def test_gaussian():
    """As the algorithm does it: a gene in five, of a standard deviation of 0.7."""
    deaps = of_deap(tools.mutGaussian, [np.zeros(3)], 0.0, 0.7, 0.2)
    rng, ours = np.random.default_rng(3), np.zeros((N, 3))
    rows, columns = operators.some_genes(N, 3, 0.2, rng)
    ours[rows, columns] += 0.7 * rng.standard_normal(len(rows))
    assert_alike(ours, deaps)
    assert (ours != 0).mean() == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("share", [0.0, 0.003, 0.3, 1.0])
def test_each_gene_has_the_same_probability(share):
    """On both ways: the small shares are drawn by their number first."""
    rng, counts = np.random.default_rng(0), np.zeros((50, 1000))
    for _ in range(100):
        rows, columns = operators.some_genes(50, 1000, share, rng)
        assert len(set(zip(rows.tolist(), columns.tolist(), strict=True))) == len(rows)
        counts[rows, columns] += 1
    total = counts.sum()
    assert total == pytest.approx(5e6 * share, abs=4 * np.sqrt(5e6 * share * (1 - share)) + 1e-9)
    if 0 < share < 1:  # neither rows nor columns are favoured: binomial variance
        for along in (0, 1):
            sums = counts.sum(axis=along)
            assert sums.var() / (sums.mean() * (1 - share)) == pytest.approx(1.0, abs=0.6)


def test_deviations():
    x = 1e8 + np.random.default_rng(0).normal(size=(20, 5000))
    assert np.allclose(operators.deviations(x), x.std(axis=0), rtol=1e-12)
