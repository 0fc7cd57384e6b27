"""Simulated annealing and parallel tempering, each chain on its own."""

from __future__ import annotations

import heapq

import numpy as np
import pytest
from scipy import stats

from l2l import Parameter, ParameterSpace
from l2l.evaluation import Evaluations
from l2l.optimizers.annealing.turns import Turns
from l2l.optimizers.paralleltempering import ParallelTempering, ParallelTemperingParameters
from l2l.optimizers.simulatedannealing import SimulatedAnnealing, SimulatedAnnealingParameters


def raw(d):
    return ParameterSpace([Parameter("x", shape=(d,))], "raw")


def box(d):
    return ParameterSpace([Parameter("x", -5.0, 5.0, shape=(d,))])


def tempering(temperatures, seed=1, **options):
    n = len(temperatures)
    options |= {
        "n_parallel_runs": n,
        "temperature_bounds": np.stack([temperatures, temperatures], axis=1),
    }
    initial = np.random.default_rng(seed).normal(0, 1, (n, 2))
    parameters = ParallelTemperingParameters(**options)
    return ParallelTempering(raw(2), parameters, seed=seed, initial=initial)


def run(optimizer, score, evaluations, workers=3, duration=None, seen=None):
    """Evaluate on greedy workers; ``duration(point, rng)`` says for how long each is busy."""
    rng = np.random.default_rng(5)
    duration = duration or (lambda point, rng: rng.lognormal(0, 1))
    flying, asked, now = [], 0, 0.0
    for _ in range(evaluations):
        while len(flying) < workers and (point := optimizer.ask_one()) is not None:
            heapq.heappush(flying, (now + duration(point, rng), asked, point))
            asked += 1
        now, number, point = heapq.heappop(flying)
        before = optimizer._turns.steps.copy()
        optimizer.tell_one(Evaluations.of(point[None], score(point[None]), number))
        if seen is not None:
            seen(np.flatnonzero(optimizer._turns.steps != before))
    return optimizer


def gaussian(points):
    return -0.5 * np.square(points).sum(axis=1)


def far_is_slow(point, rng):
    """Return a duration that depends on where the point lies: the hardest case for a sampler."""
    return rng.lognormal(0, 0.5) * np.exp(np.abs(point).sum())


LONG = pytest.mark.campaign


@pytest.mark.parametrize(
    ("workers", "duration"),
    [
        pytest.param(6, far_is_slow, id="far is slow"),
        pytest.param(2, far_is_slow, id="far is slow, few workers", marks=LONG),
        pytest.param(6, None, id="lognormal", marks=LONG),
        pytest.param(2, None, id="lognormal, few workers", marks=LONG),
    ],
)
def test_every_rung_samples_its_own_boltzmann_distribution(workers, duration):
    """exp(s / T) of s = -|x|^2 / 2 is a Gaussian of variance T."""
    temperatures = np.array([0.5, 1.0, 2.0, 5.0])
    optimizer = tempering(temperatures, workers, n_adapt=400)
    states = [[] for _ in temperatures]

    def seen(chains):
        for chain in chains:
            k = int(optimizer._turns.steps[chain])
            if k > 420 and k % 8 == 0:
                states[chain].append(optimizer.chains.z[chain].copy())

    run(optimizer, gaussian, 4 * 3220, workers, duration, seen)
    n = min(len(rows) for rows in states)
    assert n > 300
    x = np.array([rows[:n] for rows in states]) / np.sqrt(temperatures)[:, None, None]
    se = 1 / np.sqrt(n / 4)  # as in generations: a quarter counts as independent
    assert (np.abs(x.mean(axis=1)) < 4 * se).all()
    assert (np.abs(x.var(axis=1) - 1) < 4 * np.sqrt(2) * se).all()
    for rung in range(4):
        assert stats.kstest(x[rung, ::6, 0], "norm").pvalue > 1e-3
    assert (optimizer.swap_accepts > 0).all()


@pytest.mark.parametrize("hot", [pytest.param(1.5, marks=LONG), 4.0])
def test_swaps_are_as_frequent_as_they_must_be(hot):
    """In two dimensions |x|^2 / 2 is exponential with mean T, and the rate is 2 T1 / (T1 + T2)."""
    optimizer = tempering(np.array([1.0, hot]), n_adapt=400)
    run(optimizer, gaussian, 6_000, workers=2)
    assert optimizer.swap_attempts[0] == pytest.approx(1500, abs=2)
    rate = optimizer.swap_accepts[0] / optimizer.swap_attempts[0]
    assert rate == pytest.approx(2 / (1 + hot), abs=0.08)


def test_annealing_at_a_constant_temperature_samples_its_distribution():
    t, n = 3.0, 40
    parameters = SimulatedAnnealingParameters(
        n_parallel_runs=n, temp_decay=1.0, initial_temperature=t, final_temperature=t, n_adapt=100
    )
    initial = np.random.default_rng(1).normal(0, 2, (n, 2))
    optimizer = SimulatedAnnealing(raw(2), parameters, seed=1, initial=initial)
    states = []

    def seen(chains):
        states.extend(
            optimizer.chains.z[c].copy() for c in chains if optimizer._turns.steps[c] % 50 == 0
        )

    run(optimizer, gaussian, n * 401, 16, far_is_slow, seen)
    x = np.array(states[2 * n :]) / np.sqrt(t)
    assert np.abs(x.mean(axis=0)).max() < 4 / np.sqrt(len(x) / 3)
    assert np.abs(x.var(axis=0) - 1).max() < 4 * np.sqrt(2) / np.sqrt(len(x) / 3)


def test_a_chain_cools_with_its_own_steps():
    parameters = SimulatedAnnealingParameters(
        n_parallel_runs=2, initial_temperature=1.0, temp_decay=0.5
    )
    optimizer = SimulatedAnnealing(box(2), parameters, seed=1)
    slow, fast = optimizer.ask_one(), optimizer.ask_one()
    assert optimizer.ask_one() is None  # both chains are busy
    for number in range(1, 5):
        optimizer.tell_one(Evaluations.of(fast[None], gaussian(fast[None]), number))
        fast = optimizer.ask_one()
        assert optimizer.ask_one() is None
    assert optimizer._temperature_of(1) == pytest.approx(0.5**3)  # the first state is no step
    assert optimizer._temperature_of(0) == 1.0
    optimizer.tell_one(Evaluations.of(slow[None], gaussian(slow[None]), 0))
    assert optimizer.ask_one() is not None


def test_nobody_waits_for_ever():
    """With all kinds of ladders some chain always goes on, and none is left behind."""
    for n in (1, 2, 3, 9):
        for workers in (1, 2, 16):
            parameters = ParallelTemperingParameters(n_parallel_runs=n, temp_decay=0.7)
            optimizer = ParallelTempering(box(3), parameters, seed=2)
            run(optimizer, gaussian, 30 * n, workers)
            turns = optimizer._turns
            assert turns.walked.max() - turns.walked.min() <= n + 1


def test_turns():
    turns = Turns(3, 1)
    assert [turns.next() for _ in range(4)] == [0, 1, 2, None]
    turns.walked[:] = [2, 1, 1]
    assert not turns.meet(0, 1)  # walked farther: waits
    assert not turns.meet(2, None)
    assert turns.next() == 2
    turns.walked[1] = 2
    assert turns.meet(1, 0)
    assert turns.free == [0, 1]
    assert turns.waiting == []
