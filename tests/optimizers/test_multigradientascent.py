from __future__ import annotations

import numpy as np
import pytest

from l2l import Parameter, ParameterSpace
from l2l.evaluation import Evaluations
from l2l.optimizers.multigradientascent import (
    FEWEST,
    SETS,
    MultiGradientAscent,
    MultiGradientAscentParameters,
)
from l2l.testing import play

BOX = ParameterSpace([Parameter("x", -5.0, 5.0, shape=(3,))])
RAW = ParameterSpace([Parameter("x", shape=(3,))], "raw")


def optimizer(space=BOX, seed=1, initial=None, **options):
    parameters = MultiGradientAscentParameters(**options)
    return MultiGradientAscent(space, parameters, weights=(1.0,), seed=seed, initial=initial)


def told(made, fitness):
    """Tell one generation, and return its points."""
    points = made.ask()
    made.tell(Evaluations.of(points, fitness(points)))
    return points


def test_each_individual_is_expanded_to_a_latin_hypercube_in_its_range():
    made = optimizer(pop_size=2, n_sets=50, radius=0.1, initial=np.array([[0.5] * 3, [0.95] * 3]))
    points = made.ask()
    assert points.shape == (100, 3)
    for part, low, high in ((points[:50], 0.4, 0.6), (points[50:], 0.85, 1.0)):  # cut at the bound
        strata = np.floor((part[1:] - low) / (high - low) * 50).astype(int)
        for column in strata.T:
            assert len(set(column)) == 49  # the first set is the centre, in place of one of them
    assert np.array_equal(points[[0, 50]], [[0.5] * 3, [0.95] * 3])


def test_how_many_sets_there_are_by_default():
    assert len(optimizer().ask()) == 4 * SETS * 3
    one = ParameterSpace([Parameter("x", 0.0, 1.0)])
    assert len(optimizer(one).ask()) == 4 * FEWEST


def test_on_a_plane_the_centre_moves_from_the_best_set_along_the_gradient():
    slope = np.array([3.0, -2.0, 1.0])
    made = optimizer(RAW, pop_size=1, n_sets=40, radius=1.0, learning_rate=0.01,
                     initial=np.zeros((1, 3)))  # fmt: skip
    points = told(made, lambda p: p @ slope)
    best = points[(points @ slope).argmax()]
    assert np.allclose(made.centres[0], best + 0.01 * slope, rtol=0, atol=1e-9)  # exact on a plane


def test_a_step_is_no_longer_than_half_the_radius():
    made = optimizer(RAW, pop_size=1, n_sets=40, radius=1.0, learning_rate=100.0,
                     initial=np.zeros((1, 3)))  # fmt: skip
    told(made, lambda p: p @ np.array([3.0, -2.0, 1.0]))
    step = np.abs(made.centres[0] - made.points[0])
    assert np.allclose(step, [0.5, 1 / 3, 1 / 6])


def test_the_range_moves_along_a_slope_and_shrinks_at_an_optimum():
    rising, bowl = (
        optimizer(RAW, initial=np.zeros((4, 3))),
        optimizer(RAW, initial=np.zeros((4, 3))),
    )
    for _ in range(8):
        told(rising, lambda p: p.sum(axis=1))
        told(bowl, lambda p: -(p**2).sum(axis=1))
    assert (rising.radii == 0.25).all()
    assert (rising.centres > 0.5).all()
    assert (bowl.radii < 0.25 * 0.7**5).all()


@pytest.mark.parametrize("seed", range(5))
def test_it_finds_a_needle_that_one_range_can_not_see(seed):
    """Four ranges of 64 sets, and a peak as wide as 1/50 of the square beside a broad hill."""
    square = ParameterSpace([Parameter("x", 0.0, 1.0, shape=(2,))])
    needle = np.array([0.81, 0.17])

    def fitness(p):
        hill = 0.3 * np.exp(-((p - 0.4) ** 2).sum(axis=1) / 0.1)
        return hill + np.exp(-((p - needle) ** 2).sum(axis=1) / (2 * 0.02**2))

    made = optimizer(square, seed=seed, n_sets=64)
    play(made, fitness, 40)
    assert made.best_score > 0.99


def test_a_converged_individual_begins_elsewhere():
    made = optimizer(pop_size=1, tol=0.1)
    centres = []
    for _ in range(12):
        told(made, lambda p: -((p - 0.5) ** 2).sum(axis=1))
        centres.append((made.centres[0].copy(), made.radii[0], made.levels[0]))
    anew = [c for c in centres if np.isinf(c[2])]
    assert anew
    assert all(radius == 0.25 for _, radius, _ in anew)
    assert made.best_score > -0.05  # what was found is kept


def test_without_bounds_it_ends_when_all_have_converged():
    made = optimizer(RAW, initial=np.full((4, 3), 0.1))
    for _ in range(200):
        if made.done is not None:
            break
        told(made, lambda p: -(p**2).sum(axis=1))
    assert "converged" in made.done
    assert np.abs(made.recommended).max() < 0.01


def test_sets_that_failed_are_left_out():
    """With a third of the sets failed, the gradient of a plane is still exact."""
    slope = np.array([1.0, 2.0, -1.0])
    made = optimizer(RAW, pop_size=1, n_sets=30, initial=np.zeros((1, 3)))

    def some(points):
        fitness = points @ slope
        fitness[::3] = np.nan
        return fitness

    told(made, some)
    step = made.centres[0] - made.points[0]
    assert np.allclose(step / np.linalg.norm(step), slope / np.linalg.norm(slope))


def test_an_individual_whose_sets_have_all_failed_is_drawn_anew():
    made = optimizer(pop_size=2, n_sets=10, initial=np.full((2, 3), 0.5))

    def fitness(points):
        found = -(points**2).sum(axis=1)
        found[:10] = np.nan
        return found

    told(made, fitness)
    assert not np.allclose(made.centres[0], 0.5)
    assert np.isinf(made.levels[0])
    assert np.isfinite(made.levels[1])
