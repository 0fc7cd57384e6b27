from __future__ import annotations

import numpy as np
import pytest

from l2l.evaluation import Evaluations, Failure, Job, Outcome, Status, seeds

N = 10**6


# -- seeds ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def million():
    return seeds(1, np.arange(N))


def test_range_and_type(million):
    assert million.dtype == np.uint32
    assert million.min() >= 1
    assert seeds(0, [0]).shape == (1,)


def test_no_more_collisions_than_chance_gives(million):
    """Birthday problem: n^2 / 2^33 = 116 of 10^6 draws from 2^32, with a deviation of 11."""
    assert abs(N - len(np.unique(million)) - 116) < 55  # 5 deviations


@pytest.mark.parametrize("run_seed", [0, 1, 2, 12345, 2**32 - 1, 2**63, 2**64 + 1, -1])
@pytest.mark.parametrize("shift", [0, 8, 16, 24])
def test_every_byte_is_uniform(run_seed, shift):
    counts = np.bincount((seeds(run_seed, np.arange(256 * 400)) >> np.uint32(shift)) & 255)
    # chi-square with 255 degrees of freedom: p = 1e-4 at 346
    assert ((counts - 400) ** 2 / 400).sum() < 346


def test_neighbours_are_unrelated(million):
    scaled = million / 2**32
    for lag in (1, 2, 1000):
        correlation = np.corrcoef(scaled[:-lag], scaled[lag:])[0, 1]
        assert abs(correlation) < 0.005  # 5 standard errors
    bits = np.unpackbits((million[1:] ^ million[:-1]).view(np.uint8))
    assert bits.mean() == pytest.approx(0.5, abs=5e-4)  # of 32 million bits


def test_another_draw_or_run_has_unrelated_seeds(million):
    ids, first = np.arange(N // 10), million[: N // 10]
    for other in (seeds(1, ids, 1), seeds(2, ids), seeds(1, ids, 2)):
        assert (other == first).sum() <= 3  # expected: 0.00002
        assert abs(np.corrcoef(other / 2**32, first / 2**32)[0, 1]) < 0.016  # 5 standard errors
        assert len(np.intersect1d(other, first)) < 15  # expected by chance: 2.3


def test_a_seed_depends_on_nothing_but_run_evaluation_and_draw(million):
    ids = np.random.default_rng(0).integers(0, N, 1000)
    assert np.array_equal(seeds(1, ids), million[ids])
    assert seeds(1, [5]) == seeds(1, np.array([5], dtype=np.int32))
    assert seeds(1, ids[:3].tolist()).tolist() == million[ids[:3]].tolist()


def test_seeds_are_the_same_for_ever():
    """A change of these numbers would make old runs irreproducible."""
    assert seeds(1, [0, 1, 10**12]).tolist() == GOLDEN[:3]
    assert seeds(7, [3], draw=2).tolist() == GOLDEN[3:]


GOLDEN = [1998091537, 3762542366, 2106785907, 3629582657]


# -- evaluations ----------------------------------------------------------------------------------


def some(fitness):
    fitness = np.array(fitness, dtype=float)
    return Evaluations.of(np.zeros((len(fitness), 2)), fitness, first_id=10)


def test_of_one_and_of_two_objectives():
    one = some([1.0, 2.0, 3.0])
    assert one.fitness.shape == (3, 1)
    assert one.id.tolist() == [10, 11, 12]
    assert len(one) == 3
    assert one.ok.all()
    two = some([[1.0, 2.0], [3.0, 4.0]])
    assert two.fitness.shape == (2, 2)
    assert two.scores((1.0, -0.5)).tolist() == [0.0, 1.0]


def test_what_is_not_finite_failed():
    e = some([[1.0, 2.0], [np.nan, 2.0], [3.0, np.inf], [-np.inf, 0.0]])
    assert e.ok.tolist() == [True, False, False, False]
    assert e.status.tolist() == [Status.OK, *[Status.INVALID] * 3]
    assert np.isnan(e.fitness[1:]).all()
    assert e.scores((1.0, 1.0)).tolist() == [3.0, -np.inf, -np.inf, -np.inf]


def test_scores_count_by_status_and_hold_no_nan():
    e = some([1.0, 2.0, 3.0])
    e.status[:] = [Status.OK, Status.TIMEOUT, Status.LOST]
    for weight in (1.0, -2.0):
        assert e.scores((weight,)).tolist() == [weight, -np.inf, -np.inf]


def test_all_failed():
    assert some([np.nan, np.nan]).scores((1.0,)).tolist() == [-np.inf, -np.inf]


def test_an_outcome_that_failed_leaves_a_failure():
    job = Job(7, 1, 3, 2, 99, np.zeros(2))
    outcome = Outcome(job, Status.CRASHED, message="killed", traceback="here", output="last words")
    failure = Failure.of(outcome)
    assert failure == Failure(7, 2, Status.CRASHED, "killed", "here", "last words")
