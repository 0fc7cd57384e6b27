"""What ``simulate`` may return."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from l2l.evaluation import Job, Status
from l2l.optimizee import BatchResult, Result
from l2l.returned import outcome_of, outcomes_of

JOB = Job(0, 0, 0, 0, 1, np.zeros(1))


@pytest.mark.parametrize(
    ("came", "fitness"),
    [
        (1.5, (1.5,)),
        (2, (2.0,)),
        (np.float32(0.5), (0.5,)),
        (np.array([1.0]), (1.0,)),
        ((1.0,), (1.0,)),
        ((1.0, 2), (1.0, 2.0)),
        ([1.0, 2.0], (1.0, 2.0)),
        (np.array([1.0, 2.0]), (1.0, 2.0)),
        (Result((1.0, 2.0)), (1.0, 2.0)),
        ({"fitness": 1.0}, (1.0,)),
    ],
)
def test_what_is_fitness(came: Any, fitness: tuple[float, ...]) -> None:
    outcome = outcome_of(JOB, came, len(fitness))
    assert (outcome.status, outcome.fitness) == (Status.OK, fitness)


@pytest.mark.parametrize(
    "came",
    [
        None, "1.0", b"1", float("nan"), float("-inf"), (), (1.0, 2.0), [[1.0]], {"a": 1.0}, {1.0},
        object(), 1j, ("a",), (None,), {"fitness": 1.0, "nonsense": 2}, {"fitness": None},
    ],
)  # fmt: skip
def test_what_is_not(came: Any) -> None:
    outcome = outcome_of(JOB, came, 1)
    assert (outcome.status, outcome.fitness) == (Status.INVALID, None)
    assert "\n" not in outcome.message
    assert outcome.message


def test_extras_become_numbers() -> None:
    came = {"fitness": 1, "observation": [[1, 2], [3, 4]], "metrics": {"rate": np.float32(2.5)}}
    outcome = outcome_of(JOB, came, 1)
    np.testing.assert_array_equal(outcome.observation, [1.0, 2.0, 3.0, 4.0])
    assert outcome.metrics == {"rate": 2.5}
    assert type(outcome.metrics["rate"]) is float


@pytest.mark.parametrize("wrong", [{"metrics": {"m": [1.0]}}, {"ok": [True]}, {"observation": 1.0}])
def test_batch_extras_must_have_a_value_a_lane(wrong: dict[str, Any]) -> None:
    for outcome in outcomes_of([JOB] * 2, BatchResult([1.0, 2.0], **wrong), 1):
        assert outcome.status is Status.INVALID
        assert "of length 2" in outcome.message


def test_batch_lanes_are_judged_one_by_one() -> None:
    came = {"fitness": [[1.0, 2.0], [np.nan, 1.0], [3.0, 4.0]], "ok": [True, True, False]}
    outcomes = outcomes_of([JOB] * 3, came, 2)
    assert [o.status for o in outcomes] == [Status.OK, Status.INVALID, Status.FAILED]
    assert outcomes[0].fitness == (1.0, 2.0)


def test_the_old_name_of_an_observation():
    outcome = outcome_of(JOB, {"fitness": 1.0, "model_out": [1.0, 2.0]}, 1)
    assert outcome.status is Status.OK
    assert outcome.observation.tolist() == [1.0, 2.0]
