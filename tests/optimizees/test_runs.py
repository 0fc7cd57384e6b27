"""Every optimizee in a run, by name; and the commands and files that come with them."""

from __future__ import annotations

import numpy as np
import pytest

import l2l
from l2l import registry
from l2l.optimizees.mountain_car.__main__ import main

RANDOM = {"name": "random_search", "pop_size": 4}


@pytest.mark.parametrize(
    ("optimizee", "lowest", "highest"),
    [
        ({"name": "active_wait", "difficulty": 200}, 25, 46),
        ({"name": "functions", "function": "Rastrigin2d"}, 0, 81),
        ({"name": "functions", "function": 12, "noise": True}, -1.1, 1.1),
        ({"name": "mnist", "n_hidden": 2}, -100, 0),
        ({"name": "mountain_car", "steps": 4}, -0.61, -0.39),
        ({"name": "structural_plasticity", "duration": 2000, "window": 1000}, -3, 0),
    ],
)
def test_a_run_of_each(tmp_path, optimizee, lowest, highest):
    name = optimizee.pop("name")
    made = registry.construct(registry.load("optimizees", name), optimizee)
    result = l2l.optimize(
        made, RANDOM, generations=2, run=tmp_path / "run", executor="inline", progress=False
    )
    fitness = result.history.fitness[:, 0]
    assert len(fitness) == 8
    assert (result.history.status == 0).all()
    assert len(np.unique(fitness)) > 1
    assert lowest <= fitness.min() <= fitness.max() <= highest


def test_the_best_network_of_a_run_is_tested_as_in_the_paper(tmp_path, capsys):
    path = tmp_path / "run"
    made = registry.construct(registry.load("optimizees", "mountain_car"), {"steps": 10})
    result = l2l.optimize(made, RANDOM, generations=1, run=path, executor="inline", progress=False)
    command = [str(path), "--episodes", "2"]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert f"individual {result.best.id} of" in out
    assert f"fitness {result.best.fitness[0]:.3f}" in out
    assert "2 episodes of at most 200 steps: 200.0 on average (200..200)" in out
    assert "goal reached in 0.0%" in out
    assert main([*command, "--candidates", "2"]) == 0
    assert "not solved (that is at most 110" in capsys.readouterr().out


def test_a_run_that_is_not_there_is_named(tmp_path, capsys):
    assert main([str(tmp_path / "nothing")]) != 0
    assert "nothing" in capsys.readouterr().err
