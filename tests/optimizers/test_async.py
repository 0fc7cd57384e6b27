"""Optimizers that are asked for one point and told of one evaluation at a time."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from l2l import registry
from l2l.errors import ConfigError, L2LError
from l2l.evaluation import Status
from l2l.testing import example_spaces
from l2l.testing.optimizers import bowl, check_points, evaluated, play
from l2l.testing.tools import same, stored

#: Options with which an optimizer does more within the few evaluations of a check.
SMALL = {
    "cma_es": {"pop_size": 6, "tol_x": 0.5},
    "cross_entropy": {"pop_size": 8, "rho": 0.5, "temp_decay": 0.9, "tol_x": 0.2},
    "evolution_strategies": {"pop_size": 3, "tol_x": 0.9, "restarts": "bipop"},
    "face": {"min_pop_size": 8, "max_pop_size": 14, "n_expand": 3, "restarts": "ipop"},
    "genetic_algorithm": {"pop_size": 9, "elitism": 2, "hall_of_fame": 3, "stagnation": 2},
    "grid_search": {"n_points": 3, "batch": 7},
    "latin_hypercube": {"n_samples": 150, "batch": 7},
    "natural_evolution_strategies": {"pop_size": 3, "tol_x": 0.9, "bounds": "resample"},
    "parallel_tempering": {"n_parallel_runs": 6, "temp_decay": 0.5},
    "quasi_random": {"pop_size": 7},
    "random_search": {"pop_size": 8},
    "simulated_annealing": {"n_parallel_runs": 5, "temp_decay": 0.5},
    "xnes": {"pop_size": 4, "tol_x": 0.9, "step_control": "phases"},
}
NAMES = [n for n in registry.names("optimizers") if registry.load("optimizers", n).asynchronous]


def make(name, space, seed=7, **options):
    cls = registry.load("optimizers", name)
    parameters = cls.Parameters(**(SMALL[name] | options))
    return cls(space, parameters, weights=(1.0,), seed=seed)


class Play:
    """Points in flight that land in an order of chance, with a fitness."""

    def __init__(self, optimizer, workers=5, fitness=bowl, seed=0):
        self.optimizer, self.workers, self.fitness = optimizer, workers, fitness
        self.order = np.random.default_rng(seed)
        self.flying, self.asked, self.trace, self.told = {}, 0, [], []

    def run(self, n):
        optimizer = self.optimizer
        for _ in range(n):
            self.ask()
            if not self.flying or optimizer.done is not None:
                break
            self.land(self.order.choice(list(self.flying)))
        return self

    def ask(self):
        while len(self.flying) < self.workers:
            point = self.optimizer.ask_one()
            if point is None:
                break
            check_points(point[None], self.optimizer.space)
            assert point.shape == (self.optimizer.space.size,)
            self.flying[self.asked] = point.copy()
            self.trace.append(point.copy())
            point[:] = np.nan  # it is the caller's own
            self.asked += 1

    def land(self, number):
        point = self.flying.pop(number)
        evaluation = evaluated(self.optimizer, point[None], self.fitness, number)
        self.optimizer.tell_one(evaluation)
        for array in (evaluation.asked, evaluation.evaluated, evaluation.fitness):
            array[:] = np.nan
        self.told.append(int(number))

    def copied(self, optimizer):
        other = Play(optimizer, self.workers, self.fitness)
        other.order = np.random.default_rng()
        other.order.bit_generator.state = self.order.bit_generator.state
        other.flying, other.asked = {k: v.copy() for k, v in self.flying.items()}, self.asked
        return other


def equal(one, other):
    pairs = zip(one, other, strict=False)
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in pairs)


@functools.lru_cache
def spaces_of(name):
    accepted = []
    for key, space in example_spaces().items():
        try:
            make(name, space)
        except ConfigError:
            continue
        accepted.append(key)
    return accepted


def pairs():
    return [(name, space) for name in NAMES for space in spaces_of(name)]


def test_which_can():
    for name in registry.names("optimizers"):
        cls = registry.load("optimizers", name)
        whole = cls.observes or cls.uses_gradients or name == "multi_gradient_ascent"
        assert cls.asynchronous != whole, name


@pytest.mark.parametrize("name", ["ensemble_kalman_filter", "gradient_ascent"])
def test_those_that_can_not_say_so(name):
    optimizer = registry.load("optimizers", name)(example_spaces()["float"])
    for call in (optimizer.ask_one, lambda: optimizer.tell_one(None)):
        with pytest.raises(L2LError, match="whole generations"):
            call()


@pytest.mark.parametrize(("name", "space"), pairs())
def test_the_calls_so_far_decide(name, space):
    space = example_spaces()[space]
    one, other = (Play(make(name, space)).run(120) for _ in "ab")
    assert equal(one.trace, other.trace)
    assert one.told == other.told
    assert len(one.trace) > 5 or one.optimizer.done


@pytest.mark.parametrize(("name", "space"), pairs())
def test_restored_with_points_in_flight(name, space):
    """From any moment on: the same points, whatever else has happened to the first one."""
    space = example_spaces()[space]
    play, taken = Play(make(name, space)), []
    rng = np.random.default_rng(3)
    for step in range(12):
        play.run(int(rng.integers(1, 14)))
        if step % 2:
            play.ask()
        state = play.optimizer.state()
        other = play.copied(make(name, space, seed=99))
        copy = stored(state)
        assert same(state, copy)
        other.optimizer.restore(copy)
        assert same(other.optimizer.state(), state)
        taken.append((state, stored(state), other, len(play.trace)))
    play.run(60)
    for state, copy, other, n in taken[::3]:
        assert same(state, copy), "later calls have changed a state"
        other.run(len(play.told) + 60)
        shared = min(len(other.trace), len(play.trace) - n)
        assert equal(other.trace[:shared], play.trace[n : n + shared])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["some", "all", "all at first"])
def test_failures_do_no_harm(name, kind):
    seen = [0]

    def fitness(points):
        seen[0] += 1
        fails = {"some": seen[0] % 3 == 0, "all": True, "all at first": seen[0] < 40}[kind]
        return np.full(len(points), np.nan) if fails else bowl(points)

    for space in ("mixed", "float"):
        seen[0] = 0
        play = Play(make(name, example_spaces()[space]), fitness=fitness).run(150)
        assert play.told
        assert play.optimizer.best_point is None or kind != "all"
        assert same(stored(play.optimizer.state()), play.optimizer.state())


@pytest.mark.parametrize("name", NAMES)
def test_how_it_failed_does_not_matter(name):
    traces = []
    for status in (Status.LOST, Status.TIMEOUT):
        optimizer, trace = make(name, example_spaces()["mixed"]), []
        for number in range(60):
            point = optimizer.ask_one()
            if point is None or optimizer.done:
                break
            trace.append(point.copy())
            evaluation = evaluated(optimizer, point[None], bowl, number)
            if number % 3 == 1:
                evaluation.status[0], evaluation.fitness[0] = status, np.nan
            optimizer.tell_one(evaluation)
        traces.append(trace)
    assert equal(*traces)


@pytest.mark.parametrize("name", NAMES)
def test_equal_scores_do_no_harm(name):
    Play(make(name, example_spaces()["mixed"]), fitness=lambda p: np.zeros(len(p))).run(150)


@pytest.mark.parametrize("name", NAMES)
def test_a_very_late_result_is_taken(name):
    """One of the first points lands after all the others, over restarts."""
    play = Play(make(name, example_spaces()["float"]), workers=4)
    play.ask()
    late = play.flying.pop(1)
    play.workers = 3
    play.run(200)
    optimizer = play.optimizer
    if optimizer.done is not None and not registry.load("optimizers", name).finite:
        pytest.skip("it has ended before")
    optimizer.tell_one(evaluated(optimizer, late[None], lambda p: np.full(len(p), 1e3), 1))
    assert optimizer.best_score == 1e3
    play.run(30)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "random_search"])
def test_told_twice_or_never_asked(name):
    play = Play(make(name, example_spaces()["float"])).run(20)
    point = play.trace[play.told[0]]
    for number in (play.told[0], play.asked):
        with pytest.raises(L2LError, match="in flight"):
            play.optimizer.tell_one(evaluated(play.optimizer, point[None], bowl, number))


@pytest.mark.parametrize("name", NAMES)
def test_one_evaluation_at_a_time(name):
    optimizer = make(name, example_spaces()["float"])
    points = np.stack([optimizer.ask_one(), optimizer.ask_one()])
    with pytest.raises(L2LError, match="expected 1"):
        optimizer.tell_one(evaluated(optimizer, points))


@pytest.mark.parametrize("name", NAMES)
def test_the_cohort_is_a_constant(name):
    optimizer = make(name, example_spaces()["float"])
    n = optimizer.cohort
    assert isinstance(n, int)
    assert n >= 1
    if name not in ("evolution_strategies", "natural_evolution_strategies", "face"):
        assert n == len(make(name, example_spaces()["float"]).ask())
    play = Play(optimizer).run(150)
    assert play.optimizer.cohort == n


@pytest.mark.parametrize(
    "name", ["cma_es", "cross_entropy", "face", "grid_search", "latin_hypercube", "quasi_random"]
)
@pytest.mark.parametrize("space", ["float", "mixed"])
def test_one_worker_does_what_generations_do(name, space):
    """Without a delay these are the same algorithm, to the bit or nearly."""
    space = example_spaces()[space]
    generations = np.concatenate(play(make(name, space), bowl, 6))
    alone = np.array(Play(make(name, space), workers=1).run(len(generations)).trace)
    n = min(len(alone), len(generations))
    assert np.allclose(alone[:n], generations[:n], rtol=1e-6, atol=1e-9)
