"""Every optimizee in a run, by name; and the commands and files that come with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

import l2l
from l2l import registry
from l2l.optimizees.mountain_car.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
RANDOM = {"name": "random_search", "pop_size": 4}


@pytest.mark.parametrize(
    ("optimizee", "lowest", "highest"),
    [
        ({"name": "active_wait", "difficulty": 200}, 25, 46),
        ({"name": "functions", "function": "Rastrigin2d"}, 0, 81),
        ({"name": "functions", "function": 12, "noise": True}, -1.1, 1.1),
        ({"name": "mnist", "n_hidden": 2}, -100, 0),
        ({"name": "mountain_car", "steps": 4}, -0.61, -0.39),
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


@pytest.mark.parametrize("path", sorted((ROOT / "experiments").glob("*/*.yaml")), ids=str)
def test_the_shipped_configurations_name_what_exists(path):
    config = yaml.safe_load(path.read_text())
    for section, kind in (("optimizee", "optimizees"), ("optimizer", "optimizers")):
        options = dict(config[section])
        cls = registry.load(kind, options.pop("name"))
        assert cls.Parameters(**options)
    assert config["weights"] == [1.0]
    cost = 0.07 * config["optimizer"]["pop_size"] * config["stop"]["generations"]
    if path.stem == "config":
        assert cost / 2 < 60  # two minutes on two cores, with as much in reserve
