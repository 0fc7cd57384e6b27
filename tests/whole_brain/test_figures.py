"""Time series of chosen sets: what is drawn is what a simulation of these sets gives."""

from __future__ import annotations

import numpy as np
import pytest

import l2l
from l2l.cli import main
from l2l.errors import ConfigError
from l2l.optimizees.whole_brain.figures import regions, traces
from l2l.optimizees.whole_brain.observe import Series
from l2l.view.figures import optimizee_of

pytest.importorskip("matplotlib")

GRID = {"a": (-2.0, 1.0, 3), "b": (-12.0, -8.0, 1), "tau": (1.0, 2.0, 1)}


OPTIONS = {
    "name": "whole_brain", "model": "generic2d", "connectome": "synthetic:12", "speed": 3.0,
    "parameters": {"a": [-2.0, 1.0], "b": [-12.0, -8.0], "tau": [1.0, 2.0]},
    "duration": 10.0, "transient": 4.0, "observe": {"v": "V", "w": "W"}, "backend": "numpy",
    "fitness": "mean_FC_v",
}  # fmt: skip


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    return l2l.optimize(
        OPTIONS, {"name": "grid_search", "param_grid": GRID}, executor="inline",
        run=tmp_path_factory.mktemp("run") / "run", progress=False,
    ).history  # fmt: skip


@pytest.fixture(scope="module")
def brain(history):
    return optimizee_of(history)


def panels(figure):
    return [axes for axes in figure.axes if axes.lines]


def alone(brain, history, row, outputs):
    """Return the series of one evaluation, simulated by itself."""
    params = {name: history[name][row : row + 1] for name in ("a", "b", "tau")}
    batch = brain.study.batch(params, history.seed[row : row + 1])
    found = brain.study.simulation.run(batch, [Series(name, name) for name in outputs]).results
    return [found[name][0] for name in outputs]


def test_each_panel_is_one_set_simulated_again(history, brain):
    figure = traces(history, brain, where={"tau": 2.0})
    drawn = panels(figure)
    places = [(b, a) for b in (-8.0, -12.0) for a in (-2.0, -1.0, 0.0, 1.0)]
    for axes, (b, a) in zip(drawn, places, strict=True):
        close = np.isclose(history["a"], a) & np.isclose(history["b"], b)
        (row,) = np.flatnonzero(close & (history["tau"] == 2))
        for line, series in zip(axes.lines, alone(brain, history, row, ["V", "W"]), strict=True):
            assert np.array_equal(line.get_ydata(), series.mean(axis=1))
            assert np.allclose(line.get_xdata(), (4.5 + np.arange(6)) / 1e3)
        assert axes.get_title() == f"b = {b:g}, a = {a:g}"
    assert figure.get_suptitle() == "run \N{MIDDLE DOT} generic2d\ntau = 2"


def test_conditions_choose_the_panels(history, brain):
    figure = traces(history, brain, where={"tau": 2.0, "a": [-0.5, 1.5]}, across=2)
    titles = {axes.get_title().partition(", ")[2] for axes in panels(figure)}
    assert titles == {"a = 0", "a = 1"}
    assert len(panels(figure)) == 4  # of two values of b each


def test_it_is_the_same_simulation_as_in_the_run(history, brain):
    for row in (0, 9, 15):
        (series,) = alone(brain, history, row, ["V"])
        fc = np.corrcoef(series.T.astype(float))
        expected = fc[~np.eye(12, dtype=bool)].mean()
        assert history["mean_FC_v"][row] == pytest.approx(expected, rel=1e-4)


def test_of_many_values_some_are_drawn(history, brain):
    drawn = panels(traces(history, brain, across=2, down=1, outputs="V"))
    assert [axes.get_title() for axes in drawn] == ["b = -12, a = -2", "b = -12, a = 1"]
    assert [len(axes.lines) for axes in drawn] == [1, 1]


def test_the_regions_with_the_highest_peaks_are_named(history, brain):
    row = 5
    (series,) = alone(brain, history, row, ["V"])
    figure = regions(history, brain, id=row, output="V")
    (axes,) = figure.axes
    assert len(axes.lines) == 12
    top = np.argsort(series.max(axis=0))[::-1][:5]
    labels = brain.study.connectomes[0].labels
    named = [t.get_text() for t in axes.get_legend().get_texts()]
    assert named == [labels[region] for region in top]
    shown = {line.get_label(): line.get_ydata() for line in axes.lines}
    assert np.array_equal(shown[labels[top[0]]], series[:, top[0]])
    assert "evaluation 5" in figure.get_suptitle()


def test_the_best_set_is_the_default(history, brain):
    figure = regions(history, brain, where={"a": -2.0})
    among = np.where(history["a"] == -2.0, history.score, -np.inf)
    assert f"evaluation {history.id[np.argmax(among)]}" in figure.get_suptitle()


def test_what_is_wrong_is_told(history, brain):
    for options, message in (
        ({"outputs": "U"}, "has no 'U'"),
        ({"outputs": ["V"] * 5}, "at most 4"),
        ({"across": 0}, "at least 1, got 0"),
        ({"x": "c"}, "no parameter or metric 'c'"),
        ({"where": {"a": 0, "b": -8}}, "too few parameters vary for x and y: tau"),
    ):
        with pytest.raises(ConfigError, match=message):
            traces(history, brain, **options)
    with pytest.raises(ConfigError, match="no evaluation 99; it has 16"):
        regions(history, brain, id=99)


def test_by_one_command(history, capsys):
    words = ["plot", str(history.path), "--figure", "traces", "--set", "where.tau=1"]
    assert main([*words, "--set", "outputs=[V]"]) == 0
    assert (history.path / "traces.png").stat().st_size > 10_000
    assert main(["plot", str(history.path), "--figure", "?"]) == 2
    assert "valid names: heatmap, regions, scatter, traces" in capsys.readouterr().err
