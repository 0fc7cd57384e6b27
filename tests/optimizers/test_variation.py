from __future__ import annotations

import random

import numpy as np
import pytest

from l2l import Parameter, ParameterSpace
from l2l.evaluation import Evaluations
from l2l.optimizers.common.bounds import reflected
from l2l.optimizers.evolution import GeneticAlgorithm, GeneticAlgorithmParameters
from l2l.optimizers.genetic.variation import (
    PythonRandom,
    WholeColumns,
    contains,
    distinct,
    duplicates,
    unchanged,
)

# -- the borrowed state ---------------------------------------------------------------------------


def test_lending_leaves_the_global_state_alone_and_goes_on_with_its_own():
    random.seed(5)
    before = random.getstate()
    own, expected = PythonRandom(3), random.Random(3)
    for _ in range(3):
        with own.lent():
            assert [random.random(), random.gauss(0, 1)] == [
                expected.random(),
                expected.gauss(0, 1),
            ]
        assert random.getstate() == before


def test_lending_gives_the_global_state_back_after_an_error():
    before = random.getstate()
    with pytest.raises(IndexError), PythonRandom(3).lent():
        random.choice([])
    assert random.getstate() == before


@pytest.mark.parametrize("draws", [0, 1, 2, 7])
def test_packed_state_holds_the_spare_normal_number(draws):
    one, other = PythonRandom(11), PythonRandom(0)
    with one.lent():
        [random.gauss(0, 1) for _ in range(draws)]
    packed = one.pack()
    assert packed.dtype == np.uint32
    other.unpack(packed)
    assert np.array_equal(other.pack(), packed)
    with one.lent():
        first = [random.gauss(0, 1), random.random()]
    with other.lent():
        assert [random.gauss(0, 1), random.random()] == first


def algorithm(space, seed=0, **options):
    return GeneticAlgorithm(space, GeneticAlgorithmParameters(**options), seed=seed)


# -- reflection -----------------------------------------------------------------------------------


def test_reflection_mirrors_at_the_bounds():
    x = np.array([[-0.25, 0.5, 1.25, 2.5, -3.25, 7.0]])
    mirrored = reflected(x, np.zeros(6), np.ones(6))
    assert np.allclose(mirrored, [[0.25, 0.5, 0.75, 0.5, 0.75, 1.0]], atol=1e-15)


def test_reflection_keeps_what_is_inside_to_the_last_bit():
    x = np.random.default_rng(0).normal(size=(50, 4))
    lower, upper = np.array([-1.0, -np.inf, -0.1, 0.0]), np.array([1.0, np.inf, 0.3, 1e-9])
    mirrored = reflected(x, lower, upper)
    inside = (x >= lower) & (x <= upper)
    assert np.array_equal(mirrored[inside], x[inside])
    assert ((mirrored >= lower) & (mirrored <= upper)).all()
    assert reflected(mirrored, lower, upper) is mirrored


def test_reflection_does_not_heap_points_on_the_bounds():
    x = np.random.default_rng(0).normal(0.0, 0.3, size=(2000, 1))
    mirrored = reflected(x, np.zeros(1), np.ones(1))
    assert (mirrored > 0).all()  # clipping would put half of them at 0 exactly


# -- duplicates, integers and choices -------------------------------------------------------------


def test_duplicates_are_the_later_ones():
    rows = np.array([[1.0, 2], [3, 4], [1, 2], [3, 4], [1, 2], [5, 6]])
    assert duplicates(rows) == [2, 3, 4]


def test_rows_that_differ_in_one_of_many_numbers_are_told_apart():
    rows = np.zeros((4, 1000))
    rows[1, 777] = 1.0
    assert duplicates(rows) == [2, 3]
    assert distinct(rows, [3, 1, 0], 2) == [3, 1]
    assert unchanged(rows, rows, np.array([0, 0, 3, 1])).tolist() == [True, False, True, False]
    assert contains(rows[:1], rows[3])
    assert not contains(rows[:1], rows[1])


def mixed():
    return ParameterSpace(
        [
            Parameter("x", 0.0, 1.0),
            Parameter("n", 0, 9, kind="int"),
            Parameter("k", 1, 1000, kind="int", scale="log"),
            Parameter("rule", kind="categorical", choices=("a", "b", "c", "d")),
            Parameter("only", kind="categorical", choices=("one",)),
        ]
    )


def test_a_small_mutation_of_an_integer_is_one_step_and_of_a_choice_another_choice():
    space, rng = mixed(), np.random.default_rng(0)
    columns = WholeColumns(space)
    before = columns.snapped(space.sample(500, rng))
    after = np.clip(before + rng.choice([-1e-6, 1e-6], before.shape), 0, 1)
    old, new = (
        space.repair(space.from_search(p)) for p in (before, columns.stepped(before, after, rng))
    )
    touched = before != after
    assert (np.abs(new - old)[:, 1:3][touched[:, 1:3]] == 1).all()
    assert (np.abs(new - old)[:, 3][touched[:, 3]] >= 1).all()
    assert (new == old)[~touched].all()
    assert (new[:, 4] == 0).all()
    moved = np.bincount(np.mod(new[:, 3] - old[:, 3], 4)[touched[:, 3]].astype(int), minlength=4)
    assert moved[0] == 0
    assert moved[1:].min() > 0.25 * moved.sum()  # every other choice about equally often


def test_crossover_only_exchanges_choices():
    space, rng = mixed(), np.random.default_rng(0)
    ga = algorithm(space, cx_prob=1.0)
    parents = ga.breeding.whole.snapped(space.sample(200, rng))
    children = parents.copy()
    ga.breeding._mate(children, np.arange(0, 200, 2), rng)
    old, new = (
        space.repair(space.from_search(p))[:, 3].reshape(-1, 2) for p in (parents, children)
    )
    assert np.array_equal(np.sort(new, axis=1), np.sort(old, axis=1))
    differ = old[:, 0] != old[:, 1]
    assert 0.3 < np.mean(new[differ, 0] != old[differ, 0]) < 0.7


def test_integers_and_choices_are_found():
    """A deceptive mixed problem: rounding alone would leave choices where they begin."""
    space = mixed()

    def fitness(points):
        v = space.repair(space.from_search(points))
        return (
            -((v[:, 0] - 0.7) ** 2)
            - (v[:, 1] - 7) ** 2
            - np.log(v[:, 2] / 30) ** 2
            - 3 * (v[:, 3] != 2)
        )

    for seed in range(5):
        ga = algorithm(space, seed, pop_size=20)
        for _ in range(60):
            points = ga.ask()
            snapped = ga.breeding.whole.snapped(points)
            assert np.allclose(snapped, points, rtol=0, atol=1e-12)
            ga.tell(Evaluations.of(points, fitness(points)))
        best = space.decode(ga.hall_of_fame.points[:1])[0]
        assert (best["n"], best["k"], best["rule"]) == (7, 30, "c")
        assert best["x"] == pytest.approx(0.7, abs=0.02)
