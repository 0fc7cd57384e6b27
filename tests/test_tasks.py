"""Families of tasks: what is drawn, for whom, and what an evaluation gets of it."""

from __future__ import annotations

import numpy as np
import pytest

import l2l
from l2l.evaluation import Job
from l2l.optimizee import Individual, family_of


class Offsets(l2l.TaskFamily):
    """Each task is an offset; a harder one may be larger."""

    n_tasks = 2
    n_test = 6

    def sample(self, rng, difficulty):
        return float(rng.uniform(0, difficulty))


class Ramped(Offsets):
    ramp = l2l.Ramp(10, start=0.1)

    def difficulty(self, generation):
        return self.ramp(generation)


def job(number, generation=0, index=0, seed=5):
    return Job(number, generation, index, 0, seed, np.zeros(1))


def test_training_tasks_depend_on_seed_and_generation_only():
    family = Offsets()
    assert family.train(3, 4) == family.train(3, 4)
    drawn = {tuple(family.train(seed, g)) for seed in range(20) for g in range(20)}
    assert len(drawn) == 400


def test_held_out_tasks_are_always_the_same_and_never_among_the_training_ones():
    family = Offsets()
    held_out = family.all_held_out()
    assert len(set(held_out)) == 6
    assert held_out == Offsets().all_held_out()
    assert held_out[2:4] == family.held_out(1)
    training = [task for seed in range(30) for g in range(30) for task in family.train(seed, g)]
    assert not set(held_out) & set(training)


def test_who_faces_which_tasks():
    family = Offsets()
    assert family.of(job(0, 1, 0, seed=5), 9) == family.of(job(1, 1, 1, seed=6), 9)
    assert family.of(job(-1, 1, 2), 9) == family.held_out(2)
    family.shared = False
    assert family.of(job(0, 1, 0, seed=5), 9) != family.of(job(1, 1, 1, seed=6), 9)


def test_a_curriculum_reaches_training_tasks_only():
    family = Ramped()
    easy = [task for seed in range(50) for task in family.train(seed, 0)]
    hard = [task for seed in range(50) for task in family.train(seed, 100)]
    assert max(easy) <= 0.1 < 0.8 < max(hard) <= 1.0
    assert family.ramp(5) == pytest.approx(0.55)
    assert max(family.all_held_out()) > 0.1


@pytest.mark.parametrize(("n_tasks", "n_test"), [(0, 10), (3, 10), (4, 2), (1, 0)])
def test_numbers_that_do_not_fit_are_refused(n_tasks, n_test):
    optimizee = Fitted()
    optimizee.tasks = Offsets()
    optimizee.tasks.n_tasks, optimizee.tasks.n_test = n_tasks, n_test
    with pytest.raises(l2l.ConfigError, match=r"Offsets: n_test must be a multiple of n_tasks"):
        l2l.optimize(optimizee, "random_search", generations=1, progress=False)


def test_an_attribute_of_that_name_may_be_something_else():
    optimizee = Fitted()
    optimizee.tasks = ["clean", "cook"]
    assert family_of(optimizee) is None


def test_a_class_is_no_family():
    optimizee = Fitted()
    optimizee.tasks = Offsets
    with pytest.raises(l2l.ConfigError, match=r"got the class: write tasks = Offsets\(\)"):
        l2l.optimize(optimizee, "random_search", generations=1, progress=False)


def test_an_individual_without_tasks_says_what_is_missing():
    with pytest.raises(l2l.ConfigError, match="give the optimizee a TaskFamily"):
        _ = Individual({"x": 1.0}).task
    assert Individual({"x": 1.0}, tasks=[3, 4]).task == 3


class Fitted(l2l.Optimizee):
    """Fits a number to offsets."""

    space = {"x": (-3.0, 3.0)}  # noqa: RUF012
    tasks = Offsets()

    def simulate(self, traj):
        return -float(np.mean([(traj.individual.x - task) ** 2 for task in traj.individual.tasks]))


class Batched(Fitted):
    def simulate_batch(self, params, seeds, tasks):
        assert all(faced is tasks[0] for faced in tasks) == self.tasks.shared
        return l2l.BatchResult([-np.mean((x - np.array(t)) ** 2)
                                for x, t in zip(params["x"], tasks, strict=True)])  # fmt: skip


class BatchedAlone(Batched):
    tasks = Offsets()
    tasks.shared = False


class FittedAlone(Fitted):
    tasks = BatchedAlone.tasks


@pytest.mark.parametrize(("single", "batched"), [(Fitted, Batched), (FittedAlone, BatchedAlone)])
def test_a_batch_faces_the_tasks_that_each_faces_alone(tmp_path, single, batched):
    settings = {"generations": 3, "progress": False, "seed": 4}
    alone = l2l.optimize(single(), "cma_es", run=tmp_path / "a", **settings, workers=2)
    together = l2l.optimize(batched(), "cma_es", run=tmp_path / "b", **settings, workers=2)
    inline = l2l.optimize(single(), "cma_es", run=tmp_path / "c", **settings, executor="inline")
    assert np.array_equal(alone.history.fitness, together.history.fitness)
    assert alone.history.digest() == inline.history.digest()
    again = l2l.optimize(
        single(), "cma_es", run=tmp_path / "d", **{**settings, "seed": 5}, executor="inline"
    )
    assert again.history.digest() != inline.history.digest()


def test_a_batch_of_an_asynchronous_run_mixes_no_tasks(tmp_path):
    result = l2l.optimize(
        Batched(), {"name": "cma_es", "pop_size": 5}, generations=4, mode="async", workers=2,
        run=tmp_path / "run", progress=False,
    )  # fmt: skip
    assert (result.history.status == 0).all()
