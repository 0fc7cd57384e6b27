"""What people see of tests on held-out tasks, and the figures of an optimizee."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from helpers.models import Fit, FitParameters

import l2l
from l2l.errors import ConfigError, L2LError
from l2l.heldout import BEST, RECOMMENDED
from l2l.view.figures import plot_figure
from l2l.view.plots import draw, plot
from l2l.view.report import report
from l2l.view.status import as_json, read
from l2l.view.statustext import as_text

ROLES = {"held-out: best of the generation": BEST, "held-out: recommended": RECOMMENDED}


def make(path: Path, **kwargs):
    settings = {"generations": 5, "test_every": 2, **kwargs}
    failing = FitParameters(failing=settings.pop("failing", 0))
    return l2l.optimize(
        Fit(parameters=failing), {"name": "cma_es", "pop_size": 6}, weights=(-1.0,), seed=2,
        executor="inline", run=path, progress=False, **settings,
    )  # fmt: skip


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return make(tmp_path_factory.mktemp("view") / "run")


def lines(figure) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {line.get_label(): line.get_data() for line in figure.axes[0].get_lines()}


# -- the evolution --------------------------------------------------------------------------------


def test_held_out_tests_are_drawn_beside_the_training(result):
    history = result.history
    drawn = lines(figure := draw(history))
    for label, role in ROLES.items():
        generations, mean, _ = history.tests.curve(role)
        assert np.array_equal(drawn[label][0], generations)
        assert np.array_equal(drawn[label][1], mean[:, 0])
    assert np.array_equal(drawn["mean of all individuals"][1], history.generations()["mean"][:, 0])
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert set(ROLES) < set(texts)
    assert len(texts) == 6


def test_bands_are_the_spread_over_the_parts(result):
    bands = draw(result.history).axes[0].collections
    assert len(bands) == 3
    for band, role in zip(bands[1:], ROLES.values(), strict=True):
        _, mean, std = result.history.tests.curve(role)
        y = band.get_paths()[0].vertices[:, 1]
        assert y.min() == pytest.approx((mean - std).min())
        assert y.max() == pytest.approx((mean + std).max())


def test_a_metric_in_place_of_fitness(result):
    history = result.history
    drawn = lines(figure := draw(history, "closeness"))
    numbers = history.generations("closeness")
    assert np.array_equal(drawn["mean of all individuals"][1], numbers["mean"][:, 0])
    best = [
        max(history.in_generation(g), key=lambda entry: entry.score).metrics["closeness"]
        for g in range(5)
    ]
    assert drawn["best of the generation"][1].tolist() == best
    for label, role in ROLES.items():
        _, mean, _ = history.tests.curve(role, "closeness")
        assert np.array_equal(drawn[label][1], mean)
    assert "best so far" not in drawn
    assert figure.axes[0].get_ylabel() == "closeness"
    with pytest.raises(L2LError, match="no metric 'closenes'; did you mean 'closeness'"):
        draw(history, "closenes")


def test_a_metric_of_a_run_without_tests(tmp_path):
    history = make(tmp_path / "run", test_every=None).history
    assert set(lines(draw(history, "closeness"))) == {
        "mean of all individuals",
        "best of the generation",
    }
    assert plot(tmp_path / "run", metric="closeness").name == "closeness.png"


def test_a_single_test_is_drawn(tmp_path):
    make(tmp_path / "run", generations=1)
    assert plot(tmp_path / "run").stat().st_size > 1000
    make(tmp_path / "failed", failing=1)
    drawn = lines(draw(l2l.load(tmp_path / "failed")))
    assert np.isnan(drawn["held-out: recommended"][1]).all()


# -- figures of the optimizee ---------------------------------------------------------------------


def test_a_figure_of_the_optimizee(result, tmp_path):
    assert plot_figure(result.path, "spread") == result.path / "spread.png"
    assert (result.path / "spread.png").stat().st_size > 1000
    assert plot_figure(result.path, "spread", tmp_path / "a.pdf").read_bytes()[:4] == b"%PDF"


def test_a_figure_takes_options(result):
    assert plot_figure(result.path, "spread", options={"marker": "x"}).exists()
    with pytest.raises(ConfigError, match="'spread' has no option 'market'; did you mean 'marker'"):
        plot_figure(result.path, "spread", options={"market": "x"})
    with pytest.raises(ConfigError, match="'moving' has no option 'marker'; it has none"):
        plot_figure(result.path, "moving", options={"marker": "x"})


def test_an_animation_is_a_gif(result):
    pytest.importorskip("PIL", reason="needs Pillow")
    from PIL import Image

    file = plot_figure(result.path, "moving")
    assert file == result.path / "moving.gif"
    with Image.open(file) as image:
        assert image.n_frames == 3


def test_what_is_no_figure_is_told(result, tmp_path):
    with pytest.raises(ConfigError, match="Fit has no figure 'spred'; did you mean 'spread'"):
        plot_figure(result.path, "spred")
    with pytest.raises(ConfigError, match="valid names: broken, heatmap, moving, scatter, spread"):
        plot_figure(result.path, "?")
    with pytest.raises(L2LError, match=r"helpers\.drawings:broken must return a figure or an anim"):
        plot_figure(result.path, "broken")
    with pytest.raises(L2LError, match="can't be written"):
        plot_figure(result.path, "spread", tmp_path / "figure.xyz")
    with pytest.raises(L2LError, match="can't be written"):
        plot_figure(result.path, "moving", tmp_path / "nowhere" / "a.gif")


def test_an_optimizee_that_only_its_script_knows(tmp_path):
    def parabola(individual):
        return individual.x**2

    l2l.optimize(
        parabola, "random_search", space={"x": (0.0, 1.0)}, evaluations=2, executor="inline",
        run=tmp_path / "run", progress=False,
    )  # fmt: skip
    with pytest.raises(L2LError, match="can't be made here"):
        plot_figure(tmp_path / "run", "spread")


# -- words ----------------------------------------------------------------------------------------


def test_status_shows_the_last_test(result):
    status = read(result.path)
    tests = result.history.tests
    assert status.test["generation"] == 4
    _, mean, std = tests.curve(RECOMMENDED)
    found = status.test["fitness"]["recommended"]
    assert found == {"mean": mean[-1].tolist(), "std": std[-1].tolist(), "n": 6, "ok": 6}
    expected = f"held-out:    fitness {mean[-1, 0]:.4g} ± {std[-1, 0]:.4g}, recommended, "
    assert expected + "generation 4 (from 0)" in as_text(status)
    assert json.loads(as_json(status))["test"]["fitness"]["recommended"] == found


def test_status_of_a_run_without_tests(tmp_path):
    make(tmp_path / "run", generations=1, test_every=None)
    status = read(tmp_path / "run")
    assert status.test is None
    assert "held-out" not in as_text(status)
    assert json.loads(as_json(status))["test"] is None


def test_status_shows_tests_that_failed(tmp_path):
    history = make(tmp_path / "run", failing=2).history
    tests = history.tests
    last = tests.status[(tests.generation == 4) & (tests.role == RECOMMENDED)]
    status = read(tmp_path / "run", failed=1)
    assert status.evaluations == {"ok": 30}
    text = as_text(status)
    failed = f"{(last != 0).sum()} of 6 failed"
    assert f"recommended, generation 4 (from 0), {failed}" in text
    assert "on held-out tasks (part " in text
    assert "this test fails" in text
    (attempt,) = status.attempts
    assert attempt.individual is not None
    failure = json.loads(as_json(status))["failures"][0]
    assert failure["test"]
    assert failure["id"] < 0


def test_the_report_says_what_it_came_to(result):
    stream = io.StringIO()
    report(result, stream)
    _, mean, _ = result.history.tests.curve(BEST)
    assert f"held-out tasks: fitness {mean[-1, 0]:.4g} ± " in stream.getvalue()
    assert "best of the generation, generation 4 (from 0)" in stream.getvalue()
