"""Figures of a run: responses of its best individual, and how near its parameters are to the truth.

In the manner of figure 5 of the paper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from l2l.errors import L2LError
from l2l.optimizees.arbor_cell.setup import Floats
from l2l.trajectory import Trajectory
from l2l.view.plots import blank

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BEST, REFERENCE, CURRENT = "#2f5fd0", "#e08a1e", "#b9b9b9"
GENERATIONS = "#1f5fa8"
NEAR = 0.1  #: of log10, what counts as recovered


def traces(history: Trajectory, optimizee: Any) -> Figure:
    """Return the responses of the best individual of a run, beside the reference."""
    best = history.best
    row = optimizee.space.flatten([best.individual])
    voltage = optimizee.responses(row)[0]
    stimuli = optimizee.cell.stimuli
    figure = blank(4.0 * min(2, len(stimuli)), 2.4 * -(-len(stimuli) // 2))
    panels = figure.subplots(-(-len(stimuli) // 2), min(2, len(stimuli)), squeeze=False).ravel()
    for i, axes in enumerate(panels[: len(stimuli)]):
        known = None if optimizee.reference is None else optimizee.reference[i]
        draw_response(axes, optimizee.cell.times, voltage[i], known, stimuli[i])
    for axes in panels[len(stimuli) :]:
        axes.set_axis_off()
    panels[0].legend(fontsize=8, frameon=False, loc="upper right")
    kind = optimizee.parameters.fitness
    figure.suptitle(
        f"individual {best.id} of {len(history)}, fitness by {kind}: {best.fitness[0]:.3g}",
        fontsize=10,
    )
    return figure


def draw_response(
    axes: Axes, times: Floats, voltage: Floats, reference: Floats | None, stimulus: Any
) -> None:
    """Draw a simulated response, the reference, and when the current flows."""
    axes.axvspan(stimulus.delay, stimulus.delay + stimulus.duration, color=CURRENT, alpha=0.3, lw=0)
    if reference is not None:
        axes.plot(times, reference, color=REFERENCE, lw=2.2, alpha=0.8, label="reference")
    axes.plot(times, voltage, color=BEST, lw=1.0, label="simulation")
    axes.set_title(f"{stimulus.name}, {1000 * stimulus.amplitude:g} pA", fontsize=9)
    axes.set_xlabel("time (ms)", fontsize=8)
    axes.set_ylabel("voltage (mV)", fontsize=8)
    axes.tick_params(labelsize=8)


def recovery(history: Trajectory, optimizee: Any) -> Figure:
    """Return how far parameters are from the truth: of the best individual, and over the run."""
    truth = optimizee.truth
    if not truth:
        raise L2LError("the cell's file knows no truth, so there is nothing to compare with")
    figure = blank(9.0, 0.8 + 0.32 * len(truth))
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    error = errors(optimizee, history.parameters)
    order = np.argsort(-np.nan_to_num(history.score, nan=-np.inf), kind="stable")
    draw_errors(left, list(truth), error[order[0]][None])
    generations = np.unique(history.generation)
    best = best_rows(history)
    right.plot(generations, np.median(np.abs(error[best]), axis=1), color=GENERATIONS)
    right.fill_between(
        generations, *np.quantile(np.abs(error[best]), (0.1, 0.9), axis=1), alpha=0.2
    )
    right.axhline(NEAR, color="0.4", ls=":")
    right.set_yscale("log")
    right.set_xlabel("generation")
    right.set_ylabel("error of the best so far\n(median and 10-90 % of the parameters)", fontsize=9)
    return figure


def errors(optimizee: Any, values: Floats) -> Floats:
    """Return log10 of values ``(n, d)`` over the truth; of a linear scale, in its range."""
    columns = []
    for i, parameter in enumerate(optimizee.space.parameters):
        true = optimizee.truth[parameter.name]
        if parameter.scale == "log":
            columns.append(np.log10(values[:, i] / true))
        else:
            columns.append((values[:, i] - true) / (parameter.high - parameter.low))
    return np.stack(columns, axis=1)


def best_rows(history: Trajectory) -> Any:
    """Return, for each generation, the row of the best individual so far."""
    score = np.where(np.isfinite(history.score), history.score, -np.inf)
    record = np.maximum.accumulate(score)
    is_new = score >= record
    holder = np.maximum.accumulate(np.where(is_new, np.arange(len(score)), 0))
    last = [np.flatnonzero(history.generation == g)[-1] for g in np.unique(history.generation)]
    return holder[last]


def draw_errors(
    axes: Axes, names: list[str], error: Floats, shift: float = 0.0, **style: Any
) -> None:
    """Draw errors ``(runs, d)``, a line a parameter, with the band that counts as recovered."""
    places = np.arange(len(names))[::-1]
    if not axes.lines:
        axes.axvspan(-NEAR, NEAR, color="#2a9d3a", alpha=0.15, lw=0)
        axes.axvline(0, color="0.5", lw=0.8)
    style = {"color": BEST, "marker": "o", "ls": "", "ms": 5, "alpha": 0.8, **style}
    for row in error:
        axes.plot(row, places + shift, **style)
    axes.set_yticks(places, names, fontsize=8)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel("log10 (found / true)")
