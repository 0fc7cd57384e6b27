"""Time series of chosen sets of a run, simulated again: ``l2l plot RUN --figure traces``.

In the manner of figures 2 and 7 of the TVB-HPC paper. A run keeps no time series; parameters and
seeds are recorded, and give the same bits again. Heat maps (figures 3 to 6 and 8) are figures of
every run: ``l2l plot RUN --figure heatmap``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from l2l.copies import columns
from l2l.errors import ConfigError, L2LError
from l2l.optimizees.whole_brain.model import Floats
from l2l.optimizees.whole_brain.observe import Series
from l2l.optimizees.whole_brain.populations import TO_HZ
from l2l.view import text
from l2l.view.cells import Axis, Cells, fixed
from l2l.view.plots import blank

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from l2l.optimizees.whole_brain.optimizee import WholeBrain
    from l2l.trajectory import Trajectory

#: Of the outputs in one panel; excitation is red and inhibition blue, as in the paper.
COLOURS = ("#c8372d", "#1f5fa8", "#2a9d3a", "#8a8a8a")
#: So many regions are named, those with the highest peaks.
NAMED = 5


def traces(
    history: Trajectory,
    optimizee: WholeBrain,
    *,
    x: str | None = None,
    y: str | None = None,
    where: dict[str, Any] | None = None,
    outputs: str | Sequence[str] | None = None,
    across: int = 6,
    down: int = 6,
) -> Figure:
    """Return time series over two parameters: a panel a set, each the mean over all regions.

    Args:
        history: The run.
        optimizee: Its optimizee.
        x: Parameter across; the first one that varies if None.
        y: Parameter upwards; the next one.
        where: Which sets, as for a heat map; of several in one place the first one is taken.
        outputs: States or observed quantities; what the run has analysed if None.
        across: Most panels in a row; of more values of ``x`` so many are taken, evenly.
        down: Most panels in a column.

    Raises:
        ConfigError: If the run has nothing of these names.
    """
    cells = Cells(history)
    mask, words = cells.chosen(where or {})
    names = _outputs(optimizee, outputs)
    free = [n for n in cells.varying if n not in {x, y} | fixed(where or {})]
    if len(free) < (x is None) + (y is None):
        raise ConfigError(f"too few parameters vary for x and y: {', '.join(free) or 'none'}")
    horizontal, vertical = (
        cells.axis(name or free.pop(0), most) for name, most in ((x, across), (y, down))
    )
    rows = _firsts(mask & cells.ok, horizontal, vertical, across, down)
    found = _simulated(history, optimizee, rows[rows >= 0], names)
    figure = blank(1.0 + 1.9 * rows.shape[1], 1.2 + 1.3 * len(rows))
    panels = figure.subplots(*rows.shape, squeeze=False, sharex=True, sharey=True)
    place = dict(zip(rows[rows >= 0].tolist(), range(rows.size), strict=False))
    time = _time(optimizee, next(iter(found.values())).shape[1])
    for axes, row in zip(panels.ravel(), rows.ravel().tolist(), strict=True):
        if row < 0:
            axes.set_axis_off()
            continue
        for name, colour in zip(names, COLOURS, strict=False):
            mean = found[name][place[row]].mean(axis=1)
            axes.plot(time, mean, color=colour, lw=0.6, label=_label(optimizee, name))
        values = [f"{a.name} = {a.ticks[a.cells[row]]}" for a in (vertical, horizontal)]
        axes.set_title(", ".join(values), fontsize=7)
        axes.tick_params(labelsize=7)
    drawn = [axes for axes in panels.ravel() if axes.lines]
    for axes in panels[-1]:
        axes.set_xlabel("time (s)", fontsize=8)
    figure.legend(*drawn[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.suptitle(_title(history, words), fontsize=10)
    return figure


def regions(
    history: Trajectory,
    optimizee: WholeBrain,
    *,
    id: int | None = None,
    where: dict[str, Any] | None = None,
    output: str | None = None,
) -> Figure:
    """Return the time series of every region of one set; those with the highest peaks are named.

    Args:
        history: The run.
        optimizee: Its optimizee.
        id: Number of the evaluation; the best one if None.
        where: Among which sets the best one is looked for, as for a heat map.
        output: A state or an observed quantity; the first that the run has analysed if None.

    Raises:
        ConfigError: If the run has nothing of these names.
    """
    cells = Cells(history)
    mask, _ = cells.chosen(where or {})
    (name,) = _outputs(optimizee, output)[:1]
    row = int(np.argmax(np.where(mask, history.score, -np.inf)))
    if id is not None:
        if id not in history.id:
            raise ConfigError(f"id: the run has no evaluation {id!r}; it has {len(history)}")
        row = int(np.searchsorted(history.id, id))
    series = _simulated(history, optimizee, np.array([row]), [name])[name][0]
    figure = blank(9.0, 4.5)
    axes = figure.subplots()
    labels = optimizee.study.connectomes[_subject(optimizee, history, row)].labels
    _draw_regions(axes, _time(optimizee, len(series)), series, labels)
    axes.set_xlabel("time (s)")
    axes.set_ylabel(_label(optimizee, name))
    values = [f"{n} = {text.number(float(cells.values(n)[row]))}" for n in cells.varying]
    figure.suptitle(_title(history, [f"evaluation {history.id[row]}", *values]), fontsize=10)
    return figure


def _subject(optimizee: WholeBrain, history: Trajectory, row: int) -> int:
    """Return the number of the connectome of an evaluation."""
    if "subject" in history.space.names:
        return int(history["subject"][row])
    return int(optimizee.study.fixed.get("subject", 0))


def _draw_regions(axes: Axes, time: Floats, series: Floats, labels: Sequence[str]) -> None:
    """Draw a line a region."""
    order = np.argsort(np.nan_to_num(series.max(axis=0), nan=-np.inf), kind="stable")
    for region in order[:-NAMED].tolist():
        axes.plot(time, series[:, region], color="0.75", lw=0.5)
    for place, region in enumerate(reversed(order[-NAMED:].tolist())):
        axes.plot(time, series[:, region], color=f"C{place}", lw=0.8, label=labels[region])
    axes.legend(title="highest peaks", fontsize=8, frameon=False)


def _outputs(optimizee: WholeBrain, wanted: str | Sequence[str] | None) -> list[str]:
    """Return the names of outputs, checked."""
    analysed = dict.fromkeys(population.output for population in optimizee.study.populations)
    names = [wanted] if isinstance(wanted, str) else list(wanted or analysed)
    if len(names) > len(COLOURS):
        raise ConfigError(f"outputs: at most {len(COLOURS)} fit in one panel, got {len(names)}")
    for name in names:
        optimizee.study.model.output(name)
    return names


def _firsts(
    mask: npt.NDArray[np.bool_], x: Axis, y: Axis, across: int, down: int
) -> npt.NDArray[np.int64]:
    """Return the row of the first evaluation in each place of a sheet, or -1; the top is high y."""
    taken = []
    for axis, most in ((x, across), (y, down)):
        there = np.unique(axis.cells[mask])  # what the conditions leave
        taken.append(there[_evenly(len(there), most)])
    first = np.full((len(y), len(x)), -1)
    rows = np.flatnonzero(mask)[::-1]
    first[y.cells[rows], x.cells[rows]] = rows
    sheet: npt.NDArray[np.int64] = first[np.ix_(taken[1][::-1], taken[0])]
    if (sheet < 0).all():
        raise ConfigError("no evaluation that ended ok is in the places that were chosen")
    return sheet


def _evenly(n: int, most: int) -> npt.NDArray[np.int64]:
    """Return at most so many of the numbers below ``n``, evenly, ends included."""
    if type(most) is not int or most < 1:
        raise ConfigError(f"across and down: expected whole numbers of at least 1, got {most!r}")
    chosen: npt.NDArray[np.int64] = np.unique(np.rint(np.linspace(0, n - 1, min(n, most))))
    return chosen.astype(np.int64)


def _simulated(
    history: Trajectory, optimizee: WholeBrain, rows: npt.NDArray[np.int64], names: list[str]
) -> Mapping[str, Floats]:
    """Return the series of evaluations by output, ``(rows, samples, regions)``; kHz become Hz."""
    params = columns(history.space, history.parameters[rows])
    batch = optimizee.study.batch(params, history.seed[rows])
    outcome = optimizee.study.simulation.run(batch, [Series(name, name) for name in names])
    if not outcome.ok.any():
        raise L2LError("all of the sets diverged when they were simulated again")
    units = _units(optimizee)
    return {name: outcome.results[name] * TO_HZ.get(units.get(name, ""), 1) for name in names}


def _time(optimizee: WholeBrain, samples: int) -> Floats:
    """Return the middles of samples, in s from the start of the simulation."""
    simulation = optimizee.study.simulation
    return np.asarray((simulation.transient + simulation.period * (np.arange(samples) + 0.5)) / 1e3)


def _label(optimizee: WholeBrain, name: str) -> str:
    unit = _units(optimizee).get(name, "")
    unit = "Hz" if unit in TO_HZ else unit
    return f"{name} ({unit})" if unit else name


def _units(optimizee: WholeBrain) -> dict[str, str]:
    return {state.name: state.unit for state in optimizee.study.model.states}


def _title(history: Trajectory, words: Sequence[str]) -> str:
    model = history.config.get("optimizee", {}).get("model", "")
    head = " \N{MIDDLE DOT} ".join(part for part in (history.path.name, str(model)) if part)
    return "\n".join(part for part in (head, ", ".join(words)) if part)
