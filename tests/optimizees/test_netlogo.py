"""The optimizee netlogo, against a program that speaks the contract of the headless launcher."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import yaml

import l2l
from l2l.errors import ConfigError, SimulationFailed
from l2l.optimizee import Individual, Trial
from l2l.optimizees.netlogo import NetLogo, NetLogoParameters
from l2l.optimizees.netlogo.experiment import Experiment, literal
from l2l.optimizees.netlogo.table import Table

ROOT = Path(__file__).resolve().parents[2]
FAKE = ROOT / "tests" / "helpers" / "netlogo_headless.py"
XML = {
    "parameters": {"initial-sheep": [0.0, 10.0], "wolf-gain?": [True, False]},
    "reporters": {"left": "-(initial-sheep - 3) ** 2", "late": "ticks"},
    "steps": 20,
}
ANTS = {
    "parameters": {
        "weights": {"low": -20.0, "high": 20.0, "shape": 250},
        "delays": {"low": 1, "high": 5, "kind": "int", "shape": 250},
    },
    "inputs": {"individual_config.csv": {"format": "csv", "layout": "lines",
                                         "values": ["weights", "delays"]}},
    "experiment": "experiment1",
    "fitness": {"csv": "individual_result.csv", "column": 0, "row": -1},
}  # fmt: skip


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A NETLOGO_HOME with a launcher, and a Java of its own."""
    folder = tmp_path / "NetLogo 6.4.0"
    java = folder / "runtime" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.touch(0o755)
    start = folder / "netlogo-headless.sh"
    start.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE}" "$@"\n')
    start.chmod(0o755)
    monkeypatch.setenv("NETLOGO_HOME", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.delenv("FAKE_NETLOGO", raising=False)
    return folder


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "models" / "Wolf Sheep.nlogo"
    path.parent.mkdir()
    path.write_text("to go end")
    return path


def make(model, kind, /, **changes):
    options = {"model": str(model), "retries": 0, **kind, **changes}
    return NetLogo(None, NetLogoParameters(**options))


def trial(tmp_path, params, seed=1):
    folder = tmp_path / "work"
    folder.mkdir(exist_ok=True)
    return Trial(Individual(params, seed=seed, scratch=lambda: folder))


SHEEP = {"initial-sheep": 5.0, "wolf-gain?": True}


# -- right results ----------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".nlogo", ".nlogox"])
def test_an_experiment_is_written_and_its_table_read(home, model, tmp_path, suffix):
    model = model.rename(model.with_suffix(suffix))
    result = make(model, XML).simulate(trial(tmp_path, SHEEP))
    assert result.fitness == [-4.0]
    assert result.metrics == {"late": 20.0}
    text = (tmp_path / "work" / "experiment.xml").read_text()
    root = ET.fromstring(text)
    sheep, gain = root.iter("enumeratedValueSet")
    assert (sheep.get("variable"), sheep[0].get("value")) == ("initial-sheep", "5.0")
    assert (gain.get("variable"), gain[0].get("value")) == ("wolf-gain?", "true")


def test_runs_and_steps_are_averaged(home, model, tmp_path):
    optimizee = make(model, XML, over="mean", repetitions=3, fitness=["late", "left"])
    result = optimizee.simulate(trial(tmp_path, SHEEP))
    assert result.fitness == [pytest.approx(10.0), pytest.approx(-4.0)]  # steps 0..20
    assert result.metrics == {}


def test_the_seed_reaches_the_model(home, model, tmp_path):
    noisy = {**XML, "reporters": {"noise": "noise"}}
    one, same, other = (
        make(model, noisy).simulate(trial(tmp_path, SHEEP, seed)).fitness[0]
        for seed in (7, 7, 2**32 - 1)
    )
    assert one == same != other
    several = make(model, noisy, repetitions=2).simulate(trial(tmp_path, SHEEP, 7)).fitness[0]
    assert several != one


def test_constants_choosers_and_further_arguments(home, model, tmp_path):
    changes = {
        "constants": {"model-version": 'sheep "only"', "n": 3},
        "reporters": {"x": "n * initial-sheep"},
        "arguments": ["--min-pxcor", -20, "--max-pxcor", 20],
    }
    result = make(model, XML, **changes).simulate(trial(tmp_path, SHEEP))
    assert result.fitness == [15.0]


def test_weights_and_delays_go_beside_the_model_as_the_ants_read_them(home, model, tmp_path):
    rng = np.random.default_rng(1)
    weights, delays = rng.uniform(-20, 20, 250), rng.integers(1, 6, 250)
    optimizee = make(model, ANTS)
    result = optimizee.simulate(trial(tmp_path, {"weights": weights, "delays": delays}))
    assert result.fitness == [pytest.approx(-((weights - 3) ** 2).sum() - delays.sum(), rel=1e-12)]
    lines = (tmp_path / "work" / "individual_config.csv").read_text().splitlines()
    assert [len(line.split(",")) for line in lines] == [250, 250]
    assert np.array_equal(np.array(lines[0].split(","), float), weights)  # to the last digit
    assert lines[1] == ",".join(map(str, delays))


def test_all_beside_the_model_is_copied_if_asked(home, model, tmp_path):
    (model.parent / "food.csv").write_text("1,2\n")
    make(model, XML).simulate(trial(tmp_path, SHEEP))
    assert not (tmp_path / "work" / "food.csv").exists()
    make(model, XML, whole_folder=True).simulate(trial(tmp_path, SHEEP))
    assert (tmp_path / "work" / "food.csv").exists()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.5"), (1e-7, "1E-07"), (3, "3"), (True, "true"), ('a "b"', '"a \\"b\\""'),
     ([1, 2.5], "[1 2.5]"), (np.array([1.0]), "[1.0]")],
)  # fmt: skip
def test_values_are_written_as_netlogo_reads_them(value, text):
    assert literal(value) == text


def test_the_forms_of_netlogo_6_and_7():
    experiment = Experiment({"n": 1}, ["count turtles"], steps=5, stop_when="not any? turtles")
    six, seven = experiment.xml(6), experiment.xml(7)
    assert "<!DOCTYPE experiments" in six
    assert '<timeLimit steps="5" />' in six
    assert 'timeLimit="5"' in seven
    assert ET.fromstring(seven).find("experiment/metrics/metric").text == "count turtles"
    assert ET.fromstring(six).find("experiment/metric").text == "count turtles"
    assert "random-seed (1 + behaviorspace-run-number - 1)\nsetup" in six
    assert "é" not in Experiment({"é": "<"}, ["é"], steps=1).xml(6)


def test_a_table_as_netlogo_7_writes_it():
    text = (
        'BehaviorSpace results (NetLogo 7.0.3), "Table version 2.0"\n'
        '"/opt/NetLogo 7-0-3/models/Wolf Sheep.nlogox"\n"x"\n"01/05/2026 06:37:48:683 -0300"\n'
        '"min-pxcor","max-pxcor","min-pycor","max-pycor"\n"-17","17","-17","17"\n'
        '"[run number]","n","[step]","count sheep"\n"2","5","1","7"\n"2","5","0","500"\n'
        '"1","5","0","400"\n'
    )
    table = Table.parse(text)
    assert table.names == ["[run number]", "n", "[step]", "count sheep"]
    assert [[row[-1] for row in run] for run in table.runs] == [["500", "7"], ["400"]]


def test_a_run_by_its_own_name(home, model, tmp_path):
    spec = {"name": "netlogo", "model": str(model), **XML, "timeout": 30}
    result = l2l.optimize(
        spec, {"name": "random_search", "pop_size": 2}, generations=2, run=tmp_path / "run",
        workers=2, progress=False,
    )  # fmt: skip
    assert (result.history.status == 0).all()
    sheep = result.history["initial-sheep"]
    assert result.history.fitness[:, 0] == pytest.approx(-((sheep - 3) ** 2))


# -- what goes wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "kind", "message"),
    [
        ("missing", XML, r"result file table.csv.*wrote: nothing.*NetLogo said: Exception in"),
        ("missing", ANTS, r"result file individual_result.csv.*did not write it"),
        ("garbage", XML, r"expected a table of BehaviorSpace.*got 'no table'"),
        ("garbage", ANTS, r"expected a number, got 'OBSERVER: nothing'"),
        ("argument", XML, r"table.csv.*NetLogo said: unknown argument: --treads"),
        ("error", XML, r"expected 1 run.s., got 0.*Division by zero"),
        ("cut", XML, r"it was cut off"),
    ],
)
def test_what_went_wrong_is_said(home, model, tmp_path, monkeypatch, capfd, mode, kind, message):
    monkeypatch.setenv("FAKE_NETLOGO", mode)
    optimizee = make(model, kind)
    params = SHEEP if kind is XML else {"weights": np.zeros(250), "delays": np.ones(250, int)}
    with pytest.raises(SimulationFailed, match=message):
        optimizee.simulate(trial(tmp_path, params))
    assert "netlogo-headless.sh" in capfd.readouterr().err  # the command, for the record


def test_one_that_hangs_is_killed_and_tried_again_a_bounded_number_of_times(
    home, model, tmp_path, monkeypatch
):
    monkeypatch.setenv("FAKE_NETLOGO", "hang")
    optimizee = make(model, XML, timeout=0.7, retries=1)
    with pytest.raises(SimulationFailed, match=r"did not end within 0.7 s .*\(tried 2 times\)"):
        optimizee.simulate(trial(tmp_path, SHEEP))
    left = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, text=True).stdout
    assert left == ""


def test_one_that_starts_slowly_is_waited_for(home, model, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_NETLOGO", "slow")
    assert make(model, XML, timeout=30).simulate(trial(tmp_path, SHEEP)).fitness == [-4.0]


def test_a_second_try_begins_with_a_clean_folder(home, model, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_NETLOGO", "once")
    monkeypatch.setenv("FAKE_NETLOGO_FLAG", str(tmp_path / "flag"))
    stale = tmp_path / "work" / "table.csv"
    given = trial(tmp_path, SHEEP)
    stale.write_text("of a first try")
    assert make(model, XML, retries=1).simulate(given).fitness == [-4.0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": None}, r"model: expected a file .nlogo"),
        ({"model": "nothing.nlogo"}, r"model: there is no file .*nothing.nlogo"),
        ({"reporters": None}, r"reporters: expected what to measure"),
        ({"reporters": ["count sheep"]}, r"reporters: expected names and reporters"),
        ({"fitness": "lft"}, r"there is no reporter 'lft'; did you mean 'left'"),
        ({"steps": 0}, r"a run would never end; give steps or stop_when"),
        ({"experiment": "e1"}, r"steps: the experiment 'e1' of the model says that itself"),
        ({"experiment": "e1", "steps": 0}, r"initial-sheep, wolf-gain\? reaches the model nowhere"),
        ({"experiment": "e1", "steps": 0, "reporters": None}, r"fitness: expected where it is"),
        ({"version": 5}, r"version: expected 6 or 7, got 5"),
        ({"over": "all"}, r"over can't be 'all'"),
    ],
)
def test_mistakes_are_found_before_anything_starts(home, model, changes, message):
    with pytest.raises(ConfigError, match=message):
        make(model, XML, **changes)


def test_netlogo_and_java_are_looked_for(home, model, tmp_path, monkeypatch):
    optimizee = make(model, XML)
    assert optimizee.launcher == [str(home / "netlogo-headless.sh")]
    (home / "netlogo-headless.sh").rename(home / "NetLogo_Console")  # another launcher's name
    assert make(model, XML).launcher == [str(home / "NetLogo_Console"), "--headless"]
    monkeypatch.setenv("PATH", "/nonexistent")
    assert make(model, XML).java_home == str(home / "runtime")
    (home / "runtime").rename(home / "gone")
    with pytest.raises(ConfigError, match=r"expected Java, and found none.*Install one"):
        make(model, XML)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match=r"JAVA_HOME: expected a Java, and there is no"):
        make(model, XML)
    monkeypatch.setenv("NETLOGO_HOME", str(home.parent))
    with pytest.raises(ConfigError, match=r"and there is: .*Is it .*NetLogo 6.4.0\?"):
        make(model, XML)
    monkeypatch.setenv("NETLOGO_HOME", str(home / "typo"))
    with pytest.raises(ConfigError, match=r"NETLOGO_HOME: there is no folder"):
        make(model, XML)
    monkeypatch.delenv("NETLOGO_HOME")
    with pytest.raises(ConfigError, match=r"Give `netlogo_home: /opt/NetLogo`.*download"):
        make(model, XML)
    with pytest.raises(ConfigError, match=r"netlogo_home: there is no folder"):
        make(model, XML, netlogo_home=str(home / "typo"))


def test_a_launcher_that_is_not_executable_is_run_by_bash(home, model, tmp_path):
    (home / "netlogo-headless.sh").chmod(0o644)
    assert make(model, XML).simulate(trial(tmp_path, SHEEP)).fitness == [-4.0]


# -- the experiments --------------------------------------------------------------------------


def test_the_ants_of_the_paper_run_with_their_configuration(home, model, tmp_path):
    config = yaml.safe_load((ROOT / "experiments/netlogo/config-paper.yaml").read_text())
    assert config["optimizer"]["pop_size"] == 98
    spec = {**config["optimizee"], "model": str(model)}
    result = l2l.optimize(
        spec, {"name": "random_search", "pop_size": 2}, generations=1, run=tmp_path / "run",
        workers=1, progress=False,
    )  # fmt: skip
    assert (result.history.status == 0).all()
    assert result.history["weights"].shape == (2, 250)
    assert np.ptp(result.history["delays"]) <= 4


def test_the_shipped_experiment_sets_all_of_the_interface(home, model, tmp_path):
    config = yaml.safe_load((ROOT / "experiments/netlogo/config.yaml").read_text())
    options = {k: v for k, v in config["optimizee"].items() if k not in ("name", "model")}
    optimizee = make(model, options)
    params = optimizee.space.decode(np.full((1, 7), 0.5))[0]
    folder = trial(tmp_path, params).individual.workdir
    optimizee.prepare(optimizee.values(Individual(params), folder), folder)
    root = ET.parse(folder / "experiment.xml").getroot()
    values = {
        each.get("variable"): each[0].get("value") for each in root.iter("enumeratedValueSet")
    }
    assert values["model-version"] == '"sheep-wolves-grass"'
    assert values["initial-number-sheep"] == "130"
    assert values["sheep-gain-from-food"] == "25.0"
    assert len(values) == 8
    assert [metric.text for metric in root.iter("metric")] == list(
        config["optimizee"]["reporters"].values()
    )


def test_the_models_library_with_the_real_netlogo(tmp_path):
    home = os.environ.get("NETLOGO_HOME")
    if not home:
        pytest.skip("NETLOGO_HOME is not set: no real NetLogo here")
    found = sorted(Path(home).rglob("Wolf Sheep Predation.nlogo*"))
    if not found:
        pytest.skip(f"Wolf Sheep Predation is not in {home}")
    config = yaml.safe_load((ROOT / "experiments/netlogo/config.yaml").read_text())
    spec = {**config["optimizee"], "model": str(found[0]), "steps": 20}
    spec.pop("name")
    optimizee = NetLogo(None, NetLogoParameters(**spec))
    params = optimizee.space.decode(np.full((1, optimizee.space.size), 0.5))[0]
    one, same = (optimizee.simulate(trial(tmp_path / n, params)) for n in ("a", "b"))
    assert one.fitness == same.fitness  # the seed decides
    assert one.metrics["sheep"] > 0
