"""The same result for any number of workers and any finishing order."""

from __future__ import annotations

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
