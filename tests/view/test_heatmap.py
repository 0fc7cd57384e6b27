"""Heat maps and scatter plots, read back from what matplotlib was told to draw."""

from __future__ import annotations

import math

import numpy as np
import pytest

import l2l
from l2l.cli import main
from l2l.errors import ConfigError
from l2l.space import Parameter, ParameterSpace
from l2l.view.heatmap import heatmap, scatter

pytest.importorskip("matplotlib")

SPACE = ParameterSpace(
    [
        Parameter("g", 0.4, 0.9, unit="nS"),
        Parameter("b", 60.0, 120.0),
        Parameter("tau", 10.0, 1000.0, scale="log", unit="ms"),
        Parameter("rule", kind="categorical", choices=("euler", "heun")),
        Parameter("w", 0.0, 1.0, shape=(2,)),
    ]
)
GRID = {"g": (0.4, 0.9, 4), "b": (60, 120, 3), "tau": (10, 1000, 2), "w": (0.5, 0.5, 0)}


def model(individual):
    i = individual
    if i.g > 0.89 and i.rule == "heun":
        raise ArithmeticError("diverged")
    return {
        "fitness": i.g * i.b - math.log(i.tau) * (1 + (i.rule == "heun")),
        "metrics": {"rate": i.g * i.tau, "fc": math.nan if i.b == 60 else i.b / i.tau},
    }


def run(path, optimizer, **options):
    return l2l.optimize(
        model, optimizer, space=SPACE, run=path, executor="inline", progress=False, **options
    ).history  # fmt: skip


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    return run(tmp_path_factory.mktemp("grid") / "run", {"name": "grid_search", "param_grid": GRID})


@pytest.fixture(scope="module")
def sobol(tmp_path_factory):
    pytest.importorskip("scipy")
    path = tmp_path_factory.mktemp("sobol") / "run"
    return run(path, {"name": "quasi_random", "pop_size": 256}, evaluations=512)


def maps(figure) -> list[np.ndarray]:
    """Return the numbers of each panel ``(cells of y, cells of x)``; NaN where it is blank."""
    drawn = [axes.collections for axes in figure.axes if axes.get_label() != "<colorbar>"]
    return [np.ma.filled(mesh.get_array(), np.nan) for (mesh,) in filter(None, drawn)]


def expected(history, x, y, metric, combine, keep=lambda entry: True):
    """The same numbers by going through the evaluations one by one."""
    cells: dict[tuple, list] = {}
    entries = [e for e in history if keep(e)]
    for e in entries:
        value = e.metrics.get(metric, e.fitness[0])
        if e.status == 0 and math.isfinite(value):
            cells.setdefault((e.individual[y], e.individual[x]), []).append((value, e.score))
    xs, ys = ([*dict.fromkeys(sorted(e.individual[n] for e in entries))] for n in (x, y))
    return np.array([
        [combine(cells[v, u]) if (v, u) in cells else np.nan for u in xs] for v in ys
    ])  # fmt: skip


def mean(found):
    return np.mean([value for value, _ in found])


COMBINED = {
    "mean": mean,
    "std": lambda found: np.std([value for value, _ in found]),
    "min": lambda found: min(value for value, _ in found),
    "max": lambda found: max(value for value, _ in found),
    "best": lambda found: max(found, key=lambda pair: pair[1])[0],
    "count": len,
}


@pytest.mark.parametrize("statistic", COMBINED)
def test_a_cell_shows_the_evaluations_of_its_values(grid, statistic):
    (found,) = maps(heatmap(grid, metric="rate", statistic=statistic))
    there = expected(grid, "g", "b", "rate", COMBINED[statistic])
    assert found.shape == (4, 5)
    np.testing.assert_allclose(found, there, rtol=1e-12)


def test_by_itself_it_shows_the_fitness_over_what_varies_first(grid):
    figure = heatmap(grid)
    (found,) = maps(figure)
    np.testing.assert_allclose(found, expected(grid, "g", "b", "fitness", mean), rtol=1e-12)
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("g (nS)", "b")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["60", "80", "100", "120"]
    assert figure.get_suptitle() == "run · 120 evaluations\nmean over tau, rule"


def test_cells_without_a_number_are_blank(grid):
    (found,) = maps(heatmap(grid, where={"rule": "heun", "tau": 10}))
    assert np.isnan(found[:, -1]).all()  # diverged
    assert np.isfinite(found[:, :-1]).all()
    (found,) = maps(heatmap(grid, metric="fc"))
    assert np.isnan(found[0]).all()  # NaN is what the optimizee returned there
    assert np.isfinite(found[1:]).all()


def test_rows_and_columns_are_values_of_two_more(grid):
    figure = heatmap(grid, metric="rate", rows="tau", columns="rule")
    found = maps(figure)
    assert len(found) == 6
    panels = [(tau, rule) for tau in (10.0, 100.0, 1000.0) for rule in ("euler", "heun")]
    for numbers, (tau, rule) in zip(found, panels, strict=True):

        def keep(e, tau=tau, rule=rule):
            return math.isclose(e.individual["tau"], tau) and e.individual["rule"] == rule

        np.testing.assert_allclose(numbers, expected(grid, "g", "b", "rate", mean, keep))
    assert [axes.get_title() for axes in figure.axes[:2]] == ["rule = euler", "rule = heun"]
    labels = [axes.get_ylabel() for axes in figure.axes[:6:2]]
    assert labels == ["tau = 10\nb", "tau = 100\nb", "tau = 1000\nb"]
    norms = {
        id(axes.collections[0].norm): axes.collections[0].get_clim() for axes in figure.axes[:6]
    }
    assert len(set(norms.values())) == 1, "panels of one metric share their colours"


def test_several_metrics_are_rows_or_fill_the_sheet(grid):
    figure = heatmap(grid, metric=["fitness", "rate", "fc"])
    assert [a.get_title() for a in figure.axes[:3]] == ["fitness", "rate", "fc"]
    for numbers, name in zip(maps(figure), ("fitness", "rate", "fc"), strict=True):
        np.testing.assert_allclose(numbers, expected(grid, "g", "b", name, mean), rtol=1e-12)
    assert len(maps(heatmap(grid, metric=["fitness", "rate"], columns="tau"))) == 6


def test_the_ends_of_the_colours_may_be_given(grid):
    figure = heatmap(grid, metric="rate", limits=[1, 50])
    assert figure.axes[0].collections[0].get_clim() == (1, 50)
    assert scatter(grid, limits=[0, 2.5]).axes[0].collections[0].get_clim() == (0, 2.5)


def test_an_axis_may_be_a_category_have_a_log_scale_or_be_a_metric(grid):
    figure = heatmap(grid, x="tau", y="rule")
    (found,) = maps(figure)
    np.testing.assert_allclose(found, expected(grid, "tau", "rule", "fitness", mean), rtol=1e-12)
    assert figure.axes[0].get_xscale() == "log"
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["euler", "heun"]
    (found,) = maps(heatmap(grid, x="g", y="rate", bins=7, statistic="count"))
    assert found.shape == (7, 7)
    assert np.nansum(found) == np.sum(grid.status == 0)


def test_points_that_lie_on_no_grid_go_to_bins(sobol):
    ok = sobol.status == 0
    (found,) = maps(heatmap(sobol, metric="rate", bins=8))
    g, b = sobol["g"], sobol["b"]
    edges = [np.linspace(v.min(), v.max(), 9) for v in (b, g)]
    total, *_ = np.histogram2d(b[ok], g[ok], edges, weights=sobol["rate"][ok])
    count, *_ = np.histogram2d(b[ok], g[ok], edges)
    np.testing.assert_allclose(found, np.where(count, total / np.fmax(count, 1), np.nan))
    (found,) = maps(heatmap(sobol, statistic="count"))
    assert found.shape == (24, 24)
    assert np.nansum(found) == ok.sum()
    assert len(maps(heatmap(sobol, columns="tau", rows="rule"))) == 8  # four ranges, two choices
    (found,) = maps(heatmap(sobol, x="w[0]", y="w[1]", where={"g": [0.5, 0.7]}, statistic="count"))
    assert np.nansum(found) == np.sum(ok & (g >= 0.5) & (g <= 0.7))
    axes = heatmap(sobol, where={"g": [0.5, 0.7]}).axes[0]
    assert axes.get_xlabel() == "g (nS)"  # a range leaves it free to be an axis


def test_a_grid_that_was_interrupted_is_still_one(tmp_path):
    history = run(tmp_path / "run", {"name": "grid_search", "param_grid": GRID}, evaluations=70)
    (found,) = maps(heatmap(history))
    assert found.shape == (4, 3)


def test_a_scatter_plot_has_a_point_an_evaluation(sobol):
    figure = scatter(sobol, x="rate", metric="fc", columns="rule")
    drawn = [axes.collections[0] for axes in figure.axes[:2]]
    ok = (sobol.status == 0) & np.isfinite(sobol["fc"])
    for points, rule in zip(drawn, ("euler", "heun"), strict=True):
        mask = ok & (sobol["rule"] == rule)
        offsets = np.column_stack([sobol["rate"], sobol["g"]])[mask]
        assert np.array_equal(np.asarray(points.get_offsets()), offsets)
        assert np.array_equal(points.get_array(), sobol["fc"][mask])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"x": "gg"}, "no parameter or metric 'gg'"),
        ({"metric": "rat"}, "metric: no 'rat'; did you mean 'rate'"),
        ({"metric": "g"}, "valid names: fc, fitness, rate"),
        ({"rows": "taus"}, "did you mean 'tau'"),
        ({"statistic": "men"}, "statistic: no 'men'; did you mean 'mean'"),
        ({"bins": 0}, "bins: expected a whole number of at least 1, got 0"),
        ({"where": {"g": "x"}}, r"where.g: expected a number, or a range .*, got 'x'"),
        ({"where": {"g": [2, 3]}}, "no evaluation has g in 2 to 3"),
        ({"where": {"rule": "rk"}}, "where.rule: expected one of euler, heun, got 'rk'"),
        ({"where": {"rule": [0, 1]}}, r"where.rule: expected one of euler, heun, got \[0, 1\]"),
        ({"limits": [1]}, r"limits: expected two numbers, \[low, high\], got \[1\]"),
        ({"where": 3}, "expected where.NAME=VALUE"),
        ({"x": "g", "rows": "b", "columns": "tau", "where": {"rule": "euler"}}, "y: no parameter"),
    ],
)
def test_what_is_wrong_is_told_with_what_there_is(grid, options, message):
    with pytest.raises(ConfigError, match=message):
        heatmap(grid, **options)


def test_too_many_panels_are_refused(sobol):
    with pytest.raises(ConfigError, match="at most 100 can be seen"):
        heatmap(sobol, metric=["fitness", "rate", "fc"] * 5, rows="w[0]", columns="tau")


def test_by_one_command(grid, tmp_path, capsys):
    file = tmp_path / "map.svg"
    command = ["plot", str(grid.path), "--figure", "heatmap", "--set", "x=tau", "--set", "y=g",
               "--set", "metric=[rate, fitness]", "--set", "where.b=80", "--out"]  # fmt: skip
    assert main([*command, str(file)]) == 0
    assert capsys.readouterr().out == f"{file}\n"
    assert b"<svg" in file.read_bytes()[:500]
    assert main(["plot", str(grid.path), "--figure", "scatter"]) == 0
    assert (grid.path / "scatter.png").stat().st_size > 5000


def test_a_command_that_can_not_be_carried_out_says_why(grid, capsys):
    def said(*words):
        assert main(["plot", str(grid.path), *words]) == 2
        return capsys.readouterr().err

    assert "did you mean 'metric'" in said("--figure", "heatmap", "--set", "metrics=rate")
    assert "expected NAME=VALUE" in said("--figure", "heatmap", "--set", "x")
    assert "--figure NAME" in said("--set", "x=g")
