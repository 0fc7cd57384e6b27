"""When a run stops, and how a stopped run is extended."""

from __future__ import annotations

import time

import pytest
from helpers.models import Stateful, StatefulParameters

import l2l
from l2l.errors import ConfigError, NothingWorked, RunChanged, RunExists

GA = {"name": "genetic_algorithm", "pop_size": 6}


def run(path, **kwargs):
    settings = {"weights": (-1.0,), "seed": 7, "executor": "inline", "progress": False}
    return l2l.optimize(Stateful(), GA, run=path, **{**settings, **kwargs})


def test_after_generations(tmp_path):
    result = run(tmp_path / "run", generations=4)
    assert result.reason == "4 generations"
    assert result.history.generation.max() == 3


def test_after_exactly_so_many_evaluations(tmp_path):
    result = run(tmp_path / "run", evaluations=20)
    assert result.reason == "20 evaluations"
    assert len(result.history) == 20


def test_at_a_target_fitness_below_for_a_minimisation(tmp_path):
    result = run(tmp_path / "run", target=6.0, generations=200)
    assert result.reason == "target fitness 6"
    assert result.best.fitness[0] <= 6.0
    assert result.history.generation.max() < 199


def test_after_a_time_budget(tmp_path):
    begun = time.monotonic()
    result = l2l.optimize(
        Stateful(parameters=StatefulParameters(delay=0.02)), GA, weights=(-1.0,), time=1.0,
        run=tmp_path / "run", workers=2, progress=False,
    )  # fmt: skip
    assert "time budget" in result.reason
    assert time.monotonic() - begun < 10
    assert len(result.history) > 0


def test_when_nothing_better_has_come_for_some_generations(tmp_path):
    flat = {"space": {"x": (0.0, 1.0)}, "executor": "inline", "progress": False}
    result = l2l.optimize(lambda p: 0.0, GA, patience=3, run=tmp_path / "flat", **flat)
    assert result.reason == "no better fitness in 3 generations"
    assert result.history.generation.max() == 3  # the best came in generation 0


def test_patience_counts_from_the_best_and_survives_a_break(tmp_path):
    whole = run(tmp_path / "whole", patience=2, generations=300)
    assert whole.reason == "no better fitness in 2 generations"
    assert whole.history.generation.max() == whole.best.generation + 2
    run(tmp_path / "parts", patience=2, evaluations=8)
    parts = run(tmp_path / "parts", patience=2, generations=300, resume=True)
    assert parts.reason == whole.reason
    assert parts.history.digest() == whole.history.digest()


def test_when_the_optimizer_is_done(tmp_path):
    result = l2l.optimize(
        lambda p: p.x + p.y,
        {"name": "grid_search", "param_grid": {"x": (0, 1, 2), "y": (0, 1, 3)}},
        space={"x": (0.0, 1.0), "y": (0.0, 1.0)}, run=tmp_path / "run", executor="inline",
        progress=False,
    )  # fmt: skip
    assert len(result.history) == 12
    assert result.best.individual == {"x": 1.0, "y": 1.0}


@pytest.mark.parametrize("first", [{"generations": 2}, {"evaluations": 15}])
def test_an_extended_run_equals_a_long_one(tmp_path, first):
    long = run(tmp_path / "long", generations=5)
    run(tmp_path / "run", **first)
    extended = run(tmp_path / "run", generations=5, resume=True)
    assert extended.history.digest() == long.history.digest()


def test_a_finished_run_is_left_as_it_is(tmp_path):
    first = run(tmp_path / "run", generations=2)
    again = run(tmp_path / "run", generations=2, resume=True)
    assert again.reason == "2 generations"
    assert again.history.digest() == first.history.digest()


def test_an_existing_run_is_never_touched_unasked(tmp_path):
    run(tmp_path / "run", generations=1)
    with pytest.raises(RunExists, match="resume=True"):
        run(tmp_path / "run", generations=1)


def test_overwrite_renames_and_never_deletes(tmp_path):
    first = run(tmp_path / "run", generations=1).history.digest()
    run(tmp_path / "run", generations=2, overwrite=True)
    run(tmp_path / "run", generations=3, overwrite=True)
    assert l2l.load(tmp_path / "run.1").digest() == first
    assert l2l.load(tmp_path / "run.2").generation.max() == 1
    assert l2l.load(tmp_path / "run").generation.max() == 2


def test_a_changed_setting_refuses_to_resume(tmp_path):
    run(tmp_path / "run", generations=1)
    with pytest.raises(RunChanged, match="seed"):
        run(tmp_path / "run", generations=2, resume=True, seed=8)
    forced = run(tmp_path / "run", generations=2, resume=True, seed=8, force=True)
    assert forced.reason == "2 generations"


def test_a_first_generation_without_a_single_ok_stops_with_its_traceback(tmp_path):
    def broken(p):
        raise RuntimeError("the simulator is not there")

    with pytest.raises(NothingWorked, match="the simulator is not there"):
        l2l.optimize(broken, GA, space={"x": (0.0, 1.0)}, generations=3, run=tmp_path / "run",
                     executor="inline", progress=False)  # fmt: skip
    history = l2l.load(tmp_path / "run")
    assert len(history) == 6
    assert "RuntimeError" in history.failures()[0].traceback


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"optimizer": "genetic_algoritm"}, "genetic_algorithm"),
        ({"optimizer": {"name": "genetic_algorithm", "popsize": 3}}, "pop_size"),
        ({"executor": "locl"}, "local"),
        ({"generations": -1}, "at least 0"),
        ({"generations": None}, "when to stop"),
        ({"weights": (float("nan"),)}, "weights"),
        ({"optimizee": 3}, "optimizee"),
        ({"space": None}, "space"),
        ({"space": {"x": (1.0, 0.0)}}, "low < high"),
    ],
)
def test_bad_arguments_fail_before_anything_is_made(tmp_path, arguments, text):
    good = {"optimizee": lambda p: p.x, "space": {"x": (0.0, 1.0)}, "generations": 1}
    with pytest.raises(ConfigError, match=text):
        l2l.optimize(**{**good, **arguments}, run=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
