"""The same result for any number of workers and any finishing order."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from helpers.models import Stateful, StatefulParameters

import l2l
from l2l.evaluation import Status


def run(path, executor, workers=None, delay=0.0, **kwargs):
    return l2l.optimize(
        Stateful(parameters=StatefulParameters(delay=delay)),
        {"name": "genetic_algorithm", "pop_size": 10},
        weights=(-1.0,), generations=6, seed=5, executor=executor, workers=workers, run=path,
        progress=False, **kwargs,
    )  # fmt: skip


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return run(tmp_path_factory.mktemp("inline") / "run", "inline")


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_workers_and_order_change_nothing(tmp_path, expected, workers):
    result = run(tmp_path / "run", "local", workers, delay=0.005)
    assert result.history.digest() == expected.history.digest()


def test_another_seed_gives_another_history(tmp_path, expected):
    other = l2l.optimize(
        Stateful(), {"name": "genetic_algorithm", "pop_size": 10}, weights=(-1.0,), generations=6,
        seed=6, executor="inline", run=tmp_path / "run", progress=False,
    )  # fmt: skip
    assert other.history.digest() != expected.history.digest()


def test_state_of_the_optimizee_does_not_leak(expected):
    assert (expected.history["calls"] == 1).all()
    assert (expected.history.status == Status.OK).all()


def test_each_evaluation_has_noise_of_its_own(expected):
    noise = expected.history["pid_free"]
    assert len(np.unique(noise)) == len(noise)


def test_global_random_state_of_the_caller_is_left_alone(tmp_path):
    import random

    random.seed(1)
    np.random.seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist()
    run(tmp_path / "run", "inline")
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_the_record_holds_what_was_asked_and_what_was_evaluated(expected):
    whole = expected.history["n"]
    assert whole.dtype.kind in "if"
    assert (whole == np.rint(whole)).all()
    x = expected.history["x"]
    assert x.shape == (len(expected.history), 3)
    assert (np.abs(x) <= 5).all()
    assert np.array_equal(expected.history.observation, x)


class Draws(l2l.Optimizee):
    """Draws in ``create_individual``, from itself, and in ``bounding_func``, from everywhere."""

    def __init__(self):
        super().__init__()
        self.rng = np.random.default_rng(3)

    def create_individual(self):
        return {"a": float(self.rng.normal()), "n": int(self.rng.integers(9))}

    def bounding_func(self, individual):
        if abs(individual["a"]) > 0.5:
            individual["a"] = float(np.random.uniform(-0.5, 0.5))
        return {**individual, "n": random.randrange(9)}

    def simulate(self, traj):
        return traj.individual.a - traj.individual.n + self.rng.normal()


def draw(path, **kwargs):
    settings = {"executor": "inline", "generations": 5, "progress": False}
    optimizer = {"name": "genetic_algorithm", "pop_size": 6, "seed": 2}
    return l2l.optimize(Draws(), optimizer, run=path, seed=4, **{**settings, **kwargs})


def test_random_numbers_of_the_outer_loops_side(tmp_path):
    expected = draw(tmp_path / "whole").history.digest()
    assert draw(tmp_path / "local", executor="local", workers=2).history.digest() == expected
    draw(tmp_path / "parts", generations=None, evaluations=15)  # in the middle of a generation
    assert draw(tmp_path / "parts", resume=True).history.digest() == expected


class FailsByDraw(l2l.Optimizee):
    """Fails for a part of all seeds, slowly enough to be stopped meanwhile."""

    space = l2l.ParameterSpace({"x": (0.0, 1.0)})

    def __init__(self, delay=0.0):
        super().__init__()
        self.delay = delay

    def simulate(self, traj):
        time.sleep(self.delay)
        if traj.individual.seed % 2:
            raise ValueError("not this draw")
        return traj.individual.x


def test_a_failure_during_a_stop_keeps_its_retries(tmp_path):
    def retried(path, delay, **kwargs):
        return l2l.optimize(
            FailsByDraw(delay), {"name": "random_search", "pop_size": 8}, generations=2, run=path,
            executor={"name": "local", "workers": 2, "retries": 5}, progress=False, **kwargs,
        )  # fmt: skip

    expected = retried(tmp_path / "whole", 0.0)
    assert (expected.history.status == Status.OK).all()
    for _ in range(4):
        retried(tmp_path / "parts", 0.1, time=0.5, resume=True)
    result = retried(tmp_path / "parts", 0.0, resume=True)
    assert result.history.digest() == expected.history.digest()
