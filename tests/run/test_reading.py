"""A run as its user reads it."""

from __future__ import annotations

import collections

import pytest

import l2l
from l2l.errors import RunChanged

Settings = collections.namedtuple("Settings", "function n_iteration")


def double(x):
    return 2 * x


class Configured(l2l.Optimizee):
    """Has a function among its parameters."""

    space = l2l.ParameterSpace({"x": (0.0, 1.0)})

    def simulate(self, traj):
        return self.parameters.function(traj.individual.x)


def test_the_table_has_a_column_for_everything(tmp_path):
    pytest.importorskip("pandas")
    result = l2l.optimize(
        lambda p: l2l.Result(p["duration"], observation=[1.0, 2.0], metrics={"x": 3.0}),
        {"name": "random_search", "pop_size": 3}, space={"duration": (5.0, 6.0), "x": (1, 9)},
        generations=1, run=tmp_path / "run", executor="inline", progress=False,
    )  # fmt: skip
    table = result.history.to_pandas()
    assert len(table) == 3
    assert (table["parameters/duration"] >= 5).all()
    assert (table["duration"] < 5).all()
    assert (table["x"] == result.history.parameters[:, 1]).all()
    assert (table["metrics/x"] == 3.0).all()
    assert (table["observation[1]"] == 2.0).all()
    assert (table["status"] == "ok").all()


def test_a_result_can_be_read_from_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "else").mkdir()
    result = l2l.optimize(lambda p: p.x, {"name": "random_search", "pop_size": 3},
                          space={"x": (0.0, 1.0)}, generations=1, run="run", executor="inline",
                          progress=False)  # fmt: skip
    monkeypatch.chdir("else")
    assert result.history.fitness.shape == (3, 1)


def test_parameters_of_an_optimizee_are_compared_by_what_they_are(tmp_path):
    def run(*parameters, **kwargs):
        return l2l.optimize(
            Configured(parameters=Settings(*parameters)), {"name": "random_search"}, generations=1,
            run=tmp_path / "run", executor="inline", progress=False, **kwargs,
        )  # fmt: skip

    told = run(double, 3).history.config["optimizee"]
    assert told["function"] == "<function double>"  # without its address, another one each time
    assert run(double, 3, resume=True).reason == "1 generation"
    with pytest.raises(RunChanged, match="n_iteration"):
        run(double, 4, resume=True)
