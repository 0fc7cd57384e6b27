"""The suite accepts a sound optimizer and names the fault of each broken one."""

from __future__ import annotations

import random

import numpy as np
import pytest

from l2l import Parameter, ParameterSpace
from l2l.errors import ConfigError
from l2l.optimizer import Optimizer, OptimizerParameters
from l2l.options import option
from l2l.testing import check_optimizer


class Parameters(OptimizerParameters):
    pop_size: int = option(6, "points of a generation", low=1)


class Climber(Optimizer):
    """Sound: samples around the best point so far."""

    Parameters = Parameters

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.best, self.score = np.full(self.space.size, 0.5), -np.inf

    def ask(self):
        noise = self.rng.normal(0, 0.2, (self.parameters.pop_size, self.space.size))
        return np.clip(self.best + noise, self.space.lower, self.space.upper)

    def tell(self, evaluations):
        scores = evaluations.scores(self.weights)
        if scores.max() > self.score:
            self.best = evaluations.evaluated[scores.argmax()].copy()
            self.score = float(scores.max())

    def state(self):
        return {**super().state(), "best": self.best, "score": self.score}

    def restore(self, state):
        super().restore(state)
        self.best, self.score = state["best"], state["score"]


class Unbounded(Climber):
    def ask(self):
        return super().ask() + 0.5


class WrongShape(Climber):
    def ask(self):
        return super().ask()[:, :-1]


class SinglePrecision(Climber):
    def ask(self):
        return super().ask().astype(np.float32)


class Silent(Climber):
    def ask(self):
        return super().ask()[:0]


class Python(Climber):
    def ask(self):
        return np.clip(super().ask() + 0.01 * random.random(), 0, 1)


class Numpy(Climber):
    def ask(self):
        return np.clip(super().ask() + 0.01 * np.random.rand(), 0, 1)


class Reseeding(Climber):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        np.random.seed(1)


class Irreproducible(Climber):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.rng = np.random.default_rng()


class Forgetful(Climber):
    def state(self):
        return {**super().state(), "score": 0.0}


class Amnesic(Climber):
    def restore(self, state):
        self.best, self.score = state["best"], state["score"]


class Hidden(Climber):
    """A counter that is not in the state."""

    calls = 0

    def ask(self):
        self.calls += 1
        return super().ask() * (0.9 if self.calls > 3 else 1.0)


class Aliasing(Climber):
    def tell(self, evaluations):
        scores = evaluations.scores(self.weights)
        if scores.max() > self.score:
            self.best[:] = evaluations.evaluated[scores.argmax()]
            self.score = float(scores.max())


class Objects(Climber):
    def state(self):
        return {**super().state(), "best": [1.0, 2.0]}


class NaNMean(Climber):
    def tell(self, evaluations):
        values = evaluations.fitness @ np.array(self.weights)
        self.best = np.clip((values - values.mean()) @ evaluations.evaluated, 0, 1)


class Division(Climber):
    def tell(self, evaluations):
        scores = np.nan_to_num(evaluations.scores(self.weights), neginf=-1e3)
        with np.errstate(all="ignore"):
            share = (scores - scores.min()) / (scores.max() - scores.min())
        self.best = np.clip(share @ evaluations.evaluated / share.sum(), 0, 1)


class IgnoresWeights(Climber):
    def tell(self, evaluations):
        evaluations.fitness *= np.array(self.weights) ** 2
        self.weights = (1.0,) * len(self.weights)
        super().tell(evaluations)


class Borrowing(Climber):
    def tell(self, evaluations):
        scores = evaluations.scores(self.weights)
        if scores.max() > self.score:
            self.best, self.score = evaluations.evaluated[scores.argmax()], float(scores.max())


class StatusBlind(Climber):
    def tell(self, evaluations):
        super().tell(evaluations)
        self.best = np.clip(self.best + 0.001 * evaluations.status.max(), 0, 1)


FAULTS = {
    Unbounded: "outside the bounds",
    WrongShape: "expected points of shape",
    SinglePrecision: "float64, got float32",
    Silent: "at least one point",
    Python: "check_determinism|check_randomness",
    Numpy: "check_determinism|check_randomness",
    Reseeding: "random or np.random is in another state",
    Irreproducible: "same seed asked for different points",
    Forgetful: "restore\\(state\\), then state\\(\\)|than without a break",
    Amnesic: "restore\\(state\\), then state\\(\\)",
    Hidden: "than without a break",
    Aliasing: "was changed by later calls",
    Objects: "must be an array of numbers.* got list",
    NaNMean: "points must be finite",
    Division: "points must be finite",
    IgnoresWeights: "maximising f and minimising -f|sign of the second weight",
    Borrowing: "goes on using arrays|was changed",
    StatusBlind: "depend on how evaluations failed",
}


def test_a_sound_optimizer_passes():
    check_optimizer(Climber)


@pytest.mark.parametrize(
    ("optimizer", "text"), FAULTS.items(), ids=lambda x: getattr(x, "__name__", "")
)
def test_a_broken_optimizer_is_found(optimizer, text):
    with pytest.raises(AssertionError, match=text):
        check_optimizer(optimizer)


def test_the_error_says_where():
    with pytest.raises(AssertionError, match=r"^check_determinism in the space 'one dimension': "):
        check_optimizer(Unbounded)


class OnlyFloats(Climber):
    def __init__(self, space, *args, **kwargs):
        super().__init__(space, *args, **kwargs)
        if any(p.kind != "float" for p in space.parameters):
            raise ConfigError("floats only")


def test_spaces_that_an_optimizer_refuses_are_left_out_unless_asked_for():
    check_optimizer(OnlyFloats)
    with pytest.raises(ConfigError, match="floats only"):
        check_optimizer(OnlyFloats, ParameterSpace([Parameter("n", 0, 3, kind="int")]))
    with pytest.raises(AssertionError, match="accepts none of the spaces"):
        check_optimizer(_refuse)


def _refuse(*_args, **_kwargs):
    raise ConfigError("no")


def test_other_errors_say_what_was_being_checked():
    class Broken(Climber):
        def tell(self, evaluations):
            raise ZeroDivisionError("oh")

    with pytest.raises(ZeroDivisionError) as caught:
        check_optimizer(Broken)
    assert "check_determinism in the space" in caught.value.__notes__[0]
