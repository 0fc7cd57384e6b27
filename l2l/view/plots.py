"""The evolution of a run as a figure, in the manner of figure 12 of the L2L paper.

Yegenoglu et al. 2022, Front. Comput. Neurosci. 16:885207: mean and standard deviation of all
individuals of a generation, and the best of it. Beside them what held-out tasks say of it.
"""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from l2l.errors import L2LError, MissingExtra
from l2l.heldout import ROLES, HeldOutTests
from l2l.trajectory import Trajectory
from l2l.view import text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from l2l.evaluation import Floats

_MEAN, _BEST, _SO_FAR = "#1f5fa8", "#2a9d3a", "#8a8a8a"
#: Of tests on held-out tasks, by role.
_TESTS = ("#d1495b", "#7b3fa0")

#: So many points of a line are marked, at most.
_MARKS = 40


def plot(
    path: str | PathLike[str],
    out: str | PathLike[str] | None = None,
    *,
    metric: str | None = None,
) -> Path:
    """Draw the evolution of a run; return the file.

    Args:
        path: Folder of the run.
        out: File to write, .png, .pdf or .svg; ``evolution.png`` or, of a metric,
            ``<metric>.png`` in the run's folder if None.
        metric: What to draw in place of fitness: a number that the optimizee returned beside it.

    Raises:
        MissingExtra: If matplotlib is not installed.
        L2LError: If the run has no evaluation yet, or no such metric, or the file can't be
            written.
    """
    history = Trajectory(path)
    if not len(history):
        raise L2LError(f"{path} has no evaluation yet, so there is nothing to draw")
    name = "evolution" if metric is None else re.sub(r"[^\w.-]+", "-", metric)
    target = Path(path) / f"{name}.png" if out is None else Path(out)
    save(draw(history, metric), target)
    return target


def save(figure: Figure, target: Path) -> None:
    """Write a figure to a file, whose ending says the format."""
    try:
        figure.savefig(target, dpi=150)
    except (OSError, ValueError) as error:  # ValueError: an ending that matplotlib does not know
        raise L2LError(f"{target} can't be written: {error}") from error


def blank(width: float, height: float) -> Figure:
    """Return an empty figure of so many inches, that is not known to pyplot.

    Raises:
        MissingExtra: If matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("matplotlib", "plot") from None
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def draw(history: Trajectory, metric: str | None = None) -> Figure:
    """Return the figure of a history with at least one evaluation: a panel an objective.

    Of a metric, which may be drawn in their place, there is one panel, and no best so far.
    """
    data, tests = history.generations(metric), history.tests
    so_far = best_so_far(data["best"], history.weights) if metric is None else None
    objectives = data["best"].shape[1]
    figure = blank(8.0, 1.0 + 3.8 * objectives)
    from matplotlib.ticker import MaxNLocator

    panels = figure.subplots(objectives, 1, sharex=True, squeeze=False)[:, 0]
    for place, axes in enumerate(panels):
        columns = {name: data[name][:, place] for name in ("best", "mean", "std")}
        _panel(axes, data["generation"], columns, None if so_far is None else so_far[:, place])
        if metric is None or metric in tests.metrics:
            _held_out(axes, tests, metric or "fitness", place)
        axes.set_ylabel(metric or _objective(history.weights, place))
    panels[-1].set_xlabel("generation")
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    if np.isfinite(data["mean"]).any():
        panels[0].legend(
            loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3 if len(tests) else 4,
            frameon=False, fontsize=9,
        )  # fmt: skip
    figure.suptitle(_title(history, data), fontsize=11)
    return figure


def _objective(weights: tuple[float, ...], place: int) -> str:
    """Return what an objective is called, and whether it is to grow or to shrink."""
    weight = weights[place]
    aim = "maximised" if weight > 0 else "minimised" if weight < 0 else "not aimed at"
    name = "fitness" if len(weights) == 1 else f"objective {place}"
    return f"{name} ({aim})"


def best_so_far(best: Floats, weights: tuple[float, ...]) -> Floats:
    """Return the fitness ``(g, m)`` of the best individual up to each generation.

    Args:
        best: ``(g, m)`` fitness of the best individual of each generation; NaN where there is none.
        weights: ``(m,)``; the best has the highest weighted sum.
    """
    scores = np.where(np.isfinite(best).all(axis=1), np.nan_to_num(best) @ weights, -np.inf)
    record = np.maximum.accumulate(scores)
    is_new = scores > np.concatenate(([-np.inf], record[:-1]))
    holder = np.maximum.accumulate(np.where(is_new, np.arange(len(best)), 0))
    return best[holder]


def _panel(axes: Axes, generation: Any, data: dict[str, Floats], so_far: Floats | None) -> None:
    """Draw one objective."""
    mean, std = data["mean"], data["std"]
    marks: dict[str, Any] = {
        "markevery": max(1, len(generation) // _MARKS),
        "mec": "white",
        "mew": 0.4,
    }
    width = 1.6 if len(generation) <= 1000 else 0.6
    axes.plot(
        generation, mean, color=_MEAN, lw=width, marker="*", ms=9, **marks,
        label="mean of all individuals",
    )  # fmt: skip
    spread = "\N{PLUS-MINUS SIGN} standard deviation"
    if len(generation) == 1:  # a band has no width here
        axes.errorbar(generation, mean, std, color=_MEAN, alpha=0.3, capsize=10, lw=5, label=spread)
        axes.set_xlim(generation[0] - 1, generation[0] + 1)
    else:
        axes.fill_between(
            generation, mean - std, mean + std, color=_MEAN, alpha=0.18, lw=0, label=spread
        )
        axes.margins(x=0.02)
    axes.plot(
        generation, data["best"], color=_BEST, lw=width, marker="o", ms=4.5, **marks,
        label="best of the generation",
    )  # fmt: skip
    if so_far is not None:
        axes.plot(
            generation, so_far, color=_SO_FAR, lw=1.2, ls="--", drawstyle="steps-post",
            label="best so far",
        )  # fmt: skip
    axes.grid(alpha=0.25, lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    if not np.isfinite(mean).any():
        axes.text(
            0.5, 0.5, "no evaluation ended ok", transform=axes.transAxes, ha="center", color="0.4"
        )
        axes.set_xlim(generation[0] - 0.5, generation[-1] + 0.5)
        axes.set_yticks([])


def _held_out(axes: Axes, tests: HeldOutTests, what: str, place: int) -> None:
    """Draw the tests of one objective, or of a metric: mean and spread over the parts."""
    for (role, name), color, mark in zip(ROLES.items(), _TESTS, "sD", strict=True):
        generation, mean, std = tests.curve(role, what)
        if not len(generation):
            continue
        mean, std = (values.reshape(len(values), -1)[:, place] for values in (mean, std))
        if len(generation) == 1:
            axes.errorbar(generation, mean, std, color=color, alpha=0.3, capsize=6, lw=3)
        axes.fill_between(generation, mean - std, mean + std, color=color, alpha=0.12, lw=0)
        axes.plot(
            generation, mean, color=color, lw=1.6, marker=mark, ms=4.5, mec="white", mew=0.4,
            markevery=max(1, len(generation) // _MARKS), label=f"held-out: {name}",
        )  # fmt: skip


def _title(history: Trajectory, data: dict[str, Any]) -> str:
    config = history.config
    names = [str(config.get(part, {}).get("name", "")) for part in ("optimizee", "optimizer")]
    head = " \N{MIDDLE DOT} ".join(
        part for part in (history.path.absolute().name, *map(text.class_name, names)) if part
    )
    bad = int(data["n"].sum() - data["ok"].sum())
    counts = text.count(int(data["n"].sum()), "evaluation")
    return f"{head}\n{counts}" + (f", {bad:,} failed" if bad else "")
