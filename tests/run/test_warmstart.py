"""A run that begins with what is known already."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

import l2l
from l2l.cli import main
from l2l.errors import ConfigError
from l2l.view.report import report

SPACE = {"x": (-5.0, 5.0), "rule": ["hebb", "bcm"], "n": (1, 9)}
QUIET = {"executor": "inline", "progress": False}


def bowl(p):
    return -((p["x"] - 1.0) ** 2) - abs(p["n"] - 3) - (p["rule"] == "hebb")


@pytest.fixture
def earlier(tmp_path):
    path = tmp_path / "earlier"
    return l2l.optimize(
        bowl, "random_search", space=SPACE, generations=2, run=path, seed=3, **QUIET
    )


def test_the_best_of_an_earlier_run_come_first(earlier, tmp_path):
    optimizer = {"name": "genetic_algorithm", "pop_size": 8}
    run = l2l.optimize(
        bowl, optimizer, space=SPACE, generations=1, run=tmp_path / "b", start_from=earlier.path,
        **QUIET,
    )  # fmt: skip
    best = np.sort(earlier.history.score)[::-1][:8]
    np.testing.assert_allclose(
        np.sort(run.history.score)[::-1], best, atol=1e-9
    )  # to the cube and back


def test_given_individuals_come_first_and_the_rest_is_drawn(tmp_path):
    given = [{"x": 1.0, "rule": "bcm", "n": 3}, {"x": 2.0, "rule": "hebb", "n": 4}]
    optimizer = {"name": "genetic_algorithm", "pop_size": 6}
    run = l2l.optimize(
        bowl, optimizer, space=SPACE, generations=1, run=tmp_path / "b", start_from=given, **QUIET
    )
    assert len(run.history) == 6
    for number, individual in enumerate(given):
        found = run.history.entry(number).individual
        assert found == individual | {"x": pytest.approx(individual["x"])}


def test_parameters_are_matched_by_name_and_choices_by_value(earlier, tmp_path):
    space = {"n": (1, 9), "rule": ["oja", "bcm", "hebb"]}

    def best_is_bcm(p):
        return -abs(p["n"] - 3) - (p["rule"] != "bcm")

    optimizer = {"name": "genetic_algorithm", "pop_size": 4}
    run = l2l.optimize(
        best_is_bcm, optimizer, space=space, generations=1, run=tmp_path / "b",
        start_from=earlier.path, **QUIET,
    )  # fmt: skip
    top = np.argsort(-earlier.history.score, kind="stable")[:4]
    assert list(run.history["rule"]) == list(earlier.history["rule"][top])
    assert list(run.history["n"]) == list(earlier.history["n"][top])


def test_points_outside_the_new_bounds_are_left_out(earlier, tmp_path):
    space = {**SPACE, "x": (0.5, 5.0)}
    optimizer = {"name": "genetic_algorithm", "pop_size": 5}
    run = l2l.optimize(
        bowl, optimizer, space=space, generations=1, run=tmp_path / "b", start_from=earlier.path,
        **QUIET,
    )  # fmt: skip
    assert (run.history["x"] >= 0.5).all()
    inside = earlier.history.score[earlier.history["x"] >= 0.5].max()
    assert run.best.score == pytest.approx(inside)


@pytest.mark.parametrize(
    ("start", "space", "says"),
    [
        ("nowhere", SPACE, "nowhere"),
        ("earlier", {"y": (0.0, 1.0)}, "no parameter 'y', only x, rule, n"),
        ("earlier", {"x": l2l.Parameter("x", -1.0, 1.0, shape=(2,))}, "has shape"),
        ("earlier", {"x": (90.0, 91.0)}, "within the bounds"),
        ("earlier", {"x": ["a", "b"]}, "is categorical, but float"),
        ([{"x": 7.0, "rule": "bcm", "n": 3}], SPACE, "individual 0 lies outside"),
        ([{"x": 7.0}], SPACE, "must have the parameters"),
        ([], SPACE, "list of individuals"),
        (5, SPACE, "list of individuals"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_made(earlier, tmp_path, start, space, says):
    start = earlier.path.parent / start if isinstance(start, str) else start
    with pytest.raises(ConfigError, match=says):
        l2l.optimize(
            bowl, space=space, generations=1, run=tmp_path / "new", start_from=start, **QUIET
        )
    assert not (tmp_path / "new").exists()


def test_another_number_of_objectives_is_refused(earlier, tmp_path):
    with pytest.raises(ConfigError, match="expected 2 fitness values"):
        l2l.optimize(
            bowl, space=SPACE, generations=1, weights=(1.0, 1.0), run=tmp_path / "new",
            start_from=earlier.path, **QUIET,
        )  # fmt: skip


def test_a_resume_does_not_need_the_earlier_run_any_more(earlier, tmp_path):
    def go(generations, run, resume=False):
        optimizer = {"name": "genetic_algorithm", "pop_size": 8}
        return l2l.optimize(
            bowl, optimizer, space=SPACE, generations=generations, run=tmp_path / run,
            start_from=earlier.path, resume=resume, **QUIET,
        )  # fmt: skip

    whole = go(6, "whole").history.digest()
    go(3, "parts")
    earlier.path.rename(tmp_path / "gone")
    assert go(6, "parts", resume=True).history.digest() == whole


def test_on_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    config = {
        "optimizee": {"name": "functions", "function": "Rastrigin2d"},
        "optimizer": {"name": "genetic_algorithm", "pop_size": 10},
        "executor": "inline",
        "stop": {"generations": 3},
        "weights": [-1.0],
    }
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config))
    assert main(["run", "c.yaml", "--run", "a", "--quiet"]) == 0
    assert main(["run", "c.yaml", "--run", "b", "--from", "a", "--generations", "1"]) == 0
    first, second = l2l.load("a"), l2l.load("b")
    assert second.score.max() >= first.score.max()
    assert second.config["from"] == str(tmp_path / "a")
    assert main(["run", "c.yaml", "--run", "d", "--from", "nowhere"]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert not (tmp_path / "d").exists()


def test_what_is_recommended_is_inside_all_bounds(tmp_path):
    run = l2l.optimize(bowl, space=SPACE, generations=3, run=tmp_path / "a", **QUIET)
    assert run.recommended is not None
    assert -5.0 <= run.recommended["x"] <= 5.0
    assert run.recommended["rule"] in ("hebb", "bcm")


def test_the_end_of_a_run_shows_what_is_recommended(tmp_path, capsys):
    space = {"x": (-5.0, 5.0)}
    for optimizer, shown in (("cma_es", True), ("random_search", False)):
        run = l2l.optimize(
            lambda p: -(p["x"] ** 2), optimizer, space=space, generations=3,
            run=tmp_path / optimizer, **QUIET,
        )  # fmt: skip
        report(run)
        assert ("recommended where the fitness is noisy" in capsys.readouterr().out) == shown
