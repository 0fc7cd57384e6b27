"""Asynchronous runs: what they record, when they end, and that a replay goes the same way."""

from __future__ import annotations

import functools
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers.models import Stateful, StatefulParameters

import l2l
from l2l.errors import ConfigError, NothingWorked, RunChanged
from l2l.evaluation import Status
from l2l.execution import execute
from l2l.executors.inline import InlineExecutor
from l2l.loop import Stop
from l2l.plan import Plan
from l2l.store.folder import Store

SEARCH = {"name": "random_search", "pop_size": 8}
L2L = Path(sys.executable).parent / "l2l"


def run(path, delay=0.004, **kwargs):
    settings = {
        "weights": (-1.0,), "seed": 5, "mode": "async", "workers": 3, "progress": False,
        "optimizer": SEARCH, "evaluations": 60,
    }  # fmt: skip
    optimizee = Stateful(parameters=StatefulParameters(delay=delay))
    return l2l.optimize(optimizee, run=path, **{**settings, **kwargs})


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return run(tmp_path_factory.mktemp("async") / "run")


def test_the_budget_is_exact_and_ids_have_no_gap(finished):
    assert finished.reason == "60 evaluations"
    assert finished.history.id.tolist() == list(range(60))
    assert (finished.history.status == Status.OK).all()


def test_generation_and_index_count_in_cohorts(finished):
    history = finished.history
    assert np.array_equal(history.generation, history.id // 8)
    assert np.array_equal(history.index, history.id % 8)


def test_what_was_known_at_each_ask_is_recorded(finished):
    known, landed = finished.history.column("known"), finished.history.column("landed")
    assert (np.diff(known) >= 0).all()
    assert known[0] == 0
    assert (known <= landed).all()  # nothing is told before it is asked for
    assert sorted(landed.tolist()) == list(range(60))


def test_a_replay_asks_for_the_same_points(finished):
    again = l2l.replay(finished.path, optimizee=Stateful())
    assert (again.n, again.asked, again.differ) == (60, 60, [])
    assert "none of them differ" in str(again)


def test_a_replay_that_evaluates_anew_has_the_same_digest(finished, tmp_path):
    again = l2l.replay(finished.path, optimizee=Stateful(), into=tmp_path / "again")
    assert again.exact
    assert again.result.history.digest() == finished.history.digest()


def test_the_digest_covers_order_and_what_was_known(finished, tmp_path):
    other = run(tmp_path / "other", delay=0.02, workers=2)
    assert np.array_equal(other.history.parameters, finished.history.parameters)
    assert other.history.digest() != finished.history.digest()


def test_a_replay_tells_where_another_optimizer_would_differ(tmp_path):
    run(tmp_path / "run", evaluations=12)
    text = (tmp_path / "run" / "run.yaml").read_text()
    (tmp_path / "run" / "run.yaml").write_text(text.replace("\nseed: 5", "\nseed: 6"))
    again = l2l.replay(tmp_path / "run", optimizee=Stateful())
    assert len(again.differ) == 12
    assert not again.exact


def test_a_generational_run_can_be_replayed_too(tmp_path):
    result = run(tmp_path / "run", mode="generational", executor="inline", workers=None,
                 optimizer={"name": "genetic_algorithm", "pop_size": 8})  # fmt: skip
    again = l2l.replay(result.path, optimizee=Stateful())
    assert again.exact
    assert 40 < again.asked <= 60  # the last generation may not be complete
    with pytest.raises(ConfigError, match="only an asynchronous run"):
        l2l.replay(result.path, optimizee=Stateful(), into=tmp_path / "again")


# -- going on ---------------------------------------------------------------------------------


def test_extended_with_other_workers_it_is_one_history(tmp_path):
    run(tmp_path / "run", evaluations=25)
    run(tmp_path / "run", evaluations=26, workers=1, resume=True)
    result = run(tmp_path / "run", evaluations=70, executor="inline", workers=None, resume=True)
    assert result.history.id.tolist() == list(range(70))
    assert l2l.replay(result.path, optimizee=Stateful()).exact
    assert l2l.replay(result.path, optimizee=Stateful(), into=tmp_path / "again").exact


def test_a_time_budget_leaves_points_in_flight_that_a_resume_runs(tmp_path):
    for _ in range(3):
        run(tmp_path / "run", delay=0.3, time=0.6, evaluations=None, resume=True,
            executor={"name": "local", "workers": 4, "grace": 0.0}, workers=None)  # fmt: skip
    result = run(tmp_path / "run", delay=0.3, evaluations=30, workers=8, resume=True)
    assert result.history.id.tolist() == list(range(30))
    assert l2l.replay(result.path, optimizee=Stateful()).exact


@pytest.mark.parametrize(
    ("optimizer", "place"),
    [("genetic_algorithm", 0.5), ("simulated_annealing", 0.3), ("parallel_tempering", 0.6)],
)
def test_a_damaged_journal_is_gone_on_with(tmp_path, monkeypatch, optimizer, place):
    """What a chain waits for may be in it: that evaluation is lost then, and the chain goes on."""
    monkeypatch.setattr(Store, "close", functools.partialmethod(Store.close, seal=False))
    settings = {"delay": 0.0, "optimizer": optimizer, "resume": True}
    run(tmp_path / "run", evaluations=150, **settings)
    journal = tmp_path / "run" / "journal-1"
    raw = bytearray(journal.read_bytes())
    raw[int(place * len(raw))] ^= 0xFF
    journal.write_bytes(raw)
    for n, workers in ((170, 2), (190, 4)):
        history = run(tmp_path / "run", evaluations=n, workers=workers, **settings).history
        assert sorted(history.id.tolist()) == list(range(n))
    lost = history.id[history.status == Status.LOST]
    assert len(lost) <= 20  # those of a block: on a busy machine more land together
    assert all("damaged" in f.message for f in history.failures())


def test_the_mode_may_not_change(tmp_path):
    run(tmp_path / "run", evaluations=5)
    with pytest.raises(RunChanged, match="mode"):
        run(tmp_path / "run", mode="generational", resume=True)


# -- when it ends -----------------------------------------------------------------------------


def test_after_generations_times_cohort(tmp_path):
    result = run(tmp_path / "run", evaluations=None, generations=3)
    assert (result.reason, len(result.history)) == ("3 generations", 24)


def test_at_a_target(tmp_path):
    result = run(tmp_path / "run", evaluations=5000, target=15.0, delay=0.0)
    assert result.reason == "target fitness 15"
    assert result.best.fitness[0] <= 15
    assert len(result.history) < 1000


def test_patience_counts_results_in_order_of_landing(tmp_path):
    flat = l2l.optimize(
        lambda p: 0.0, SEARCH, space={"x": (0.0, 1.0)}, patience=3, mode="async", workers=2,
        run=tmp_path / "run", progress=False,
    )  # fmt: skip
    assert flat.reason == "no better fitness in 3 generations"
    assert 25 <= len(flat.history) < 60


def test_the_first_cohort_without_an_ok_ends_the_run(tmp_path):
    def broken(p):
        raise LookupError("no licence for the simulator")

    with pytest.raises(NothingWorked, match="no licence"):
        l2l.optimize(broken, SEARCH, space={"x": (0.0, 1.0)}, evaluations=900, mode="async",
                     workers=2, run=tmp_path / "run", progress=False)  # fmt: skip
    assert len(l2l.load(tmp_path / "run")) < 40


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"mode": "asynchronous"}, "async"),
        ({"optimizer": "ensemble_kalman_filter", "mode": "async"}, "random_search"),
        ({"optimizer": "ensemble_kalman_filter", "mode": "async"}, "whole generations"),
    ],
)
def test_a_mode_that_can_not_be_is_an_error_before_the_start(tmp_path, arguments, text):
    with pytest.raises(ConfigError, match=text):
        run(tmp_path / "run", **arguments)
    assert not (tmp_path / "run").exists()


# -- failures, batches --------------------------------------------------------------------------


class FailsByDraw(l2l.Optimizee):
    """Fails for a half of all seeds."""

    space = l2l.ParameterSpace({"x": (0.0, 1.0)})

    def simulate(self, traj):
        if traj.individual.seed % 2:
            raise ValueError("not this draw")
        return traj.individual.x


def test_failures_are_retried_and_recorded(tmp_path):
    result = l2l.optimize(
        FailsByDraw(), SEARCH, evaluations=40, mode="async", run=tmp_path / "run",
        executor={"name": "local", "workers": 2, "retries": 1}, progress=False,
    )  # fmt: skip
    history = result.history
    assert set(history.status) == {Status.OK, Status.FAILED}
    assert set(history.draw) == {0, 1}
    assert len(history.failures()) == (history.draw == 1).sum() + (history.status != 0).sum()
    again = l2l.replay(result.path, optimizee=FailsByDraw(), into=tmp_path / "again")
    assert again.exact


class Batch(l2l.Optimizee):
    """Evaluates a batch, of one ``n`` each, and tells how large it was."""

    space = l2l.ParameterSpace([l2l.Parameter("x", 0.0, 1.0), l2l.Parameter("n", 1, 2, kind="int")])
    group_by = ("n",)

    def simulate_batch(self, params, seeds):
        assert len(set(params["n"])) == 1
        time.sleep(0.002 * np.random.default_rng().integers(1, 5))
        size = np.full(len(seeds), float(len(seeds)))
        return l2l.BatchResult(np.asarray(params["x"])[:, None], metrics={"size": size})


def test_batches_an_idle_worker_gets_what_is_there(tmp_path):
    result = l2l.optimize(
        Batch(), {"name": "random_search", "pop_size": 32}, evaluations=320, mode="async",
        workers=2, run=tmp_path / "run", progress=False,
    )  # fmt: skip
    size = result.history["size"]
    assert len(size) == 320
    assert (size <= 16).all()
    assert np.median(size) >= 4


class Bounded(l2l.Optimizee):
    """Draws in ``bounding_func``."""

    space = l2l.ParameterSpace({"x": (0.0, 1.0)})

    def bounding_func(self, individual):
        return {"x": individual["x"] if individual["x"] < 0.5 else float(np.random.uniform(0, 0.5))}

    def simulate(self, traj):
        return traj.individual.x


def test_bounds_draw_by_the_id_of_the_individual(tmp_path):
    def bounded(name, **kwargs):
        return l2l.optimize(Bounded(), SEARCH, mode="async", run=tmp_path / name, progress=False,
                            **kwargs).history  # fmt: skip

    expected = bounded("one", evaluations=60, executor="inline")
    bounded("parts", evaluations=21, workers=3)
    parts = bounded("parts", evaluations=60, workers=2, resume=True)
    assert np.array_equal(parts.parameters, expected.parameters)
    assert (parts.parameters <= 0.5).all()


def test_several_individuals_a_call(tmp_path):
    class Pair(l2l.Optimizee):
        space = l2l.ParameterSpace({"x": (0.0, 1.0)})
        n_inner_params = 4

        def simulate(self, traj):
            assert traj.individual.x.shape == (4,)
            return traj.individual.x.tolist()

    result = l2l.optimize(Pair(), SEARCH, evaluations=64, mode="async", workers=2,
                          run=tmp_path / "run", progress=False)  # fmt: skip
    assert (result.history.status == Status.OK).all()
    assert len(result.history) == 64


# -- losses -------------------------------------------------------------------------------------


class Losing(InlineExecutor):
    """Loses the first attempts of some evaluations, as if their node had gone."""

    left = None

    def collect(self, timeout=None):
        outcomes = super().collect(timeout)
        for outcome in outcomes:
            if Losing.left.get(outcome.job.id, 0):
                Losing.left[outcome.job.id] -= 1
                outcome.status, outcome.fitness = Status.LOST, None
                outcome.observation, outcome.metrics = None, {}
                outcome.message = "node n2 has gone"
        return outcomes


@pytest.mark.parametrize("mode", ["async", "generational"])
def test_what_is_lost_is_run_again_with_the_same_seed(tmp_path, mode):
    Losing.left = {3: 1, 4: 3, 5: 99}
    result = l2l.optimize(
        Stateful(), SEARCH, weights=(-1.0,), evaluations=16, mode=mode, seed=5,
        executor={"name": "inline"}, run=tmp_path / "calm", progress=False,
    )  # fmt: skip
    plan = Plan.of(Stateful(), SEARCH, "inline", Stop(evaluations=16), weights=(-1.0,), seed=5,
                   mode=mode)  # fmt: skip
    plan.executor = Losing
    lossy = execute(plan, tmp_path / "lossy", progress=False).history
    calm = result.history
    status = dict(zip(lossy.id.tolist(), lossy.status.tolist(), strict=True))
    assert [n for n, s in status.items() if s == Status.LOST] == [5]
    kept = lossy.id != 5
    assert np.array_equal(lossy.fitness[kept], calm.fitness[kept])
    assert np.array_equal(lossy.seed, calm.seed)
    assert (lossy.draw == 0).all()
    lost = [f for f in lossy.failures() if f.status is Status.LOST]
    assert sorted(f.id for f in lost) == [3, 4, 4, 4, 5, 5, 5, 5]
    said = subprocess.run([L2L, "status", tmp_path / "lossy"], capture_output=True, text=True,
                          check=True).stdout  # fmt: skip
    assert "2 evaluations were lost with their node and tried again" in said
