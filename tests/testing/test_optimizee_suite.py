"""The suite accepts the optimizees of this repository and names the fault of each broken one."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from helpers.models import FitMany

from l2l import Optimizee, Parameter, ParameterSpace, TaskFamily, registry
from l2l.optimizee import BatchResult
from l2l.testing import check_optimizee


class Sound(Optimizee):
    space = ParameterSpace([Parameter("x", -1.0, 1.0), Parameter("n", 1, 5, kind="int")])

    def simulate(self, traj):
        return traj.individual.x + traj.individual.n + np.random.normal() + random.random()

    def bounding_func(self, individual):
        return {"x": float(np.clip(individual["x"], -1, 1)), "n": min(max(individual["n"], 1), 5)}


class Batched(Optimizee):
    space = ParameterSpace([Parameter("x", -1.0, 1.0)])

    def simulate_batch(self, params, seeds):
        return BatchResult(2 * params["x"] + seeds % 7)


class Both(Batched):
    def simulate(self, traj):
        return 2 * traj.individual.x + traj.individual.seed % 7


class Grouped(Optimizee):
    space = ParameterSpace({"x": (-1.0, 1.0), "speed": (1.0, 2.0)})
    group_by = ("speed",)

    def simulate_batch(self, params, seeds):
        if len(np.unique(params["speed"])) > 1:
            raise ValueError("more than one speed in a call")
        return BatchResult(params["x"] * params["speed"])


class Sloped(Optimizee):
    space = ParameterSpace(
        [
            Parameter("x", -1.0, 1.0, shape=(3,)),
            Parameter("tau", 0.1, 1000.0, scale="log"),
            Parameter("n", 1, 5, kind="int"),
        ]
    )

    def simulate(self, traj):
        p = traj.individual
        return float(np.sum(np.sin(p.x)) * np.log(p.tau) + p.n + np.random.normal())

    def value_and_grad(self, traj):
        p = traj.individual
        return self.simulate(traj), {
            "x": np.cos(p.x) * np.log(p.tau),
            "tau": np.sum(np.sin(p.x)) / p.tau,
        }


class SlopedTwice(Sloped):
    def simulate(self, traj):
        one = super().simulate(traj)
        return one, 3 * one

    def value_and_grad(self, traj):
        p = traj.individual
        x, tau = np.cos(p.x) * np.log(p.tau), np.sum(np.sin(p.x)) / p.tau
        return self.simulate(traj), {"x": np.stack([x, 3 * x]), "tau": [tau, 3 * tau]}


class ShortSpace(Sound):
    space = {"x": (-1.0, 1.0), "n": (1, 5)}  # noqa: RUF012


class TwoFitness(Optimizee):
    space = ParameterSpace([Parameter("x", -1.0, 1.0)])

    def simulate(self, traj):
        return traj.individual.x, 1.0


class Raises(Sound):
    def simulate(self, traj):
        raise ValueError("no such model")


class NoFitness(Sound):
    def simulate(self, traj):
        return None


class Irreproducible(Sound):
    def simulate(self, traj):
        return time.perf_counter()


class KeepsState(Sound):
    def simulate(self, traj):
        import sys

        sys.l2l_test_counter = getattr(sys, "l2l_test_counter", 0) + 1
        return float(sys.l2l_test_counter)


class Restless(Sound):
    def bounding_func(self, individual):
        return {"x": individual["x"] / 2, "n": 1}


class OutOfBounds(Sound):
    def bounding_func(self, individual):
        return {"x": 3.0, "n": 1}


class OtherNames(Sound):
    def create_individual(self):
        return {"x": 0.5}


class Outside(Sound):
    def create_individual(self):
        return {"x": 5.0, "n": 1}


class Unseeded(Sound):
    def create_individual(self):
        return {"x": np.random.default_rng().uniform(-1, 1), "n": 1}


class NotCopied(Sound):
    def __init__(self):
        super().__init__()
        self.lines = (line for line in "abc")


class BatchDependent(Batched):
    def simulate_batch(self, params, seeds):
        return BatchResult(params["x"] - params["x"].mean())


class BatchDiffers(Both):
    def simulate(self, traj):
        return 2.1 * traj.individual.x


class SlopeOfTheLogarithm(Sloped):
    """A common mistake: by log(tau) in place of tau."""

    def value_and_grad(self, traj):
        fitness, gradient = super().value_and_grad(traj)
        return fitness, {**gradient, "tau": gradient["tau"] * traj.individual.tau}


class SlopeOfAnotherSign(Sloped):
    def value_and_grad(self, traj):
        fitness, gradient = super().value_and_grad(traj)
        return fitness, {**gradient, "x": -gradient["x"]}


class SlopeOfAnotherFunction(Sloped):
    def value_and_grad(self, traj):
        fitness, gradient = super().value_and_grad(traj)
        return fitness + 1, gradient


class SlopeWithNoise(Sloped):
    def value_and_grad(self, traj):
        fitness, gradient = super().value_and_grad(traj)
        return fitness, {**gradient, "tau": gradient["tau"] + time.perf_counter()}


class SlopeMissing(Sloped):
    def value_and_grad(self, traj):
        return self.simulate(traj), {"tau": 1.0}


FAULTS = {
    SlopeOfTheLogarithm: "value_and_grad: along 'tau' the gradient gives a slope of",
    SlopeOfAnotherSign: "value_and_grad: along 'x' the gradient gives a slope of",
    SlopeOfAnotherFunction: "value_and_grad and simulate give different fitness",
    SlopeWithNoise: "gave another gradient",
    SlopeMissing: "expected a gradient by 'x', got none",
    TwoFitness: "expected a finite number as fitness",
    Raises: "no such model",
    NoFitness: "got None",
    Irreproducible: "gave another result after other individuals",
    KeepsState: "gave another result after other individuals",
    Restless: "bounding_func: applied a second time",
    OutOfBounds: "bounding_func: it returned an individual outside",
    Outside: "create_individual: an individual lies outside",
    Unseeded: "other individuals were drawn",
    NotCopied: "copies: it can't be copied",
    BatchDependent: "in a batch and alone give different fitness",
    BatchDiffers: "simulate_batch and simulate give different fitness",
}


class Dots(TaskFamily):
    n_tasks, n_test = 2, 6

    def sample(self, rng, difficulty):
        return {"at": rng.normal(size=2), "n": int(rng.integers(3))}


class Learns(Optimizee):
    space = ParameterSpace([Parameter("x", -1.0, 1.0)])
    tasks = Dots()

    def simulate(self, traj):
        return float(
            np.mean([np.sum((traj.individual.x - t["at"]) ** 2) for t in traj.individual.tasks])
        )

    def simulate_batch(self, params, seeds, tasks):
        apart = [params["x"][:, None] - task["at"] for task in tasks[0]]
        return BatchResult(np.mean([np.square(a).sum(axis=1) for a in apart], axis=0))


class LearnsOnItsOwn(Learns):
    """Each individual has tasks of its own, also within a batch."""

    class Own(Dots):
        shared = False

    tasks = Own()

    def simulate_batch(self, params, seeds, tasks):
        at = np.array([[task["at"] for task in lane] for lane in tasks])
        return BatchResult(np.square(params["x"][:, None, None] - at).sum(axis=2).mean(axis=1))


class UnseededTasks(Learns):
    class Family(Dots):
        def sample(self, rng, difficulty):
            return super().sample(np.random.default_rng(), difficulty)

    tasks = Family()


class OneTask(Learns):
    class Family(Dots):
        def sample(self, rng, difficulty):
            return {"at": np.ones(2), "n": 1}

        def sample_test(self, rng):
            return {"at": rng.normal(size=2), "n": 2}

    tasks = Family()


class SeenTasks(Learns):
    """Draws one of six places, for training and for tests."""

    class Family(Dots):
        def sample(self, rng, difficulty):
            return {"at": np.full(2, float(rng.integers(6))), "n": 1}

    tasks = Family()


class MovingTests(Learns):
    class Family(Dots):
        def held_out(self, part):
            return [self.sample_test(np.random.default_rng()) for _ in range(self.n_tasks)]

    tasks = Family()


class TooDifficult(Learns):
    class Family(Dots):
        def difficulty(self, generation):
            return 0.01 * generation

    tasks = Family()


class FailsTests(Learns):
    def simulate(self, traj):
        if traj.individual.test:
            raise ValueError("no world for that")
        return super().simulate(traj)


class BatchOfFirstTask(Learns):
    def simulate_batch(self, params, seeds, tasks):
        return super().simulate_batch(params, seeds, [tasks[0][:1]])


FAULTS |= {
    UnseededTasks: "tasks: two copies of the family drew different training tasks",
    MovingTests: "tasks: two copies of the family drew different held-out tasks",
    OneTask: "tasks: all seeds and generations have the same training tasks",
    SeenTasks: "tasks: a held-out task .* is drawn for training, too",
    TooDifficult: "tasks: difficulty of generation 1000 must be within 0..1, got 10.0",
    FailsTests: "tasks: job -1 failed: ValueError: no world for that",
    BatchOfFirstTask: "simulate_batch and simulate give different fitness",
}


@pytest.mark.parametrize(
    "optimizee",
    [Sound, Batched, Both, Grouped, ShortSpace, Sloped, Learns, LearnsOnItsOwn, FitMany],
)
def test_sound_optimizees_pass(optimizee):
    check_optimizee(optimizee)


def test_two_objectives_pass_where_two_are_declared():
    check_optimizee(TwoFitness, objectives=2)
    check_optimizee(SlopedTwice, objectives=2)


@pytest.mark.parametrize(
    ("optimizee", "text"), FAULTS.items(), ids=lambda x: getattr(x, "__name__", "")
)
def test_a_broken_optimizee_is_found(optimizee, text):
    with pytest.raises(AssertionError, match=text):
        check_optimizee(optimizee)


def test_an_individual_that_does_not_fit_the_space_is_named():
    with pytest.raises(Exception, match="must have the parameters") as caught:
        check_optimizee(OtherNames)
    assert "create_individual" in caught.value.__notes__[0]


@pytest.mark.parametrize("name", ["active_wait", "functions", "mnist"])
def test_the_optimizees_of_this_repository_pass(name):
    check_optimizee(registry.load("optimizees", name))
