"""The figure of the evolution, read back from what matplotlib was told to draw."""

from __future__ import annotations

import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import histories

from l2l.errors import L2LError
from l2l.trajectory import Trajectory
from l2l.view.plots import best_so_far, draw, plot


def lines(figure, panel: int = 0) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    found = figure.axes[panel].get_lines()
    return {line.get_label(): line.get_data() for line in found}


def test_the_figure_shows_the_numbers_of_the_history(tmp_path: Path) -> None:
    history = Trajectory(histories.write(tmp_path / "run", 30, failed=0.1))
    drawn = lines(figure := draw(history))
    numbers = history.generations()
    x, mean = drawn["mean of all individuals"]
    assert np.array_equal(x, np.arange(30))
    assert np.array_equal(mean, numbers["mean"][:, 0])
    assert np.array_equal(drawn["best of the generation"][1], numbers["best"][:, 0])
    expected = np.maximum.accumulate(numbers["best"][:, 0])
    assert np.array_equal(drawn["best so far"][1], expected)
    (band,) = figure.axes[0].collections
    low, high = (numbers["mean"] - numbers["std"])[:, 0], (numbers["mean"] + numbers["std"])[:, 0]
    y = band.get_paths()[0].vertices[:, 1]
    assert y.min() == pytest.approx(low.min())
    assert y.max() == pytest.approx(high.max())
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert len(texts) == 4
    assert figure.axes[0].get_xlabel() == "generation"
    assert figure.axes[0].get_ylabel() == "fitness (maximised)"
    failed = int((history.status != 0).sum())
    title = figure.get_suptitle()
    assert title == f"run · Model · random_search\n300 evaluations, {failed} failed"


def test_each_objective_has_a_panel(tmp_path: Path) -> None:
    path = histories.write(tmp_path / "run", 12, weights=(1.0, -0.5))
    figure = draw(Trajectory(path))
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "objective 0 (maximised)",
        "objective 1 (minimised)",
    ]
    numbers = Trajectory(path).generations()
    for place in range(2):
        drawn = lines(figure, place)
        assert np.array_equal(drawn["best of the generation"][1], numbers["best"][:, place])


def test_generations_in_which_all_failed_are_gaps(tmp_path: Path) -> None:
    path = histories.write(tmp_path / "run", 6, all_failed=(0, 3))
    drawn = lines(draw(Trajectory(path)))
    assert np.flatnonzero(np.isnan(drawn["mean of all individuals"][1])).tolist() == [0, 3]
    so_far = drawn["best so far"][1]
    assert np.flatnonzero(np.isnan(so_far)).tolist() == [0]
    assert so_far[3] == so_far[2]


@pytest.mark.parametrize("generations", [1, 3])
def test_where_nothing_was_ok_it_says_so(tmp_path: Path, generations: int) -> None:
    path = histories.write(tmp_path / "run", generations, all_failed=(0, 1, 2))
    figure = draw(Trajectory(path))
    assert [text.get_text() for text in figure.axes[0].texts] == ["no evaluation ended ok"]
    assert plot(path).stat().st_size > 1000


def test_a_single_generation_shows_its_spread(tmp_path: Path) -> None:
    path = histories.write(tmp_path / "run", 1)
    figure = draw(Trajectory(path))
    assert len(figure.axes[0].containers) == 1  # error bars, in place of the band
    assert plot(path).stat().st_size > 1000


def test_best_so_far_takes_whole_individuals_not_single_objectives() -> None:
    best = np.array([[np.nan, np.nan], [1.0, 1.0], [2.0, 3.0], [5.0, 1.0], [0.0, 0.0]])
    found = best_so_far(best, (1.0, -1.0))
    assert np.array_equal(found[1:], [[1.0, 1.0], [1.0, 1.0], [5.0, 1.0], [5.0, 1.0]])
    assert np.isnan(found[0]).all()


def test_the_file_is_a_png_of_readable_size(tmp_path: Path) -> None:
    path = plot(histories.write(tmp_path / "run", 5))
    assert path == tmp_path / "run" / "evolution.png"
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", data[16:24])
    assert width >= 1000
    assert height >= 600


def test_a_million_evaluations_are_drawn_in_seconds(tmp_path: Path) -> None:
    """It takes about 3 s with the reading; ten times that would be a mistake in the method."""
    path = histories.write(tmp_path / "run", 2000, 500)
    begun = time.process_time()
    plot(path)
    assert time.process_time() - begun < 30


def test_nothing_to_draw_and_nowhere_to_write(tmp_path: Path) -> None:
    path = histories.write(tmp_path / "run", 0)
    with pytest.raises(L2LError, match="no evaluation yet"):
        plot(path)
    path = histories.write(tmp_path / "other", 1)
    with pytest.raises(L2LError, match="can't be written"):
        plot(path, tmp_path / "no" / "folder.png")


def test_without_matplotlib_it_says_how_to_install_it(tmp_path: Path) -> None:
    path = histories.write(tmp_path / "run", 2)
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        f"from l2l.cli import main; sys.exit(main(['plot', {str(path)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "pip install 'l2l[plot]'" in done.stderr
