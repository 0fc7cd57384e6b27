"""Tests on held-out tasks: what is tested, on what, and that nothing else changes by it."""

from __future__ import annotations

import signal
import time

import numpy as np
import pytest
from helpers.models import Fit, FitMany, FitParameters, Samples, Stateful

import l2l
from l2l import registry, wire
from l2l.classic.experiment import Experiment
from l2l.errors import ConfigError, RunChanged
from l2l.evaluate import workdir
from l2l.evaluation import Job, Outcome, Status, seeds
from l2l.executors.base import Task
from l2l.executors.jube import chunkfiles
from l2l.heldout import BEST, RECOMMENDED, ids_of, role_of
from l2l.loop.landing import HEARTBEAT
from l2l.optimizee import Individual, Trial
from l2l.optimizers.evolution import GeneticAlgorithmOptimizer, GeneticAlgorithmParameters
from l2l.store.folder import Store
from l2l.store.reader import Records
from l2l.view.progress import NullProgress

CMA = {"name": "cma_es", "pop_size": 8}
OPTIMIZERS = [
    "cma_es", "genetic_algorithm", "random_search", "xnes", "simulated_annealing",
    {"name": "ensemble_kalman_filter", "target": [1.0, -1.0, 0.5], "pop_size": 20},
]  # fmt: skip


def run(path, optimizer=CMA, optimizee=None, *, generations=7, watcher=False, **kwargs):
    return l2l.optimize(
        optimizee or Fit(), optimizer, weights=(-1.0,), generations=generations, seed=5,
        run=path, progress=watcher, **{"executor": "inline", **kwargs},
    )  # fmt: skip


@pytest.fixture(scope="module")
def tested(tmp_path_factory):
    return run(tmp_path_factory.mktemp("tested") / "run", test_every=3)


# -- what is tested -------------------------------------------------------------------------------


def test_first_every_third_and_last_generation_are_tested(tested):
    tests = tested.history.tests
    assert tests.generations().tolist() == [0, 3, 6]
    assert len(tests) == 3 * 2 * 6
    for generation in (0, 3, 6):
        for role in (BEST, RECOMMENDED):
            rows = (tests.generation == generation) & (tests.role == role)
            assert tests.part[rows].tolist() == list(range(6))
            assert len(np.unique(tests.parameters[rows], axis=0)) == 1
    assert tests.metrics["test"].tolist() == [1.0] * len(tests)
    assert (tested.history["test"] == 0.0).all()
    assert (tests.duration >= 0).all()


def test_the_best_of_the_generation_and_the_recommended_one_are_tested(tested):
    tests, history = tested.history.tests, tested.history
    for generation in (0, 3, 6):
        best = max(history.in_generation(generation), key=lambda entry: entry.score)
        rows = (tests.generation == generation) & (tests.role == BEST)
        assert np.array_equal(tests.parameters[rows][0], history.parameters[best.id])
    last = tests.parameters[(tests.generation == 6) & (tests.role == RECOMMENDED)][0]
    assert np.array_equal(last, history.space.flatten([tested.recommended])[0])


def test_fitness_is_that_on_the_held_out_tasks(tested):
    """Computed by hand, without noise, which is 0.014 in all."""
    tests, family = tested.history.tests, Samples(1, 6)
    space = tested.history.space
    for row in range(len(tests)):
        x = space.unflatten(tests.parameters[row])["x"]
        (task,) = family.held_out(int(tests.part[row]))
        assert tests.fitness[row, 0] == pytest.approx(np.mean((task - x) ** 2), abs=0.1)
        assert tests.metrics["closeness"][row] == pytest.approx(1 / (1 + np.mean((task - x) ** 2)))


def test_an_evaluation_by_hand_has_the_recorded_fitness(tmp_path):
    optimizee = FitMany()
    tests = run(tmp_path / "run", optimizee=optimizee, generations=1, test_every=1).history.tests
    assert len(tests) == 2 * 3
    for row, x in enumerate(tests.parameters):
        tasks = optimizee.tasks.held_out(int(tests.part[row]))
        by_hand = optimizee.simulate(Trial(Individual({"x": x}, tasks=tasks)))
        assert tests.fitness[row, 0] == pytest.approx(by_hand, rel=1e-12)


def test_seeds_are_of_a_stream_that_training_never_uses(tested):
    tests = tested.history.tests
    numbers = np.concatenate([ids_of(g, role, 6) for g in (0, 3, 6) for role in (0, 1)])
    assert np.array_equal(np.sort(tests.seed), np.sort(seeds(5, numbers)))
    assert not np.isin(tests.seed, seeds(5, np.arange(100_000))).any()
    assert len(np.unique(numbers)) == len(numbers)
    assert (numbers < 0).all()
    assert role_of(numbers).tolist() == ([0] * 6 + [1] * 6) * 3


def test_a_curve_is_mean_and_spread_over_the_parts(tested):
    tests = tested.history.tests
    generations, mean, std = tests.curve(RECOMMENDED)
    assert generations.tolist() == [0, 3, 6]
    assert mean.shape == std.shape == (3, 1)
    rows = (tests.generation == 3) & (tests.role == RECOMMENDED)
    assert mean[1, 0] == tests.fitness[rows].mean()
    assert std[1, 0] == tests.fitness[rows].std()
    assert tests.curve(BEST, "closeness")[1].shape == (3,)
    with pytest.raises(l2l.L2LError, match="'closeness'"):
        tests.curve(BEST, "closenes")


def test_held_out_tasks_show_what_selection_makes_of_noise(tmp_path):
    """The best of 30 random individuals is best on its own task; it is worse on others.

    The optimizer's mean is not chosen by its luck: of a run that has settled, held-out tasks say
    what the training says. Loss on any task is (x - c)^2 + 1 on average.
    """
    random = run(tmp_path / "random", {"name": "random_search", "pop_size": 30}, test_every=1)
    best = random.history.generations()["best"][:, 0]
    _, held_out, _ = random.history.tests.curve(BEST)
    assert (held_out[:, 0] > best).mean() > 0.7
    assert held_out.mean() - best.mean() > 0.1
    settled = run(tmp_path / "cma", CMA, generations=40, test_every=10).history.tests
    (_, of_best, _), (_, of_mean, _) = settled.curve(BEST), settled.curve(RECOMMENDED)
    assert of_mean[-1, 0] < of_best[0, 0]
    x = settled.parameters[-1][:3]
    assert np.abs(x - Samples.constant).max() < 0.8


class Undecided(registry.load("optimizers", "random_search")):
    recommended = None


def test_without_a_recommendation_only_the_best_is_tested(tmp_path):
    history = run(tmp_path / "run", Undecided, generations=2, test_every=2).history
    assert history.tests.role.tolist() == [BEST] * 12
    assert history.tests.curve(RECOMMENDED)[1].shape == (0, 1)


def test_no_tests_unless_asked_for(tmp_path):
    tests = run(tmp_path / "run", generations=1).history.tests
    assert len(tests) == 0
    assert tests.fitness.shape == (0, 1)
    assert tests.parameters.shape == (0, 4)
    assert tests.curve()[1].shape == (0, 1)
    assert "0 evaluations" in repr(tests)


# -- nothing else changes -------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_the_search_is_the_same_with_and_without_tests(tmp_path, optimizer):
    plain = run(tmp_path / "plain", optimizer)
    tested = run(tmp_path / "tested", optimizer, test_every=2)
    assert tested.history.digest(tests=False) == plain.history.digest()
    assert tested.history.digest() != plain.history.digest()
    assert len(tested.history) == len(plain.history)
    with Records(tmp_path / "plain") as one, Records(tmp_path / "tested") as other:
        assert one.tally.n == other.tally.n
        assert one.tally.best.id == other.tally.best.id
        assert repr(one.last_snapshot()) == repr(other.last_snapshot())


def test_a_budget_counts_training_only(tmp_path):
    result = run(tmp_path / "run", generations=None, evaluations=20, test_every=1)
    assert len(result.history) == 20
    assert result.reason == "20 evaluations"
    assert result.history.tests.generations().tolist() == [0, 1]  # the third was not told


# -- any executor, any order ----------------------------------------------------------------------


@pytest.mark.parametrize("executor", [
    {"name": "local", "workers": 2},
    {"name": "local", "workers": 1, "retries": 1},
])  # fmt: skip
def test_workers_change_nothing(tmp_path, tested, executor):
    slow = Fit(parameters=FitParameters(delay=0.002))
    other = run(tmp_path / "run", optimizee=slow, executor=executor, test_every=3)
    assert other.history.digest() == tested.history.digest()


def test_a_batch_is_about_one_part(tmp_path):
    """FitMany refuses a call whose lanes face different tasks."""
    one = run(tmp_path / "one", optimizee=FitMany(), test_every=2)
    two = run(tmp_path / "two", optimizee=FitMany(), test_every=2, executor="local", workers=2)
    assert one.history.digest() == two.history.digest()
    assert (one.history.tests.status == Status.OK).all()
    assert one.history.tests.part.max() == 2


def test_a_negative_number_survives_the_way_to_a_worker_and_back(tmp_path):
    job = Job(-7, 3, 2, 1, 5, np.zeros(4))
    calls = wire.CallReader(4)
    calls.feed(wire.pack_call([job]))
    (there,) = calls.next()
    assert (there.id, there.index, there.generation, there.test) == (-7, 2, 3, True)
    record = chunkfiles.as_record(Outcome(job, Status.OK, (1.0,)))
    assert record["id"] == -7
    assert chunkfiles.as_outcome(record, job).job is job
    task = Task(b"", Fit.space, scratch=tmp_path)
    assert workdir(task, job) == tmp_path / "test7-1"


def test_classic_scripts_have_tests(tmp_path):
    experiment = Experiment(root_dir_path=str(tmp_path))
    traj, _ = experiment.prepare_experiment(name="N", multiprocessing=False, test_every=2)
    fit = Fit(parameters=FitParameters())
    parameters = GeneticAlgorithmParameters(seed=4, pop_size=6, n_iteration=4)
    optimizer = GeneticAlgorithmOptimizer(
        traj, optimizee_create_individual=fit.create_individual, parameters=parameters,
        optimizee_fitness_weights=(-1.0,),
    )  # fmt: skip
    experiment.run_experiment(optimizer=optimizer, optimizee=fit)
    traj, _ = experiment.end_experiment(optimizer)
    assert traj.history.tests.generations().tolist() == [0, 2, 3]


def test_a_replay_asks_as_the_run_did(tested):
    assert l2l.replay(tested.path, optimizee=Fit()).exact


# -- failures -------------------------------------------------------------------------------------


def test_a_test_that_fails_is_recorded_and_the_run_goes_on(tmp_path):
    failing = Fit(parameters=FitParameters(failing=3))
    history = run(tmp_path / "run", optimizee=failing, test_every=1).history
    tests = history.tests
    bad = tests.status == Status.FAILED
    assert np.array_equal(bad, tests.seed % 3 == 0)
    assert 0 < bad.sum() < len(tests)
    assert np.isnan(tests.fitness[bad]).all()
    assert np.isfinite(tests.curve(BEST)[1]).all()
    failures = history.failures()
    assert len(failures) == bad.sum()
    assert all(
        failure.id < 0 and failure.message.endswith("this test fails") for failure in failures
    )
    assert (history.status == Status.OK).all()
    assert len(history) == 7 * 8


def test_a_test_that_fails_is_tried_again(tmp_path):
    failing = Fit(parameters=FitParameters(failing=3))
    executor = {"name": "inline", "retries": 4}
    history = run(tmp_path / "run", optimizee=failing, test_every=1, executor=executor).history
    assert (history.tests.status == Status.OK).all()
    assert len(history.failures()) > 5


def test_where_all_tests_fail_there_is_a_gap(tmp_path):
    history = run(
        tmp_path / "run", optimizee=Fit(parameters=FitParameters(failing=1)), test_every=3
    )
    assert np.isnan(history.history.tests.curve()[1]).all()


# -- stops and goings-on --------------------------------------------------------------------------


def test_an_extended_run_is_the_uninterrupted_one(tmp_path):
    expected = run(tmp_path / "whole", generations=9, test_every=3).history
    run(tmp_path / "parts", generations=5, test_every=3)
    assert l2l.load(tmp_path / "parts").tests.generations().tolist() == [0, 3, 4]
    extended = run(tmp_path / "parts", generations=9, test_every=3, resume=True).history
    assert extended.tests.generations().tolist() == [0, 3, 4, 6, 8]
    assert extended.digest() == expected.digest()  # the one after 4 is extra


def test_a_run_stopped_again_and_again_is_the_uninterrupted_one(tmp_path):
    def slow(path, **kwargs):
        optimizee = Fit(parameters=FitParameters(delay=0.02))
        executor = {"name": "local", "workers": 2, "grace": 0.0}
        return run(path, optimizee=optimizee, executor=executor, test_every=2, **kwargs)

    expected = slow(tmp_path / "whole").history
    for _ in range(4):
        slow(tmp_path / "parts", time=0.3, resume=True)
    resumed = slow(tmp_path / "parts", resume=True).history
    assert resumed.digest() == expected.digest()
    assert len(resumed.tests) == len(expected.tests)


class StopAfter(NullProgress):
    """Stops the run when a generation has ended."""

    def __init__(self, generation):
        self.last = generation

    def generation(self, summary):
        if summary["generation"] == self.last:
            signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_a_stop_that_is_no_end_leaves_the_extra_test_to_the_end(tmp_path, optimizer):
    """Then it is about a generation, and a state, that this start has only read."""
    whole = run(tmp_path / "whole", optimizer, generations=3, test_every=100)
    with pytest.raises(l2l.Interrupted):
        run(tmp_path / "run", optimizer, test_every=100, watcher=StopAfter(2))
    stopped = l2l.load(tmp_path / "run")
    assert stopped.generation.max() == 2
    assert stopped.tests.generations().tolist() == [0]
    ended = run(tmp_path / "run", optimizer, generations=3, test_every=100, resume=True).history
    assert ended.tests.generations().tolist() == [0, 2]
    assert np.array_equal(ended.tests.fitness, whole.history.tests.fitness)


def test_a_run_that_has_ended_tests_nothing_twice(tmp_path):
    log = tmp_path / "log"
    fit = Fit(parameters=FitParameters(log=str(log)))
    first = run(tmp_path / "run", optimizee=fit, test_every=3)
    ran = log.read_text()
    again = run(tmp_path / "run", optimizee=fit, test_every=3, resume=True)
    assert log.read_text() == ran
    assert again.history.digest() == first.history.digest()


def stop_at(patch, seed):
    """Let the evaluation with a seed stop the run."""
    simulate = Fit.simulate

    def stopping(self, traj):
        if traj.individual.seed == seed:
            signal.raise_signal(signal.SIGTERM)
            time.sleep(2 * HEARTBEAT)  # else all the others end before the loop looks for signals
        return simulate(self, traj)

    patch.setattr(Fit, "simulate", stopping)


@pytest.fixture
def rare_states(monkeypatch):
    """The optimizer's state is written at the start and at the end only."""
    write = Store.snapshot
    monkeypatch.setattr(
        Store, "snapshot", lambda *state, force=False: force and write(*state, force=True)
    )


@pytest.mark.parametrize("stop", [
    {"generations": 5}, {"generations": None, "evaluations": 40}, {"target": 1.25},
    {"patience": 1},
], ids=str)  # fmt: skip
@pytest.mark.usefixtures("rare_states")
def test_a_stop_in_the_last_test_changes_nothing(tmp_path, stop):
    """All criteria hold when the last generation is on record, before its tests are."""
    whole = run(tmp_path / "whole", test_every=2, **stop)
    last = whole.history.tests.generations()[-1]
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, seeds(5, ids_of(last, BEST, 6)[2]))
        with pytest.raises(l2l.Interrupted, match="stopped by SIGTERM"):
            run(tmp_path / "run", test_every=2, **stop)
    ended = run(tmp_path / "run", test_every=2, resume=True, **stop)
    assert ended.reason == whole.reason
    assert ended.history.tests.fitness.tobytes() == whole.history.tests.fitness.tobytes()
    assert ended.history.digest() == whole.history.digest()
    assert str(ended.recommended) == str(whole.recommended)


@pytest.mark.usefixtures("rare_states")
def test_a_budget_that_ended_within_a_generation_ends_there_again(tmp_path):
    first = run(tmp_path / "run", generations=None, evaluations=44, test_every=10)
    again = run(tmp_path / "run", generations=None, evaluations=44, test_every=10, resume=True)
    assert again.history.tests.generations().tolist() == [0, 4]
    assert again.history.digest() == first.history.digest()
    assert str(again.recommended) == str(first.recommended)


# -- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [0, -1, 2.5, True, "3"])
def test_a_number_of_generations_is_expected(tmp_path, every):
    with pytest.raises(ConfigError, match="test_every must be a whole number of at least 1"):
        run(tmp_path / "run", test_every=every)
    assert not (tmp_path / "run").exists()


def test_an_optimizee_without_tasks_can_not_be_tested(tmp_path):
    with pytest.raises(ConfigError, match="Stateful has none: give it a TaskFamily"):
        run(tmp_path / "run", optimizee=Stateful(), test_every=3)
    assert not (tmp_path / "run").exists()


def test_asynchronous_runs_can_not_be_tested(tmp_path):
    with pytest.raises(ConfigError, match="test_every needs mode: generational, got mode: async"):
        run(tmp_path / "run", "random_search", mode="async", test_every=3)
    assert not (tmp_path / "run").exists()


class Several(Fit):
    n_inner_params = 4


def test_calls_that_take_several_sets_can_not_be_tested(tmp_path):
    with pytest.raises(ConfigError, match=r"Several takes 4 \(n_inner_params\)"):
        run(tmp_path / "run", optimizee=Several(), test_every=3)


@pytest.mark.parametrize(("then", "now"), [(3, 4), (3, None), (None, 3)])
def test_it_can_not_change_on_the_way(tmp_path, then, now):
    run(tmp_path / "run", generations=2, test_every=then)
    with pytest.raises(RunChanged, match=f"test_every: {then or 'null'} then, {now or 'null'} now"):
        run(tmp_path / "run", test_every=now, resume=True)


def test_the_number_of_held_out_tasks_can_not_change_on_the_way(tmp_path):
    """A family of a script's own is in no configuration, and ids tell parts by their number."""
    optimizee = FitMany()
    run(tmp_path / "run", optimizee=optimizee, generations=2, test_every=1)
    optimizee.tasks = Samples(2, 8)
    with pytest.raises(RunChanged, match="3 parts then, 4 now"):
        run(tmp_path / "run", optimizee=optimizee, test_every=1, resume=True)
    assert len(l2l.load(tmp_path / "run").tests) == 2 * 2 * 3


def test_a_run_of_before_there_were_tests_goes_on(tmp_path):
    run(tmp_path / "run", generations=2)
    config = tmp_path / "run" / "run.yaml"
    lines = config.read_text().splitlines(keepends=True)
    config.write_text("".join(line for line in lines if not line.startswith("test_every")))
    assert len(run(tmp_path / "run", resume=True).history) == 56
